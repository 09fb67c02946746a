"""The release that a program was written for says what it is warned of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bustapi._former.warning import DEPRECATED_SINCE, INSTEAD

from .programs import output_of, run

# By the first release that warned whoever called or assigned the name, or that had it no
# longer and had not warned.
WARNED_FROM = {
    "0.11": ["Module", "request_globals_class", "static_path"],
    "1.0": [
        *("init_jinja_globals", "logger_name", "make_null_session", "open_session"),
        "save_session",
    ],
    "1.1": ["make_test_environ_builder"],
    "2.0": [
        *("add_etags", "attachment_filename", "cache_timeout", "detect_encoding"),
        *("filename", "filename_or_fp", "from_json", "safe_join", "tojson_filter"),
        "total_seconds",
    ],
    "2.2": [
        *("_app_ctx_stack", "_request_ctx_stack", "app", "before_app_first_request"),
        *("before_first_request", "before_first_request_funcs", "env", "get_env"),
        *("htmlsafe_dump", "htmlsafe_dumps", "json_decoder", "json_encoder"),
        *("preserve_context_on_exception", "propagate_exceptions"),
        *("send_file_max_age_default", "session_cookie_name"),
        *("templates_auto_reload", "try_trigger_before_first_request_functions"),
        "use_x_sendfile",
    ],
}


RELEASES = ["0.11", "0.12", "1.0", "1.1", "2.0", "2.1", "2.2"]


USES = """
    import io, logging, warnings
    from datetime import timedelta
    from flask import helpers
    from flask.testing import make_test_environ_builder

    open("page.html", "w").close()
    open("page.json", "w").write("{}")
    app = flask.Flask("shop", root_path=".")
    pages = flask.Blueprint("pages", "shop")

    def send(**options):
        path = () if "filename_or_fp" in options else ("page.html",)
        flask.send_file(*path, **options).close()

    def push_and_pop(stack, context):
        stack.push(context)
        stack.pop()

    uses = {
        "Module": lambda: flask.Module("shop.admin"),
        "_app_ctx_stack": lambda: push_and_pop(
            flask._app_ctx_stack, app.app_context()
        ),
        "_request_ctx_stack": lambda: push_and_pop(
            flask._request_ctx_stack, app.test_request_context()
        ),
        "add_etags": lambda: send(add_etags=False),
        "app": lambda: flask.json.dumps(1, app=app),
        "attachment_filename": lambda: send(attachment_filename="a"),
        "before_app_first_request": lambda: pages.before_app_first_request(print),
        "before_first_request": lambda: app.before_first_request(lambda: None),
        "cache_timeout": lambda: send(cache_timeout=1),
        "detect_encoding": lambda: flask.json.detect_encoding(b"{}"),
        "filename": lambda: flask.send_from_directory(".", filename="page.html").close(),
        "filename_or_fp": lambda: send(filename_or_fp="page.html"),
        "from_json": lambda: app.config.from_json("page.json"),
        "get_env": lambda: helpers.get_env(),
        "htmlsafe_dump": lambda: flask.json.htmlsafe_dump(1, io.StringIO()),
        "htmlsafe_dumps": lambda: flask.json.htmlsafe_dumps(1),
        "init_jinja_globals": lambda: app.init_jinja_globals(),
        "make_null_session": lambda: app.make_null_session(),
        "make_test_environ_builder": lambda: make_test_environ_builder(app),
        "open_session": lambda: app.open_session(flask.request),
        "safe_join": lambda: flask.safe_join("a", "b"),
        "save_session": lambda: app.save_session({}, None),
        "static_path": lambda: flask.Flask("shop", static_path="/files"),
        "tojson_filter": lambda: flask.json.tojson_filter(1),
        "total_seconds": lambda: helpers.total_seconds(timedelta(1)),
        "try_trigger_before_first_request_functions": lambda: (
            app.try_trigger_before_first_request_functions()
        ),
    }
    values = {
        "before_first_request_funcs": [], "env": "", "json_decoder": None,
        "json_encoder": None, "logger_name": "shop", "request_globals_class": dict,
        "preserve_context_on_exception": None, "propagate_exceptions": None,
        "send_file_max_age_default": None, "session_cookie_name": "id",
        "templates_auto_reload": None, "use_x_sendfile": False,
    }

    for name, value in values.items():
        uses[name] = lambda name=name, value=value: setattr(
            flask.Flask("shop"), name, value
        )

    app.session_interface = type("Interface", (flask.sessions.SessionInterface,), {
        "open_session": lambda *_: {}, "save_session": lambda *_: None,
    })()
    warned = []

    for name in json.loads(sys.argv[1]):
        with warnings.catch_warnings(record=True) as caught, app.test_request_context():
            warnings.simplefilter("always")
            uses[name]()
        if caught:
            assert {w.filename for w in caught} == {"<string>"}, (name, caught[0])
            assert {w.category for w in caught} == {DeprecationWarning}, name
            warned.append(name)
    print(warned)
