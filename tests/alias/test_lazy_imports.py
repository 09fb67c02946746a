"""Imports that are carried out when their name is first used (PEP 810)."""

from __future__ import annotations

import sys

import pytest

from interpreters import Environment, check

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 15), reason="lazy imports came with CPython 3.15"
)

LAZY = """
    import sys
    lazy import flask
    lazy import flask.views
    lazy from flask import Flask
    lazy from flask.sansio.app import App
    {install}
    assert "bustapi" not in sys.modules
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "answered")
    print(app.test_client().get("/").text, isinstance(app, App))

    import bustapi
    print(flask is bustapi, flask.views is bustapi.views, Flask is bustapi.Flask)
"""

PLAIN = """
    import flask
    from flask import Flask, request

    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: request.path)
    print(app.test_client().get("/").text)

    import bustapi
    print(flask is bustapi)
"""


@pytest.mark.parametrize("how", ["variable", "program"])
def test_lazy_imports_of_flask_are_answered_when_they_are_used(
    beside: Environment, how: str
) -> None:
    # A program may turn the alias on after such an import, as long as it is unused.
    install = (
        "" if how == "variable" else "import bustapi_alias; bustapi_alias.install()"
    )
    beside.write("main.py", LAZY.format(install=install))

    out = check(
        beside.run("-W", "error", "main.py", alias="1" if how == "variable" else None)
    )

    assert out.splitlines() == ["answered True", "True True True"]


def test_a_program_may_have_all_imports_lazy(beside: Environment) -> None:
    beside.write("main.py", PLAIN)

    out = check(beside.run("-W", "error", "-X", "lazy_imports=all", "main.py"))

    assert out.splitlines() == ["/", "True"]
