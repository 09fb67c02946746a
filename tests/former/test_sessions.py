"""The methods for sessions that an application had."""

from __future__ import annotations

import pytest

from bustapi import BustAPI


def test_a_session_method_that_is_put_back_leaves_nothing_behind(app: BustAPI) -> None:
    before = dict(vars(app))
    original = app.open_session

    with pytest.warns(DeprecationWarning):
        app.open_session = lambda request: None

    app.open_session = original

    assert vars(app) == before


def test_an_assigned_session_method_can_be_deleted_once(app: BustAPI) -> None:
    with pytest.warns(DeprecationWarning):
        app.open_session = lambda request: None

    del app.open_session

    with pytest.raises(AttributeError):
        del app.open_session
