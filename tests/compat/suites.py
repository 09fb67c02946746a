"""What the suites of others need: their source distributions, and an environment."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Container
from pathlib import Path


def make_environment(folder: Path, requirements: Path) -> Path:
    """Return the interpreter of a virtual environment that has the requirements."""
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    wanted = requirements.read_text()

    if not stamp.is_file() or stamp.read_text() != wanted:
        folder.parent.mkdir(parents=True, exist_ok=True)
        venv.create(folder, clear=True, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*command, "-r", str(requirements)], check=True)
        stamp.write_text(wanted)

    return python


def fetch(cache: Path, name: str, version: str, digests: Container[str]) -> Path:
    """Return the folder of a source distribution, which is fetched when it is missing.

    :param cache: the folder for the archive, and for what is in it.
    :param name: as in the name of the archive.
    :param digests: what has the SHA-256 of the archive in it.
    """
    folder = cache / f"{name}-{version}"
    archive = cache / f"{name}-{version}.tar.gz"

    if not archive.is_file():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", name, "--dest", str(cache)]
        subprocess.run([*command, f"{name}=={version}"], check=True)

    digest = hashlib.sha256(archive.read_bytes()).hexdigest()

    if digest not in digests:
        archive.unlink()
        sys.exit(f"The archive {archive.name} is not the one that is pinned: {digest}.")

    shutil.rmtree(folder, ignore_errors=True)

    with tarfile.open(archive) as tar:
        if sys.version_info >= (3, 12):
            tar.extractall(cache, filter="data")
        else:
            tar.extractall(cache)

    return folder
