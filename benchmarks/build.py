"""Compile the two C programs of the benchmarks, once for each change of their source."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE / "build"


def build_load() -> Path:
    """Return the load generator, compiled if its source is newer."""
    return _compile(HERE / "load.c", BUILD / "load", [])


def build_extension() -> Path:
    """Return the reference loop as an extension module of this interpreter."""
    tag = sysconfig.get_config_var("SOABI")
    include = sysconfig.get_paths()["include"]
    options = ["-shared", "-fPIC", f"-I{include}"]
    return _compile(HERE / "_cloop.c", BUILD / f"_cloop.{tag}.so", options)


def _compile(source: Path, target: Path, options: list[str]) -> Path:
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return target

    compiler = shutil.which("cc") or shutil.which("gcc")

    if compiler is None:
        sys.exit(
            "The benchmarks compile two C programs and found no C compiler. Install one,"
            " for example with 'apt-get install gcc libc6-dev'."
        )

    BUILD.mkdir(exist_ok=True)
    command = [compiler, "-O2", "-Wall", "-o", str(target), str(source), *options]
    subprocess.run(command, check=True)
    return target
