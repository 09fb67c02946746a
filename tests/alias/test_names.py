"""The names that modules, classes and functions say of themselves, beside Flask's.

Applications and agents write them down: one exempts ``flask.app.<lambda>`` from a check,
another names a metric after ``flask.app:Flask.wsgi_app``.
"""

from __future__ import annotations

import json

import pytest

from interpreters import Environment, check

WALK = """
    {first}
    import importlib, json, types
    import flask, flask.testing, flask.views

    found = {{}}

    def note(key, value):
        # What wraps a function: descriptors and commands.
        for attribute in ("__func__", "fget", "callback"):
            if type(value) in (staticmethod, classmethod, property) or key in commands:
                value = getattr(value, attribute, value)
        if issubclass(type(value), (type, types.FunctionType)):
            if value.__module__.partition(".")[0] in ("flask", "bustapi"):
                found[key] = [value.__module__, value.__qualname__]

    commands = {{f".cli:{{name}}_command" for name in ("run", "shell", "routes")}}

    for name in (
        "", ".app", ".blueprints", ".cli", ".config", ".ctx", ".debughelpers", ".globals",
        ".helpers", ".json", ".json.provider", ".json.tag", ".logging", ".sansio",
        ".sansio.app", ".sansio.blueprints", ".sansio.scaffold", ".sessions", ".signals",
        ".templating", ".testing", ".typing", ".views", ".wrappers",
    ):
        module = importlib.import_module("flask" + name)
        spec = module.__spec__
        found["module" + name] = [module.__name__, module.__package__, spec.name]
        for attribute, value in vars(module).items():
            key = f"{{name}}:{{attribute}}"
            note(key, value)
            if found.get(key) and issubclass(type(value), type):
                for member, inner in vars(value).items():
                    note(f"{{key}}.{{member}}", inner)

    app = flask.Flask("named", static_folder="static")
    blueprint = flask.Blueprint("part", "named", static_folder="static")
    app.register_blueprint(blueprint)

    class Page(flask.views.MethodView):
        pass

    app.add_url_rule("/page", view_func=Page.as_view("page"))

    # As Flask-WTF asks for the name of a view.
    for endpoint, view in app.view_functions.items():
        found["view " + endpoint] = [view.__module__, view.__name__]

    found["repr"] = [repr(app), repr(blueprint), repr(flask.Flask)]
    print(json.dumps(found))
"""
OTHERWISE = {
    # One class is the context of an application and of a request.
    **{
        f"{module}:RequestContext": ["flask.ctx", "AppContext"]
        for module in (".app", ".ctx")
    },
    # Defined twice in Flask.
    ".app:_make_timedelta": ["flask.sansio.app", "_make_timedelta"],
}


@pytest.mark.parametrize(
    ("alias", "first"),
    [
        pytest.param("1", "", id="variable"),
        pytest.param("1", "import bustapi", id="own-name-first"),
        pytest.param(
            None, "import bustapi_alias; bustapi_alias.install()", id="program"
        ),
        pytest.param(
            None,
            "import bustapi, bustapi.testing, bustapi_alias; bustapi_alias.install()",
            id="loaded-before",
        ),
    ],
)
def test_names_under_the_alias_are_those_of_flask(
    beside: Environment, alias: str | None, first: str
) -> None:
    beside.write("walk.py", WALK.format(first=""))
    theirs = json.loads(check(beside.run("walk.py", alias=None)))
    beside.write("walk.py", WALK.format(first=first))

    ours = json.loads(check(beside.run("walk.py", alias=alias)))

    assert len(theirs.keys() & ours.keys()) > 500
    assert {
        name: ours[name]
        for name in theirs.keys() & ours.keys()
        if ours[name] != OTHERWISE.get(name, theirs[name])
        and ":RequestContext." not in name
    } == {}
    assert [name for name in ours if '"bustapi' in json.dumps(ours[name])] == []


