"""Filters that name Flask's modules: they match what Flask warns of."""

from __future__ import annotations

import pytest

from interpreters import Environment, check

# Werkzeug warns in the name of whoever binds the map to the environ.
WARNS = """
    import flask
    app = flask.Flask("warned", subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/", view_func=lambda: "answer")
    {about}
        client = app.test_client()
        answer = client.get("/", base_url="http://other.example/")
        assert answer.status_code == 404
"""
FILTER = "error:Current server name:UserWarning:flask.app"


@pytest.mark.parametrize("alias", [None, "1"])
def test_an_option_of_the_interpreter_matches_flask_app(
    beside: Environment, alias: str | None
) -> None:
    beside.write("main.py", WARNS.format(about="if True:"))

    loud = beside.run("main.py", alias=alias)
    quiet = beside.run("-W", "ignore::UserWarning:flask.app", "main.py", alias=alias)
    strict = beside.run("-W", "error::UserWarning:flask.app", "main.py", alias=alias)

    assert "UserWarning: Current server name" in loud.stderr
    assert (check(quiet), quiet.stderr) == ("", "")
    assert strict.returncode == 1


@pytest.mark.parametrize("alias", [None, "1"])
def test_a_filter_of_pytest_matches_flask_app(
    beside: Environment, alias: str | None
) -> None:
    beside.write("test_it.py", WARNS.format(about="def test_it():"))
    beside.write(
        "pytest.ini",
        """
        [pytest]
        filterwarnings =
            error
            ignore:Current server name:UserWarning:flask.app
        """,
    )

    check(beside.run("-m", "pytest", "-q", "-p", "no:cacheprovider", alias=alias))


@pytest.mark.parametrize("alias", [None, "1"])
def test_a_filter_of_the_program_matches_flask_app(
    beside: Environment, alias: str | None
) -> None:
    about = (
        "import warnings\n"
        "    warnings.filterwarnings('ignore', module=r'flask\\.app')\n"
        "    if True:"
    )
    beside.write("main.py", WARNS.format(about=about))

    process = beside.run("main.py", alias=alias)

    assert (check(process), process.stderr) == ("", "")
