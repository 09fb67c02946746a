"""The page of the specification shows the tests as they are."""

from __future__ import annotations

from bustapi import BustAPI, Flask
from specification.mutate import IN_NO_CLASS, headings
from specification.table import PAGE, row, statements


def test_the_page_has_a_row_for_each_statement() -> None:
    text = PAGE.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]

    assert rows == [row(statement, "passed") for statement in statements()], (
        "The page is not what the tests say. Call `make snapshots`."
    )


def test_each_attribute_and_method_has_a_test() -> None:
    assert len(headings()) >= 103
    assert not headings() & IN_NO_CLASS


def test_a_flask_has_none_of_the_names_that_were_removed() -> None:
    removed = {name for name in vars(BustAPI.__mro__[1]) if not name.startswith("_")}

    assert {name for name in removed if hasattr(Flask, name)} == {
        "jinja_env",
        "json_provider_class",
        "logger",
    }
