"""Error handlers by status code."""

from __future__ import annotations

import pytest

from bustapi import BustAPI


def test_a_function_without_a_status_code_cannot_be_an_error_handler(
    app: BustAPI,
) -> None:
    with pytest.raises(ValueError, match="999"):
        app.error_handler_spec[None][999] = lambda error: ""  # type: ignore[assignment]
