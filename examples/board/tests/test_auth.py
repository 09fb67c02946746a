"""Accounts, sessions, forms from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from board.auth import local_target
from board.db import get_db
from bustapi import Flask

if TYPE_CHECKING:
    from conftest import Person


def test_sign_up_logs_in_and_welcomes(visitor: Person) -> None:
    response = visitor.sign_up("ada")

    assert (response.status_code, response.location) == (302, "/")
    page = visitor.get("/").text
    assert "Welcome, ada. Your account is ready." in page
    assert "Welcome" not in visitor.get("/").text


def test_passwords_are_stored_as_scrypt_hashes(app: Flask, ada: Person) -> None:
    with app.app_context():
        stored = get_db().execute("SELECT password_hash FROM users").fetchone()[0]

    assert stored.startswith("scrypt:")


@pytest.mark.parametrize(
    ("name", "password", "message"),
    [
        ("al", "correct horse", "Use 3 to 30 letters"),
        ("<script>", "correct horse", "Use 3 to 30 letters"),
        ("ada", "short", "Use at least 8 characters."),
    ],
)
def test_sign_up_says_what_is_wrong(
    visitor: Person, name: str, password: str, message: str
) -> None:
    response = visitor.sign_up(name, password)

    assert response.status_code == 422
    assert message in response.text
    assert "<script>" not in response.text


def test_a_name_is_taken_in_any_case(ada: Person, visitor: Person) -> None:
    response = visitor.sign_up("ADA")

    assert response.status_code == 422
    assert "This name is taken." in response.text


def test_logout_ends_the_session_and_login_starts_one(ada: Person) -> None:
    ada.send("/logout")
    assert ada.get("/account").status_code == 302

    ada.log_in("ada")
    assert ada.get("/account").status_code == 200


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_login_does_not_tell_whether_a_name_exists(
    ada: Person, visitor: Person, name: str
) -> None:
    response = visitor.log_in(name, "wrong password")

    assert response.status_code == 422
    assert "Name and password do not belong together." in response.text


def test_login_leads_to_where_one_wanted_to_go(ada: Person, visitor: Person) -> None:
    response = visitor.get("/posts/new?draft=1")
    assert response.location == "/login?next=/posts/new?draft%3D1"

    response = visitor.send(response.location, name="ada", password="correct horse")

    assert response.location == "/posts/new?draft=1"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil",
        "",
        None,
    ],
)
def test_login_leads_to_no_other_site(app: Flask, target: str | None) -> None:
    with app.test_request_context():
        assert local_target(target) == "/"


def test_a_form_without_its_token_is_refused(ada: Person) -> None:
    response = ada.client.post("/posts/new", data={"title": "a", "body": "b"})

    assert response.status_code == 400
    assert "This form is out of date." in response.text
    assert ada.get("/api/posts").json["total"] == 0


def test_the_token_of_another_session_is_refused(ada: Person, bob: Person) -> None:
    response = ada.client.post("/logout", data={"csrf_token": bob.token()})

    assert response.status_code == 400


def test_a_form_from_another_site_is_refused(ada: Person) -> None:
    response = ada.client.post(
        "/logout",
        data={"csrf_token": ada.token()},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert response.status_code == 400


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(
    visitor: Person,
) -> None:
    cookie = visitor.get("/login").headers["Set-Cookie"]

    assert cookie.startswith("board_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_deleted_account_is_logged_out(app: Flask, ada: Person) -> None:
    with app.app_context(), get_db() as db:
        db.execute("DELETE FROM users")

    assert ada.get("/account").status_code == 302


def test_a_token_can_be_revoked_by_its_owner_alone(ada: Person, bob: Person) -> None:
    headers = ada.api_token()

    assert bob.send("/account/tokens/1/delete").status_code == 404
    assert ada.get("/api/me", headers=headers).status_code == 200
    assert ada.send("/account/tokens/1/delete").status_code == 302
    assert bob.get("/api/me", headers=headers).status_code == 401


def test_only_a_digest_of_a_token_is_stored(app: Flask, ada: Person) -> None:
    token = ada.api_token()["Authorization"].partition(" ")[2]

    with app.app_context():
        stored = get_db().execute("SELECT digest FROM api_tokens").fetchone()[0]

    assert token not in stored


def test_a_page_makes_no_session_for_a_reader(
    visitor: Person, person: Callable[[str], Person]
) -> None:
    path = person("ada").post()

    assert "Set-Cookie" not in visitor.get("/").headers
    assert "Set-Cookie" not in visitor.get(path).headers
