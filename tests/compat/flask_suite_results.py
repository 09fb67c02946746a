"""A pytest plugin that writes what became of each test of Flask's suite to a file."""

from __future__ import annotations

import json
import os
import traceback
from pathlib import Path

import pytest

outcomes: dict[str, str] = {}
"""Per test the first line of its error, or nothing if it passed or was skipped."""

places: dict[str, str] = {}
"""Per test that fails the line of the suite that fails and the class of the error."""

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


def pytest_exception_interact(
    node: pytest.Item | pytest.Collector,
    call: pytest.CallInfo[object],
    report: pytest.TestReport | pytest.CollectReport,
) -> None:
    """Keep where the first failure of each test is."""
    if call.excinfo is not None:
        place = find_place(call.excinfo.value, node.config.rootpath)
        places.setdefault(report.nodeid, place)


def pytest_sessionfinish() -> None:
    """Write the file that the environment names."""
    Path(os.environ["FLASK_SUITE_RESULTS"]).write_text(
        json.dumps({"outcomes": outcomes, "skipped": skipped, "places": places})
    )


def find_place(error: BaseException, folder: Path) -> str:
    """Return the last line in a folder that an error passed, and the error's class."""
    lines = [
        f"{Path(frame.f_code.co_filename).name}:{number} {type(error).__name__}"
        for frame, number in traceback.walk_tb(error.__traceback__)
        if folder in Path(frame.f_code.co_filename).parents
    ]

    if lines:
        return lines[-1]

    # A module that cannot be imported is reported by an error of pytest's.
    if error.__cause__ is not None:
        return find_place(error.__cause__, folder)

    return type(error).__name__


def first_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the message of the error that a report is about, on one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else report.longreprtext
    lines = text.strip().splitlines()
    return (lines[0] if crash is not None else lines[-1]) if lines else report.when
