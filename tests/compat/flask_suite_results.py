"""A pytest plugin that writes what became of each test of Flask's suite to a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

outcomes: dict[str, str] = {}
"""Per test the first line of its error, or nothing if it passed or was skipped."""

skipped: list[str] = []
"""The tests that were skipped; one that is expected to fail and does counts too."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the first failure of each test: in its set-up, its call or its teardown."""
    outcomes.setdefault(report.nodeid, "")
    if report.failed and not outcomes[report.nodeid]:
        outcomes[report.nodeid] = first_line(report)
    if report.skipped:
        skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Count a module that cannot be imported as one failed test."""
    if report.failed:
        outcomes[report.nodeid] = first_line(report)
    elif report.skipped:
        outcomes[report.nodeid] = ""
        skipped.append(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write the file that the environment names."""
    Path(os.environ["FLASK_SUITE_RESULTS"]).write_text(
        json.dumps({"outcomes": outcomes, "skipped": skipped})
    )


def first_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the message of the error that a report is about, on one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else report.longreprtext
    lines = text.strip().splitlines()
    return (lines[0] if crash is not None else lines[-1]) if lines else report.when
