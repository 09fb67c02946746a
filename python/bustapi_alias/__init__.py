"""Make ``import flask`` answer with this package.

Installing the distribution changes nothing. Whoever wants the alias asks for it:

- the command ``bustapi`` has it, and so have the programs that ``bustapi exec`` starts;
- a process whose environment says ``BUSTAPI_ALIAS=1`` gets it at start-up, through a
  line in ``bustapi_alias.pth``, which sets that variable for the command ``bustapi``
  and does nothing without it;
- ``pytest -p bustapi_alias`` has it before plugins and conftest files are loaded;
- a program calls :func:`install` before it imports anything else.

From then on the package *is* ``flask``: its modules are loaded under the names
``flask`` and ``flask.NAME``, so that whatever is defined in them says so too
(``__module__``, pickles, filters of warnings, names that agents and extensions write
down), and :mod:`importlib.metadata` knows a distribution named Flask. ``bustapi`` and
``bustapi.NAME`` are second names of the same modules, so that there is one set of
classes. What was loaded as ``bustapi`` before is renamed.

Only the standard library is used here: the package itself is not imported before
somebody imports it by one of its names.

pytest is not to warn that this module was imported before it became a plugin:
PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import gc
import importlib
import os
import re
import site
import sys
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import (
    BuiltinImporter,
    FrozenImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from importlib.metadata import Distribution, DistributionFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar, cast

__all__ = [
    "FLASK_VERSION",
    "VARIABLE",
    "install",
    "install_at_startup",
    "is_read_at_startup",
]

FLASK_VERSION = "3.1.3"
"""The version of Flask whose public interface this package provides."""

VARIABLE = "BUSTAPI_ALIAS"
"""The environment variable that turns the alias on in processes that are started."""

_FLASK = "flask"
_OWN = "bustapi"


def install() -> None:
    """Answer every later import of ``flask`` with this package.

    A second call does nothing.

    :raises RuntimeError: if the real Flask has been imported already, since two sets of
        classes in one process do not recognise each other.
    """
    if any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        return

    if _FLASK in sys.modules:
        raise RuntimeError(
            f"Flask itself is already loaded, imported by {_importer_of_flask()}."
            f" {_way_out()}"
        )

    sys.meta_path.insert(_first_standard_finder(), AliasFinder())

    if _OWN in sys.modules:
        # Whole: another thread may be importing it.
        importlib.import_module(_OWN)
        _rename_what_is_loaded()
        importlib.import_module(_FLASK)


@cache
def install_at_startup() -> None:
    """Install the alias if the environment says so; what the ``.pth`` file calls.

    Once, since a virtual environment's files of this kind are read twice.

    ``1`` turns it on; ``0`` and nothing leave it off. Any other value, and an alias
    that cannot be installed, costs one line on standard error: an interpreter starts
    for many reasons, and most of them have nothing to do with Flask.
    """
    value = os.environ.get(VARIABLE, "")

    if value == "1":
        try:
            install()
        except RuntimeError as e:
            _complain(str(e))
    elif value not in ("", "0"):
        _complain(f"{VARIABLE} must be 1 or 0, but it is {value!r}. The alias is off.")


def is_read_at_startup() -> bool:
    """Return whether this Python reads ``bustapi_alias.pth`` when it starts.

    Installing the package puts the file there. A copy of the package that is only found
    through ``PYTHONPATH`` has none, and the variable then has no effect.
    """
    folders = site.getsitepackages()

    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())

    return any(Path(folder, "bustapi_alias.pth").exists() for folder in folders)


def _way_out() -> str:
    """Return how to have the alias before something imports Flask."""
    if os.environ.get(VARIABLE) == "1":
        return (
            f"{VARIABLE}=1 came too late for that: call 'bustapi_alias.install()' before"
            " it, or give a '.pth' file that imports it a name after 'bustapi_alias.pth'."
        )

    return (
        "Have the alias before anything imports 'flask': start the program with"
        f" {VARIABLE}=1 in its environment, or with 'bustapi exec', or call"
        " 'bustapi_alias.install()' in its first line."
    )


def _complain(message: str) -> None:
    print(f"bustapi_alias: {message}", file=sys.stderr)


def _first_standard_finder() -> int:
    """Return the place in ``sys.meta_path`` before everything that finds files.

    Finders that stand further in front belong to import hooks. They answer only for the
    modules that they watch, and ask the finders behind them where those are.
    """
    standard = (BuiltinImporter, FrozenImporter, PathFinder)

    for index, finder in enumerate(sys.meta_path):
        if finder in standard:
            return index

    return len(sys.meta_path)


def pytest_addoption() -> None:
    """Install the alias when pytest registers this module as a plugin.

    This hook runs as soon as the plugin is registered, which ``-p`` does before entry
    points and conftest files are loaded.
    """
    install()


class AliasFinder(MetaPathFinder):
    """Finds the package as ``flask``, and the distribution that it seems to come from.

    Submodules of ``flask`` are found by the ordinary finders, in the package's folder.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
        /,
    ) -> ModuleSpec | None:
        twin = _other_name(fullname)

        if twin is None:
            return None

        # A module that has its name already is asked for when it is reloaded.
        if fullname not in sys.modules and _is_loaded(twin):
            return _second_spec(fullname, sys.modules[twin].__spec__)

        if fullname == _FLASK:
            return self._find_package()

        if fullname.startswith(f"{_FLASK}."):
            return None

        return _second_spec(fullname, _find(twin, path))

    def _find_package(self) -> ModuleSpec | None:
        real = _find(_OWN, None, besides=self)
        return None if real is None else _package_spec(real)

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        """Return the distribution Flask if ``context`` asks for it or for all."""
        if context is None:
            context = DistributionFinder.Context()

        # Who searches directories of his own wants to know what is installed there.
        if "path" in vars(context):
            return []

        if context.name is None or _normalized(context.name) == _FLASK:
            return [AliasDistribution()]

        return []


