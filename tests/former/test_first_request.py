"""Functions that are called before the first request."""

from __future__ import annotations

from unittest import mock

import pytest

from bustapi import BustAPI


def test_functions_before_the_first_request_are_put_back_after_a_patch() -> None:
    app = BustAPI("shop")
    calls: list[str] = []

    with pytest.warns(DeprecationWarning):
        app.before_first_request(lambda: calls.append("registered"))

        with mock.patch.object(app, "before_first_request_funcs", []):
            assert app.before_first_request_funcs == []

    app.test_client().get("/")

    assert calls == ["registered"]
