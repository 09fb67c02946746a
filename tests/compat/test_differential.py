"""The same applications under Flask and under this package give the same answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from questions import HERE, Answer, Question, read_questions
from sides import EDGES, Sides, difference

GROUPS = [
    (f"{path.stem} {json.dumps(group[0].config)}", group)
    for path in sorted((HERE / "requests").glob("*.txt"))
    for group in read_questions(path.stem)
]


@pytest.fixture(scope="module")
def expected(
    sides: Sides, request: pytest.FixtureRequest
) -> tuple[list[Question], list[Answer]]:
    """The requests of one application in one configuration, and Flask's answers."""
    group: list[Question] = request.param
    return group, sides.flask.ask_all(group)


@pytest.mark.parametrize("way", EDGES)
@pytest.mark.parametrize(
    "expected",
    [pytest.param(group, id=name) for name, group in GROUPS],
    indirect=True,
)
def test_answers_are_flasks(
    sides: Sides, expected: tuple[list[Question], list[Answer]], way: str
) -> None:
    questions, theirs = expected

    ours = sides.of(way).ask_all(questions)

    differences = [
        f"{question.line}\n    {found}"
        for question, actual, answer in zip(questions, ours, theirs, strict=True)
        if (found := difference(actual, answer, question, way)) is not None
    ]
    assert not differences, "\n".join(differences)


def test_every_application_is_asked() -> None:
    applications = {path.stem for path in (HERE / "applications").glob("*.py")}
    asked = {group[0].app for _, group in GROUPS}

    assert applications - asked == {"deliveries", "unseen"}


@pytest.mark.parametrize("way", EDGES)
@pytest.mark.parametrize(
    "change",
    [
        {"status": "201 CREATED"},
        {"body": "else"},
        {"headers": [("X-A", "1"), ("Content-Length", "4"), ("X-B", "2")]},
        {"headers": [("Content-Length", "4")]},
        {"headers": [("X-A", "1"), ("Content-Length", "4")]},
        {"headers": [("Content-Length", "5"), ("X-A", "1")]},
        {"headers": [("X-A", "1")]},
        {"error": "KeyError"},
        {"asides": ["UserWarning"]},
    ],
)
def test_a_difference_is_noticed(way: str, change: dict[str, Any]) -> None:
    fields = [("Content-Length", "4"), ("X-A", "1")]
    expected = Answer("200 OK", fields, "body")
    question = Question("GET", "/")

    assert difference(expected, expected, question, way) is None
    assert difference(expected._replace(**change), expected, question, way) is not None


@pytest.mark.parametrize(
    ("fields", "is_noticed"),
    [
        ([("X-A", "1"), ("Content-Length", "4")], False),
        ([("X-A", "1")], False),
        ([("X-A", "1"), ("Content-Length", "5")], True),
        ([("Content-Length", "4"), ("X-A", "1")], True),
    ],
)
@pytest.mark.parametrize("way", ["native", "socket"])
def test_a_length_may_be_added_behind_the_fields(
    way: str, fields: list[tuple[str, str]], is_noticed: bool
) -> None:
    expected = Answer("200 OK", [("X-A", "1")], "body")

    found = difference(
        expected._replace(headers=fields), expected, Question("GET", "/"), way
    )

    assert (found is not None) == is_noticed
