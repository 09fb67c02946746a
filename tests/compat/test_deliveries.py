"""A response is delivered as by Flask, whatever was put in the place of its parts."""

from __future__ import annotations

import json

import pytest
from questions import Question
from sides import EDGES, Sides, difference

TAKEN_WHOLE = {
    "/passed/response-bytes": "bytes are taken for one piece, not for numbers",
    "/passed/response-mixed": "a list is judged before its first piece is sent",
}
"""What the server does otherwise where Flask leaves it to the server, and how."""


@pytest.mark.parametrize("place", ["view", "hook"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("way", EDGES)
def test_a_changed_response_is_delivered_as_by_flask(
    sides: Sides, way: str, method: str, place: str
) -> None:
    config = {"HOOK": place == "hook"}
    names = sides.flask.ask(Question("GET", "/names", app="deliveries"))
    questions = [
        Question(method, path, app="deliveries", config=config)
        for path in json.loads(names.body)
    ]

    theirs = sides.flask.ask_all(questions)
    ours = sides.of(way).ask_all(questions)

    differences = [
        f"{question.target}\n    {found}"
        for question, actual, expected in zip(questions, ours, theirs, strict=True)
        if (way == "wsgi" or question.target not in TAKEN_WHOLE)
        and (found := difference(actual, expected, question, way)) is not None
    ]
    assert not differences, "\n".join(differences)
