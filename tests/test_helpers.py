"""Functions that views call: responses, URLs, files, messages, streams."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as BaseResponse

from bustapi import (
    Flask,
    Response,
    abort,
    flash,
    g,
    get_flashed_messages,
    get_template_attribute,
    make_response,
    redirect,
    request,
    send_file,
    send_from_directory,
    session,
    stream_with_context,
    url_for,
)
from bustapi.debughelpers import DebugFilesKeyError, FormDataRoutingRedirect
from bustapi.helpers import (
    _split_blueprint_path,
    get_debug_flag,
    get_load_dotenv,
    get_root_path,
)
from edges import make_client


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, False),
        ("", False),
        ("0", False),
        ("False", False),
        ("No", False),
        ("1", True),
        ("off", True),
    ],
)
def test_the_variable_decides_debug_mode(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: bool
) -> None:
    monkeypatch.delenv("FLASK_DEBUG", raising=False)
    if value is not None:
        monkeypatch.setenv("FLASK_DEBUG", value)

    assert get_debug_flag() is expected


@pytest.mark.parametrize(
    ("value", "expected"), [("1", False), ("yes", False), ("0", True), ("NO", True)]
)
def test_the_variable_decides_whether_dotenv_files_are_read(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: bool
) -> None:
    monkeypatch.setenv("FLASK_SKIP_DOTENV", value)
    assert get_load_dotenv() is expected
    assert get_load_dotenv(not expected) is expected

    monkeypatch.setenv("FLASK_SKIP_DOTENV", "")
    assert get_load_dotenv() is True
    assert get_load_dotenv(False) is False


def test_a_stream_has_its_request_session_and_g(app: Flask) -> None:
    @app.route("/")
    def index() -> Any:
        session["a"] = 1
        g.b = 2

        def generate() -> Iterator[str]:
            yield request.args["q"]
            yield str(session["a"])
            yield str(g.b)

        return stream_with_context(generate())

    assert app.test_client().get("/?q=0").text == "012"


def test_a_decorated_function_is_streamed(app: Flask) -> None:
    @app.route("/<name>")
    def index(name: str) -> Any:
        @stream_with_context
        def generate(greeting: str) -> Iterator[str]:
            yield f"{greeting} {request.view_args}"

        assert generate.__name__ == "generate"
        return generate("Hello")

    assert app.test_client().get("/x").text == "Hello {'name': 'x'}"


def test_a_stream_is_torn_down_again_at_its_end(app: Flask) -> None:
    calls: list[str] = []
    app.teardown_request(lambda exc: calls.append("teardown"))

    @app.route("/")
    def index() -> Any:
        def generate() -> Iterator[str]:
            calls.append("start")
            yield "a"
            calls.append("end")

        return stream_with_context(generate())

    response = app.test_client().get("/", buffered=False)
    # The client takes one item ahead.
    assert calls == ["teardown", "start"]
    assert response.text == "a"

    assert calls == ["teardown", "start", "end", "teardown"]


def test_nothing_of_a_stream_stays_behind_when_it_is_closed(app: Flask) -> None:
    closed: list[bool] = []

    class Source:
        def __iter__(self) -> Source:
            return self

        def __next__(self) -> str:
            return request.path

        def close(self) -> None:
            closed.append(bool(request))

    app.add_url_rule("/", "index", lambda: stream_with_context(Source()))
    response = app.test_client().get("/", buffered=False)
    assert next(response.iter_encoded()) == b"/"
    response.close()

    assert closed and all(closed)
    assert not request


def test_the_source_of_a_stream_is_closed_inside_of_its_context(
    app: Flask,
) -> None:
    closed: list[str] = []

    class Source:
        def __iter__(self) -> Iterator[str]:
            return self

        def __next__(self) -> str:
            raise StopIteration

        def close(self) -> None:
            closed.append(request.path)

    with app.test_request_context("/a"):
        stream = stream_with_context(Source())

    assert list(stream) == []
    assert closed == ["/a"]


def test_a_stream_has_the_application_context_it_was_made_in(app: Flask) -> None:
    def generate() -> Iterator[str]:
        yield g.a

    with app.app_context():
        g.a = "outer"
        with app.test_request_context():
            stream = stream_with_context(generate())

    assert list(stream) == ["outer"]


def test_a_stream_with_context_needs_a_request(app_ctx: object) -> None:
    with pytest.raises(RuntimeError, match="'stream_with_context' was called"):
        stream_with_context(iter("a"))


def test_make_response_takes_what_a_view_may_return(req_ctx: object) -> None:
    assert make_response().data == b""
    assert make_response("a").data == b"a"
    assert make_response("a", 404).status_code == 404
    response = make_response("a", 201, {"X-A": "b"})
    assert (response.status_code, response.headers["X-A"]) == (201, "b")
    assert make_response(response) is response


def test_redirect_is_302_and_asks_the_application(app: Flask) -> None:
    with app.app_context():
        response = redirect("/a")
        assert response.status_code == 302
        assert response.headers["Location"] == "/a"
        assert isinstance(response, Response)

        app.redirect = lambda location, code=302: (location, code)  # type: ignore[method-assign, assignment, return-value]
        assert redirect("/x", 308) == ("/x", 308)  # type: ignore[comparison-overlap]


def test_redirect_works_without_an_application() -> None:
    class Own(BaseResponse):
        pass

    response = redirect("/a", 303, Own)

    assert response.status_code == 303
    assert type(response) is Own


def test_abort_asks_the_aborter_of_the_application(app: Flask) -> None:
    class Teapot(HTTPException):
        code = 499

    app.aborter.mapping[499] = Teapot

    with app.app_context(), pytest.raises(Teapot, match="text"):
        abort(499, "text")
    with pytest.raises(LookupError):
        abort(499)
    with pytest.raises(NotFound):
        abort(404)


def test_abort_takes_a_response(app: Flask, client: Any) -> None:
    app.add_url_rule("/", "index", lambda: abort(Response("stopped", 418)))

    response = client.get("/")

    assert (response.status_code, response.text) == (418, "stopped")


def test_url_for_asks_the_application(app: Flask) -> None:
    app.add_url_rule("/<int:n>", "page", lambda n: "")

    with app.test_request_context():
        assert url_for("page", n=1, q="a b", _anchor="x y") == "/1?q=a+b#x%20y"
        assert url_for("page", n=1, _scheme="https") == "https://localhost/1"
        with pytest.raises(ValueError, match="_external"):
            url_for("page", n=1, _scheme="https", _external=False)
    with app.app_context(), pytest.raises(RuntimeError, match="SERVER_NAME"):
        url_for("page", n=1)


def test_messages_are_shown_once(app: Flask, client: Any) -> None:
    @app.route("/flash")
    def set_messages() -> str:
        flash("a")
        flash("b", "error")
        return ""

    @app.route("/show")
    def show() -> dict[str, Any]:
        return {
            "all": get_flashed_messages(),
            "pairs": get_flashed_messages(with_categories=True),
            "errors": get_flashed_messages(category_filter=["error"]),
            "none": get_flashed_messages(True, ("info",)),
        }

    client.get("/flash")

    assert client.get("/show").json == {
        "all": ["a", "b"],
        "pairs": [["message", "a"], ["error", "b"]],
        "errors": ["b"],
        "none": [],
    }
    assert client.get("/show").json["all"] == []


def test_a_macro_can_be_called_from_python(app: Flask, app_ctx: object) -> None:
    from jinja2 import DictLoader

    app.jinja_env.loader = DictLoader(
        {"m": "{% macro hello(name) %}Hello {{ name }}{% endmacro %}"}
    )

    assert get_template_attribute("m", "hello")("you") == "Hello you"


@pytest.fixture
def folder(app: Flask, tmp_path: Path) -> Path:
    """A folder below that of the application, with one file."""
    app.root_path = str(tmp_path)
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a.txt").write_text("text")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "files"


def test_a_path_is_relative_to_the_application(app: Flask, folder: Path) -> None:
    with app.test_request_context():
        response = send_file("files/a.txt")
        response.direct_passthrough = False

        assert response.data == b"text"
        assert response.mimetype == "text/plain"
        assert isinstance(response, Response)
        response.close()


def test_a_file_may_be_cached_as_the_application_says(app: Flask, folder: Path) -> None:
    class App(Flask):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return len(filename or "")

    own = App(__name__, root_path=str(folder.parent))

    with own.test_request_context():
        for max_age, expected in [(None, len(str(folder / "a.txt"))), (7, 7)]:
            response = send_file(folder / "a.txt", max_age=max_age)
            assert response.cache_control.max_age == expected
            response.close()


def test_x_sendfile_is_left_to_the_configuration(app: Flask, folder: Path) -> None:
    app.config["USE_X_SENDFILE"] = True

    with app.test_request_context():
        response = send_file(folder / "a.txt")

    assert response.headers["X-Sendfile"] == str(folder / "a.txt")
    response.close()


@pytest.mark.socket
@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=0-1"}])
def test_a_file_that_a_proxy_sends_has_no_body_that_breaks_off(
    app: Flask, edge: str, folder: Path, is_wrapped: bool, fields: dict[str, str]
) -> None:
    app.config["USE_X_SENDFILE"] = True
    app.add_url_rule("/", "file", lambda: send_file(folder / "a.txt"))

    if is_wrapped:
        inner = app.wsgi_app
        app.wsgi_app = lambda *args: inner(*args)  # type: ignore[method-assign]

    with make_client(app, edge) as client:
        response = client.get("/", headers=fields)

    assert response.headers["X-Sendfile"] == str(folder / "a.txt")
    assert response.data == b""


def test_a_file_object_is_sent_as_an_attachment(req_ctx: object) -> None:
    response = send_file(
        io.BytesIO(b"a,b"), as_attachment=True, download_name="table.csv"
    )

    assert response.headers["Content-Disposition"] == "attachment; filename=table.csv"
    assert response.mimetype == "text/csv"
    response.close()


@pytest.mark.parametrize("path", ["../secret.txt", "absent.txt", "/etc/passwd", "."])
def test_what_is_not_in_the_folder_is_not_found(
    app: Flask, folder: Path, path: str
) -> None:
    with app.test_request_context():
        send_from_directory("files", "a.txt").close()
        with pytest.raises(NotFound):
            send_from_directory("files", path)


def test_a_file_answers_ranges_and_conditions(
    app: Flask, folder: Path, client: Any
) -> None:
    app.add_url_rule("/", "file", lambda: send_file("files/a.txt"))

    first = client.get("/")
    part = client.get("/", headers={"Range": "bytes=1-2"})
    known = client.get("/", headers={"If-None-Match": first.headers["ETag"]})

    assert first.data == b"text"
    assert (part.status_code, part.data) == (206, b"ex")
    assert (known.status_code, known.data) == (304, b"")
    for response in (first, part, known):
        response.close()


def test_the_folder_of_a_module_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_root_path(__name__) == str(Path(__file__).parent)
    assert get_root_path("json") == str(Path(io.__file__).parent / "json")
    assert get_root_path("not_a_module_at_all") == str(Path.cwd())

    module = ModuleType("module_without_file")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert get_root_path(module.__name__) == str(Path.cwd())


def test_a_module_that_is_not_imported_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unimported_module.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)

    assert get_root_path("unimported_module") == str(tmp_path)


def test_a_namespace_package_has_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "namespace_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("namespace_package")

    with pytest.raises(RuntimeError, match="'namespace_package'"):
        get_root_path("namespace_package")


def test_a_nested_blueprint_has_those_around_it() -> None:
    assert _split_blueprint_path("a") == ["a"]
    assert _split_blueprint_path("a.b.c") == ["a.b.c", "a.b", "a"]


def test_a_missing_file_of_a_wrong_form_is_explained(app: Flask) -> None:
    app.debug = True

    @app.route("/", methods=["POST"])
    def upload() -> str:
        return str(request.files["file"])

    client = app.test_client()
    with pytest.raises(DebugFilesKeyError) as raised:
        client.post("/", data={"file": "a.txt"})
    assert "no file contents were transmitted" in str(raised.value)
    assert "This was submitted: 'a.txt'" in str(raised.value)

    with pytest.raises(KeyError) as plain:
        client.post("/", data={"other": "a.txt"})
    assert not isinstance(plain.value, DebugFilesKeyError)


def test_a_redirect_that_loses_form_data_is_explained(app: Flask) -> None:
    app.debug = True
    # Werkzeug redirects with 308, which keeps the data; older codes lose it.
    with app.test_request_context("/a?b=1", method="POST", data={"c": 1}):
        request.routing_exception = RequestRedirect("http://localhost/a/?b=1")
        request.routing_exception.code = 301

        with pytest.raises(FormDataRoutingRedirect) as raised:
            app.raise_routing_exception(request)

    assert "canonical URL 'http://localhost/a/?b=1'" in str(raised.value)
    assert "ends with a slash" in str(raised.value)
