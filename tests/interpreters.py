"""Interpreters of their own, for what cannot be tested in the process of the suite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PYTHON = Path(__file__).parents[1] / "python"
FOLDER = PYTHON / "bustapi"
STARTUP_FILE = PYTHON / "wheel.data" / "purelib" / "bustapi_alias.pth"

PROGRAMS = {
    "flask": ("flask.cli", "main"),
    "gunicorn": ("gunicorn.app.wsgiapp", "run"),
    "opentelemetry-instrument": (
        "opentelemetry.instrumentation.auto_instrumentation",
        "run",
    ),
    "pytest": ("pytest", "console_main"),
}
"""The programs of others in an environment, each with the function that it calls."""

Finished = subprocess.CompletedProcess[str]
Run = Callable[..., Finished]


def output_of(script: Path, python: str, *arguments: str) -> str:
    """Run a script to its end and return what it printed; an error of it is one here."""
    finished = subprocess.run(
        [python, str(script), *arguments], capture_output=True, text=True, timeout=25
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment with this package, Flask itself, and the suite's packages.

    This package is there as an editable installation leaves it.
    """

    prefix: Path
    #: The current folder of what is run.
    folder: Path

    @property
    def python(self) -> str:
        return str(self.prefix / "bin" / "python")

    @property
    def site_packages(self) -> Path:
        return site_packages(self.prefix)

    def write(self, name: str, source: str) -> Path:
        """Write a file of the program that is run."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return path

    def variables(self, *, alias: str | None = "1") -> dict[str, str]:
        """Return the environment variables of what is run."""
        variables = own_environment()
        variables["PATH"] = f"{self.prefix / 'bin'}{os.pathsep}{os.environ['PATH']}"

        if alias is not None:
            variables["BUSTAPI_ALIAS"] = alias

        return variables

    def run(
        self,
        *arguments: str,
        alias: str | None = "1",
        program: str | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run the interpreter, or a program, with ``BUSTAPI_ALIAS`` as ``alias``."""
        return subprocess.run(
            [program or self.python, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**self.variables(alias=alias), **(extra or {})},
            stdin=subprocess.DEVNULL,
        )

    def evaluate(self, source: str, *, alias: str | None = "1") -> str:
        """Return what Python source prints."""
        return check(self.run("-c", textwrap.dedent(source), alias=alias))


def make_environment(prefix: Path, *packages_of_others: str) -> Path:
    """Make a virtual environment with this package and the suite's, and programs."""
    venv.create(prefix, symlinks=True)
    add_packages(prefix, str(PYTHON), *packages_of_others)
    add_program(prefix, "bustapi", "bustapi.cli", "main")
    shutil.copy(STARTUP_FILE, site_packages(prefix))

    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        site_packages(prefix).joinpath("coverage.pth").write_text(
            "import coverage; coverage.process_startup()\n"
        )

    return prefix


def packages_of(python: str) -> str:
    """Return the folder of an interpreter's packages."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return check(
        subprocess.run([python, "-c", ask], capture_output=True, text=True)
    ).strip()


def add_packages(prefix: Path, *folders: str) -> None:
    """Add the packages in some folders and the suite's, and programs of theirs."""
    paths = [*folders, sysconfig.get_path("purelib")]
    site_packages(prefix).joinpath("bustapi.pth").write_text("\n".join(paths) + "\n")

    for name, (module, function) in PROGRAMS.items():
        add_program(prefix, name, module, function)


def add_program(prefix: Path, name: str, module: str, function: str) -> None:
    """Add a program as an installation of its package does."""
    script = prefix / "bin" / name
    script.write_text(
        f"#!{prefix / 'bin' / 'python'}\n"
        f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    )
    script.chmod(0o755)


def site_packages(prefix: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return prefix / "lib" / version / "site-packages"


def own_environment() -> dict[str, str]:
    """Return the variables of this process without those that steer what is tested."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BUSTAPI_", "FLASK_", "PYTHON", "PYTEST_"))
    }


def check(process: Finished) -> str:
    """Return what a process printed, which must have ended well."""
    assert process.returncode == 0, process.stderr + process.stdout
    return process.stdout
