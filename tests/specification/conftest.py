"""An application of class ``BustAPI`` in a folder of its own, over both edges.

Each test is marked ``statement(heading, words)``: the heading of the specification under
which a statement stands, and a few words of it. ``table.py`` makes a page of the marks,
``mutate.py`` takes away what a heading describes and runs its tests.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from bustapi import BustAPI
from specification.mutate import take_away

if mutant := os.environ.get("SPECIFICATION_MUTANT"):
    take_away(mutant)


@pytest.fixture
def app(tmp_path: Path) -> BustAPI:
    """An application with a secret key that answers errors as in production."""
    app = BustAPI(
        "specified", root_path=str(tmp_path), instance_path=str(tmp_path / "instance")
    )
    app.secret_key = "test key"
    return app


@pytest.fixture
def unconfigured_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has configured logging; pytest itself has, and other tests may have."""
    monkeypatch.setattr(logging.root, "handlers", [])
