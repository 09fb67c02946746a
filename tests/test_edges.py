"""The test clients of the edges: what a test may rely on, whichever it asks through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import create_environ

from bustapi import Flask, Response, g, redirect, request, session
from bustapi.testing import FlaskClient
from edges import NotCarried, encode_request, make_client

pytestmark = pytest.mark.socket


def fail() -> str:
    raise ZeroDivisionError


def test_a_request_arrives_as_it_was_made(app: Flask, client: FlaskClient) -> None:
    @app.route("/ü/<path:rest>", methods=["PUT"])
    def view(rest: str) -> dict[str, Any]:
        return {
            "rest": rest,
            "args": request.args.to_dict(flat=False),
            "field": request.headers["X-Some-Field"],
            "type": request.content_type,
            "body": request.get_data(as_text=True),
        }

    response = client.put(
        "/ü/a%2fb c?q=1&q=%C3%BC",
        data="body",
        content_type="text/plain",
        headers={"X-Some-Field": "value"},
    )

    assert response.json == {
        "rest": "a/b c",
        "args": {"q": ["1", "ü"]},
        "field": "value",
        "type": "text/plain",
        "body": "body",
    }


def test_a_form_with_a_file_arrives(app: Flask, client: FlaskClient) -> None:
    @app.post("/")
    def view() -> str:
        content = request.files["file"].read()
        return f"{request.form['name']}{content.decode()}"

    response = client.post("/", data={"name": "n", "file": (BytesIO(b"content"), "f")})

    assert response.text == "ncontent"


def test_a_chunked_body_arrives(app: Flask, client: FlaskClient) -> None:
    @app.post("/")
    def view() -> str:
        return f"{request.stream.read()!r}"

    response = client.post(
        "/",
        input_stream=BytesIO(b"a body"),
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert response.text == "b'a body'"


def test_status_fields_and_body_come_back(app: Flask, client: FlaskClient) -> None:
    @app.route("/")
    def view() -> Response:
        return Response("body", "418 TEAPOT", [("X-A", "1"), ("X-A", "2")])

    response = client.get("/")

    assert response.status == "418 TEAPOT"
    assert response.headers.getlist("X-A") == ["1", "2"]
    assert response.headers["Content-Length"] == "4"
    assert response.data == b"body"
    assert "Connection" not in response.headers
    assert "Transfer-Encoding" not in response.headers


def test_a_head_request_has_the_length_and_no_body(
    app: Flask, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", lambda: "body")

    response = client.head("/")

    assert response.headers["Content-Length"] == "4"
    assert response.data == b""


def test_a_stream_comes_back_whole(app: Flask, client: FlaskClient) -> None:
    @app.route("/")
    def view() -> Iterator[str]:
        yield "one "
        yield "two"

    response = client.get("/")

    assert response.data == b"one two"
    assert "Content-Length" not in response.headers


def test_cookies_are_kept_and_redirects_are_followed(
    app: Flask, client: FlaskClient
) -> None:
    @app.route("/")
    def start() -> Any:
        session["seen"] = True
        return redirect("/end")

    @app.route("/end")
    def end() -> str:
        return str(session["seen"])

    response = client.get("/", follow_redirects=True)

    assert response.text == "True"
    assert [step.status_code for step in response.history] == [302]


def test_a_session_can_be_prepared_and_read(app: Flask, client: FlaskClient) -> None:
    @app.route("/")
    def view() -> str:
        session["answer"] = session["question"] + "!"
        return ""

    with client.session_transaction() as prepared:
        prepared["question"] = "why"

    client.get("/")

    with client.session_transaction() as stored:
        assert stored["answer"] == "why!"


def test_an_exception_is_raised_in_the_test(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/", "index", fail)

    with pytest.raises(ZeroDivisionError):
        client.get("/")


def test_an_exception_that_is_answered_is_not_raised(
    app: Flask, client: FlaskClient
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/", "index", fail)

    assert client.get("/").status_code == 500


def test_an_exception_does_not_outlast_its_request(
    app: Flask, client: FlaskClient
) -> None:
    app.add_url_rule("/error", "error", fail)
    app.add_url_rule("/", "index", lambda: "fine")

    with pytest.raises(ZeroDivisionError):
        client.get("/error")

    assert client.get("/").text == "fine"


def wrap(app: Flask) -> None:
    inner = app.wsgi_app
    app.wsgi_app = lambda environ, start: inner(environ, start)  # type: ignore


@pytest.mark.parametrize("change", [lambda app: None, wrap], ids=["plain", "wrapped"])
def test_a_with_block_keeps_the_context_of_the_last_request(
    app: Flask, client: FlaskClient, change: Callable[[Flask], None]
) -> None:
    change(app)

    @app.route("/<name>")
    def view(name: str) -> str:
        g.name = name
        return ""

    with client:
        for name in "first", "second":
            client.get(f"/{name}?q=1")

            assert g.name == name
            assert request.path == f"/{name}"
            assert request.args["q"] == "1"

    assert not request
    assert not g


def test_a_context_is_not_kept_outside_of_a_with_block(
    app: Flask, client: FlaskClient
) -> None:
    app.add_url_rule("/", "index", lambda: "")

    client.get("/")

    assert not request
    assert "_respond" not in app.__dict__


def test_the_clients_class_and_options_are_the_applications(
    app: Flask, edge: str
) -> None:
    class Client(FlaskClient):
        pass

    app.test_client_class = Client
    app.add_url_rule("/", "index", lambda: "")

    with make_client(app, edge, use_cookies=False) as client:
        assert isinstance(client, Client)
        assert client.get("/").status_code == 200

        with pytest.raises(TypeError):
            client.set_cookie("name", "value")


def test_an_unknown_edge_is_an_error(app: Flask) -> None:
    with pytest.raises(ValueError, match="'other'"), make_client(app, "other"):
        pass


# The request as bytes


def test_an_environ_is_written_as_http() -> None:
    environ = create_environ(
        "/a b/ü%25?q=ü&r=%20",
        "http://example.com",
        method="POST",
        data=b"body",
        content_type="text/plain",
        headers={"X-One-Two": "3"},
    )

    head, body = encode_request(environ).split(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")

    assert line == "POST /a%20b/%C3%BC%25?q=%C3%BC&r=%20 HTTP/1.1"
    assert sorted(fields) == [
        "Content-Length: 4",
        "Content-Type: text/plain",
        "Host: example.com",
        "X-One-Two: 3",
    ]
    assert body == b"body"


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "https://localhost"},
        {"base_url": "http://localhost/root"},
        {"environ_overrides": {"REMOTE_ADDR": "10.0.0.1"}},
        {"environ_overrides": {"my.key": "value"}},
        {"environ_overrides": {"HTTP_X_FIELD": "a\r\nb: c"}},
    ],
    ids=["scheme", "root", "address", "key", "line break"],
)
def test_what_http_does_not_carry_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(NotCarried):
        encode_request(create_environ("/", **options))
