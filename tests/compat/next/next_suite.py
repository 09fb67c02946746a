"""Runs the suite without the names that the next versions of the dependencies will lack.

python next_suite.py [arguments of pytest]

1. Versions that are published as candidates are put before the pinned ones.
2. The names that the dependencies deprecate (`deprecated.py`), and those of
   `announced.txt`, are hidden from our code (`sitecustomize.py`).
3. The suite runs, and under it whatever it starts, Flask itself included.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SCRATCH = ROOT / ".cache/compat-next"
CANDIDATES = SCRATCH / "candidates"

MEANT_FOR_TODAY = {
    "tests/compat/test_names.py::test_each_name_is_what_it_is_in_flask": (
        "Flask of today has Werkzeug's ImmutableDict in its defaults, and its code is left"
        " with it"
    ),
}
"""Tests that say something about today only, each with the reason."""


def main(arguments: list[str]) -> int:
    """Run the suite, and return pytest's exit status."""
    from deprecated import PACKAGES

    newer = fetch_candidates(PACKAGES)
    paths = [str(path) for path in (HERE, CANDIDATES)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    # In a process of its own, which sees the candidates.
    listed = subprocess.run(
        [sys.executable, HERE / "deprecated.py"],
        env={**os.environ, "PYTHONPATH": str(CANDIDATES)},
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    (SCRATCH / "names.json").write_bytes(listed)
    count = sum(len(names) for names in json.loads(listed).values())
    print(f"{count} names are hidden; candidates: {', '.join(newer) or 'none'}")

    sys.stdout.flush()
    left_out = [f"--deselect={test}" for test in MEANT_FOR_TODAY]
    command = [sys.executable, "-m", "pytest", *left_out, *arguments]
    return subprocess.call(command, cwd=ROOT, env=environ)


def fetch_candidates(packages: tuple[str, ...]) -> list[str]:
    """Unpack the newest versions, candidates included, that are newer than ours.

    Return them as ``NAME VERSION``.
    """
    shutil.rmtree(CANDIDATES, ignore_errors=True)
    CANDIDATES.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--pre", "--no-deps"]
    subprocess.run([*command, "--target", CANDIDATES, *packages], check=True)
    newer = []

    for found in metadata.distributions(path=[str(CANDIDATES)]):
        name = found.metadata["Name"]

        if found.version != metadata.version(name):
            newer.append(f"{name} {found.version}")
        else:
            remove(found)

    return sorted(newer)


def remove(distribution: metadata.Distribution) -> None:
    """Delete what a distribution installed, so that the pinned one is imported."""
    tops = {re.split(r"[/\\]", str(file))[0] for file in distribution.files or ()}

    for top in tops - {"..", "bin"}:
        shutil.rmtree(CANDIDATES / top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
