"""The plugin: ``pytest -p bustapi_alias``."""

from __future__ import annotations

import pytest

from interpreters import Environment, check

CONFTEST = """
    import flask, pytest

    @pytest.fixture
    def app():
        return flask.Flask("tested")
"""
TEST = """
    import bustapi, flask

    def test_it(app):
        assert isinstance(app, bustapi.Flask)
        assert flask.Flask is bustapi.Flask
"""
PYTEST = (
    *("-m", "pytest", "-q", "-W", "error"),
    *("-p", "no:cacheprovider", "-p", "no:hypothesispytest"),
)


@pytest.fixture
def suite(beside: Environment) -> Environment:
    beside.write("conftest.py", CONFTEST)
    beside.write("test_it.py", TEST)
    return beside


def test_without_the_plugin_a_suite_runs_on_flask(suite: Environment) -> None:
    process = suite.run(*PYTEST, alias=None)

    assert process.returncode == 1
    assert "isinstance" in process.stdout


def test_the_plugin_installs_the_alias_before_conftest_files(
    suite: Environment,
) -> None:
    check(suite.run(*PYTEST, "-p", "bustapi_alias", alias=None))


def test_the_plugin_can_stand_in_the_configuration(suite: Environment) -> None:
    suite.write("pytest.ini", "[pytest]\naddopts = -p bustapi_alias\n")

    check(suite.run(*PYTEST, alias=None))


def test_the_variable_alone_is_enough(suite: Environment) -> None:
    check(suite.run(*PYTEST))


def test_the_plugin_and_the_variable_go_together(suite: Environment) -> None:
    check(suite.run(*PYTEST, "-p", "bustapi_alias"))


def test_the_plugin_is_there_before_plugins_that_import_flask(
    suite: Environment,
) -> None:
    suite.write("early-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: early\n")
    suite.write("early-1.0.dist-info/entry_points.txt", "[pytest11]\nearly = early\n")
    suite.write("early.py", "from flask import BustAPI\n")

    process = suite.run(*PYTEST, "-p", "bustapi_alias", alias=None)

    assert "1 passed" in check(process)


def test_a_plugin_that_imported_flask_first_is_named(suite: Environment) -> None:
    suite.write("early.py", "from flask import Flask\n")

    process = suite.run(*PYTEST, "-p", "early", "-p", "bustapi_alias", alias=None)

    assert process.returncode != 0
    assert "imported by 'early' (" in process.stderr
