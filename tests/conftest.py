"""Fixtures of the whole suite: an application, and the edges it is asked through."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bustapi import Flask
from serving import refuse_fixed_ports

if TYPE_CHECKING:
    from sides import Sides

    from bustapi.ctx import AppContext, RequestContext
    from bustapi.testing import FlaskClient

HERE = Path(__file__).parent

sys.addaudithook(refuse_fixed_ports)

EDGES = ("wsgi", "native")
"""The ways into the pipeline that need no server.

``wsgi`` calls the application with an environ, ``native`` sends bytes through the real
parser and encoder. A test marked ``socket`` that uses ``edge`` or ``client`` runs a
third time, over a server on a loopback socket.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever uses ``edge``, directly or through ``client``, once per edge."""
    if "edge" in metafunc.fixturenames:
        marked = any(metafunc.definition.iter_markers("socket"))
        edges = (*EDGES, "socket") if marked else EDGES
        metafunc.parametrize("edge", edges)


@pytest.fixture(scope="session")
def flask_python() -> str:
    """The interpreter that has Flask itself, in an environment of its own.

    It is of the version that runs the suite: whatever differs is then the packages'.
    """
    named = os.environ.get("BUSTAPI_FLASK_PYTHON", ".venvs/flask/bin/python")
    path = HERE.parent / named
    if not path.exists():
        pytest.skip("there is no environment with Flask itself; `make compat` makes it")

    command = [str(path), "-c", "import platform; print(platform.python_version())"]
    version = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert version == platform.python_version(), (
        f"{path} is CPython {version}, but the suite runs on"
        f" {platform.python_version()}. Call `make compat` with this interpreter as"
        " PYTHON, or name an environment of the same version in BUSTAPI_FLASK_PYTHON."
    )
    return str(path)


@pytest.fixture(scope="module")
def sides(flask_python: str) -> Iterator[Sides]:
    """Flask, and this package behind each edge, waiting for questions."""
    from sides import Sides

    sides = Sides.start(flask_python)
    yield sides
    sides.close()


@pytest.fixture
def modules_as_before(tmp_path: Path) -> Iterator[None]:
    """Let no later import find the modules that a page imported from its folder."""
    before = set(sys.modules)

    yield

    for name in set(sys.modules) - before:
        module = sys.modules[name]
        paths = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]

        if any(path and Path(path).is_relative_to(tmp_path) for path in paths):
            del sys.modules[name]


@pytest.fixture
def process_as_before() -> Iterator[None]:
    """Put back what commands change for the process."""
    environ, path, modules = dict(os.environ), sys.path[:], set(sys.modules)

    for name in [name for name in os.environ if name.startswith("FLASK_")]:
        del os.environ[name]

    yield

    os.environ.clear()
    os.environ.update(environ)
    sys.path[:] = path

    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""

        if "pytest-of" in file:
            del sys.modules[name]


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """Let programs that tests start end by Ctrl-C, as those of a terminal do.

    What a shell starts in the background ignores the signal, and so do its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def app() -> Flask:
    """An application in testing mode with a secret key."""
    app = Flask("flask_test", root_path=str(HERE))
    app.config.update(TESTING=True, SECRET_KEY="test key")
    return app


@pytest.fixture
def app_ctx(app: Flask) -> Iterator[AppContext]:
    """The application's context, pushed."""
    with app.app_context() as ctx:
        yield ctx


@pytest.fixture
def req_ctx(app: Flask) -> Iterator[RequestContext]:
    """A context with a request for ``/``, pushed."""
    with app.test_request_context() as ctx:
        yield ctx


@pytest.fixture
def client(app: Flask, edge: str) -> Iterator[FlaskClient]:
    """A test client that asks through ``edge``."""
    from edges import make_client

    with make_client(app, edge) as client:
        yield client