class DelegatingLoader(ExecutionLoader):
    """Answers for a module what the loader that finds its file answers.

    :param real: how the module is found by the name that the loader knows.
    """

    def __init__(self, real: ModuleSpec) -> None:
        self.real = real

    # What runpy (``python -m flask``), pkgutil, importlib.resources and inspection ask
    # of a loader.

    def is_package(self, fullname: str) -> bool:
        return self.real.submodule_search_locations is not None

    def get_code(self, fullname: str) -> CodeType | None:
        return self._real_loader().get_code(self.real.name)

    def get_source(self, fullname: str) -> str | None:
        return self._real_loader().get_source(self.real.name)

    def get_filename(self, fullname: str) -> str:
        return self._real_loader().get_filename(self.real.name)

    def get_data(self, path: str) -> bytes:
        return self._real_loader().get_data(path)

    def get_resource_reader(self, fullname: str) -> Any:
        return self._real_loader().get_resource_reader(self.real.name)

    def _real_loader(self) -> SourceFileLoader:
        # Or another that loads files, such as a zip file's, with the same methods.
        return cast(SourceFileLoader, self.real.loader)


class PackageLoader(DelegatingLoader):
    """Loads this package under the name ``flask``."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        _warn_of_shadowed_file()
        code = cast(CodeType, self.get_code(module.__name__))
        exec(code, vars(module))


class SecondNameLoader(DelegatingLoader):
    """Files a module of this package under the other one of its two names."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        # importlib writes the spec of the second name into whatever is returned here,
        # which must therefore not be the real module.
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        twin = _other_name(name) or name
        real = importlib.import_module(twin)
        vars(module)["__real__"] = real
        # importlib takes the result of an import from here.
        sys.modules[name] = real

        if name in (_FLASK, _OWN):
            _import_loaded_submodules(twin, name)


