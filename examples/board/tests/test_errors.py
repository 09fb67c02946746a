"""Error pages and header fields."""

from __future__ import annotations

import re
import sqlite3
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bustapi import Flask

if TYPE_CHECKING:
    from conftest import Person


def test_not_found_is_a_page(visitor: Person) -> None:
    response = visitor.get("/nothing")

    assert response.status_code == 404
    assert response.mimetype == "text/html"
    assert "Nothing is pinned here" in response.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/logout", {"OPTIONS", "POST"}),
        ("PUT", "/posts/new", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("DELETE", "/static/style.css", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/api/posts", {"GET", "HEAD", "OPTIONS", "POST"}),
    ],
)
def test_method_not_allowed_keeps_its_allow_field(
    ada: Person, method: str, path: str, allowed: set[str]
) -> None:
    response = ada.call(method, path)

    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == allowed


def test_a_form_sent_to_nowhere_is_not_found(ada: Person) -> None:
    assert ada.call("POST", "/nothing").status_code == 404


def test_a_form_sent_to_an_unfinished_address_is_sent_on(ada: Person) -> None:
    response = ada.call("POST", f"{ada.post()}/comments")

    assert (response.status_code, response.location) == (
        308,
        "http://localhost/posts/1/comments/",
    )


def test_options_says_what_a_form_may_do(visitor: Person) -> None:
    response = visitor.call("OPTIONS", "/logout")

    assert response.status_code == 200
    assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_an_upload_above_the_limit_is_a_page_that_names_it(
    app: Flask, ada: Person
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2048

    response = ada.send(
        "/posts/new", title="a", body="b", files=(BytesIO(bytes(4096)), "a.bin")
    )

    assert response.status_code == 413
    assert "Files and text together may take up to 2 KiB." in response.text
    assert ada.get("/api/posts").json["total"] == 0
    assert list(Path(app.config["UPLOAD_FOLDER"]).iterdir()) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("PUT", "/", 405), ("POST", "/login", 400)],
)
def test_an_error_page_keeps_the_navigation(
    ada: Person, visitor: Person, method: str, path: str, status: int
) -> None:
    for_ada, for_a_visitor = ada.call(method, path), visitor.call(method, path)

    assert (for_ada.status_code, for_a_visitor.status_code) == (status, status)
    assert navigation(for_ada) == ["ada", "Log out", "New post"]
    assert navigation(for_a_visitor) == ["Log in", "Sign up"]


def test_an_upload_above_the_limit_keeps_the_navigation(
    app: Flask, ada: Person
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 100

    response = ada.call("POST", "/posts/new", data={"body": "x" * 200})

    assert response.status_code == 413
    assert navigation(response) == ["ada", "Log out", "New post"]


def test_the_log_out_button_of_an_error_page_works(ada: Person) -> None:
    token = ada.token("/nothing")

    response = ada.client.post("/logout", data={"csrf_token": token})

    assert response.status_code == 302
    assert ada.get("/account").status_code == 302


def test_a_message_waits_for_a_page_that_is_no_error(ada: Person) -> None:
    assert "Welcome, ada." not in ada.get("/nothing").text
    assert "Welcome, ada." in ada.get("/").text


def test_a_view_that_fails_keeps_the_navigation(
    failing_app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.auth.own_tokens", fail)

    response = ada.get("/account")

    assert response.status_code == 500
    assert navigation(response) == ["ada", "Log out", "New post"]


def test_a_database_that_fails_is_a_page_without_internals(
    failing_app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.db.connect", fail)

    for path in ("/", "/account", "/nothing"):
        response = ada.get(path)
        assert response.status_code == 500
        assert "Something broke on our side" in response.text
        assert "secret detail" not in response.text
        assert navigation(response) == ["Latest posts", "Account"]


def test_a_session_that_cannot_be_opened_is_a_page(
    failing_app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failing_app.session_interface, "open_session", fail)

    response = ada.get("/account")

    assert response.status_code == 500
    assert navigation(response) == ["Latest posts", "Account"]


def test_a_host_that_is_not_trusted_is_refused_without_links(
    app: Flask, visitor: Person
) -> None:
    app.config["TRUSTED_HOSTS"] = ["board.example"]

    response = visitor.get("/")

    assert response.status_code == 400
    assert "href" not in response.text


@pytest.fixture
def failing_app(app: Flask) -> Flask:
    """The application as it is served: an exception of its own is a 500."""
    app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    return app


def fail(*arguments: object) -> None:
    """Stand in for a function that meets a broken disk."""
    raise sqlite3.OperationalError("secret detail")


def navigation(response: Any) -> list[str]:
    """Return the texts of the links and buttons in a page's header."""
    found = re.search(r'<nav aria-label="Main">(.*?)</nav>', response.text, re.DOTALL)
    assert found is not None
    return re.findall(r">([^<>]+)</(?:a|button)>", found[1])


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/style.css", "/api/posts"])
def test_every_response_limits_what_a_browser_does(visitor: Person, path: str) -> None:
    headers = visitor.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "default-src 'self'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("name", "mimetype"),
    [("style.css", "text/css"), ("logo.svg", "image/svg+xml")],
)
def test_static_files_are_served(visitor: Person, name: str, mimetype: str) -> None:
    response = visitor.get(f"/static/{name}")

    assert (response.status_code, response.mimetype) == (200, mimetype)
