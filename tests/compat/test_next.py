"""What `make compat-next` hides is what is to go, and it hides it from our code alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from interpreters import own_environment

NEXT = Path(__file__).with_name("next")


def hidden_names() -> dict[str, dict[str, str]]:
    """Return the list, made where nothing is hidden."""
    listed = subprocess.run(
        [sys.executable, str(NEXT / "deprecated.py")],
        env=own_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    names: dict[str, dict[str, str]] = json.loads(listed.stdout)
    return names


def test_names_that_warn_and_names_that_are_announced_are_found() -> None:
    names = hidden_names()

    assert "BaseCommand" in names["click"]
    assert "BaseCommand" in names["click.core"]
    assert "CliRunner.isolated_filesystem" in names["click.testing"]
    assert "HTTP_STATUS_CODES" in names["werkzeug.http"]
    assert names["werkzeug.wsgi"]["LimitedStream"] == "_LimitedStream"
    assert "Request" not in names["werkzeug.sansio.request"]


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("from werkzeug.http import HTTP_STATUS_CODES", "ImportError"),
        ("import click; click.BaseCommand", "AttributeError"),
        ("vars(__import__('werkzeug.wsgi').wsgi)['get_host']", "KeyError"),
        ("from werkzeug.wrappers import Response as R; R().set_etag('a')", "Attribute"),
        ("from werkzeug.wrappers import Request as R; R.pragma", "AttributeError"),
        # Werkzeug itself goes on with them.
        ("from werkzeug.wrappers import Response as R; print(R().status)", "200 OK"),
        (
            "from werkzeug.wrappers import Response as R; r = R('a'); r.add_etag();"
            " print(r.headers['ETag'][:1])",
            '"',
        ),
        ("from werkzeug.wsgi import _LimitedStream as L; print(L.__name__)", "Limited"),
    ],
)
def test_a_name_is_hidden_from_our_code_and_there_for_the_package(
    source: str, printed: str, tmp_path: Path
) -> None:
    folder = tmp_path / "tests/compat/next"
    folder.mkdir(parents=True)
    shutil.copy(NEXT / "sitecustomize.py", folder)
    names = tmp_path / ".cache/compat-next/names.json"
    names.parent.mkdir(parents=True)
    names.write_text(json.dumps(hidden_names()))

    finished = subprocess.run(
        [sys.executable, "-c", source],
        env={**own_environment(), "PYTHONPATH": os.fspath(folder)},
        capture_output=True,
        text=True,
    )

    assert printed in (finished.stdout or finished.stderr.splitlines()[-1])
