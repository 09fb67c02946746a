"""An application with the former names."""

from __future__ import annotations

import pytest

from bustapi import BustAPI


@pytest.fixture
def app() -> BustAPI:
    """An application with nothing in it."""
    return BustAPI()
