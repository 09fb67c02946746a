"""A pytest plugin that writes to a file which Flask the tests ran on."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def pytest_sessionfinish() -> None:
    """Write the file that the environment names."""
    flask = getattr(sys.modules.get("flask"), "__file__", None)
    Path(os.environ["EXTENSION_SUITE_SIDE"]).write_text(str(flask))
