"""Fixtures: the application in a folder of its own, and people who use it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from board import create_app
from bustapi import Flask

PASSWORD = "correct horse"


class Person:
    """A browser of the test client with its own cookies, which sends forms."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str, **options: Any) -> Any:
        """Fetch a page, or a file, whole."""
        return self.client.get(path, **{"buffered": True, **options})

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Send a request as a script would."""
        return self.client.open(path, method=method, **options)

    def token(self, page: str = "/login") -> str:
        """Return the token in the forms of a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        assert found is not None
        return found[1]

    def send(self, path: str, **fields: Any) -> Any:
        """Send a form with its token and follow no redirect."""
        return self.client.post(path, data={"csrf_token": self.token(), **fields})

    def sign_up(self, name: str, password: str = PASSWORD) -> Any:
        """Make an account, which logs in."""
        return self.send("/signup", name=name, password=password)

    def log_in(self, name: str, password: str = PASSWORD) -> Any:
        """Send the login form."""
        return self.send("/login", name=name, password=password)

    def post(self, title: str = "Title", body: str = "Text", **fields: Any) -> str:
        """Write a post and return its path."""
        response = self.send("/posts/new", title=title, body=body, **fields)
        assert response.status_code == 302, response.text
        return str(response.location)

    def api_token(self) -> dict[str, str]:
        """Make an API token and return the header field that sends it."""
        page = self.send("/account/tokens", label="test").text
        found = re.search(r'id="new-token">([^<]+)<', page)
        assert found is not None
        return {"Authorization": f"Bearer {found[1]}"}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The application with an empty instance folder and cheap password hashes."""
    monkeypatch.setattr("board.auth.METHOD", "scrypt:1024:8:1")
    return create_app({"TESTING": True}, str(tmp_path / "instance"))


@pytest.fixture
def person(app: Flask) -> Callable[[str], Person]:
    """Make an account with this name and return the person, logged in."""

    def make(name: str) -> Person:
        person = Person(app)
        assert person.sign_up(name).status_code == 302
        return person

    return make


@pytest.fixture
def visitor(app: Flask) -> Person:
    """Somebody without an account."""
    return Person(app)


@pytest.fixture
def ada(person: Callable[[str], Person]) -> Person:
    """Somebody who is logged in."""
    return person("ada")


@pytest.fixture
def bob(person: Callable[[str], Person]) -> Person:
    """Somebody else who is logged in."""
    return person("bob")


@pytest.fixture
def start() -> Iterator[Callable[..., str]]:
    """Start a command and return what a pattern finds in its output; end it later."""
    with ExitStack() as stack:

        def start(command: list[str], pattern: str, **options: Any) -> str:
            return stack.enter_context(running(command, pattern, **options))

        yield start


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """The instance folder of a server; the first start makes it."""
    return tmp_path / "instance"


@pytest.fixture
def address(start: Callable[..., str], instance: Path) -> str:
    """The address of a server with two workers that starts from nothing."""
    return start(
        [sys.executable, "-m", "bustapi", "run", "board:create_app"]
        + ["--port=0", "--workers=2", "--no-access-log"],
        r"(http://127\.0\.0\.1:\d+)",
        cwd=Path(__file__).parents[1],
        env={**os.environ, "BOARD_INSTANCE_PATH": str(instance)},
    )


@contextmanager
def running(command: list[str], pattern: str, **options: Any) -> Iterator[str]:
    """Run a command, give what ``pattern`` finds in its output, and end it."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    assert process.stdout is not None
    lines: list[str] = []

    try:
        for line in process.stdout:
            lines.append(line)
            if found := re.search(pattern, line):
                break
        else:
            pytest.fail(f"{command} ended early:\n{''.join(lines)}")
        yield found[1]
    finally:
        process.terminate()
        process.communicate(timeout=20)
