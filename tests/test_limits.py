"""Limits of forms, files and bodies that a request sets for itself, over every edge."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import TestResponse, encode_multipart

from bustapi import Flask, request

if TYPE_CHECKING:
    from bustapi.testing import FlaskClient

MIB = 1024 * 1024


def post_form(client: FlaskClient, values: dict[str, Any]) -> TestResponse:
    """Post a multipart form; the client itself would leave its temporary file open."""
    boundary, data = encode_multipart(values)
    content_type = f"multipart/form-data; boundary={boundary}"
    return client.post("/", data=data, content_type=content_type)


@pytest.mark.socket
def test_a_view_may_take_larger_files_and_fields(
    app: Flask, client: FlaskClient
) -> None:
    app.config.update(MAX_CONTENT_LENGTH=1000, MAX_FORM_MEMORY_SIZE=1000)
    file, field = b"f" * 3 * MIB, "v" * MIB

    @app.post("/")
    def view() -> list[int]:
        request.max_content_length = 10 * MIB
        request.max_form_memory_size = 2 * MIB

        with request:
            return [len(request.files["file"].read()), len(request.form["field"])]

    upload = FileStorage(BytesIO(file), "a.bin")
    response = post_form(client, {"file": upload, "field": field})

    assert response.json == [3 * MIB, MIB]


@pytest.mark.socket
def test_a_view_may_take_smaller_fields(app: Flask, client: FlaskClient) -> None:
    @app.post("/")
    def view() -> str:
        request.max_form_memory_size = 10
        return request.form["field"]

    response = post_form(client, {"field": "v" * 11})

    assert response.status_code == 413


@pytest.mark.socket
def test_a_view_may_take_a_larger_urlencoded_form(
    app: Flask, client: FlaskClient
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000

    @app.post("/")
    def view() -> str:
        request.max_content_length = 10 * MIB
        return str(len(request.form["field"]))

    response = client.post("/", data={"field": "v" * 3 * MIB})

    assert response.text == str(3 * MIB)


@pytest.mark.socket
def test_reading_a_body_above_the_limit_raises_in_the_view(
    app: Flask, client: FlaskClient
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2 * MIB

    @app.post("/")
    def view() -> str:
        with pytest.raises(RequestEntityTooLarge):
            request.get_data()

        return "caught"

    assert client.post("/", data=b"x" * 3 * MIB).text == "caught"
