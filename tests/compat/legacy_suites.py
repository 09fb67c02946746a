"""Test suites of former years, of Flask and of extensions, run in legacy mode.

The source distributions are fetched with pip and unpacked below ``.cache``; none of them
is kept in version control. What they need beside this package has its own virtual
environment there. Each test that fails is listed in ``legacy_missing.txt`` with the place where it
fails and the cause. A listed test that passes or fails elsewhere and an unlisted one that
fails are errors. A suite of Flask runs in the world of its own release.

    .venv/bin/python tests/compat/legacy_suites.py         compare with the list
    .venv/bin/python tests/compat/legacy_suites.py --list  print what fails, in the list's format
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import suites
from flask_suite import PLUGIN, compare, read_missing, read_results

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "legacy"
REQUIREMENTS = ROOT / "requirements" / "legacy.txt"
MISSING = Path(__file__).with_name("legacy_missing.txt")


class Suite(NamedTuple):
    """One release of Flask or of an extension."""

    name: str
    version: str
    sha256: str
    # Where the extension itself is; Flask is this package.
    source: str | None = None

    @property
    def release(self) -> str:
        """What legacy mode stands for: an extension wants what was common to several."""
        return "1" if self.source else self.version.rpartition(".")[0]

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"


SUITES = (
    Suite(
        "Flask",
        "0.12.5",
        "fac2b9d443e49f7e7358a444a3db5950bdd0324674d92ba67f8f1f15f876b14f",
    ),
    Suite(
        "Flask",
        "1.0.4",
        "ed1330220a321138de53ec7c534c3d90cf2f7af938c7880fc3da13aa46bf870f",
    ),
    Suite(
        "Flask",
        "1.1.4",
        "0fbeb6180d383a9186d0d6ed954e0042ad9f18e0e8de088b2b419d526927d196",
    ),
    Suite(
        "Flask",
        "2.0.3",
        "e1120c228ca2f553b470df4a5fa927ab66258467526069981b3eb0a91902687d",
    ),
    Suite(
        "Flask",
        "2.2.5",
        "edee9b0a7ff26621bd5a8c10ff484ae28737a2410d99b0bb9a6850c7fb977aa0",
    ),
    Suite(
        "Flask-SQLAlchemy",
        "2.5.1",
        "2bda44b43e7cacb15d4e05ff3cc1f8bc97936cc464623424102bfc2c35e95912",
        ".",
    ),
    Suite(
        "Flask-HTTPAuth",
        "4.5.0",
        "395040fda2854df800d15e84bc4a81a5f32f1d4a5e91eee554936f36f330aa29",
        "src",
    ),
    Suite(
        "Flask-Babel",
        "2.0.0",
        "f9faf45cdb2e1a32ea2ec14403587d4295108f35017a7821a2b1acb8cfd9257d",
        ".",
    ),
)


def main() -> int:
    """Run the suites and return the exit code of the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print what fails")
    options = parser.parse_args()

    python = make_environment()
    outcomes: dict[str, str] = {}
    places: dict[str, str] = {}

    for suite in SUITES:
        found, skipped, where = run(python, suite)
        outcomes.update({f"{suite.folder}/{test}": why for test, why in found.items()})
        places.update({f"{suite.folder}/{test}": at for test, at in where.items()})
        passed = sum(not why for test, why in found.items() if test not in skipped)
        print(
            f"{suite.folder}: {passed} of {len(found)} tests pass,"
            f" {len(skipped)} are skipped.",
            file=sys.stderr,
        )

    failed = {test: why for test, why in outcomes.items() if why}

    if options.list:
        for test, why in failed.items():
            print(f"{test}  # {places[test]}  # {why}")
        return 0

    missing = read_missing(MISSING)
    differs = compare(failed, missing, outcomes)

    for line in find_moved(failed, missing, places):
        print(line)
        differs = 1

    return differs


def find_moved(
    failed: dict[str, str], missing: dict[str, str], places: dict[str, str]
) -> list[str]:
    """Return what is to be said of tests that fail elsewhere than they are listed for.

    :param failed: the tests that fail, by name.
    :param missing: per listed test the place where it fails and the cause.
    :param places: per test that fails its place.
    """
    moved = []

    for test, reason in missing.items():
        place, _, cause = reason.partition("  # ")

        if not cause:
            moved.append(f"NO CAUSE: write place and cause behind the test: {test}")
        elif test in failed and place != places[test]:
            moved.append(f"FAILS at {places[test]}, but is listed for {place}: {test}")

    return moved


def make_environment() -> Path:
    """Return the interpreter that has what the suites need."""
    return suites.make_environment(CACHE / "venv", REQUIREMENTS)


def fetch(suite: Suite) -> Path:
    """Return the folder of a source distribution, which is fetched when it is missing."""
    return suites.fetch(CACHE, suite.name, suite.version, {suite.sha256})


def run(python: Path, suite: Suite) -> tuple[dict[str, str], set[str], dict[str, str]]:
    """Run one suite.

    :return: for each test why it fails, or nothing; the skipped; where which fails.
    """
    folder = fetch(suite)
    # The sources of Flask must not be found.
    tests = CACHE / "run" / suite.folder
    shutil.rmtree(tests, ignore_errors=True)
    shutil.copytree(folder / "tests", tests / "tests")

    # One suite reads it.
    for changes in folder.glob("CHANGES*"):
        shutil.copy(changes, tests)

    # Not those of the suite, which make errors of the warnings of today.
    tests.joinpath("pytest.ini").write_text("[pytest]\n")
    results = tests / "results.json"
    path = [str(ROOT / "python"), str(Path(__file__).parent)]

    if suite.source is not None:
        path.append(str(folder / suite.source))

    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BUSTAPI_", "FLASK_", "PYTHON", "PYTEST_"))
    }
    environ.update(
        BUSTAPI_LEGACY=suite.release,
        FLASK_SUITE_RESULTS=str(results),
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONPATH=os.pathsep.join(path),
    )
    # By its script, as those years ran it: with -m the main module is in a package.
    command = [str(python.with_name("pytest")), "-q", "--tb=no", "--no-header"]
    command += ["-p", "bustapi_alias", "-p", PLUGIN, "-p", "no:cacheprovider"]
    command += ["--disable-warnings", "--continue-on-collection-errors", "tests"]
    finished = subprocess.run(
        command, cwd=tests, env=environ, text=True, capture_output=True, timeout=600
    )

    outcomes: dict[str, str] = {}

    if results.is_file():
        outcomes, skipped = read_results(results)
        places: dict[str, str] = json.loads(results.read_text())["places"]

    if not outcomes:
        print(finished.stdout, finished.stderr, sep="\n")
        sys.exit(
            f"{suite.folder} did not run: pytest ended with {finished.returncode}."
        )

    return outcomes, skipped, places


if __name__ == "__main__":
    sys.exit(main())