"""


@pytest.mark.parametrize("release", [*RELEASES, "1"])
def test_a_name_that_its_release_did_not_deprecate_does_not_warn(
    release: str, tmp_path: Path
) -> None:
    used = sorted(name for names in WARNED_FROM.values() for name in names)
    past = RELEASES[: RELEASES.index("0.11" if release == "1" else release) + 1]

    finished = run(USES, json.dumps(used), legacy=release, folder=tmp_path)

    warned = sorted(name for since in past for name in WARNED_FROM.get(since, ()))
    assert finished.stdout == f"{warned}\n", finished.stderr


def test_each_name_has_a_release_and_a_modern_way() -> None:
    named = sorted(name for names in WARNED_FROM.values() for name in names)

    assert sorted(DEPRECATED_SINCE) == sorted(INSTEAD) == named


def test_programs_of_those_years_run_with_warnings_as_errors() -> None:
    source = """
        import warnings
        warnings.simplefilter("error")
        app = flask.Flask("shop")
        app.session_cookie_name = "id"
        app.json_encoder = flask.json.JSONEncoder
        app.before_first_request(lambda: print("first"))
        pages = flask.Blueprint("pages", "shop")
        app.register_blueprint(pages, url_prefix="/one")
        pages.add_url_rule("/", "index", lambda: flask.safe_join("a", "b"))
        app.register_blueprint(pages, url_prefix="/two")
        print(app.test_client().get("/two/").text)
    """

    assert output_of(source) == "first\na/b\n"


BLUEPRINTS = """
    import warnings

    def blueprints_with_a_dot():
        flask.Blueprint("a.b", "shop")

    def the_same_twice():
        app = flask.Flask("shop")
        pages = flask.Blueprint("pages", "shop")
        app.register_blueprint(pages)
        app.register_blueprint(pages)

    def set_up_after_registration():
        pages = flask.Blueprint("pages", "shop")
        flask.Flask("shop").register_blueprint(pages)
        pages.before_request(print)

    for use in (blueprints_with_a_dot, the_same_twice, set_up_after_registration):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                use()
            except ValueError:
                print("refused")
            else:
                print(*("warned" for w in caught if w.filename == "<string>"))
"""


@pytest.mark.parametrize(
    ("release", "answers"),
    [
        ("1", ["", "", ""]),
        ("1.1", ["", "", ""]),
        ("2.0", ["refused", "warned", ""]),
        ("2.1", ["refused", "refused", ""]),
        ("2.2", ["refused", "refused", "warned"]),
    ],
)
def test_what_a_release_refused_of_blueprints_is_refused(
    release: str, answers: list[str]
) -> None:
    assert output_of(BLUEPRINTS, legacy=release).splitlines() == answers


def test_a_blueprint_may_ask_for_warnings_of_modifications() -> None:
    source = """
        import warnings
        pages = flask.Blueprint("pages", "shop")
        pages.warn_on_modifications = True
        flask.Flask("shop").register_blueprint(pages)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pages.before_request(print)
        print(len(caught))
    """

    assert output_of(source) == "1\n"
