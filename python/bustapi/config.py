"""The configuration: a dictionary that files, objects and the environment fill."""

from __future__ import annotations

import errno
import json
import os
import types
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar, overload

from werkzeug.utils import import_string

if TYPE_CHECKING:
    from typing_extensions import Self

    from .sansio.app import App

T = TypeVar("T")

# What opening a configuration file may fail with when ``silent`` lets it be absent.
_ABSENT = frozenset({errno.ENOENT, errno.EISDIR})
_ABSENT_MODULE = _ABSENT | {errno.ENOTDIR}


class ConfigAttribute(Generic[T]):
    """An attribute of the application that reads and writes a configuration key.

    :param name: the key.
    :param get_converter: applied to the value when it is read.
    """

    def __init__(
        self, name: str, get_converter: Callable[[Any], T] | None = None
    ) -> None:
        self.__name__ = name
        #: Applied to the value when it is read; None for none.
        self.get_converter = get_converter

    @overload
    def __get__(self, obj: None, owner: type[App] | None = None) -> Self: ...
    @overload
    def __get__(self, obj: App, owner: type[App]) -> T: ...
    def __get__(self, obj: App | None, owner: type[App] | None = None) -> T | Self:
        if obj is None:
            return self

        value = obj.config[self.__name__]

        if self.get_converter is not None:
            value = self.get_converter(value)

        return value  # type: ignore[no-any-return]

    def __set__(self, obj: App, value: Any) -> None:
        obj.config[self.__name__] = value


class Config(dict[Any, Any]):
    """A dictionary with methods that fill it from elsewhere.

    The methods take names in capitals only, so that a file or a module may use small
    ones for values of its own. ::

        app.config.from_object("shop.default_settings")
        app.config.from_pyfile("production.cfg", silent=True)
        app.config.from_prefixed_env()

    The usual object is :attr:`.Flask.config`, whose ``root_path`` is the application's
    or its instance folder.

    :param root_path: folder that file names are relative to.
    :param defaults: values to start with.
    """

    def __init__(
        self,
        root_path: str | os.PathLike[str],
        defaults: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(defaults or {})
        #: Folder that file names are relative to.
        self.root_path = root_path

    def from_envvar(self, variable_name: str, silent: bool = False) -> bool:
        """Read the Python file that an environment variable names.

        :param variable_name: name of the variable.
        :param silent: return False when the variable is not set or the file is absent.
        :return: whether a file was read.
        :raises RuntimeError: when the variable is not set or is empty.
        """
        filename = os.environ.get(variable_name)

        if filename:
            return self.from_pyfile(filename, silent=silent)

        if silent:
            return False

        raise RuntimeError(
            f"No configuration can be read, since {variable_name!r} is not set. Give that"
            " environment variable the path of a configuration file."
        )

    def from_prefixed_env(
        self, prefix: str = "FLASK", *, loads: Callable[[str], Any] = json.loads
    ) -> bool:
        """Take the environment variables that begin with a prefix.

        The prefix and its underscore are dropped. Each value is given to ``loads`` and
        taken as a string if that fails. ``__`` in a name leads into a dictionary:
        ``FLASK_DATABASE__PORT=5432`` sets ``config["DATABASE"]["PORT"]`` to 5432, and
        makes the dictionary if there is none. Names are taken in sorted order.

        :param prefix: prefix without its underscore.
        :param loads: converts a value.
        :return: True.

        .. versionadded:: 2.1
        """
        prefix = f"{prefix}_"

        for variable in sorted(os.environ):
            if variable.startswith(prefix):
                value = _convert(os.environ[variable], loads)
                self._set_nested(variable.removeprefix(prefix), value)

        return True

    def _set_nested(self, name: str, value: Any) -> None:
        """Set the item that a name with ``__`` between its parts leads to."""
        if "__" not in name:
            self[name] = value
            return

        *parts, last = name.split("__")
        target: Any = self

        for part in parts:
            if part not in target:
                target[part] = {}

            target = target[part]

        target[last] = value

    def from_pyfile(
        self, filename: str | os.PathLike[str], silent: bool = False
    ) -> bool:
        """Run a Python file and take its names in capitals.

        :param filename: path, relative to the root path.
        :param silent: return False when there is no such file.
        :return: whether the file was read.

        .. versionadded:: 0.7
            Added ``silent``.
        """
        path = os.path.join(self.root_path, filename)
        module = types.ModuleType("config")
        module.__file__ = path

        try:
            with open(path, "rb") as file:
                exec(compile(file.read(), path, "exec"), module.__dict__)
        except OSError as e:
            if silent and e.errno in _ABSENT_MODULE:
                return False

            _explain(e)
            raise

        self.from_object(module)
        return True

    def from_object(self, obj: object | str) -> None:
        """Take the attributes in capitals of an object, usually a module or a class.

        A class is not instantiated: a property of it would be taken as the property.

        :param obj: the object, or the name to import it by.
        """
        if isinstance(obj, str):
            obj = import_string(obj)

        for name in dir(obj):
            if name.isupper():
                self[name] = getattr(obj, name)

    def from_file(
        self,
        filename: str | os.PathLike[str],
        load: Callable[[IO[Any]], Mapping[str, Any]],
        silent: bool = False,
        text: bool = True,
    ) -> bool:
        """Take what a function reads from a file. ::

            app.config.from_file("shop.json", load=json.load)

        :param filename: path, relative to the root path.
        :param load: takes the open file and returns a mapping.
        :param silent: return False when there is no such file.
        :param text: open the file as text rather than as bytes.
        :return: whether the file was read.

        .. versionchanged:: 2.3
            Added ``text``.

        .. versionadded:: 2.0
        """
        path = os.path.join(self.root_path, filename)

        try:
            with open(path, "r" if text else "rb") as file:
                values = load(file)
        except OSError as e:
            if silent and e.errno in _ABSENT:
                return False

            _explain(e)
            raise

        return self.from_mapping(values)

    def from_mapping(
        self, mapping: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> bool:
        """Take the items whose keys are in capitals.

        :param mapping: the items.
        :param kwargs: further items, which win over those of the mapping.
        :return: True.

        .. versionadded:: 0.11
        """
        items: dict[str, Any] = {}

        if mapping is not None:
            items.update(mapping)

        items.update(kwargs)
        self.update((key, value) for key, value in items.items() if key.isupper())
        return True

    def get_namespace(
        self, namespace: str, lowercase: bool = True, trim_namespace: bool = True
    ) -> dict[str, Any]:
        """Return the items whose keys begin with a prefix, as arguments for a call. ::

            store = Store(**app.config.get_namespace("STORE_"))

        :param namespace: the prefix.
        :param lowercase: write the keys of the result in small letters.
        :param trim_namespace: leave the prefix out of the keys of the result.

        .. versionadded:: 0.11
        """
        result = {}

        for key, value in self.items():
            if key.startswith(namespace):
                name = key[len(namespace) :] if trim_namespace else key
                result[name.lower() if lowercase else name] = value

        return result

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {dict.__repr__(self)}>"


def _convert(value: str, loads: Callable[[str], Any]) -> Any:
    try:
        return loads(value)
    except Exception:
        # Whatever a loader raises, it says that the text is not in its format; a plain
        # string is the documented meaning then.
        return value


def _explain(error: OSError) -> None:
    """Say in an error what the file was opened for."""
    error.strerror = f"Unable to load configuration file ({error.strerror})"
