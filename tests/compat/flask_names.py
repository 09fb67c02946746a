"""Prints what Flask's modules bind: names, signatures, values, classes, commands.

python flask_names.py            of whatever `flask` is installed
python flask_names.py --alias    of this package, through the alias

Each line of the answer is a name with a description in words that do not depend on which
of the two was asked: where that matters, `bustapi` is written `flask`.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import sys
import types
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from werkzeug.local import LocalProxy

MODULES = (
    "flask flask.app flask.blueprints flask.cli flask.config flask.ctx"
    " flask.debughelpers flask.globals flask.helpers flask.json flask.json.provider"
    " flask.json.tag flask.logging flask.sansio flask.sansio.app"
    " flask.sansio.blueprints flask.sansio.scaffold flask.sessions flask.signals"
    " flask.templating flask.testing flask.typing flask.views flask.wrappers"
).split()

PACKAGES = ("flask", "bustapi")

SPECIAL = {"__call__", "__init__"}
"""Names with underscores that are looked at in every class."""


REMOVED = """
    flask.Markup flask.escape flask.safe_join flask.signals_available
    flask.json_available flask._request_ctx_stack flask._app_ctx_stack
    flask.globals._request_ctx_stack flask.globals._app_ctx_stack
    flask.json.JSONEncoder flask.json.JSONDecoder flask.json.htmlsafe_dumps
    flask.json.detect_encoding flask.helpers.locked_cached_property
    flask.helpers._endpoint_from_view_func flask.helpers.total_seconds
    flask.helpers.safe_join flask.helpers.get_env flask.signals.signals_available
    flask.scaffold flask._compat flask.ext flask.exthook flask.module
    flask.Flask.before_first_request flask.Flask.json_encoder flask.Flask.json_decoder
    flask.Flask.got_first_request flask.Flask.env flask.Flask.propagate_exceptions
    flask.Flask.session_cookie_name flask.Flask.send_file_max_age_default
    flask.Flask.use_x_sendfile flask.Flask.templates_auto_reload
    flask.Flask.open_session flask.Flask.save_session flask.Flask.make_null_session
    flask.Flask.error_handlers flask.Flask.request_globals_class
    flask.Flask.init_jinja_globals flask.Flask.logger_name
    flask.Flask.try_trigger_before_first_request_functions
    flask.Blueprint.json_encoder flask.Blueprint.json_decoder
    flask.Blueprint.before_app_first_request
    flask.config.Config.from_json flask.Request.is_xhr flask.Request.module
    flask.ctx.RequestContext.preserved
""".split()
"""Names that Flask had once. Extensions try them to tell old versions from new ones."""


def names() -> Iterator[tuple[str, str]]:
    """Yield each name of each module with what it is."""
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        yield f"module {module_name}", "there"

        for name, value in vars(module).items():
            if name.startswith("__") or is_of_the_language(value):
                continue

            full = f"{module_name}.{name}"
            yield full, describe(value)

            if is_class(value) and plain(value.__module__) == module_name:
                yield from class_members(full, value)
            elif inspect.isfunction(value):
                yield from has_docstring(full, value)


def removed() -> Iterator[tuple[str, str]]:
    """Yield each of the names that Flask removed, if it can be had nevertheless."""
    for name in REMOVED:
        parent, _, last = name.rpartition(".")

        if importable(parent):
            holder = importlib.import_module(parent)
        else:
            module, _, cls = parent.rpartition(".")
            holder = getattr(importlib.import_module(module), cls)

        if hasattr(holder, last) or importable(name):
            yield f"removed {name}", "bound"


def importable(name: str) -> bool:
    """Whether there is a module of a name."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def is_of_the_language(value: object) -> bool:
    """Whether a value comes from the standard library: that is nobody's interface."""
    if is_proxy(value):
        return False

    if inspect.ismodule(value):
        home = value.__name__
    elif is_class(value) or inspect.isroutine(value):
        home = getattr(value, "__module__", None) or ""
    else:
        home = type(value).__module__ if type(value).__module__ == "__future__" else ""

    return home.partition(".")[0] in sys.stdlib_module_names


