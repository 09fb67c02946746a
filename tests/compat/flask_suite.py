"""Flask's own test suite, run on this package through the alias.

The source distribution of Flask is fetched with pip and unpacked below ``.cache``; none
of it is kept in version control. What still fails is listed, with the reason, in
``flask_missing.txt``. A listed test that passes and an unlisted one that fails are both
errors, so the list is always true. A skipped test counts as neither passed nor failed.

    .venv/bin/python tests/compat/flask_suite.py             compare with the list
    .venv/bin/python tests/compat/flask_suite.py --list      print what fails, in the list's format
    .venv/bin/python tests/compat/flask_suite.py -- -k json  arguments for pytest, no comparison
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

FLASK_VERSION = "3.1.3"
ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
SUITE = CACHE / f"flask-{FLASK_VERSION}"
MISSING = Path(__file__).with_name("flask_missing.txt")
PLUGIN = "flask_suite_results"


def main() -> int:
    """Run the suite and return the exit code of the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print what fails")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    options = parser.parse_args()

    if importlib.util.find_spec("flask") is not None:
        sys.exit(
            "Flask itself is installed beside this interpreter, so the suite could pass"
            " on it. Uninstall it here; the alias is to answer `import flask`."
        )
    if not SUITE.is_dir():
        unpack(download())
    if options.pytest:
        return pytest(options.pytest).returncode

    results = CACHE / "flask-results.json"
    results.unlink(missing_ok=True)
    run = pytest(["-q", "--tb=no", "--no-header"], results, quiet=True)
    if not results.is_file():
        print(run.stdout, run.stderr, sep="\n")
        sys.exit(f"The suite did not run: pytest ended with {run.returncode}.")
    outcomes, skipped = read_results(results)
    failed = {test: why for test, why in outcomes.items() if why}

    if options.list:
        for test, why in failed.items():
            print(f"{test}  # {why}")
        return 0
    passed = len(outcomes) - len(failed) - len(skipped)
    print(
        f"Flask {FLASK_VERSION}'s own suite through the alias: {passed} of"
        f" {len(outcomes)} tests pass, {len(skipped)} are skipped, {len(failed)} fail."
    )
    missing = read_missing()
    for test in failed.keys() & missing.keys():
        print(f"missing: {test}  # {missing[test]}")
    return compare(failed, missing, outcomes)


def download() -> Path:
    """Fetch the source distribution and check it against the pinned hashes."""
    CACHE.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", "flask", "--dest", str(CACHE), f"flask=={FLASK_VERSION}"]
    print(*command)
    subprocess.run(command, check=True)
    archive = CACHE / f"flask-{FLASK_VERSION}.tar.gz"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest not in (ROOT / "requirements/flask.txt").read_text():
        archive.unlink()
        sys.exit(f"The archive {archive.name} is not the one that is pinned: {digest}.")
    return archive


def unpack(archive: Path) -> None:
    """Unpack the tests and their settings, and nothing else of Flask."""
    top = f"flask-{FLASK_VERSION}/"
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if member.name.startswith((top + "tests/", top + "pyproject.toml")):
                if sys.version_info >= (3, 12):
                    tar.extract(member, CACHE, filter="data")
                else:
                    tar.extract(member, CACHE)


def pytest(
    arguments: list[str], results: Path | None = None, *, quiet: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run pytest over the suite with the alias installed before anything is imported."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "bustapi_alias"]
    command += ["-p", "no:cacheprovider", "-c", "pyproject.toml"]
    if results is not None:
        command += ["-p", PLUGIN]
        environ["FLASK_SUITE_RESULTS"] = str(results)
        here = str(Path(__file__).parent)
        environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, (here, os.environ.get("PYTHONPATH")))
        )
    command += arguments
    print(*command, flush=True)
    return subprocess.run(
        command, cwd=SUITE, env=environ, text=True, capture_output=quiet, timeout=900
    )


def read_results(path: Path) -> tuple[dict[str, str], set[str]]:
    """Return for each test why it fails, or nothing, and the tests that were skipped."""
    found = json.loads(path.read_text())
    outcomes: dict[str, str] = found["outcomes"]
    # A test may be skipped and fail all the same, in its teardown.
    return outcomes, {test for test in found["skipped"] if not outcomes[test]}


def read_missing(path: Path = MISSING) -> dict[str, str]:
    """Return the listed tests with the reason of each."""
    missing = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        test, found, reason = line.partition("  # ")
        if not found or not reason.strip():
            sys.exit(f"{path.name}:{number}: write the reason behind the test: {line}")
        missing[test.strip()] = reason.strip()
    return missing


def compare(
    failed: dict[str, str], missing: dict[str, str], outcomes: dict[str, str]
) -> int:
    """Print how the run differs from the list; return 1 if it does."""
    unlisted = {test: why for test, why in failed.items() if test not in missing}
    passing = [test for test in missing if test in outcomes and not outcomes[test]]
    unknown = [test for test in missing if test not in outcomes]
    for test, why in unlisted.items():
        print(f"FAILS, but is not listed: {test}  # {why}")
    for test in passing:
        print(f"PASSES, but is listed as missing: {test}")
    for test in unknown:
        print(f"LISTED, but was not collected: {test}")
    return 1 if unlisted or passing or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
