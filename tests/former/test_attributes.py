"""Attributes that stand for a key of the configuration."""

from __future__ import annotations

import pytest

from bustapi import BustAPI


@pytest.mark.parametrize(
    "name", ["session_cookie_name", "use_x_sendfile", "json_encoder"]
)
def test_what_an_application_does_not_keep_itself_cannot_be_deleted(name: str) -> None:
    app = BustAPI("shop")

    with pytest.raises(AttributeError, match=name):
        delattr(app, name)
