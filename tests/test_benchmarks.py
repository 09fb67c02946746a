"""The benchmarks: what they measure is answered rightly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from benchmarks.run import APP, PROXIED, REAL, WORKLOADS, Server, check, servers


@pytest.fixture(scope="module", params=[APP, PROXIED, REAL])
def both(request: pytest.FixtureRequest, flask_python: str) -> Iterator[list[Server]]:
    """BustAPI and Flask with one of the applications, as they are measured."""
    found = [s for s in servers(flask_python, [request.param]) if s.only is None]

    with ExitStack() as stack:
        for server in found:
            stack.callback(server.stop)
            server.start(min(os.sched_getaffinity(0)))

        yield found


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"),
    reason="the benchmarks bind servers to a processor, which Linux can",
)
def test_both_servers_answer_what_is_measured(both: list[Server]) -> None:
    for server in both:
        for workload in WORKLOADS:
            if workload.app == server.app:
                check(server, workload.enter(server))
