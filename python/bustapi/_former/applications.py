"""What ``Flask``, ``Blueprint`` and ``Config`` had, and what they allowed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, TypeVar

from .. import app as app_module
from .. import cli
from .._werkzeug import ImmutableDict
from ..app import Flask
from ..application import BustAPI
from ..config import Config
from ..globals import current_app
from ..sansio import app as sansio_app
from ..sansio.app import App
from ..sansio.blueprints import Blueprint
from ..sansio.scaffold import setupmethod
from ..wrappers import Request
from . import names
from .attributes import RemovedConfigAttribute, move_class_values
from .first_request import begin_first_request
from .json_functions import give_keys_their_defaults
from .release import is_in_force
from .removed_names import RemovedNames, set_up_removed_names
from .sessions import notice_overrides
from .warning import warn_removed

F = TypeVar("F", bound=Callable[..., Any])

_KEYS = {
    "ENV": None,
    "LOGGER_NAME": None,
    "PRESERVE_CONTEXT_ON_EXCEPTION": None,
}


def install() -> None:
    """Put all of it on the classes."""
    for name, value in vars(RemovedNames).items():
        # Those are the interpreter's and its own; other versions add other ones.
        if not name.startswith("__"):
            setattr(Flask, name, value)

    for cls, members in (
        (Flask, _FLASK),
        (Blueprint, _BLUEPRINT),
        (Config, {"from_json": from_json}),
        (Request, {"module": property(read_module)}),
    ):
        for name, value in members.items():
            setattr(cls, name, value)

    keys = {**_KEYS, **give_keys_their_defaults()}

    for owner in (Flask, BustAPI):
        owner.default_config = ImmutableDict({**owner.default_config, **keys})

    # They have the function by its name.
    for module in (app_module, cli, sansio_app):
        setattr(module, "get_debug_flag", names.get_debug_flag)  # noqa: B010


# The application

_init = Flask.__init__
_make_config = App.make_config


def __init__(
    self: Flask, *args: Any, static_path: str | None = None, **options: Any
) -> None:
    set_up_removed_names(self, partial(_init, self, *args), static_path, options)


def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:
    super(Flask, cls).__init_subclass__(**kwargs)
    notice_overrides(cls)
    move_class_values(cls)


def make_config(self: Flask, instance_relative: bool = False) -> Config:
    config = _make_config(self, instance_relative)
    config["ENV"] = names.read_env_variable()
    return config


def read_env(app: Flask) -> str:
    """The environment that the application runs in: :data:`ENV`."""
    return app.config["ENV"]  # type: ignore[no-any-return]


def read_templates_auto_reload(app: Flask) -> bool:
    """Whether changed templates are read again: :data:`TEMPLATES_AUTO_RELOAD`."""
    value: bool | None = app.config["TEMPLATES_AUTO_RELOAD"]
    return app.debug if value is None else value


def _named(attribute: RemovedConfigAttribute[Any], name: str) -> Any:
    attribute.__set_name__(Flask, name)
    return attribute


def error_handlers(self: Flask) -> dict[Any, Any]:
    """The error handlers of the whole application, by code and class."""
    return self.error_handler_spec[None]


def try_trigger_before_first_request_functions(self: Flask) -> None:
    """Call the functions that run before the first request, unless they have run."""
    warn_removed("try_trigger_before_first_request_functions", stacklevel=2)
    begin_first_request(self)


_FLASK = {
    "__init__": update_wrapper(__init__, _init),
    "__init_subclass__": classmethod(__init_subclass__),
    "env": _named(RemovedConfigAttribute("ENV", read_env), "env"),
    "error_handlers": property(error_handlers),
    "make_config": update_wrapper(make_config, _make_config),
    "templates_auto_reload": _named(
        RemovedConfigAttribute("TEMPLATES_AUTO_RELOAD", read_templates_auto_reload),
        "templates_auto_reload",
    ),
    "try_trigger_before_first_request_functions": (
        try_trigger_before_first_request_functions
    ),
}


# Blueprints


@setupmethod
def before_app_first_request(self: Blueprint, f: F) -> F:
    """Call a function before the first request of the application."""
    warn_removed("before_app_first_request", stacklevel=3)
    self.record_once(
        lambda state: state.app.before_first_request_funcs.append(f)  # type: ignore[attr-defined]
    )
    return f


def warn_after_registration(self: Blueprint, f_name: str) -> None:
    """Warn of set-up that comes too late, which is an error in Flask 3."""
    if not self._got_registered_once:
        return

    if self.warn_on_modifications or is_in_force("2.2"):  # type: ignore[attr-defined]
        warnings.warn(
            f"The setup method {f_name!r} was called on the blueprint {self.name!r}"
            " after its registration, so that what it adds reaches only applications"
            " that it is registered on later. Call it before.",
            UserWarning,
            stacklevel=4,
        )


def accept_dots(self: Blueprint) -> None:
    """Let a name have dots, as it had until Flask 2.0."""
    if is_in_force("2.0"):
        _refuse_dots(self)


def accept_again(self: Blueprint, app: App, name: str) -> None:
    """Let a blueprint be registered under its name again, as it was until Flask 2.1."""
    if app.blueprints[name] is not self or is_in_force("2.1"):
        _refuse_name(self, app, name)

    if is_in_force("2.0"):
        warnings.warn(
            f"The blueprint {name!r} is registered twice, which is an error in Flask 3."
            " Pass another 'name' to 'register_blueprint'.",
            UserWarning,
            stacklevel=5,
        )


_refuse_dots = Blueprint._check_name
_refuse_name = Blueprint._refuse_name

_BLUEPRINT = {
    "_check_name": accept_dots,
    "_check_setup_finished": warn_after_registration,
    "_refuse_name": accept_again,
    "before_app_first_request": before_app_first_request,
    "json_decoder": None,
    "json_encoder": None,
    "warn_on_modifications": False,
}


# Requests


def read_module(self: Request) -> str | None:
    """The name of the blueprint if that is a ``Module``."""
    blueprint = current_app.blueprints.get(self.blueprint or "")
    return self.blueprint if isinstance(blueprint, names.Module) else None


# The configuration


def from_json(self: Config, filename: str, silent: bool = False) -> bool:
    """Take what a JSON file says, see :meth:`.Config.from_file`."""
    warn_removed("from_json", stacklevel=2)
    return self.from_file(filename, json.load, silent=silent)
