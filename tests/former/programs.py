"""Programs of former years, each run in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from interpreters import PYTHON, own_environment


def run(
    source: str,
    *arguments: str,
    legacy: str | None = "1",
    path: Path | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    environ = own_environment()
    environ["PYTHONPATH"] = os.pathsep.join(map(str, filter(None, [path, PYTHON])))

    if legacy is not None:
        environ["BUSTAPI_LEGACY"] = legacy

    beginning = (
        "import json, sys, bustapi_alias; bustapi_alias.install(); import flask\n"
    )
    return subprocess.run(
        [sys.executable, "-c", beginning + textwrap.dedent(source), *arguments],
        capture_output=True,
        text=True,
        env=environ,
        cwd=folder,
    )


def output_of(source: str, path: Path | None = None, legacy: str = "1") -> str:
    finished = run(source, path=path, legacy=legacy)

    assert finished.returncode == 0, finished.stderr
    return finished.stdout
