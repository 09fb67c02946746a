"""What Python sees of a request head, over the native edge without a socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bustapi._bustapi import Body, RequestHead, exchange


def see(data: bytes, look: Callable[[RequestHead], Any]) -> Any:
    """Return what a function sees of the head of one request."""
    seen = []

    class Handler:
        def respond(self, head: RequestHead, body: Body | None) -> Any:
            seen.append(look(head))
            return "200 OK", [], b""

        def body_limit(self) -> None:
            return None

        def log_exception(self, head: RequestHead | None, error: BaseException) -> None:
            raise error

    exchange(Handler(), data)
    (value,) = seen
    return value


def request(target: str = "/", fields: str = "", method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n".encode(
        "latin-1"
    )


FIELDS = (
    "Cookie: a=b\r\nX-List: 1\r\ncookie: c=d\r\nx-list: 2\r\nX-LIST: 3\r\n"
    "Proxy: evil\r\nX_List: 4\r\nContent-Type: text/x\r\nContent-Length: 0\r\n"
    "X-Name: caf\xe9\r\n"
)


def test_the_start_line_is_taken_apart() -> None:
    head = see(
        request("/a%20b/caf%C3%A9?q=%20", method="PATCH"),
        lambda head: (
            (head.method, head.path, head.query_string, head.target),
            (head.protocol, head.scheme, head.host),
            (head.remote_addr, head.remote_port),
        ),
    )

    assert head == (
        ("PATCH", "/a b/caf\xe9", b"q=%20", "/a%20b/caf%C3%A9?q=%20"),
        ("HTTP/1.1", "http", "a.example"),
        ("127.0.0.1", 50000),
    )


def test_undecodable_bytes_of_a_path_are_replaced_as_python_does() -> None:
    raw = b"/%ff%e2%82/%c3%28"

    path = see(request(raw.decode()), lambda head: head.path)

    assert path == b"/\xff\xe2\x82/\xc3(".decode("utf-8", "replace")


def test_fields_come_in_order_and_joined() -> None:
    fields, joined, cookie = see(
        request("/", FIELDS),
        lambda head: (
            head.fields(),
            [head.header(name) for name in ("X-List", "COOKIE", "x-name", "missing")],
            head.cookie,
        ),
    )

    assert fields[:3] == [("Host", "a.example"), ("Cookie", "a=b"), ("X-List", "1")]
    assert len(fields) == 11
    assert joined == ["1,2,3", "a=b; c=d", "caf\xe9", None]
    assert cookie == "a=b; c=d"


def test_the_environ_has_what_pep_3333_asks_for() -> None:
    environ = see(request("/caf%C3%A9?q=1", FIELDS), lambda head: head.environ())

    assert {key: environ[key] for key in environ if not key.startswith("wsgi.")} == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9",
        "QUERY_STRING": "q=1",
        "RAW_URI": "/caf%C3%A9?q=1",
        "REQUEST_URI": "/caf%C3%A9?q=1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "5000",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "0",
        "HTTP_HOST": "a.example",
        "HTTP_COOKIE": "a=b; c=d",
        "HTTP_X_LIST": "1,2,3",
        "HTTP_X_NAME": "caf\xe9",
    }
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.input_terminated"] is True
    assert environ["wsgi.run_once"] is False


def test_an_environ_belongs_to_its_request() -> None:
    first, second = see(request(), lambda head: (head.environ(), head.environ()))

    first["REQUEST_METHOD"] = "POST"

    assert second["REQUEST_METHOD"] == "GET"


@pytest.mark.parametrize(
    ("data", "path", "host"),
    [
        (request("http://b.example:81/p?q"), "/p", "b.example:81"),
        (request("http://b.example"), "/", "b.example"),
        (request("*", method="OPTIONS"), "*", "a.example"),
        (request("b.example:443", method="CONNECT"), "", "a.example"),
        (b"GET /old HTTP/1.0\r\n\r\n", "/old", None),
    ],
)
def test_every_form_of_a_target_has_a_path_and_a_host(
    data: bytes, path: str, host: str | None
) -> None:
    seen = see(
        data,
        lambda head: (
            head.path,
            head.environ()["PATH_INFO"],
            head.host,
            head.environ().get("HTTP_HOST"),
        ),
    )

    assert seen == (path, path, host, host)


def test_an_upgrade_is_noticed() -> None:
    assert not see(request(), lambda head: head.is_upgrade)
    assert see(request("/", "Upgrade: websocket\r\n"), lambda head: head.is_upgrade)
