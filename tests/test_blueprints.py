"""What a blueprint has beside its rules: templates, files, commands."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import click
import pytest

from bustapi import (
    Blueprint,
    Flask,
    render_template,
    url_for,
)
from bustapi.testing import FlaskClient
from rule_maps import rules

# Templates and files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a template and a static file."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("page of the blueprint")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "file.txt").write_text("file of the blueprint")
    return tmp_path


def test_templates_of_a_blueprint_are_found(client: FlaskClient, folder: Path) -> None:
    app = client.application
    blueprint = Blueprint(
        "part", __name__, template_folder="templates", root_path=str(folder)
    )
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "index", lambda: render_template("page.html"))

    assert client.get("/").text == "page of the blueprint"


def test_static_files_of_a_blueprint_are_sent(
    client: FlaskClient, folder: Path
) -> None:
    app = client.application
    blueprint = Blueprint(
        "part",
        __name__,
        static_folder="static",
        url_prefix="/part",
        root_path=str(folder),
    )
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 60
    app.register_blueprint(blueprint)

    with client.get("/part/static/file.txt") as response:
        assert response.get_data() == b"file of the blueprint"
        assert response.cache_control.max_age == 60
    assert client.get("/part/static/none.txt").status_code == 404
    with app.test_request_context():
        url = url_for("part.static", filename="file.txt")
    assert url == "/part/static/file.txt"


def test_max_age_of_static_files_is_configured(app: Flask) -> None:
    blueprint = Blueprint("part", __name__)

    with app.app_context():
        assert blueprint.get_send_file_max_age("x") is None
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(minutes=1)
        assert blueprint.get_send_file_max_age("x") == 60
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 30
        assert blueprint.get_send_file_max_age("x") == 30


def test_max_age_of_a_static_file_may_be_decided_by_name(
    client: FlaskClient, folder: Path
) -> None:
    class Own(Blueprint):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 100 if filename == "file.txt" else 0

    blueprint = Own("part", __name__, "static", "/files", root_path=str(folder))
    client.application.register_blueprint(blueprint)

    with client.get("/files/file.txt") as response:
        assert response.cache_control.max_age == 100


def test_without_static_folder_there_is_no_file_to_send(app: Flask) -> None:
    blueprint = Blueprint("part", __name__)
    app.register_blueprint(blueprint)

    assert rules(app) == {}
    with pytest.raises(RuntimeError, match="no static folder"):
        blueprint.send_static_file("x")


def test_resources_are_opened_for_reading_only(folder: Path) -> None:
    (folder / "text").write_bytes("ü".encode())
    blueprint = Blueprint("part", __name__, root_path=str(folder))

    binary: IO[bytes] = blueprint.open_resource("text")
    text: IO[str] = blueprint.open_resource("text", "r")
    latin: IO[str] = blueprint.open_resource("text", "rt", encoding="latin-1")

    with binary, text, latin:
        assert binary.read() == b"\xc3\xbc"
        assert text.read() == "ü"
        assert latin.read() == "Ã¼"
    with pytest.raises(ValueError, match="'w'"):
        blueprint.open_resource("text", "w")


# Commands


@pytest.mark.parametrize(
    ("own", "given", "command"),
    [
        ({}, {}, ["part", "hello"]),
        ({"cli_group": "own"}, {}, ["own", "hello"]),
        ({"cli_group": None}, {}, ["hello"]),
        ({"cli_group": "own"}, {"cli_group": "given"}, ["given", "hello"]),
        ({"cli_group": "own"}, {"cli_group": None}, ["hello"]),
        ({}, {"name": "renamed"}, ["renamed", "hello"]),
    ],
)
def test_commands_stand_in_their_group(
    app: Flask, own: dict[str, Any], given: dict[str, Any], command: list[str]
) -> None:
    blueprint = Blueprint("part", __name__, **own)

    @blueprint.cli.command("hello")
    def hello() -> None:
        click.echo("hello from a blueprint")

    app.register_blueprint(blueprint, **given)

    result = app.test_cli_runner().invoke(args=command)
    assert result.output == "hello from a blueprint\n"


def test_blueprint_without_commands_adds_no_group(app: Flask) -> None:
    app.register_blueprint(Blueprint("part", __name__))

    assert app.cli.commands == {}
