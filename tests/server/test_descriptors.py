"""Descriptors of a worker: they go with it."""

from __future__ import annotations

import gc
import os
from typing import Any

from bustapi._bustapi import Body, RequestHead

from .core import serving, text


def hello(head: RequestHead, body: Body | None) -> Any:
    return text(b"hello")


def test_a_worker_that_has_ended_gives_its_descriptors_back() -> None:
    def open_descriptors() -> set[str]:
        # What earlier tests have left goes first; some of it only after some other.
        while gc.collect():
            pass

        return set(os.listdir("/proc/self/fd"))

    before = open_descriptors()

    for _ in range(3):
        # What starts its threads has the worker, and the worker has that.
        with serving(hello) as server:
            assert server.get().endswith(b"hello")
        del server

    assert open_descriptors() == before
