"""Prints what registration leaves in an application, for many generated blueprints.

python flask_registration.py            of whatever `flask` is installed
python flask_registration.py --alias    of this package, through the alias
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from typing import Any

APPLICATIONS = 150

REGISTRIES = (
    "before_request_funcs",
    "after_request_funcs",
    "teardown_request_funcs",
    "template_context_processors",
    "url_value_preprocessors",
    "url_default_functions",
)

HOOKS = (
    "before_request before_app_request after_request after_app_request"
    " teardown_request teardown_app_request context_processor app_context_processor"
    " url_value_preprocessor app_url_value_preprocessor url_defaults app_url_defaults"
).split()

ERRORS = (404, 500, KeyError, LookupError)


def named(name: str) -> Callable[..., str]:
    """Return a function of that name."""

    def function(*args: Any, **kwargs: Any) -> str:
        return name

    function.__name__ = name
    return function


def some(choose: random.Random, **choices: tuple[Any, ...]) -> dict[str, Any]:
    """Return some of the options, each with one of its values."""
    return {
        key: choose.choice(values)
        for key, values in choices.items()
        if choose.random() < 0.4
    }


def make_blueprint(choose: random.Random, number: int, depth: int) -> Any:
    """Make a blueprint with rules, hooks and handlers, and others inside."""
    import flask

    name = choose.choice("abc")
    blueprint = flask.Blueprint(
        name,
        "registration",
        root_path="/nowhere",
        **some(
            choose,
            url_prefix=("/p", "/p/", "", "/", "/<lang>"),
            subdomain=("s", "t"),
            url_defaults=({"d": 1}, {}),
            static_folder=("static", "files/"),
            static_url_path=("/st", "/st/", ""),
            cli_group=("group", None),
        ),
    )

    for index in range(choose.randrange(3)):
        view = named(f"view_{name}{number}_{index}")
        blueprint.add_url_rule(
            choose.choice(("/x", "x", "", "/", "//y", "/z/<int:n>")),
            choose.choice((None, None, f"e{index}", "same", "")),
            view,
            **some(
                choose,
                methods=(["POST"], ["get", "OPTIONS"], ("PUT",)),
                defaults=({"d": 2}, {"e": 3}),
                subdomain=("u",),
                provide_automatic_options=(False,),
                strict_slashes=(False,),
            ),
        )

    for hook in HOOKS:
        if choose.random() < 0.2:
            getattr(blueprint, hook)(named(f"{hook}_{name}{number}"))

    for error in ERRORS:
        if choose.random() < 0.2:
            blueprint.register_error_handler(error, named(f"error_{name}{number}"))
        if choose.random() < 0.2:
            blueprint.app_errorhandler(error)(named(f"app_error_{name}{number}"))

    if choose.random() < 0.3:
        blueprint.cli.command(f"command-{number}")(named(f"command_{number}"))

    blueprint.record(
        lambda state: state.app.extensions["states"].append(
            (
                state.name_prefix,
                state.name,
                state.url_prefix,
                state.subdomain,
                state.url_defaults,
                state.first_registration,
                sorted(state.options),
            )
        )
    )
    blueprint.record_once(
        lambda state: state.app.extensions["once"].append((name, number))
    )

    if depth:
        for inner in range(choose.randrange(3)):
            blueprint.register_blueprint(
                make_blueprint(choose, number * 10 + inner, depth - 1),
                **given(choose),
            )

    return blueprint


def given(choose: random.Random) -> dict[str, Any]:
    """Return some options for ``register_blueprint``."""
    return some(
        choose,
        url_prefix=("/q", "/q/", "", None),
        subdomain=("g", None),
        url_defaults=({"d": 4}, {"f": 5}),
        name=("d", "e", "f"),
        cli_group=("given", None),
        own=(1,),
    )


def attempt(action: Callable[[], object]) -> str | None:
    """Return the class of the error that an action raises."""
    try:
        action()
    except Exception as e:
        return type(e).__name__

    return None


def describe(app: Any) -> dict[str, Any]:
    """Return the registries of an application, functions by their names."""
    return {
        "rules": [
            (
                rule.rule,
                rule.endpoint,
                sorted(rule.methods),
                rule.subdomain,
                rule.defaults,
                rule.strict_slashes,
                rule.provide_automatic_options,
            )
            for rule in app.url_map.iter_rules()
        ],
        "views": sorted((e, f.__name__) for e, f in app.view_functions.items()),
        "blueprints": list(app.blueprints),
        "registries": {
            registry: [
                (scope, [function.__name__ for function in functions])
                for scope, functions in getattr(app, registry).items()
            ]
            for registry in REGISTRIES
        },
        "classes": [
            type(getattr(app, registry)).__name__
            for registry in (*REGISTRIES, "error_handler_spec", "view_functions")
        ],
        "errors": [
            (
                scope,
                type(by_code).__name__,
                [
                    (code, [(c.__name__, f.__name__) for c, f in by_class.items()])
                    for code, by_class in by_code.items()
                ],
            )
            for scope, by_code in app.error_handler_spec.items()
        ],
        "commands": {
            name: sorted(getattr(command, "commands", ()))
            for name, command in sorted(app.cli.commands.items())
        },
        "extensions": app.extensions,
    }


def registration(seed: int) -> list[Any]:
    """Return the errors of some registrations, and what they leave behind."""
    import flask

    choose = random.Random(seed)
    app = flask.Flask(
        "registration",
        root_path="/nowhere",
        **some(choose, static_folder=(None, "s/"), static_url_path=("/u/", "")),
    )
    app.extensions.update(states=[], once=[])
    errors = []

    for number in range(choose.randrange(1, 4)):
        blueprint = make_blueprint(choose, number + 1, 2)

        for _ in range(choose.randrange(1, 3)):
            options = given(choose)
            errors.append(attempt(lambda: app.register_blueprint(blueprint, **options)))  # noqa: B023

    return [errors, describe(app)]


def main() -> None:
    """Print everything as JSON, one application a line."""
    if "--alias" in sys.argv:
        import bustapi_alias

        bustapi_alias.install()

    for seed in range(APPLICATIONS):
        print(json.dumps(registration(seed)))


if __name__ == "__main__":
    main()
