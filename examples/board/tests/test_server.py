"""What only a real server with several workers can show."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

import pytest

from board.db import connect

Fetch = Callable[..., str]

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def fetch(address: str) -> Fetch:
    """Fetch a page, or send a form, with the cookies of one session."""
    opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    def fetch(path: str, **fields: str) -> str:
        body = urlencode(fields).encode() if fields else None
        with opener.open(address + path, body, timeout=20) as response:
            return str(response.read().decode())

    return fetch


def sign_up(fetch: Fetch) -> None:
    found = re.search(r'name="csrf_token" value="([^"]+)"', fetch("/signup"))
    assert found is not None
    fetch("/signup", csrf_token=found[1], name="ada", password="correct horse")


def test_workers_share_sessions_and_posts(fetch: Fetch) -> None:
    sign_up(fetch)

    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: fetch("/account"), range(16)))

    assert all("On the board since" in page for page in pages)


def test_an_export_arrives_whole(fetch: Fetch, instance: Path) -> None:
    sign_up(fetch)
    with closing(connect(instance / "board.sqlite3")) as db, db:
        db.executemany(
            "INSERT INTO posts (author_id, title, body) VALUES (1, ?, ?)",
            [(f"Post {number}", "text " * 100) for number in range(2500)],
        )

    rows = list(csv.DictReader(fetch("/export.csv").splitlines()))

    assert [row["title"] for row in rows] == [f"Post {n}" for n in range(2500)]
