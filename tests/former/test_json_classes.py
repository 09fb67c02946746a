"""The classes for JSON that an application had."""

from __future__ import annotations

from unittest import mock

import pytest

from bustapi import BustAPI


@pytest.mark.parametrize("name", ["json_decoder", "json_encoder"])
def test_a_class_for_json_is_put_back_after_a_patch(name: str) -> None:
    app = BustAPI("shop")
    before = getattr(app, name)
    mine = type("Mine", (before,), {})

    with pytest.warns(DeprecationWarning), mock.patch.object(app, name, mine):
        assert getattr(app, name) is mine

    assert getattr(app, name) is before
