"""The application object: from ``error_handler_spec`` to ``has_static_folder``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound

from bustapi import Blueprint, BustAPI, Response, abort, send_file, send_from_directory
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import Failure, fail, removed, write

statement = pytest.mark.statement


class DatabaseError(Exception):
    """An error that is no error of HTTP."""


def page_not_found(error: object) -> tuple[str, int]:
    return "no such page", 404


# error_handler_spec


@statement("error_handler_spec", "all registered error handlers")
@statement("error_handler_spec", "the name of the blueprint")
@statement("error_handler_spec", "the status code of the http exception")
def test_handlers_are_kept_by_blueprint_and_code(app: BustAPI) -> None:
    def of_the_part(error: Exception) -> str:
        return ""

    blueprint = Blueprint("part", __name__)
    blueprint.register_error_handler(403, of_the_part)

    app.register_error_handler(404, page_not_found)
    app.register_blueprint(blueprint)

    assert app.error_handler_spec[None][404] == {NotFound: page_not_found}
    assert app.error_handler_spec["part"][403] == {Forbidden: of_the_part}


@statement("error_handler_spec", "the special key None")
def test_handlers_of_other_errors_are_kept_under_none(app: BustAPI) -> None:
    app.register_error_handler(DatabaseError, page_not_found)

    assert app.error_handler_spec[None][None] == {DatabaseError: page_not_found}


@statement("error_handler_spec", "use the errorhandler() decorator")
def test_handlers_that_are_put_there_are_called(
    app: BustAPI, client: FlaskClient
) -> None:
    app.error_handler_spec[None][404] = {NotFound: lambda error: ("put there", 404)}

    assert client.get("/").data == b"put there"


# errorhandler


@statement("errorhandler", "register a function give a given error code")
@statement("errorhandler", "the code as integer for the handler")
def test_a_handler_answers_its_code(app: BustAPI, client: FlaskClient) -> None:
    app.errorhandler(404)(page_not_found)

    response = client.get("/missing")

    assert (response.status_code, response.data) == (404, b"no such page")


@statement("errorhandler", "handlers for arbitrary exceptions")
@statement("errorhandler", "do not necessarily have to be a subclass")
def test_a_handler_answers_any_error(app: BustAPI, client: FlaskClient) -> None:
    @app.errorhandler(DatabaseError)
    def no_database(error: DatabaseError) -> tuple[str, int]:
        return f"no connection: {error}", 500

    @app.route("/")
    def index() -> str:
        raise DatabaseError("closed")

    response = client.get("/")

    assert response.status_code == 500
    assert response.data == b"no connection: closed"


@statement("errorhandler", "without using the errorhandler() decorator")
def test_a_function_assigned_by_code_is_a_handler(
    app: BustAPI, client: FlaskClient
) -> None:
    app.error_handler_spec[None][404] = page_not_found  # type: ignore[assignment]

    assert client.get("/missing").data == b"no such page"


@statement("errorhandler", "should be application wide None shall be used")
@pytest.mark.parametrize(
    ("path", "answer"), [("/part", b"of the part"), ("/app", b"of the app")]
)
def test_handlers_of_a_blueprint_are_for_its_views(
    app: BustAPI, client: FlaskClient, path: str, answer: bytes
) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/part", "view", lambda: abort(403))
    blueprint.register_error_handler(403, lambda error: ("of the part", 403))
    app.register_error_handler(403, lambda error: ("of the app", 403))
    app.add_url_rule("/app", "view", lambda: abort(403))

    app.register_blueprint(blueprint)

    assert client.get(path).data == answer


# extensions


@statement("extensions", "store application specific state")
def test_extensions_keep_their_state_here(app: BustAPI) -> None:
    state = object()

    if not hasattr(app, "extensions"):
        app.extensions = {}

    app.extensions["foo"] = state

    assert app.extensions == {"foo": state}
    assert BustAPI("other").extensions == {}


# full_dispatch_request


@statement("full_dispatch_request", "request pre and postprocessing")
@statement("full_dispatch_request", "HTTP exception catching and error handling")
@pytest.mark.parametrize(
    ("path", "answer"), [("/", b"view"), ("/missing", b"no such page")]
)
def test_full_dispatch_request_does_everything(
    app: BustAPI, path: str, answer: bytes
) -> None:
    events: list[str] = []

    @app.after_request
    def after(response: Response) -> Response:
        events.append("after")
        return response

    app.before_request(lambda: events.append("before"))
    app.register_error_handler(404, page_not_found)
    app.add_url_rule("/", "index", lambda: "view")

    with app.test_request_context(path):
        response = app.full_dispatch_request()

    assert response.data == answer
    assert events == ["before", "after"]


@statement("full_dispatch_request", "dispatches the request")
def test_a_request_passes_through_full_dispatch_request(edge: str) -> None:
    class Own(BustAPI):
        def full_dispatch_request(self) -> Response:
            response = super().full_dispatch_request()
            response.headers["X-Own"] = "yes"
            return response

    app = Own(static_folder=None)

    with make_client(app, edge) as client:
        assert client.get("/missing").headers["X-Own"] == "yes"


# get_send_file_max_age


def send_files(app: BustAPI, tmp_path: Path) -> None:
    """Make an application send files in each of the ways there are."""
    write(tmp_path / "static" / "a.txt", "a")
    write(tmp_path / "static" / "a.js", "a")
    folder = tmp_path / "static"
    app.add_url_rule("/send/<name>", "send", lambda name: send_file(folder / name))
    app.add_url_rule(
        "/from/<name>", "from", lambda name: send_from_directory(folder, name)
    )


def max_age(client: FlaskClient, path: str) -> int | None:
    with client.get(path) as response:
        return response.cache_control.max_age


WAYS = ["/static/", "/send/", "/from/"]


@statement("get_send_file_max_age", "returns SEND_FILE_MAX_AGE_DEFAULT")
@statement("get_send_file_max_age", "use this function")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("value", "seconds"), [(None, None), (300, 300), (timedelta(hours=12), 43200)]
)
def test_the_configuration_says_how_long_files_are_kept(
    app: BustAPI,
    client: FlaskClient,
    tmp_path: Path,
    way: str,
    value: object,
    seconds: int | None,
) -> None:
    send_files(app, tmp_path)
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = value

    assert max_age(client, way + "a.txt") == seconds


@statement("get_send_file_max_age", "when the given cache_timeout is None")
@statement("get_send_file_max_age", "that timeout is used")
@pytest.mark.parametrize(("given", "seconds"), [(None, 300), (10, 10), (0, 0)])
def test_a_given_timeout_is_used(
    app: BustAPI,
    client: FlaskClient,
    tmp_path: Path,
    given: int | None,
    seconds: int,
) -> None:
    path = write(tmp_path / "a.txt", "a")
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 300
    app.add_url_rule("/today", "today", lambda: send_file(path, max_age=given))

    @app.route("/once")
    def once() -> Response:
        with removed("cache_timeout"):
            return send_file(path, cache_timeout=given)  # type: ignore[arg-type]

    @app.route("/from")
    def from_directory() -> Response:
        with removed("cache_timeout"):
            return send_from_directory(tmp_path, "a.txt", cache_timeout=given)

    assert [max_age(client, p) for p in ("/today", "/once", "/from")] == [seconds] * 3


@statement("get_send_file_max_age", "allows subclasses to change the behavior")
@pytest.mark.parametrize("way", WAYS)
def test_a_subclass_decides_by_the_name_of_the_file(
    edge: str, tmp_path: Path, way: str
) -> None:
    class MyApp(BustAPI):
        def get_send_file_max_age(self, name: str | None) -> int | None:
            if name is not None and name.lower().endswith(".js"):
                return 60

            return BustAPI.get_send_file_max_age(self, name)

    app = MyApp("own", root_path=str(tmp_path))
    send_files(app, tmp_path)

    with make_client(app, edge) as client:
        assert max_age(client, way + "a.js") == 60
        assert max_age(client, way + "a.txt") is None


# got_first_request


@statement("got_first_request", "started handling the first request")
def test_got_first_request_tells_of_the_first_request(
    app: BustAPI, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", lambda: str(app.got_first_request))
    assert app.got_first_request is False

    assert client.get("/").data == b"True"
    assert app.got_first_request is True


# handle_exception


@statement("handle_exception", "in debug mode the exception will be re-raised")
def test_an_error_is_raised_again_in_debug_mode(
    app: BustAPI, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    app.debug = True
    app.add_url_rule("/", "index", fail)

    with pytest.raises(Failure):
        client.get("/")

    assert caplog.records == []


@statement("handle_exception", "otherwise it is logged")
@statement("handle_exception", "the handler for a 500")
def test_an_error_is_logged_and_handled(
    app: BustAPI, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    app.register_error_handler(
        500, lambda error: (f"sorry: {error.original_exception}", 500)
    )
    app.add_url_rule("/", "index", fail)

    response = client.get("/")

    assert (response.status_code, response.data) == (500, b"sorry: failed on purpose")
    assert [(r.levelname, r.name) for r in caplog.records] == [("ERROR", "specified")]
    assert "Failure: failed on purpose" in caplog.text


@statement("handle_exception", "a default 500 internal server error message")
def test_an_error_without_handler_has_a_page(
    app: BustAPI, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/", "index", fail)

    response = client.get("/")

    assert response.status_code == 500
    assert b"Internal Server Error" in response.data


@statement("handle_exception", "an exception occurs that is not caught")
def test_an_override_handles_what_is_not_caught(edge: str) -> None:
    class Own(BustAPI):
        def handle_exception(self, e: Exception) -> Response:
            return self.response_class(f"caught {e}", status=503)

    app = Own()
    app.add_url_rule("/", "index", fail)

    with make_client(app, edge) as client:
        response = client.get("/")

    assert (response.status_code, response.data) == (503, b"caught failed on purpose")


# handle_http_exception


@statement("handle_http_exception", "invoke the registered error handlers")
def test_http_errors_go_to_their_handler(app: BustAPI) -> None:
    app.register_error_handler(404, page_not_found)

    with app.test_request_context("/"):
        assert app.handle_http_exception(NotFound()) == page_not_found(None)


@statement("handle_http_exception", "returning the exception as response")
def test_http_errors_are_responses_themselves(
    app: BustAPI, client: FlaskClient
) -> None:
    error = BadRequest("this is why")
    app.add_url_rule("/", "index", lambda: abort(400, "this is why"))

    with app.test_request_context("/"):
        assert app.handle_http_exception(error) is error

    assert b"this is why" in client.get("/").data


@statement("handle_http_exception", "handles an HTTP exception")
def test_an_override_handles_http_errors(edge: str) -> None:
    class Own(BustAPI):
        def handle_http_exception(self, e: HTTPException) -> Any:
            return {"code": e.code}, e.code or 500

    with make_client(Own(static_folder=None), edge) as client:
        assert client.get("/missing").json == {"code": 404}


# handle_user_exception


@statement("handle_user_exception", "an exception occurs that should be handled")
@statement("handle_user_exception", "either return a response value or reraise")
def test_errors_are_handled_or_raised_again(app: BustAPI) -> None:
    app.register_error_handler(DatabaseError, lambda error: "handled")

    with app.test_request_context("/"):
        try:
            raise DatabaseError()
        except DatabaseError as error:
            assert app.handle_user_exception(error) == "handled"

        with pytest.raises(Failure) as raised:
            try:
                fail()
            except Failure as error:
                app.handle_user_exception(error)

    assert [entry.name for entry in raised.traceback][-1] == "fail"


@statement("handle_user_exception", "forwarded by this function")
def test_http_errors_are_forwarded(edge: str) -> None:
    forwarded: list[int | None] = []

    class Own(BustAPI):
        def handle_http_exception(self, e: HTTPException) -> Any:
            forwarded.append(e.code)
            return super().handle_http_exception(e)

    with make_client(Own(static_folder=None), edge) as client:
        client.get("/missing")

    assert forwarded == [404]


# has_static_folder


@statement("has_static_folder", "has a folder for static files")
@pytest.mark.parametrize(("folder", "has_one"), [("static", True), (None, False)])
def test_has_static_folder(folder: str | None, has_one: bool) -> None:
    app = BustAPI(static_folder=folder)

    assert app.has_static_folder is has_one
    assert bool(list(app.url_map.iter_rules())) is has_one
