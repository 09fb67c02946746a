"""What an interpreter is told that the package cannot work with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from interpreters import PYTHON, Finished, own_environment

ROOT = Path(__file__).parents[1]

FREE_THREADED = "import sysconfig; sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1\n"
"""Makes an interpreter take itself for a free-threaded build."""


@pytest.fixture
def without_extension(tmp_path: Path) -> Path:
    """Return a folder with the package, in which nothing was compiled."""
    shutil.copytree(
        PYTHON, tmp_path / "python", ignore=shutil.ignore_patterns("*.so", "*.pyc")
    )
    return tmp_path / "python"


def import_package(folder: Path, preparation: str = "") -> Finished:
    return subprocess.run(
        [sys.executable, "-c", f"{preparation}import sys, bustapi"],
        cwd=folder,
        env={**own_environment(), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


def test_an_import_without_the_compiled_module_says_how_to_get_it(
    without_extension: Path,
) -> None:
    finished = import_package(without_extension)

    assert finished.returncode == 1
    error = finished.stderr.splitlines()[-1]
    assert error.startswith(
        "ImportError: BustAPI's compiled module is missing for this"
    )
    assert f"({sys.implementation.cache_tag} at {sys.executable!r})" in error
    assert "'make run PYTHON=…'" in error


def test_an_import_by_a_free_threaded_build_says_that_it_is_not_supported(
    without_extension: Path,
) -> None:
    finished = import_package(without_extension, FREE_THREADED)

    assert finished.returncode == 1
    assert finished.stderr.splitlines()[-1] == (
        "ImportError: BustAPI does not support free-threaded builds of CPython yet, and"
        f" {sys.executable!r} is one. Use the ordinary build of the same version."
    )


def test_the_compiled_module_goes_before_the_file_that_says_it_is_missing() -> None:
    from bustapi import _bustapi

    assert not str(_bustapi.__file__).endswith(".py")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_refuses_a_free_threaded_build(tmp_path: Path) -> None:
    python = tmp_path / "python3.14t"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{FREE_THREADED}$2"\n')
    python.chmod(0o755)

    result = subprocess.run(
        ["make", "run", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert result.returncode != 0
    assert f"'{python}' is a free-threaded build of CPython" in result.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
# What PyO3 needs of the interpreter is compiled first, once for each target folder.
@pytest.mark.timeout(180)
def test_the_extension_does_not_compile_for_a_free_threaded_build(
    tmp_path: Path,
) -> None:
    configuration = tmp_path / "pyo3.txt"
    configuration.write_text(
        "implementation=CPython\nversion=3.14\npointer_width=64\n"
        "build_flags=Py_GIL_DISABLED\n"
    )
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

    result = subprocess.run(
        ["cargo", "check", "--locked", "--package", "bustapi-python"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYO3_CONFIG_FILE": str(configuration),
            "CARGO_TARGET_DIR": str(target / "free-threaded"),
        },
        capture_output=True,
        text=True,
    )

    assert result.returncode != 0
    assert (
        "BustAPI does not support free-threaded builds of CPython yet" in result.stderr
    )
