"""Posts, comments, attachments, search, pages, export."""

from __future__ import annotations

import csv
import sqlite3
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from board.db import connect, get_db
from board.files import name_of
from bustapi import Flask

if TYPE_CHECKING:
    from conftest import Person

PNG = (Path(__file__).parent / "lawn.png").read_bytes()


def test_an_empty_board_invites_to_write(visitor: Person) -> None:
    assert "The board is empty" in visitor.get("/").text


def test_a_post_is_shown_to_everybody(ada: Person, visitor: Person) -> None:
    path = ada.post("Party <3", "See https://example.org/\n& bring chairs")

    page = visitor.get(path).text
    assert "<h1>Party &lt;3</h1>" in page
    assert '<a href="https://example.org/" rel="noopener">' in page
    assert "&amp; bring chairs" in page
    assert "Edit" not in page
    assert "Party &lt;3" in visitor.get("/").text


def test_a_post_needs_title_and_text(ada: Person) -> None:
    response = ada.send("/posts/new", title="  ", body="x" * 20_001)

    assert response.status_code == 422
    assert "Give the post a title." in response.text
    assert "Use at most 20,000 characters." in response.text


def test_the_author_can_edit(ada: Person) -> None:
    path = ada.post("Before", "text")
    assert 'value="Before"' in ada.get(f"{path}/edit").text

    response = ada.send(f"{path}/edit", title="After", body="text")

    assert response.location == path
    page = ada.get(path).text
    assert "<h1>After</h1>" in page
    assert "edited" in page


def test_nobody_else_can_edit_or_delete(ada: Person, bob: Person) -> None:
    path = ada.post(files=(BytesIO(b"a"), "a.txt"))
    ada.send(f"{path}/comments/", body="mine")

    for target in (
        f"{path}/edit",
        f"{path}/delete",
        f"{path}/files/",
        f"{path}/files/1/delete",
        f"{path}/comments/1/delete",
    ):
        response = bob.send(target, title="x", body="x")
        assert response.status_code == 403, target
        assert "This is not yours to change" in response.text


def test_a_visitor_is_sent_to_the_login_form(ada: Person, visitor: Person) -> None:
    path = ada.post()

    for target in (f"{path}/delete", f"{path}/comments/", "/posts/new"):
        assert visitor.send(target).location == "/login", target


def test_deleting_a_post_deletes_what_hangs_on_it(app: Flask, ada: Person) -> None:
    path = ada.post(files=(BytesIO(b"a"), "a.txt"))
    ada.send(f"{path}/comments/", body="gone too")
    uploads = Path(app.config["UPLOAD_FOLDER"])
    assert len(list(uploads.iterdir())) == 1

    ada.send(f"{path}/delete")

    assert ada.get(path).status_code == 404
    assert list(uploads.iterdir()) == []


def test_comments_can_be_added_and_deleted(ada: Person, bob: Person) -> None:
    path = ada.post()

    response = bob.send(f"{path}/comments/", body="First!")
    assert response.location == f"{path}#comment-1"
    assert "First!" in ada.get(path).text

    bob.send(f"{path}/comments/1/delete")
    assert "First!" not in ada.get(path).text


def test_an_empty_comment_is_not_stored(ada: Person) -> None:
    path = ada.post()

    ada.send(f"{path}/comments/", body=" ")

    assert "Write something first." in ada.get(path).text
    assert ada.get(f"/api{path}").json["comments"] == []


def test_attachments_come_back_as_they_were_sent(ada: Person, visitor: Person) -> None:
    content = bytes(range(256)) * 1000
    path = ada.post(
        files=[(BytesIO(content), "a.bin"), (BytesIO(b"<b>"), "../../b.html")]
    )

    first = visitor.get(f"{path}/files/1/a.bin")
    second = visitor.get(f"{path}/files/2/b.html")

    assert first.data == content
    assert first.headers["Content-Disposition"] == "attachment; filename=a.bin"
    assert second.data == b"<b>"
    assert second.headers["Content-Disposition"].startswith("attachment")
    assert second.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    ["Einladung für Zoë.txt", "приглашение.txt", "写真", "50% off? #1; ’25.txt"],
)
def test_a_file_keeps_its_letters(ada: Person, name: str) -> None:
    path = ada.post(files=(BytesIO(b"a"), name))

    attachment = ada.get(f"/api{path}").json["attachments"][0]
    response = ada.get(attachment["url"])

    assert attachment["name"] == name
    assert name in ada.get(path).text
    assert response.data == b"a"
    # RFC 6266: a name in ASCII for old programs, then the whole one (RFC 8187).
    field = response.headers["Content-Disposition"]
    plain, separator, whole = field.partition("; filename*=UTF-8''")
    assert plain.startswith("attachment; filename=")
    assert unquote(whole, errors="strict") == name
    assert field.isascii()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("C:\\Users\\ada\\a.txt", "a.txt"),
        ("..", "file"),
        (".profile", "profile"),
        ("Zoe\u0308.txt", "Zoë.txt"),
        ("\u202egnp.exe", "gnp.exe"),
        ("a" * 300 + ".txt", "a" * 96 + ".txt"),
        ("a." + "b" * 300, "a." + "b" * 19),
    ],
)
def test_a_name_loses_only_what_misleads(sent: str, kept: str) -> None:
    assert name_of(sent) == kept


