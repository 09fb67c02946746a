"""The benchmarks: what they measure is answered rightly, and the README's table is theirs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from benchmarks.run import APP, PROXIED, REAL, WORKLOADS, Server, check, servers

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (.+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) × \|$", re.M)


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


def test_the_table_of_the_readme_has_a_row_for_each_workload() -> None:
    rows = ROW.findall((ROOT / "README.md").read_text("utf-8"))

    assert [row[0] for row in rows] == [workload.title for workload in WORKLOADS]


def test_the_ratios_of_the_readme_are_those_of_its_figures() -> None:
    for title, _, own, other, ratio in ROW.findall((ROOT / "README.md").read_text()):
        quotient = float(other.replace(",", "")) / float(own.replace(",", ""))
        # It was taken before the figures were rounded, and rounded like them.
        rounding = 0.05 if "." in ratio else 0.5
        nearly = pytest.approx(quotient, abs=rounding + quotient / 100)
        assert float(ratio) == nearly, title
