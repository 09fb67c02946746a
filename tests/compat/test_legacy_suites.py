"""The list of former years' tests that fail notices when one fails for another cause."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask_suite import read_missing
from flask_suite_results import find_place
from legacy_suites import MISSING, SUITES, find_moved

FAILED = {"suite/test.py::test_a": "AssertionError: assert 1 == 2"}
PLACES = {"suite/test.py::test_a": "test.py:7 AssertionError"}


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("test.py:7 AssertionError  # a cause", ""),
        ("test.py:8 AssertionError  # a cause", "FAILS at test.py:7 AssertionError"),
        ("test.py:7 TypeError  # a cause", "FAILS at test.py:7 AssertionError"),
        ("a cause without a place", "NO CAUSE"),
    ],
)
def test_a_failure_at_another_place_is_noticed(reason: str, said: str) -> None:
    moved = find_moved(FAILED, {"suite/test.py::test_a": reason}, PLACES)

    assert [line.startswith(said) for line in moved] == [True] * bool(said)


def test_the_place_of_an_error_is_its_last_line_in_the_suite() -> None:
    def fail() -> None:
        Path("missing").read_bytes()

    with pytest.raises(FileNotFoundError) as caught:
        fail()

    line = fail.__code__.co_firstlineno + 1
    here = find_place(caught.value, Path(__file__).parent)
    assert here == f"test_legacy_suites.py:{line} FileNotFoundError"
    assert find_place(caught.value, Path("/elsewhere")) == "FileNotFoundError"


def test_each_listed_failure_has_its_place_and_cause() -> None:
    for test, reason in read_missing(MISSING).items():
        place, _, cause = reason.partition("  # ")

        assert test.startswith(tuple(f"{suite.folder}/" for suite in SUITES))
        assert place.partition(":")[0].endswith(".py"), test
        assert cause, test
