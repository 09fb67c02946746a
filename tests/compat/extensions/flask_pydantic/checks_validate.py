"""Views that Flask-Pydantic validates, the request patched as its own tests patch it.

They put a mock in the place of the request of a pushed context and take it away again.
Annotations are not postponed: Flask-Pydantic takes them as they are.
"""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from flask import Flask, jsonify, request
from flask_pydantic import ValidationError, validate
from flask_pydantic.exceptions import JsonBodyParsingError
from pydantic import BaseModel
from werkzeug.datastructures import ImmutableMultiDict


class Page(BaseModel):
    number: int
    size: int = 10


class Note(BaseModel):
    text: str


class Found(BaseModel):
    text: str
    number: int


@pytest.fixture
def app() -> Flask:
    return Flask("notes")


@pytest.fixture
def context(app: Flask) -> Iterator[Any]:
    with app.test_request_context() as context:
        yield context


@pytest.fixture
def patched(context: Any, mocker: Any) -> Any:
    """A mock that stands for the request until the end of the test."""
    patched = mocker.patch.object(context, "request")
    patched.args = ImmutableMultiDict({"number": "3"})
    patched.form = ImmutableMultiDict({"text": "form"})
    patched.headers = {"Content-Type": "application/json"}
    patched.get_json = lambda: {"text": "body"}
    return patched


def test_the_request_is_the_one_it_was_when_the_patch_ends(context: Any) -> None:
    before = context.request

    with mock.patch.object(context, "request") as patched:
        assert request._get_current_object() is patched

    assert context.request is before
    assert request._get_current_object() is before


def test_each_of_two_patches_ends(context: Any, mocker: Any) -> None:
    before = context.request
    mocker.patch.object(context, "request")
    mocker.patch.object(context, "request", "another")

    mocker.stopall()

    assert context.request is before


@pytest.mark.parametrize("name", ["url_adapter", "flashes"])
def test_other_parts_of_a_context_can_be_patched(
    context: Any, mocker: Any, name: str
) -> None:
    before = getattr(context, name)
    patched = mocker.patch.object(context, name)

    assert getattr(context, name) is patched

    mocker.stopall()

    assert getattr(context, name) is before


def test_models_are_made_of_a_patched_request(patched: Any) -> None:
    @validate(body=Note, query=Page)
    def view() -> Found:
        text, number = patched.body_params.text, patched.query_params.number
        return Found(text=text, number=number)

    response = view()

    assert (response.status_code, response.json) == (200, {"text": "body", "number": 3})


def test_models_are_made_for_the_arguments_of_a_view(patched: Any) -> None:
    @validate(on_success_status=201)
    def view(query: Page, form: Note) -> Found:
        return Found(text=form.text, number=query.number)

    response = view()

    assert (response.status_code, response.json) == (201, {"text": "form", "number": 3})


def test_a_list_of_models_is_a_list(patched: Any) -> None:
    patched.get_json = lambda: [{"text": "a"}, {"text": "b"}]

    @validate(body=Note, request_body_many=True, response_many=True)
    def view() -> list[Note]:
        return list(patched.body_params)

    assert view().json == [{"text": "a"}, {"text": "b"}]


def test_a_response_stays_as_it_is(context: Any) -> None:
    response = validate()(lambda: jsonify(a=1))()

    assert response.json == {"a": 1}


def test_what_is_missing_is_told_with_the_status_that_is_configured(
    app: Flask, patched: Any
) -> None:
    patched.args = ImmutableMultiDict()
    view = validate(query=Page)(lambda: "")

    assert view().status_code == 400

    app.config["FLASK_PYDANTIC_VALIDATION_ERROR_STATUS_CODE"] = 422

    response = view()

    assert response.status_code == 422
    [error] = response.json["validation_error"]["query_params"]
    assert (error["loc"], error["type"]) == (["number"], "missing")


def test_what_is_missing_is_raised_when_that_is_configured(
    app: Flask, patched: Any
) -> None:
    app.config["FLASK_PYDANTIC_VALIDATION_ERROR_RAISE"] = True
    patched.args = ImmutableMultiDict()

    with pytest.raises(ValidationError):
        validate(query=Page)(lambda: "")()


def test_a_body_that_is_no_json_is_raised(patched: Any) -> None:
    patched.get_json = lambda: None

    with pytest.raises(JsonBodyParsingError):
        validate(body=Note)(lambda: "")()


def test_a_body_of_another_type_is_not_supported(patched: Any) -> None:
    patched.get_json = lambda: None
    patched.headers = {"Content-Type": "text/plain"}

    response = validate(body=Note)(lambda: "")()

    assert response.status_code == 415


def test_a_view_is_validated_in_a_request(app: Flask) -> None:
    @app.post("/notes/<int:number>")
    @validate()
    def save(number: int, body: Note, query: Page) -> Found:
        return Found(text=body.text, number=number + query.number)

    client = app.test_client()
    saved = client.post("/notes/4?number=3", json={"text": "x"})
    refused = client.post("/notes/4", json={})

    assert (saved.status_code, saved.json) == (200, {"text": "x", "number": 7})
    assert refused.status_code == 400
    assert refused.json is not None
    assert set(refused.json["validation_error"]) == {"body_params", "query_params"}