def class_members(full: str, cls: type) -> Iterator[tuple[str, str]]:
    """Yield the bases of a class and what Flask itself defines in it."""
    yield f"{full} <-", " ".join(full_name(base) for base in cls.__mro__)
    yield from has_docstring(full, cls)

    own: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] in PACKAGES:
            own.update(vars(base))

    for name in sorted(own):
        if name in SPECIAL or not name.startswith("__"):
            member = f"{full}.{name}"
            static = inspect.getattr_static(cls, name)
            yield member, describe_member(cls, name, static)
            if isinstance(static, property | cached_property | types.FunctionType):
                yield from has_docstring(member, static)


def has_docstring(full: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield a line if a value is documented."""
    if getattr(value, "__doc__", None):
        yield f"{full} #", "documented"


def describe_member(cls: type, name: str, static: object) -> str:
    """Return what a class binds to a name, the way it is found there."""
    if isinstance(static, classmethod | staticmethod):
        return f"{type(static).__name__} {signature(static.__func__)}"

    # Whether the value is kept is not the caller's business, whether it is assigned is.
    if hasattr(static, "__get__") and not inspect.isroutine(static):
        writable = not isinstance(static, property) or static.fset is not None
        return "attribute" if writable else "read-only attribute"

    return describe(static)


def describe(value: object) -> str:
    """Return what a value is: its kind, and its signature or contents."""
    if is_proxy(value):
        return "proxy"

    if is_class(value):
        return f"class {full_name(value)}"

    if inspect.ismodule(value):
        return f"module {plain(value.__name__)}"

    if isinstance(value, typing.TypeVar):
        return f"type variable {value.__name__} of {type_expression(value.__bound__)}"

    if is_of_typing(value):
        return f"type {type_expression(value)}"

    if inspect.isroutine(value):
        return signature(value)

    return full_name(type(value)) if callable(value) else describe_held(value)


def is_of_typing(value: object) -> bool:
    """Whether a value is a type expression; they are of many classes."""
    return typing.get_origin(value) is not None or isinstance(value, typing.ForwardRef)


def type_expression(value: object) -> str:
    """Return a type as text that does not depend on how it was spelled.

    The members of a union stand in alphabetical order, and the abstract classes have the
    same names whether they come from :mod:`typing` or :mod:`collections.abc`.
    """
    if isinstance(value, list):
        return f"[{', '.join(map(type_expression, value))}]"

    if isinstance(value, typing.TypeVar):
        return value.__name__

    if isinstance(value, str | typing.ForwardRef):
        text = value if isinstance(value, str) else value.__forward_arg__
        return text.rpartition(".")[2]

    arguments = [type_expression(inner) for inner in typing.get_args(value)]

    if typing.get_origin(value) in (typing.Union, types.UnionType):
        return " | ".join(sorted(arguments))

    origin = typing.get_origin(value) or (type(None) if value is None else value)
    name = getattr(origin, "__name__", None) or repr(origin).removeprefix("typing.")
    return f"{name}[{', '.join(arguments)}]" if arguments else name


def signature(value: Callable[..., Any]) -> str:
    """Return parameters with their defaults, and whether a call gives a coroutine."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "callable"

    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in found.parameters.values()
    ]
    prefix = "async " if inspect.iscoroutinefunction(value) else ""
    return prefix + normalized(inspect.Signature(parameters))


def commands(path: str, command: click.Command) -> Iterator[tuple[str, str]]:
    """Yield a command, its parameters and the commands below it."""
    settings = normalized(sorted(command.context_settings.items()))
    yield path, f"{full_name(type(command))} {settings}"
    yield f"{path} #", "documented" if command.help else "undocumented"

    for parameter in command.get_params(click.Context(command, info_name="flask")):
        told = json.dumps(describe_parameter(parameter))
        yield f"{path} {parameter.name}", told

    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from commands(f"{path} {name}", inner)


def describe_parameter(parameter: click.Parameter) -> dict[str, object]:
    """Return what a command line and the environment may say for a parameter."""
    told = parameter.to_info_dict()
    told["help"] = bool(told.get("help"))
    told["default"] = normalized(told["default"])
    told["callback"] = bool(parameter.callback)
    told["is_eager"] = parameter.is_eager
    told["expose_value"] = parameter.expose_value
    told["type"] = {k: normalized(v) for k, v in told["type"].items()}
    return told


