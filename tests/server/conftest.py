"""Applications for a server in this process, and servers as subprocesses."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from bustapi import Flask
from serving import Server, Start

APPLICATION = """\
import atexit, os, signal, sys, threading
from bustapi import Flask, request

app = Flask(__name__)

@app.get("/")
def index():
    return f"{os.getpid()}"

@app.get("/environ/<name>")
def environ(name):
    return repr(request.environ[f"wsgi.{name}"])

@app.get("/thread")
def thread():
    return threading.current_thread().name

# Answers when the test opens the other end of the named pipe.
@app.get("/gate")
def gate():
    print("entered", flush=True)

    with open("gate") as gate:
        return gate.read()

@app.get("/die")
def die():
    os._exit(7)
"""


@pytest.fixture(params=["native", "wsgi"])
def app(request: pytest.FixtureRequest) -> Flask:
    """An application that the server calls over one of its edges."""
    app = Flask(__name__)

    if request.param == "wsgi":
        inner = app.wsgi_app
        app.wsgi_app = lambda *pair: inner(*pair)  # type: ignore[method-assign]

    return app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an application in ``shop.py`` and a named pipe ``gate``."""
    tmp_path.joinpath("shop.py").write_text(APPLICATION)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


@pytest.fixture
def launch(folder: Path) -> Iterator[Start]:
    """Return a function that starts a Python command, which may fail to serve."""
    servers: list[Server] = []

    def launch(*arguments: str, **environ: str) -> Server:
        servers.append(Server(folder, *arguments, **environ))
        return servers[-1]

    yield launch

    for server in servers:
        server.kill()


@pytest.fixture
def serve(launch: Start) -> Start:
    """Return a function that runs ``bustapi run`` and waits until it serves."""

    def serve(*arguments: str, **environ: str) -> Server:
        server = launch("-m", "bustapi", "run", "--port=0", *arguments, **environ)
        server.wait_until_ready()
        return server

    return serve


@pytest.fixture
def serve_script(launch: Start, folder: Path) -> Start:
    """Return a function that runs a program which serves, and waits until it does."""

    def serve(source: str, *arguments: str, **environ: str) -> Server:
        folder.joinpath("program.py").write_text(textwrap.dedent(source))
        server = launch("program.py", *arguments, **environ)
        server.wait_until_ready()
        return server

    return serve