class _StandIn(ModuleType):
    """The module that importlib and import hooks see while a second name is loaded.

    Once loaded, reading and assigning attributes goes to the real module, so that a
    hook which patches what it was given patches what programs use.
    """

    def __getattr__(self, name: str) -> Any:
        if name == "__real__":
            raise AttributeError(name)

        try:
            real = self.__real__
        except AttributeError:
            raise AttributeError(
                f"module {self.__name__!r} has no attribute {name!r}"
            ) from None

        return getattr(real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if "__real__" in vars(self):
            setattr(self.__real__, name, value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if "__real__" in vars(self):
            delattr(self.__real__, name)
        else:
            super().__delattr__(name)


class AliasDistribution(Distribution):
    """The distribution that :mod:`importlib.metadata` reports as Flask."""

    _texts = {
        "METADATA": (
            "Metadata-Version: 2.1\n"
            "Name: Flask\n"
            f"Version: {FLASK_VERSION}\n"
            "Summary: Flask's public interface, provided by BustAPI.\n"
            "Requires-Python: >=3.9\n"
            "Requires-Dist: blinker>=1.9.0\n"
            "Requires-Dist: click>=8.1.3\n"
            "Requires-Dist: importlib-metadata>=3.6.0; python_version < '3.10'\n"
            "Requires-Dist: itsdangerous>=2.2.0\n"
            "Requires-Dist: jinja2>=3.1.2\n"
            "Requires-Dist: markupsafe>=2.1.1\n"
            "Requires-Dist: werkzeug>=3.1.0\n"
            'Requires-Dist: asgiref>=3.2 ; extra == "async"\n'
            'Requires-Dist: python-dotenv ; extra == "dotenv"\n'
            "Provides-Extra: async\n"
            "Provides-Extra: dotenv\n"
        ),
        "entry_points.txt": f"[console_scripts]\n{_FLASK} = {_FLASK}.cli:main\n",
        "top_level.txt": f"{_FLASK}\n",
    }

    def read_text(self, filename: str) -> str | None:
        return self._texts.get(filename)

    def locate_file(self, path: str | os.PathLike[str]) -> Any:
        return Path(__file__).parent.parent / path


def _other_name(name: str) -> str | None:
    """Return the name that a module of the package has beside this one."""
    root, dot, rest = name.partition(".")

    if root == _FLASK:
        return _OWN + dot + rest

    return _FLASK + dot + rest if root == _OWN else None


def _is_loaded(name: str) -> bool:
    """Return whether a module, and not what stands in for it, has this name."""
    return not isinstance(sys.modules.get(name), _StandIn | None)


def _find(
    name: str, path: Sequence[str] | None, besides: MetaPathFinder | None = None
) -> ModuleSpec | None:
    """Return the spec of a module without importing anything.

    importlib holds its global lock while a finder is asked, so waiting for the import
    of a parent, as :func:`importlib.util.find_spec` does, would be a deadlock with the
    thread that is importing it.
    """
    for finder in list(sys.meta_path):
        if finder is not besides:
            spec = finder.find_spec(name, path)

            if spec is not None:
                return spec

    return None


def _package_spec(real: ModuleSpec) -> ModuleSpec | None:
    """Return the spec by which the package is loaded as ``flask``."""
    return spec_from_file_location(
        _FLASK,
        real.origin,
        loader=PackageLoader(real),
        submodule_search_locations=list(real.submodule_search_locations or ()),
    )


def _second_spec(name: str, real: ModuleSpec | None) -> ModuleSpec | None:
    """Return the spec by which a module gets its second name."""
    if real is None:
        return None

    locations = real.submodule_search_locations
    spec = ModuleSpec(
        name,
        SecondNameLoader(real),
        origin=real.origin,
        is_package=locations is not None,
    )

    if locations is not None:
        spec.submodule_search_locations = list(locations)

    return spec


def _rename_what_is_loaded() -> None:
    """Give whatever was loaded as ``bustapi`` the name that it has under the alias.

    Strings that were made from the old names stay as they are, of course: the package
    keeps none.
    """
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and _is_own(module.__name__):
            _rename_module(module)

    for thing in gc.get_objects():
        # The class of a proxy says what it is a proxy for, its type does not.
        if issubclass(type(thing), _NAMING_THEIR_MODULE):
            name = _module_named_by(thing)

            if isinstance(name, str) and _is_own(name):
                thing.__module__ = _other_name(name)


def _rename_module(module: ModuleType) -> None:
    """Make a module what it would be if it had been loaded under the alias."""
    package = sys.modules.get(module.__name__.rpartition(".")[0])
    name = cast(str, _other_name(module.__name__))

    if package is not None:
        spec = PathFinder.find_spec(name, package.__path__)
    else:
        spec = _package_spec(cast(ModuleSpec, module.__spec__))

    module.__name__ = name

    if spec is not None:
        module.__spec__ = spec
        module.__loader__ = spec.loader
        module.__package__ = spec.parent


_NAMING_THEIR_MODULE = (FunctionType, type, TypeVar, type(cache(len)))


def _module_named_by(thing: Any) -> object:
    if isinstance(thing, type):
        return vars(thing).get("__module__")

    return getattr(thing, "__module__", None)


def _is_own(name: str) -> bool:
    return name == _OWN or name.startswith(f"{_OWN}.")


def _normalized(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _import_loaded_submodules(package: str, second: str) -> None:
    """Import under their second names the submodules that a package has loaded.

    Import hooks on ``flask.app`` and the like wait for these imports.
    """
    prefix = f"{package}."

    for name, module in list(sys.modules.items()):
        if name.startswith(prefix) and isinstance(module, ModuleType):
            importlib.import_module(f"{second}.{name[len(prefix) :]}")


def _warn_of_shadowed_file() -> None:
    """Warn of a module named flask that is not Flask: the alias hides it.

    A folder that lacks ``__init__.py`` is not taken for a module that was meant.
    """
    found = PathFinder.find_spec(_FLASK)

    if found is None or not found.has_location or found.origin is None:
        return

    if not Path(found.origin).with_name("globals.py").exists():
        warnings.warn(
            f"'import {_FLASK}' gives BustAPI and not your own {found.origin!r}. Give"
            " that file another name.",
            RuntimeWarning,
            stacklevel=3,
        )


def _importer_of_flask() -> str:
    """Return the name and file of the module that most likely imported Flask first.

    A module enters ``sys.modules`` before it runs, so the importer stands before
    ``flask`` there, and it holds the module or something that is defined in it.
    """
    candidate = None

    for name, module in list(sys.modules.items()):
        if name == _FLASK and candidate is not None:
            break

        if name.partition(".")[0] not in (_FLASK, _OWN) and _holds_flask(module):
            candidate = module

    if candidate is None:
        return "a module that kept no reference to it"

    path = getattr(candidate, "__file__", None)
    return f"{candidate.__name__!r}" + (f" ({path})" if path else "")


def _holds_flask(module: ModuleType) -> bool:
    """Return whether ``module`` has a module, class or function of Flask's."""
    for value in list(getattr(module, "__dict__", {}).values()):
        if isinstance(value, ModuleType):
            origin = value.__name__
        elif isinstance(value, type | FunctionType):
            origin = value.__module__
        else:
            continue

        if str(origin).partition(".")[0] == _FLASK:
            return True

    return False
