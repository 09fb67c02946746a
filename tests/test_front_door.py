"""The Makefile, as far as it can be looked at without running what it builds."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None, reason="make is not installed"
)


def make(
    *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=25,
    )


def test_make_without_a_target_prints_the_help() -> None:
    assert make().stdout == make("help").stdout


def test_help_lists_every_target_with_what_it_does() -> None:
    targets = set(
        re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.M)
    )

    result = make("help")

    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", result.stdout, re.M))
    assert result.returncode == 0
    assert set(listed) == targets
    assert {
        *("run", "test", "fmt", "lint", "types", "test-rust", "cov", "docs"),
        *("compat", "fuzz", "bench", "changelog"),
    } <= targets


def test_contributing_names_only_targets_that_exist() -> None:
    targets = set(
        re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.M)
    )

    for name in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"`make ([a-z-]+)", (ROOT / name).read_text()))
        assert named <= targets, name


def test_an_interpreter_that_is_missing_is_answered_with_what_to_install(
    tmp_path: Path,
) -> None:
    result = make("run", "PYTHON=no-such-python", f"VENV={tmp_path / 'venv'}")

    assert result.returncode != 0
    assert "'no-such-python' did not start" in result.stderr
    assert "apt-get install python3 python3-venv" in result.stderr


def test_an_old_interpreter_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python-of-old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)

    result = make("run", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")

    assert result.returncode != 0
    assert "is older than Python 3.10" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_a_test_cannot_take_the_port_of_make_run() -> None:
    port = int(
        re.findall(r"^PORT \?= (\d+)$", (ROOT / "Makefile").read_text(), re.M)[0]
    )

    with socket.socket() as listener, pytest.raises(AssertionError, match="Use port 0"):
        listener.bind(("127.0.0.1", port))


def test_missing_cargo_is_answered_with_what_to_install(tmp_path: Path) -> None:
    stamps = tmp_path / "venv" / "stamps"
    stamps.mkdir(parents=True)
    (stamps / "venv").touch()
    # A PATH with what the Makefile itself calls, and nothing else.
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "find", "touch", "mkdir"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)

    result = make("test-rust", f"VENV={tmp_path / 'venv'}", f"PATH={programs}")

    assert result.returncode != 0
    assert "calls cargo, which is not on the PATH" in result.stderr


@pytest.mark.parametrize("failing", ["list", "run first", "run second"])
def test_fuzz_fails_when_any_target_fails(tmp_path: Path, failing: str) -> None:
    stamps = tmp_path / "stamps"
    stamps.mkdir()
    cargo = tmp_path / "cargo"
    # Called as ``cargo fuzz list`` and ``cargo +nightly fuzz run TARGET …``.
    cargo.write_text(
        '#!/bin/bash\n[[ $2 == list ]] && printf "first\\nsecond\\n"\n'
        'case "$* " in *"$FAILING "*) exit 1;; esac\n'
    )
    cargo.chmod(0o755)

    for made in (stamps / "venv", stamps / "cargo", tmp_path / "cargo-fuzz"):
        made.touch()

    result = make(
        *("fuzz", f"VENV={tmp_path}", f"FUZZ={tmp_path}"),
        f"CARGO_FUZZ={tmp_path / 'cargo-fuzz'}",
        environ={"PATH": f"{tmp_path}:{os.environ['PATH']}", "FAILING": failing},
    )

    assert result.returncode != 0
