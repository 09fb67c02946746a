"""What `Flask`, `Blueprint` and `Config` had, and what they allowed."""

from __future__ import annotations

from pathlib import Path

from .programs import output_of


def test_a_blueprint_may_have_dots_and_be_registered_twice() -> None:
    source = """
        app = flask.Flask("shop")
        pages = flask.Blueprint("a.b", "shop")
        pages.add_url_rule("/", "index", lambda: flask.request.blueprint)
        app.register_blueprint(pages, url_prefix="/one")
        app.register_blueprint(pages, url_prefix="/two")
        client = app.test_client()
        print(client.get("/one/").text, client.get("/two/").text)
        try:
            app.register_blueprint(flask.Blueprint("a.b", "other"))
        except AssertionError as e:
            print("after the first request")
        try:
            other = flask.Flask("other")
            other.register_blueprint(pages)
            other.register_blueprint(flask.Blueprint("a.b", "other"))
        except ValueError as e:
            print("another one" in str(e))
    """

    lines = ["a.b a.b", "after the first request", "True"]
    assert output_of(source).splitlines() == lines


def test_the_environment_is_configuration_and_may_turn_on_debug_mode() -> None:
    source = """
        import os
        os.environ["FLASK_ENV"] = "development"
        app = flask.Flask("shop")
        print(app.env, app.config["ENV"], app.debug)
        os.environ["FLASK_DEBUG"] = "0"
        print(flask.Flask("shop").debug)
    """

    assert output_of(source) == "development development True\nFalse\n"


def test_functions_of_a_blueprint_run_before_the_first_request() -> None:
    source = """
        app = flask.Flask("shop")
        pages = flask.Blueprint("pages", "shop")
        pages.before_app_first_request(lambda: print("first"))
        app.register_blueprint(pages)
        app.test_client().get("/")
        app.test_client().get("/")
    """

    assert output_of(source) == "first\n"


def test_the_functions_before_the_first_request_can_be_called() -> None:
    source = """
        app = flask.Flask("shop")
        app.before_first_request(lambda: print("first"))
        app.try_trigger_before_first_request_functions()
        print(app.got_first_request)
        app.test_client().get("/")
    """

    assert output_of(source) == "first\nTrue\n"


def test_configuration_is_read_from_json(tmp_path: Path) -> None:
    path = tmp_path / "shop.json"
    path.write_text('{"CURRENCY": "EUR"}')
    source = f"""
        app = flask.Flask("shop")
        app.config.from_json({str(path)!r})
        print(app.config["CURRENCY"])
    """

    assert output_of(source) == "EUR\n"
