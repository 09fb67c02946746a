"""Error pages and header fields."""

from __future__ import annotations

import sqlite3
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bustapi import Flask

if TYPE_CHECKING:
    from conftest import Person


def test_not_found_is_a_page(visitor: Person) -> None:
    response = visitor.get("/nothing")

    assert response.status_code == 404
    assert response.mimetype == "text/html"
    assert "Nothing is pinned here" in response.text


def test_method_not_allowed_keeps_its_allow_field(visitor: Person) -> None:
    response = visitor.get("/logout")

    assert response.status_code == 405
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


def test_a_database_that_fails_is_a_page_without_internals(
    app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise sqlite3.OperationalError("secret detail")

    app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    monkeypatch.setattr("board.db.connect", fail)

    response = ada.get("/")

    assert response.status_code == 500
    assert "Something broke on our side" in response.text
    assert "secret detail" not in response.text


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
