"""What `flask.json` had besides what it has."""

from __future__ import annotations

import pytest

from .programs import output_of


def test_a_blueprints_encoder_is_used_for_its_views() -> None:
    source = """
        class Encoder(flask.json.JSONEncoder):
            def default(self, o):
                return "encoded"
        app = flask.Flask("shop")
        pages = flask.Blueprint("pages", "shop")
        pages.json_encoder = Encoder
        pages.add_url_rule("/", "index", lambda: flask.jsonify(object()))
        app.register_blueprint(pages)
        print(app.test_client().get("/").json)
    """

    assert output_of(source) == "encoded\n"


def test_functions_of_json_take_an_application() -> None:
    source = """
        app = flask.Flask("shop")
        app.json.sort_keys = False
        print(flask.json.dumps({"b": 1, "a": 2}, app=app))
        print(flask.json.loads("[1]", app=app))
    """

    assert output_of(source) == '{"b": 1, "a": 2}\n[1]\n'


def test_html_is_escaped_by_htmlsafe_dumps() -> None:
    source = 'print(flask.json.htmlsafe_dumps("</script>"))'

    assert output_of(source) == '"\\u003c/script\\u003e"\n'


@pytest.mark.parametrize(
    ("release", "page"), [("1.1", "<b>1</b>"), ("2.0", "&lt;b&gt;1&lt;/b&gt;")]
)
def test_what_htmlsafe_dumps_returns_can_be_joined_with_html_before_flask_2(
    release: str, page: str
) -> None:
    source = 'print("<b>" + flask.json.htmlsafe_dumps(1) + "</b>")'

    assert output_of(source, legacy=release) == f"{page}\n"


@pytest.mark.parametrize(
    ("release", "values"),
    [
        ("1", "True True False application/json"),
        ("2.1", "True True False application/json"),
        ("2.2", "None None None None"),
    ],
)
def test_the_keys_of_json_have_their_defaults(release: str, values: str) -> None:
    source = """
        config = flask.Flask("shop").config
        print(config["JSON_AS_ASCII"], config["JSON_SORT_KEYS"],
              config["JSONIFY_PRETTYPRINT_REGULAR"], config["JSONIFY_MIMETYPE"])
    """

    assert output_of(source, legacy=release) == f"{values}\n"


def test_a_key_of_json_decides_once_it_is_set() -> None:
    source = """
        app = flask.Flask("shop")
        show = lambda: print(app.json.dumps({"b": 1, "a": 2}))
        show()
        app.json.sort_keys = False
        show()
        app.config["JSON_SORT_KEYS"] = False
        app.json.sort_keys = True
        show()
        app.config["JSON_SORT_KEYS"] = True
        show()
    """

    lines = ['{"a": 2, "b": 1}', '{"b": 1, "a": 2}'] * 2
    lines[2:] = reversed(lines[2:])
    assert output_of(source).splitlines() == lines


@pytest.mark.parametrize(
    "encoding",
    [
        *("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"),
        *("utf-32", "utf-32-be", "utf-32-le"),
    ],
)
def test_the_encoding_of_json_is_detected(encoding: str) -> None:
    source = f"""
        for text in ("1", "[1]", '{{"key": "value"}}'):
            print(flask.json.detect_encoding(text.encode("{encoding}")))
    """

    assert output_of(source) == f"{encoding}\n" * 3
