"""Pickles that cross between Flask and this package."""

from __future__ import annotations

import json

import pytest

from interpreters import Environment, check

# Sessions are not among them: Flask's refer to a local function, which pickle refuses.
WRITE = """
    import pickle, sys
    import flask, flask.views
    from flask.ctx import _AppCtxGlobals

    g = _AppCtxGlobals()
    g.user = "ada"
    values = {
        "config": flask.Config("/root", {"KEY": "value"}),
        "g": g,
        "class": flask.Flask,
        "view": flask.views.MethodView,
        "function": flask.url_for,
    }
    with open(sys.argv[1], "wb") as f:
        pickle.dump(values, f, protocol=int(sys.argv[2]))
"""
READ = """
    import pickle, sys
    with open(sys.argv[1], "rb") as f:
        values = pickle.load(f)
    import flask
    config, g = values["config"], values["g"]
    print(type(config) is flask.Config, config["KEY"], config.root_path)
    print(type(g) is flask.ctx._AppCtxGlobals, g.user)
    print(values["class"] is flask.Flask, values["function"] is flask.url_for)
    print(values["view"] is flask.views.MethodView)
"""
EXPECTED = ["True value /root", "True ada", "True True", "True"]


@pytest.fixture
def scripts(beside: Environment) -> Environment:
    beside.write("write.py", WRITE)
    beside.write("read.py", READ)
    return beside


@pytest.mark.parametrize("protocol", ["2", "5"])
@pytest.mark.parametrize("writer", [None, "1"], ids=["of-flask", "of-ours"])
def test_pickles_are_read_under_the_alias(
    scripts: Environment, writer: str | None, protocol: str
) -> None:
    check(scripts.run("write.py", "pickled", protocol, alias=writer))

    out = check(scripts.run("read.py", "pickled"))

    assert out.splitlines() == EXPECTED


def test_pickles_that_name_this_package_are_read_under_the_alias(
    scripts: Environment,
) -> None:
    scripts.write("write.py", WRITE.replace("flask", "bustapi"))
    check(scripts.run("write.py", "pickled", "2", alias=None))

    out = check(scripts.run("read.py", "pickled"))

    assert out.splitlines() == EXPECTED


def test_pickles_written_under_the_alias_are_read_by_flask(
    scripts: Environment, flask_python: str
) -> None:
    check(scripts.run("write.py", "pickled", "2"))

    out = check(scripts.run("read.py", "pickled", program=flask_python, alias=None))

    assert out.splitlines() == EXPECTED


def test_whatever_of_a_request_flask_pickles_or_copies_is_pickled_and_copied(
    beside: Environment,
) -> None:
    source = """
        import copy, copyreg, json, pickle
        import flask
        app = flask.Flask("copied")
        app.secret_key = "key"
        outcomes = []

        def outcome(function, value):
            try:
                return type(function(value)).__name__
            except (AttributeError, TypeError, pickle.PicklingError):
                return "error"

        with app.test_request_context("/?a=1"):
            flask.session["n"] = 1
            flask.g.user = "ada"
            for value in (
                flask.session, flask.session._get_current_object(),
                flask.g, flask.g._get_current_object(),
                flask.request.args, flask.current_app.config,
            ):
                for function in (
                    copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v)),
                ):
                    outcomes.append(outcome(function, value))

        # As a job queue makes applications known to pickle.
        copyreg.pickle(flask.Flask, lambda app: (str, (app.name,)))
        outcomes.append(pickle.loads(pickle.dumps(app)))
        print(json.dumps(outcomes))
    """

    theirs = json.loads(beside.evaluate(source, alias=None))
    ours = json.loads(beside.evaluate(source))

    assert {"SecureCookieSession", "_AppCtxGlobals", "copied"} < set(theirs)
    # Flask's session refers to a local function, which pickle refuses. Ours does not.
    assert [ours[index] for index, value in enumerate(theirs) if value != "error"] == [
        value for value in theirs if value != "error"
    ]
