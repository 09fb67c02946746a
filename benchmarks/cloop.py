"""Run the reference loop: ``.venv/bin/python -m benchmarks.cloop PORT``."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any

from .build import build_extension


def plaintext() -> str:
    return "Hello, World!"


def encode() -> str:
    return json.dumps({"message": "Hello, World!"})


def main() -> None:
    spec = importlib.util.spec_from_file_location("_cloop", build_extension())
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.serve(int(sys.argv[1]), plaintext, encode)


if __name__ == "__main__":
    main()