def test_a_part_of_an_attachment_can_be_fetched(ada: Person) -> None:
    path = ada.post(files=(BytesIO(b"0123456789"), "a.txt"))

    response = ada.get(f"{path}/files/1/a.txt", headers={"Range": "bytes=2-4"})

    assert (response.status_code, response.data) == (206, b"234")


def test_images_are_shown_and_nothing_else_is(ada: Person) -> None:
    path = ada.post(files=[(BytesIO(PNG), "lawn.PNG"), (BytesIO(b"<svg/>"), "a.svg")])

    image = ada.get(f"{path}/files/1/view/lawn.PNG")
    assert (image.mimetype, image.data) == ("image/png", PNG)
    assert ada.get(f"{path}/files/2/view/a.svg").status_code == 404
    assert f"{path}/files/1/view/lawn.PNG" in ada.get(path).text
    assert f"{path}/files/2/view" not in ada.get(path).text


def test_an_attachment_has_one_address(ada: Person) -> None:
    path, other = ada.post(files=(BytesIO(b"a"), "a.txt")), ada.post()

    assert ada.get(f"{path}/files/1/a.html").status_code == 404
    assert ada.get(f"{other}/files/1/a.txt").status_code == 404


def test_an_attachment_can_be_added_and_removed(app: Flask, ada: Person) -> None:
    path = ada.post()

    ada.send(f"{path}/files/", files=(BytesIO(b"late"), "late.txt"))
    assert ada.get(f"{path}/files/1/late.txt").data == b"late"

    ada.send(f"{path}/files/1/delete")
    assert ada.get(f"{path}/files/1/late.txt").status_code == 404
    assert list(Path(app.config["UPLOAD_FOLDER"]).iterdir()) == []


def test_a_script_that_uploads_is_told_where_to_go(ada: Person) -> None:
    path = ada.post()

    response = ada.client.post(
        f"{path}/files/",
        data={"csrf_token": ada.token(), "files": (BytesIO(b"a"), "a.txt")},
        headers={"X-Requested-With": "XMLHttpRequest"},
    )

    assert (response.status_code, response.data) == (201, b"")
    assert response.location == f"{path}#attachments"
    assert "Attached." in ada.get(path).text


def test_a_post_has_room_for_ten_files(ada: Person) -> None:
    def some(count: int) -> list[tuple[BytesIO, str]]:
        return [(BytesIO(b"x"), f"{number}.txt") for number in range(count)]

    assert (
        ada.send("/posts/new", title="a", body="b", files=some(11)).status_code == 422
    )
    path = ada.post(files=some(10))
    ada.send(f"{path}/files/", files=some(1))

    assert "A post has room for 10 files." in ada.get(path).text
    assert len(ada.get(f"/api{path}").json["attachments"]) == 10


def test_the_list_has_pages(app: Flask, ada: Person, visitor: Person) -> None:
    app.config["POSTS_PER_PAGE"] = 2
    for number in range(5):
        ada.post(f"Post {number}")

    first, last = visitor.get("/").text, visitor.get("/?page=3").text

    assert "Post 4" in first and "Post 3" in first and "Post 2" not in first
    assert "Page 1 of 3" in first
    assert 'rel="next" href="/?page=2"' in first and 'rel="prev"' not in first
    assert "Post 0" in last and 'rel="next"' not in last


@pytest.mark.parametrize("number", ["0", "-1", "2"])
def test_a_page_that_is_not_there_is_not_found(visitor: Person, number: str) -> None:
    assert visitor.get(f"/?page={number}").status_code == 404


def test_search_takes_the_text_as_it_is(ada: Person) -> None:
    ada.post("Sale", "100% wool")
    ada.post("Run", "1000 metres")

    page = ada.get("/?q=100%25").text

    assert "Sale" in page
    assert "metres" not in page
    assert "No post says “&lt;b&gt;”." in ada.get("/?q=<b>").text


def test_the_export_holds_every_post(ada: Person) -> None:
    ada.post("First", 'She said "hi",\nthen left')
    ada.post("Second", "=1+1")

    response = ada.get("/export.csv")

    assert response.mimetype == "text/csv"
    assert response.headers["Content-Disposition"] == "attachment; filename=posts.csv"
    rows = list(csv.DictReader(response.text.splitlines(keepends=True)))
    assert [row["title"] for row in rows] == ["First", "Second"]
    assert rows[0]["body"] == 'She said "hi",\nthen left'
    assert rows[0]["url"] == "http://localhost/posts/1"
    assert rows[1]["body"] == "'=1+1"


def test_the_export_is_sent_in_chunks(app: Flask, ada: Person) -> None:
    with app.app_context(), get_db() as db:
        db.executemany(
            "INSERT INTO posts (author_id, title, body) VALUES (1, ?, 'text')",
            [(f"Post {number}",) for number in range(250)],
        )

    with ada.get("/export.csv", buffered=False) as response:
        chunks = list(response.iter_encoded())

    assert [chunk.count(b"\r\n") for chunk in chunks] == [1, 100, 100, 50]


def test_an_export_that_is_not_read_closes_its_connection(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def connect_and_remember(path: Path) -> sqlite3.Connection:
        opened.append(connect(path))
        return opened[-1]

    monkeypatch.setattr("board.export.connect", connect_and_remember)

    ada.client.head("/export.csv").close()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
