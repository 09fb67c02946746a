"""The same applications under Flask and under this package give the same answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from questions import HERE, Question, read_questions
from sides import EDGES, REFUSED, Sides, answers_of, assert_same

CASES = [
    (path.stem, number, question)
    for path in sorted((HERE / "requests").glob("*.txt"))
    for number, question in enumerate(read_questions(path.stem))
]


@pytest.fixture(scope="module")
def sides(flask_python: str) -> Iterator[Sides]:
    """Both frameworks, waiting for questions."""
    sides = Sides.start(flask_python)
    yield sides
    sides.close()


@pytest.mark.parametrize(
    ("way", "name", "number", "question"),
    [
        pytest.param(way, *case, id=f"{way}-{case[0]}-{case[2].line[:60]}")
        for way in EDGES
        for case in CASES
        if way == "wsgi" or case[2].line not in REFUSED
    ],
)
def test_an_answer_is_flasks(
    sides: Sides, way: str, name: str, number: int, question: Question
) -> None:
    expected = answers_of(sides.flask, name)[number]

    actual = answers_of(sides.of(way), name)[number]

    assert_same(actual, expected, question, way)


def test_every_application_is_asked() -> None:
    applications = {path.stem for path in (HERE / "applications").glob("*.py")}

    assert applications - {name for name, _, _ in CASES} == set()
