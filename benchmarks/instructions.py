"""Count the instructions of a native request with callgrind.

    .venv/bin/python -m benchmarks.instructions

The counts do not depend on what else the machine does, so they settle differences that
times cannot. Two runs that differ only in the number of requests are subtracted, which
takes the start of the interpreter away. The kernel's part is not counted.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

from bustapi import _bustapi
from bustapi.server.handler import make_handler

from .stages import REQUEST, Constant, app

FEW, MANY = 1_000, 5_000
HANDLERS: dict[str, Callable[[], _bustapi.Handler]] = {
    "core": Constant,
    "application": lambda: make_handler(app),
}


def answer(kind: str, count: int) -> None:
    """Answer so many requests, ten in a go, without a socket."""
    handler = HANDLERS[kind]()
    _bustapi.exchange(make_handler(app), REQUEST, index=app._rule_index)

    for _ in range(count // 10):
        _bustapi.exchange(handler, REQUEST * 10, index=app._rule_index)


def count_instructions(kind: str, count: int) -> int:
    """Run :func:`answer` under callgrind and return all instructions of the process."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    result = subprocess.run(
        [*command, sys.executable, "-m", "benchmarks.instructions", kind, str(count)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Collected : (\d+)", result.stderr)

    if found is None:
        sys.exit(f"callgrind gave no count:\n{result.stderr}")

    return int(found[1])


def main() -> None:
    if len(sys.argv) == 3:
        answer(sys.argv[1], int(sys.argv[2]))
        return

    if shutil.which("valgrind") is None:
        sys.exit(
            "valgrind was not found. Install it, as with 'apt-get install valgrind'."
        )

    for kind in HANDLERS:
        more = count_instructions(kind, MANY) - count_instructions(kind, FEW)
        print(
            f"{kind:12} {more / (MANY - FEW):8.0f} instructions a request", flush=True
        )


if __name__ == "__main__":
    main()