def test_without_the_alias_names_are_those_of_this_package(beside: Environment) -> None:
    source = WALK.replace("import flask,", "import bustapi as flask,")
    source = source.replace("flask.testing, flask.", "bustapi.testing, bustapi.")
    source = source.replace('"flask" + name', '"bustapi" + name')
    beside.write("walk.py", source.format(first=""))

    ours = json.loads(check(beside.run("walk.py", alias=None)))

    assert ours["module.app"] == ["bustapi.app", "bustapi", "bustapi.app"]
    assert ours["view static"] == ["bustapi.app", "<lambda>"]
    # What warns for Werkzeug does so in the name of Flask's module.
    assert [name for name in ours if '"flask' in json.dumps(ours[name])] == [
        ".app:_bind_to_environ"
    ]


def test_what_was_imported_before_the_alias_keeps_its_identity(
    beside: Environment,
) -> None:
    out = beside.evaluate(
        """
        import pickle, sys
        import bustapi, bustapi.views
        from bustapi import Flask, url_for
        from bustapi.json.tag import JSONTag

        class Mine(Flask):
            pass

        before = dict(sys.modules)
        pickled = pickle.dumps([Flask, url_for, bustapi.Config("/")])
        import bustapi_alias; bustapi_alias.install()
        import flask, flask.views
        assert flask.Flask is Flask and flask.json.tag.JSONTag is JSONTag
        for name, module in before.items():
            if name.partition(".")[0] == "bustapi":
                assert sys.modules["flask" + name[7:]] is module, name
        assert issubclass(Mine, flask.Flask) and Mine.__module__ == "__main__"
        assert pickle.loads(pickled)[:2] == [Flask, url_for]
        assert b"bustapi" not in pickle.dumps([Flask, url_for, flask.Config("/")])
        # Loaded from now on, by either name and by a relative import.
        import bustapi.testing
        print(bustapi.testing.__name__, Mine("mine").test_client().__class__)
        """,
        alias=None,
    )

    assert out == "flask.testing <class 'flask.testing.FlaskClient'>\n"


def test_hints_are_resolved_when_the_alias_comes_after_the_package(
    beside: Environment,
) -> None:
    out = beside.evaluate(
        """
        import inspect, typing
        from bustapi import Flask, Response, app
        import bustapi_alias; bustapi_alias.install()
        print(typing.get_type_hints(Response)["default_mimetype"])
        print(inspect.getmodule(Flask) is app, inspect.getmodule(Flask).__name__)
        print(inspect.getsource(Flask.make_response).strip().split("(")[0])
        """,
        alias=None,
    )

    assert out.splitlines() == [
        "str | None",
        "True flask.app",
        "def make_response",
    ]


def test_a_warning_is_given_in_the_name_of_the_module_that_gives_it(
    beside: Environment,
) -> None:
    source = """
        import warnings
        import flask
        from flask import Flask
        warnings.filterwarnings("error", module=r"flask\\.sansio\\.app")
        code = compile("import warnings; warnings.warn('text')", "app.py", "exec")
        try:
            exec(code, vars(flask.sansio.app))
        except UserWarning as e:
            print("raised", e)
    """

    assert beside.evaluate(source) == beside.evaluate(source, alias=None)
    assert beside.evaluate(source) == "raised text\n"


def test_a_view_is_exempted_from_a_check_by_the_name_that_it_has_in_flask(
    beside: Environment,
) -> None:
    beside.write("static/a.css", "")
    source = """
        import flask, flask_wtf

        app = flask.Flask("named", root_path=".")
        app.config.update(
            SECRET_KEY="key", WTF_CSRF_METHODS=["GET"], PROPAGATE_EXCEPTIONS=False
        )
        part = flask.Blueprint("part", "named", root_path=".", static_folder="static")
        part.static_url_path = "/part"
        app.register_blueprint(part)
        app.add_url_rule("/", view_func=lambda: "checked")
        check = flask_wtf.CSRFProtect(app)
        # As pgAdmin does it.
        check.exempt("flask.app.<lambda>")
        check.exempt("flask.blueprints.send_static_file")
        get = app.test_client().get
        print(*(get(path).status_code for path in ("/static/a.css", "/part/a.css", "/")))
    """

    theirs = beside.evaluate(source, alias=None)

    assert beside.evaluate(source) == theirs == "200 200 400\n"
