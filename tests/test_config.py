"""The configuration: what each source gives, and what it says when it is absent."""

from __future__ import annotations

import errno
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bustapi import Config, Flask
from bustapi.config import ConfigAttribute


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """An empty configuration whose files lie in a folder of the test."""
    return Config(tmp_path)


class Settings:
    """Settings with names that are taken and names that are not."""

    KEY = "value"
    _KEY = "starts with an underscore"
    A1 = 1
    key = "small"
    Mixed = "mixed"

    @property
    def PROPERTY(self) -> str:
        return "read"


def test_only_names_in_capitals_are_taken_from_an_object(config: Config) -> None:
    config.from_object(Settings)

    assert config.keys() == {"KEY", "_KEY", "A1", "PROPERTY"}
    assert config["PROPERTY"] is Settings.PROPERTY


def test_an_instance_has_its_properties_read(config: Config) -> None:
    config.from_object(Settings())

    assert config["PROPERTY"] == "read"


def test_an_object_may_be_named(config: Config) -> None:
    config.from_object("http.HTTPStatus")

    assert config["OK"] == 200


def test_a_python_file_is_run(config: Config, tmp_path: Path) -> None:
    (tmp_path / "a.cfg").write_text("KEY = __file__\nsmall = 1\n")

    assert config.from_pyfile("a.cfg") is True
    assert config == {"KEY": str(tmp_path / "a.cfg")}


def test_a_python_file_may_declare_its_encoding(config: Config, tmp_path: Path) -> None:
    source = "# coding: latin-1\nKEY = 'é'\n"
    (tmp_path / "a.cfg").write_bytes(source.encode("latin-1"))

    config.from_pyfile("a.cfg")

    assert config["KEY"] == "é"


@pytest.mark.parametrize("name", ["absent.cfg", "."])
def test_an_absent_file_is_explained_or_passed_over(config: Config, name: str) -> None:
    with pytest.raises(OSError, match=r"Unable to load configuration file \("):
        config.from_pyfile(name)
    with pytest.raises(OSError, match="Unable to load configuration file"):
        config.from_file(name, json.load)

    assert config.from_pyfile(name, silent=True) is False
    assert config.from_file(name, json.load, silent=True) is False
    assert config == {}


def test_a_file_below_a_file_is_absent_for_python_only(
    config: Config, tmp_path: Path
) -> None:
    (tmp_path / "a").touch()

    assert config.from_pyfile("a/b", silent=True) is False
    with pytest.raises(OSError) as raised:
        config.from_file("a/b", json.load, silent=True)
    assert raised.value.errno == errno.ENOTDIR


def test_an_error_in_a_python_file_is_raised(config: Config, tmp_path: Path) -> None:
    (tmp_path / "a.cfg").write_text("KEY = 1 / 0\n")

    with pytest.raises(ZeroDivisionError):
        config.from_pyfile("a.cfg", silent=True)


def test_a_variable_names_a_file(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.cfg").write_text("KEY = 1\n")
    monkeypatch.setenv("SETTINGS", str(tmp_path / "a.cfg"))

    assert config.from_envvar("SETTINGS") is True
    assert config == {"KEY": 1}

    monkeypatch.setenv("SETTINGS", "absent.cfg")
    assert config.from_envvar("SETTINGS", silent=True) is False


def test_a_variable_that_is_not_set_is_explained(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETTINGS", "")

    assert config.from_envvar("SETTINGS", silent=True) is False
    with pytest.raises(RuntimeError, match="'SETTINGS' is not set"):
        config.from_envvar("SETTINGS")


def test_a_mapping_and_arguments_give_names_in_capitals(config: Config) -> None:
    assert config.from_mapping({"A": 1, "b": 2, "C": 3}, A=4, d=5) is True
    assert config == {"A": 4, "C": 3}
    assert config.from_mapping() is True


def test_a_file_is_read_as_text_or_bytes(config: Config, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"A": 1, "b": 2}')

    def load(file: Any) -> dict[str, Any]:
        return {"KIND": type(file.read()).__name__}

    assert config.from_file("a.json", json.load) is True
    config.from_file("a.json", load)
    assert config == {"A": 1, "KIND": "str"}

    config.from_file("a.json", load, text=False)
    assert config["KIND"] == "bytes"


def test_prefixed_variables_are_converted_or_taken_as_text(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "APP_NUMBER": "1",
        "APP_TEXT": "a b",
        "APP_LIST": "[1, true]",
        "APP_small": '"kept"',
        "OTHER_A": "1",
        "APPX": "1",
    }.items():
        monkeypatch.setenv(name, value)

    assert config.from_prefixed_env("APP") is True
    assert config == {"NUMBER": 1, "TEXT": "a b", "LIST": [1, True], "small": "kept"}


def test_the_default_prefix_is_flasks(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_NUMBER", "0x10")

    config.from_prefixed_env(loads=lambda value: int(value, 0))

    assert config["NUMBER"] == 16


def test_two_underscores_lead_into_dictionaries(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    existing = {"Host": "a", "Port": 1}
    config["DB"] = existing
    monkeypatch.setenv("APP_DB__Port", "2")
    monkeypatch.setenv("APP_NEW__deep__er", "3")
    monkeypatch.setenv("APP_NEW__flat", "4")

    config.from_prefixed_env("APP")

    assert config["DB"] is existing
    assert existing == {"Host": "a", "Port": 2}
    assert config["NEW"] == {"deep": {"er": 3}, "flat": 4}


def test_variables_are_taken_in_sorted_order(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_A__B", "2")
    monkeypatch.setenv("APP_A", '{"C": 1}')

    config.from_prefixed_env("APP")

    assert config == {"A": {"B": 2, "C": 1}}


def test_a_namespace_is_cut_out_of_the_keys(config: Config) -> None:
    config.update(STORE_TYPE="fs", STORE_PATH="/var", OTHER=1, STORE_X_Y=2)

    assert config.get_namespace("STORE_") == {"type": "fs", "path": "/var", "x_y": 2}
    assert config.get_namespace("STORE_", lowercase=False).keys() == {
        "TYPE",
        "PATH",
        "X_Y",
    }
    assert config.get_namespace("STORE_T", trim_namespace=False) == {"store_type": "fs"}


def test_the_text_form_shows_class_and_items(tmp_path: Path) -> None:
    class Own(Config):
        pass

    assert repr(Own(tmp_path, {"A": 1})) == "<Own {'A': 1}>"


def test_attributes_of_the_application_are_configuration(app: Flask) -> None:
    app.secret_key = "changed"
    app.config["PERMANENT_SESSION_LIFETIME"] = 60

    assert app.config["SECRET_KEY"] == "changed"
    assert app.permanent_session_lifetime == timedelta(seconds=60)
    assert isinstance(Flask.secret_key, ConfigAttribute)


def test_a_configuration_class_of_ones_own_is_used() -> None:
    class Own(Config):
        pass

    class App(Flask):
        config_class = Own

    assert isinstance(App(__name__).config, Own)
