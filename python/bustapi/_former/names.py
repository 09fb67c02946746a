"""Functions and classes of the package and of ``helpers`` that Flask removed."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from threading import RLock
from typing import Any

import werkzeug.security
import werkzeug.utils
from markupsafe import Markup, escape
from werkzeug.exceptions import NotFound

from ..blueprints import Blueprint
from ..sansio.scaffold import Scaffold, _endpoint_from_view_func, find_package
from ..sessions import SecureCookieSession
from ..testing import EnvironBuilder
from .warning import warn_removed


def get_env() -> str:
    """Return what :envvar:`FLASK_ENV` says, by default ``production``."""
    warn_removed("get_env", stacklevel=2)
    return read_env_variable()


def read_env_variable() -> str:
    """Return the same, for whoever did not call the function that Flask removed."""
    return os.environ.get("FLASK_ENV") or "production"


def get_debug_flag() -> bool:
    """Return whether debug mode is asked for.

    :envvar:`FLASK_DEBUG` decides, and where it is not set, whether
    :envvar:`FLASK_ENV` is ``development``.
    """
    value = os.environ.get("FLASK_DEBUG")

    if not value:
        return read_env_variable() == "development"

    return value.lower() not in {"0", "false", "no"}


def safe_join(directory: str, *pathnames: str) -> str:
    """Join paths that a client may have chosen to a folder.

    :raises NotFound: when the result would not be inside of it.
    """
    warn_removed("safe_join", stacklevel=2)
    path = werkzeug.security.safe_join(directory, *pathnames)

    if path is None:
        raise NotFound

    return path


def total_seconds(td: timedelta) -> int:
    """Return the whole seconds of a ``timedelta``."""
    warn_removed("total_seconds", stacklevel=2)
    return td.days * 24 * 60 * 60 + td.seconds


class locked_cached_property(werkzeug.utils.cached_property[Any]):
    """An attribute that is computed once, even when several threads ask for it."""

    def __init__(
        self,
        fget: Callable[[Any], Any],
        name: str | None = None,
        doc: str | None = None,
    ) -> None:
        super().__init__(fget, name=name, doc=doc)
        self.lock = RLock()

    def __get__(self, obj: object, type: Any = None) -> Any:
        if obj is None:
            return self

        with self.lock:
            return super().__get__(obj, type)

    def __set__(self, obj: object, value: Any) -> None:
        with self.lock:
            super().__set__(obj, value)

    def __delete__(self, obj: object) -> None:
        with self.lock:
            super().__delete__(obj)


def make_test_environ_builder(*args: Any, **kwargs: Any) -> EnvironBuilder:
    """Return the environ builder of a request to an application."""
    warn_removed("make_test_environ_builder", stacklevel=2)
    return EnvironBuilder(*args, **kwargs)


class Module(Blueprint):
    """A blueprint that is named like the last part of its module.

    :param import_name: name of the module.
    :param name: name of the blueprint.
    :param url_prefix: prefix of its rules.
    :param static_path: URL prefix of its files, which lie in its folder ``static``.
    :param subdomain: subdomain of its rules.
    """

    def __init__(
        self,
        import_name: str,
        name: str | None = None,
        url_prefix: str | None = None,
        static_path: str | None = None,
        subdomain: str | None = None,
    ) -> None:
        warn_removed("Module", stacklevel=2)

        if name is None:
            if "." not in import_name:
                raise ValueError(
                    f"The module {import_name!r} is in no package, so it gives the"
                    " blueprint no name. Pass 'name'."
                )

            name = import_name.rpartition(".")[2]

        super().__init__(
            name,
            import_name,
            url_prefix=url_prefix,
            subdomain=subdomain,
            template_folder="templates",
        )

        if os.path.isdir(os.path.join(self.root_path, "static")):
            self.static_folder = "static"

        self.static_url_path = static_path


PACKAGE = {
    "Markup": Markup,
    "Module": Module,
    "Session": SecureCookieSession,
    "escape": escape,
    "json_available": True,
    "safe_join": safe_join,
    "signals_available": True,
}
"""What the package itself had."""

HELPERS = {
    "_PackageBoundObject": Scaffold,
    "_endpoint_from_view_func": _endpoint_from_view_func,
    "find_package": find_package,
    "get_debug_flag": get_debug_flag,
    "get_env": get_env,
    "locked_cached_property": locked_cached_property,
    "safe_join": safe_join,
    "total_seconds": total_seconds,
}
"""What the module ``helpers`` had."""

TESTING = {"make_test_environ_builder": make_test_environ_builder}
"""What the module ``testing`` had."""
