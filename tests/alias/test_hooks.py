"""What patches modules of Flask by their names: it patches this package."""

from __future__ import annotations

import pytest

from interpreters import Environment

INSTALL = "import bustapi_alias; bustapi_alias.install()"
REGISTER = """
import wrapt
fired = []

def patch(module):
    fired.append(module.__name__)
    module.added = 1
    if hasattr(module, "Flask"):
        module.Flask.patched = True

for name in ("flask.app", "flask.views"):
    wrapt.register_post_import_hook(patch, name)
"""
LOOK = """
import flask, flask.app, flask.views
print(*sorted(fired), flask.app.added, flask.views.added, flask.Flask.patched)
"""


@pytest.mark.parametrize(
    "order",
    [
        pytest.param((INSTALL, REGISTER, LOOK), id="after-install"),
        pytest.param((REGISTER, INSTALL, LOOK), id="before-install"),
        pytest.param((INSTALL, "import flask", REGISTER, LOOK), id="after-import"),
        pytest.param((INSTALL, "import bustapi.views", REGISTER, LOOK), id="after-own"),
        pytest.param(("import bustapi.views", REGISTER, INSTALL, LOOK), id="own-first"),
    ],
)
def test_post_import_hooks_patch_the_modules_of_this_package(
    beside: Environment, order: tuple[str, ...]
) -> None:
    look = "import bustapi.app\nassert bustapi.app.added and bustapi.Flask.patched"

    theirs = beside.evaluate(REGISTER + LOOK, alias=None)
    ours = beside.evaluate("\n".join([*order, look]), alias=None)

    assert ours == theirs == "flask.app flask.views 1 1 True\n"


def test_post_import_hooks_work_where_the_variable_installed_the_alias(
    beside: Environment,
) -> None:
    ours = beside.evaluate(REGISTER + LOOK)

    assert ours == beside.evaluate(REGISTER + LOOK, alias=None)


def test_mock_patches_the_one_module(beside: Environment) -> None:
    out = beside.evaluate(
        """
        from unittest import mock

        # Before flask is imported, and by either name.
        with mock.patch("flask.app.Flask.run", return_value="mocked") as run:
            import bustapi
            print(bustapi.Flask.run is run)

        with mock.patch("flask.helpers.get_debug_flag") as flag:
            import bustapi.helpers
            print(bustapi.helpers.get_debug_flag is flag)

        with mock.patch("bustapi.views.View", "replaced"):
            import flask.views
            print(flask.views.View)

        with mock.patch.object(flask.templating, "_render", lambda app, t, c: "as"):
            app = flask.Flask("patched")
            with app.app_context():
                print(flask.render_template_string("unseen"))

        print(flask.views.View.__name__)
        """
    )

    assert out.split() == ["True", "True", "replaced", "as", "View"]


def test_names_that_flask_has_not_are_missing_under_the_alias(
    beside: Environment,
) -> None:
    out = beside.evaluate(
        """
        import importlib
        import flask, flask.json, flask.helpers
        for name in ("_request_ctx_stack", "_app_ctx_stack", "Markup", "escape"):
            assert not hasattr(flask, name), name
        for module in ("ext", "ext.login", "scaffold", "_compat", "globals.nothing"):
            try:
                importlib.import_module("flask." + module)
            except ModuleNotFoundError as e:
                print(e.name)
        """
    )

    assert out.split() == [
        *("flask.ext", "flask.ext", "flask.scaffold", "flask._compat"),
        "flask.globals.nothing",
    ]
