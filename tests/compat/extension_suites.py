"""Test suites of extensions of today, run on Flask and on this package by its alias.

The source distributions are fetched with pip and unpacked below ``.cache``; none of them
is kept in version control. The extensions, what their tests import and Flask itself have a
virtual environment there. A test that passes on one side and fails on the other is an
error; one that fails on both tells nothing.

    .venv/bin/python tests/compat/extension_suites.py                    compare
    .venv/bin/python tests/compat/extension_suites.py Flask-WTF          only this one
    .venv/bin/python tests/compat/extension_suites.py Flask-Pydantic --tests FOLDER

The last takes the tests from a checkout: a distribution need not have any. Where it has
none, tests in ``extensions/`` use the extension as its own do.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import suites
from flask_suite import PLUGIN, read_results

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "extensions"
REQUIREMENTS = ROOT / "requirements" / "extensions.txt"


class Suite(NamedTuple):
    """The tests of an extension, or of an agent."""

    name: str
    # Name of the archive, and the version that the requirements pin.
    archive: str
    # Where the tests are if the archive has none.
    tests: Path | None = None
    # Plugins of pytest that its tests use; others are not loaded.
    plugins: tuple[str, ...] = ()
    # Where in the archive they are.
    folder: str = "tests"
    # A folder of the archive whose modules they import.
    path: str | None = None
    variables: dict[str, str] = {}
    # Lines of pytest's configuration that they depend on.
    configuration: str = ""

    def version(self) -> str:
        """Return the version that the requirements pin."""
        name = re.escape(self.name.lower())
        pinned = re.search(rf"^{name}==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
        assert pinned is not None, f"{self.name} does not stand in {REQUIREMENTS.name}"
        return pinned[1]

    def find_tests(self) -> Path:
        """Return the folder with the tests."""
        return self.tests if self.tests is not None else self.fetch() / self.folder

    def find_path(self) -> list[str]:
        """Return what comes onto the path of the interpreter."""
        return [] if self.path is None else [str(self.fetch() / self.path)]

    def fetch(self) -> Path:
        """Return the folder of the source distribution."""
        digests = REQUIREMENTS.read_text()
        return suites.fetch(CACHE, self.archive, self.version(), digests)


SUITES = (
    Suite("APIFlask", "apiflask"),
    Suite("Flask-Login", "Flask-Login"),
    Suite(
        "Flask-Pydantic",
        "flask_pydantic",
        HERE / "extensions" / "flask_pydantic",
        ("pytest_flask.plugin", "pytest_mock"),
    ),
    Suite("Flask-SQLAlchemy", "flask_sqlalchemy"),
    Suite("Flask-WTF", "flask_wtf"),
    # An agent: its metrics are named after Flask's functions.
    Suite(
        "newrelic",
        "newrelic",
        folder="tests/framework_flask",
        path="tests",
        variables={"NEW_RELIC_DEVELOPER_MODE": "true"},
        configuration=(
            "usefixtures = collector_available_fixture collector_agent_registration\n"
        ),
    ),
)


def main() -> int:
    """Run the suites and return the exit code of the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [suite.name for suite in SUITES]
    parser.add_argument("name", nargs="?", choices=names, help="only this extension")
    parser.add_argument("--tests", type=Path, help="folder of tests to take instead")
    options = parser.parse_args()

    if options.tests is not None and options.name is None:
        parser.error("'--tests' has the tests of one extension. Name it.")

    python = suites.make_environment(CACHE / "venv", REQUIREMENTS)
    differing = 0

    for suite in SUITES:
        if options.name in {None, suite.name}:
            differing += compare(python, suite, options.tests or suite.find_tests())

    return 1 if differing else 0


def compare(python: Path, suite: Suite, tests: Path) -> int:
    """Run a suite on both sides, print how they differ, and return in how many tests."""
    theirs = run(python, suite, tests, on_flask=True)
    ours = run(python, suite, tests, on_flask=False)
    nowhere = "it was not collected"
    found = {test: ours.get(test, nowhere) for test in {**theirs, **ours}}
    passing = [test for test, why in theirs.items() if why == PASSED]

    if not passing:
        sys.exit(f"{suite.name}: no test passes on Flask, so this compares nothing.")

    agreeing = sum(found[test] == PASSED for test in passing)
    print(
        f"{suite.name} {suite.version()}: {len(passing)} of {len(theirs)} tests pass on"
        f" Flask, {agreeing} of these here."
    )
    differing = [
        test
        for test, why in found.items()
        if (why == PASSED) != (theirs.get(test, nowhere) == PASSED)
    ]

    for test in differing:
        print(f"    {test}")
        print(f"        on Flask: {theirs.get(test, nowhere)}")
        print(f"        here: {found[test]}")

    return len(differing)


PASSED = "it passes"


def run(python: Path, suite: Suite, tests: Path, *, on_flask: bool) -> dict[str, str]:
    """Run a suite on one side, and return for each test what became of it."""
    side = "flask" if on_flask else "bustapi"
    folder = CACHE / "run" / side / suite.name
    # Away from the sources of the extension, which is installed.
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tests, folder / "tests")
    # Not those of the suite, which ask for plugins that say nothing about Flask.
    folder.joinpath("pytest.ini").write_text(
        f"[pytest]\npython_files = test_*.py checks_*.py\n{suite.configuration}"
    )
    results, framework = folder / "results.json", folder / "flask.txt"
    path = [str(HERE), *suite.find_path()]
    path += [] if on_flask else [str(ROOT / "python")]
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BUSTAPI_", "FLASK_", "PYTHON", "PYTEST_"))
    }
    environ.update(
        suite.variables,
        EXTENSION_SUITE_SIDE=str(framework),
        FLASK_SUITE_RESULTS=str(results),
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONPATH=os.pathsep.join(path),
    )
    command = [str(python), "-m", "pytest", "-q", "--tb=no", "--no-header"]
    command += [] if on_flask else ["-p", "bustapi_alias"]
    plugins = [PLUGIN, "extension_suite_side", "no:cacheprovider", *suite.plugins]
    command += [argument for plugin in plugins for argument in ("-p", plugin)]
    command += ["--disable-warnings", "--continue-on-collection-errors", "tests"]
    finished = subprocess.run(
        command, cwd=folder, env=environ, text=True, capture_output=True, timeout=600
    )

    if not results.is_file():
        print(finished.stdout, finished.stderr, sep="\n")
        sys.exit(f"{suite.name} did not run: pytest ended with {finished.returncode}.")

    found = framework.read_text()

    if found == "None" or Path(found).is_relative_to(ROOT / "python") is on_flask:
        print(finished.stdout, finished.stderr, sep="\n")
        sys.exit(f"{suite.name} was to run on {side}, and Flask was {found}.")

    outcomes, skipped = read_results(results)
    return {
        test: why or ("it is skipped" if test in skipped else PASSED)
        for test, why in outcomes.items()
    }


if __name__ == "__main__":
    sys.exit(main())
