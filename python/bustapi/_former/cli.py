"""The command line: factories that take the script info, and functions that passed it on."""

from __future__ import annotations

import importlib
import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock, Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .. import cli
from ..cli import ScriptInfo
from .release import is_in_force

if TYPE_CHECKING:
    from ..app import Flask

_script_info: ContextVar[ScriptInfo | None] = ContextVar("script_info", default=None)
"""On whose behalf an application is looked for."""


def install() -> None:
    """Let the commands pass the script info to factories."""
    setattr(cli, "_call_factory", _call_named_factory)  # noqa: B010
    setattr(ScriptInfo, "_find_app", _find_app)  # noqa: B010
    setattr(ScriptInfo, "_make_app", _make_app)  # noqa: B010


def call_factory(
    script_info: ScriptInfo,
    app_factory: Callable[..., Any],
    arguments: Iterable[Any] = (),
) -> Any:
    """Call a factory, with the script info if it takes that.

    One that has a parameter ``script_info`` gets it by name, one that has a single
    parameter and is given nothing else gets it as that. Flask 2.1 ended both.

    :param script_info: what the commands of this invocation know.
    :param app_factory: returns the application.
    :param arguments: the arguments that were named with it.
    """
    with _acting_for(script_info):
        args, kwargs = _with_script_info(app_factory, tuple(arguments), {})
        return app_factory(*args, **kwargs)


def _with_script_info(
    factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    info = _script_info.get()

    if info is None or is_in_force("2.1"):
        return args, kwargs

    parameters = inspect.signature(factory).parameters

    if "script_info" in parameters:
        kwargs = {"script_info": info, **kwargs}
    elif not args and not kwargs and _is_one_without_default(parameters.values()):
        args = (info,)
    else:
        return args, kwargs

    if is_in_force("2.0"):
        _warn_of(factory)

    return args, kwargs


def _is_one_without_default(parameters: Iterable[inspect.Parameter]) -> bool:
    kinds = [(p.kind, p.default is p.empty) for p in parameters]
    return kinds in (
        [(inspect.Parameter.POSITIONAL_ONLY, True)],
        [(inspect.Parameter.POSITIONAL_OR_KEYWORD, True)],
    )


def _warn_of(factory: Any) -> None:
    code = getattr(factory, "__code__", None)
    warnings.warn_explicit(
        "A factory gets no script info in Flask 3, which code may want to run on. Let it"
        " take no argument, or call 'click.get_current_context' in it.",
        DeprecationWarning,
        filename=__file__ if code is None else code.co_filename,
        lineno=1 if code is None else code.co_firstlineno,
    )


# In place of what ``cli`` has


@contextmanager
def _acting_for(script_info: ScriptInfo) -> Iterator[None]:
    token = _script_info.set(script_info)

    try:
        yield
    finally:
        _script_info.reset(token)


_stock_call_factory = cli._call_factory
_stock_find_app = ScriptInfo._find_app


def _call_named_factory(
    factory: Any, args: Iterable[Any], kwargs: dict[str, Any], message: str
) -> Any:
    args, kwargs = _with_script_info(factory, tuple(args), kwargs)
    return _stock_call_factory(factory, args, kwargs, message)


def _find_app(self: ScriptInfo) -> Flask:
    with _acting_for(self):
        return _stock_find_app(self)


def _make_app(self: ScriptInfo, create_app: Callable[..., Flask]) -> Flask:
    return call_factory(self, create_app)  # type: ignore[no-any-return]


_stock_find_best_app: Callable[..., Flask] = cli.find_best_app
_stock_locate_app: Callable[..., Flask | None] = cli.locate_app


@wraps(_stock_find_best_app)
def find_best_app(*args: Any, **kwargs: Any) -> Flask:
    if args and isinstance(args[0], ScriptInfo):
        with _acting_for(args[0]):
            return _stock_find_best_app(*args[1:], **kwargs)

    return _stock_find_best_app(*args, **kwargs)


@wraps(_stock_locate_app)
def locate_app(*args: Any, **kwargs: Any) -> Flask | None:
    if args and isinstance(args[0], ScriptInfo):
        with _acting_for(args[0]):
            return _stock_locate_app(*args[1:], **kwargs)

    # Flask 0.12: both names in one argument.
    if len(args) == 1 and not kwargs:
        module, _, name = args[0].partition(":")
        args = (module, name or None)

    return _stock_locate_app(*args, **kwargs)


_stock_load_dotenv = cli.load_dotenv


@wraps(_stock_load_dotenv)
def load_dotenv(*args: Any, **kwargs: Any) -> bool:
    is_taken_away = cli.dotenv is None and NAMES["dotenv"] is not None  # type: ignore[attr-defined]
    return not is_taken_away and _stock_load_dotenv(*args, **kwargs)


def find_default_import_path() -> str | None:
    """Return what :envvar:`FLASK_APP` says, for a file the name of its module."""
    path = os.environ.get("FLASK_APP")
    return prepare_exec_for_file(path) if path and os.path.isfile(path) else path


def prepare_exec_for_file(filename: str) -> str:
    """Make a file's module importable and return its name.

    :raises NoAppException: when it is no file of Python.
    """
    if not filename.endswith(".py"):
        raise cli.NoAppException(
            f"The file {filename!r} cannot be imported. Name one that ends in '.py'."
        )

    return cli.prepare_import(filename)


class DispatchingApp:
    """A WSGI application that is loaded in the background, or on its first request.

    :param loader: returns the application.
    :param use_eager_loading: load it now and let errors out; by default in a process
        that the reloader did not start.
    """

    def __init__(
        self, loader: Callable[[], Any], use_eager_loading: bool | None = None
    ) -> None:
        self.loader = loader
        self._app: Any = None
        self._error: Exception | None = None
        self._lock = Lock()

        if use_eager_loading is None:
            use_eager_loading = os.environ.get("WERKZEUG_RUN_MAIN") != "true"

        if use_eager_loading:
            self._app = loader()
        else:
            # Released when the application is there, or its error.
            self._lock.acquire()
            Thread(target=self._load_in_background).start()

    def _load_in_background(self) -> None:
        try:
            self._app = self.loader()
        except Exception as e:
            # The next request raises it, where the debugger shows it.
            self._error = e
        finally:
            self._lock.release()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return self._load()(environ, start_response)  # type: ignore[no-any-return]

    def _load(self) -> Any:
        with self._lock:
            if self._error is not None:
                error, self._error = self._error, None
                raise error

            # Again for each request, as long as that fails.
            if self._app is None:
                self._app = self.loader()

            return self._app


def _import_dotenv() -> ModuleType | None:
    try:
        return importlib.import_module("dotenv")
    except ModuleNotFoundError:
        return None


NAMES = {
    "DispatchingApp": DispatchingApp,
    "call_factory": call_factory,
    "dotenv": _import_dotenv(),
    "find_best_app": find_best_app,
    "find_default_import_path": find_default_import_path,
    "load_dotenv": load_dotenv,
    "locate_app": locate_app,
    "prepare_exec_for_file": prepare_exec_for_file,
}
"""What the module ``cli`` had."""
