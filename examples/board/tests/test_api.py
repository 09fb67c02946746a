"""The JSON API."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from bustapi import Flask

if TYPE_CHECKING:
    from conftest import Person


def test_a_token_can_write_and_everybody_can_read(ada: Person, visitor: Person) -> None:
    headers = ada.api_token()

    created = visitor.call(
        "POST",
        "/api/posts",
        json={"title": "From a script", "body": "Ünïcode"},
        headers=headers,
    )

    assert created.status_code == 201
    assert created.headers["Location"] == "/api/posts/1"
    shown = visitor.get("/api/posts/1")
    assert shown.json == created.json
    assert shown.json["author"] == "ada"
    assert shown.json["body"] == "Ünïcode"
    assert "From a script" in visitor.get("/").text


def test_a_session_reads_freely_and_writes_with_its_token(ada: Person) -> None:
    content = {"title": "a", "body": "b"}

    assert ada.get("/api/me").json["name"] == "ada"
    assert ada.call("POST", "/api/posts", json=content).status_code == 400
    headers = {"X-CSRF-Token": ada.token()}
    created = ada.call("POST", "/api/posts", json=content, headers=headers)
    assert created.status_code == 201


@pytest.mark.parametrize("path", ["/api/posts", "/api/posts/1/comments"])
def test_a_script_without_a_token_is_told_to_send_one(
    visitor: Person, path: str
) -> None:
    response = visitor.call("POST", path, json={"body": "b"})

    assert response.status_code == 401
    assert response.json["error"]["message"] == "Send an API token, or log in first."


def test_a_wrong_token_is_not_helped_by_a_session(ada: Person) -> None:
    response = ada.get("/api/me", headers={"Authorization": "Bearer wrong"})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert response.json == {
        "error": {
            "status": 401,
            "name": "Unauthorized",
            "message": "Send an API token, or log in first.",
        }
    }


def test_posts_are_listed_in_pages(ada: Person, visitor: Person) -> None:
    for number in range(3):
        ada.post(f"Post {number}")

    first = visitor.get("/api/posts?per_page=2").json
    second = visitor.get(first["next"]).json

    assert [post["title"] for post in first["items"]] == ["Post 2", "Post 1"]
    assert (first["page"], first["pages"], first["total"]) == (1, 2, 3)
    assert [post["title"] for post in second["items"]] == ["Post 0"]
    assert second["next"] is None
    assert visitor.get(second["previous"]).json == first


def test_a_post_can_be_changed_in_part_and_deleted(ada: Person) -> None:
    headers, path = ada.api_token(), "/api" + ada.post("Old", "Text")

    changed = ada.call("PATCH", path, json={"title": "New"}, headers=headers)
    assert (changed.json["title"], changed.json["body"]) == ("New", "Text")
    assert changed.json["edited_at"] is not None

    deleted = ada.call("DELETE", path, headers=headers)
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert ada.get(path).status_code == 404


def test_nobody_else_can_change_or_delete(ada: Person, bob: Person) -> None:
    headers, path = bob.api_token(), "/api" + ada.post()

    assert bob.call("PATCH", path, json={}, headers=headers).status_code == 403
    assert bob.call("DELETE", path, headers=headers).status_code == 403
    assert bob.call("POST", f"{path}/files", headers=headers).status_code == 403


def test_comments_and_files_can_be_added(ada: Person) -> None:
    headers, path = ada.api_token(), "/api" + ada.post()

    comment = ada.call("POST", f"{path}/comments", json={"body": "Hi"}, headers=headers)
    files = ada.call(
        "POST",
        f"{path}/files",
        data={"files": (BytesIO(b"abc"), "a.txt")},
        headers=headers,
    )

    assert (comment.status_code, files.status_code) == (201, 201)
    post = ada.get(path).json
    assert post["comments"] == [comment.json]
    assert (post["attachments"][0]["name"], post["attachments"][0]["size"]) == (
        "a.txt",
        3,
    )
    assert ada.get(post["attachments"][0]["url"]).data == b"abc"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"title": "", "body": "b"}, "title: Give the post a title."),
        ({"title": 1, "body": "b"}, "'title' must be a string."),
        (["title"], "Send a JSON object."),
    ],
)
def test_what_is_not_acceptable_is_said(
    ada: Person, content: object, message: str
) -> None:
    response = ada.call("POST", "/api/posts", json=content, headers=ada.api_token())

    assert response.status_code == 422
    assert response.json["error"]["message"] == message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/posts/9", 404),
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/posts", 405),
        ("POST", "/api/posts", 400),
        ("GET", "/api/posts?page=7", 404),
    ],
)
def test_every_error_is_json(ada: Person, method: str, path: str, status: int) -> None:
    headers = {**ada.api_token(), "Content-Type": "application/json"}

    response = ada.call(method, path, headers=headers, data="{")

    assert response.status_code == status
    assert response.mimetype == "application/json"
    assert response.json["error"]["status"] == status


def test_an_unforeseen_error_is_json_without_internals(
    app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("secret detail")

    app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    monkeypatch.setattr("board.store.list_posts", fail)

    response = ada.get("/api/posts")

    assert response.status_code == 500
    assert response.json["error"]["name"] == "Internal Server Error"
    assert "secret detail" not in response.text