def instances() -> Iterator[tuple[str, str]]:
    """Yield what the constructors set, and what the properties say of fresh objects."""
    flask = importlib.import_module("flask")

    root = str(Path(__file__).parent)
    app = flask.Flask("named", root_path=root)
    app.secret_key = "k"
    blueprint = flask.Blueprint("part", "named", root_path=root)

    made: dict[str, object] = {
        "Flask": app,
        "Flask without folders": flask.Flask(
            "named", root_path=root, static_folder=None, template_folder=None
        ),
        "Flask with all": flask.Flask(
            "named",
            *("/s", "static/", "host", True, False, "t/", "/instance", False, root),
        ),
        "Blueprint": blueprint,
        "Blueprint with all": flask.Blueprint(
            *(
                "part",
                "named",
                "static",
                "/s",
                "t",
                "/p",
                "sub",
                {"a": 1},
                root,
                "group",
            )
        ),
        "AppContext": app.app_context(),
        "RequestContext": app.test_request_context("/"),
        "BlueprintSetupState": blueprint.make_setup_state(app, {}, True),
        "Config": app.config,
        "DefaultJSONProvider": app.json,
        "TaggedJSONSerializer": flask.json.tag.TaggedJSONSerializer(),
        "SecureCookieSessionInterface": app.session_interface,
        "FlaskClient": app.test_client(),
        "FlaskCliRunner": app.test_cli_runner(),
        "AppGroup": app.cli,
        "Request": app.request_class({}),
        "Response": app.response_class("x"),
        "Environment": app.jinja_env,
    }

    for name, value in made.items():
        for attribute in sorted(set(dir(value))):
            held = ask(value, attribute)
            if not attribute.startswith("__") and not inspect.isroutine(held):
                yield f"a {name}.{attribute}", describe_held(held)

    yield from commands("command", flask.cli.cli)
    yield "app.config", json.dumps([(k, repr(v)) for k, v in app.config.items()])
    yield (
        "app.jinja_env",
        json.dumps([sorted(app.jinja_env.globals), sorted(app.jinja_env.filters)]),
    )
    yield "repr", normalized([app, blueprint, app.config, flask.g])


def ask(value: object, attribute: str) -> object:
    """Return an attribute, or the class of the error that asking for it raises."""
    try:
        return getattr(value, attribute)
    except Exception as e:
        return type(e)


def describe_held(value: object) -> str:
    """Return the class of a value that an instance holds, and the value if it is plain."""
    if isinstance(value, set | frozenset):
        return f"{full_name(type(value))} {normalized(sorted(value))}"

    if isinstance(value, str | int | float | bytes | list | tuple):
        return f"{full_name(type(value))} {normalized(value)}"

    if isinstance(value, Mapping):
        return f"{full_name(type(value))} of {normalized(sorted(map(str, value)))}"

    return full_name(value if is_class(value) else type(value))


def normalized(value: object) -> str:
    """Return a value's repr without addresses and without the name of the package."""
    text = re.sub(r" at 0x[0-9a-f]+", "", repr(value).replace(str(Path.cwd()), ""))
    return text.replace("bustapi", "flask").replace("typing.", "")


def full_name(cls: type) -> str:
    """Return the name of a class with its module."""
    return plain(f"{cls.__module__}.{cls.__qualname__}")


def plain(name: str) -> str:
    """Return a dotted name as Flask would have it."""
    return re.sub(r"^bustapi\b", "flask", name)


def is_proxy(value: object) -> bool:
    """Whether a value is a proxy, asked without asking what it stands for."""
    return issubclass(type(value), LocalProxy)


def is_class(value: object) -> typing.TypeGuard[type]:
    """Whether a value is a class; an alias says so too up to Python 3.10."""
    return issubclass(type(value), type)


def main() -> None:
    """Print all names as JSON."""
    warnings.simplefilter("ignore")

    if "--alias" in sys.argv:
        import bustapi_alias

        bustapi_alias.install()

    found = {**dict(names()), **dict(instances()), **dict(removed())}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
