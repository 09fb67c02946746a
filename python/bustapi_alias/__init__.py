"""Make ``import flask`` answer with this package.

Installing the distribution changes nothing: a program, a command or a test run asks
for the alias with :func:`install` or with ``pytest -p bustapi_alias``. From then on
``flask`` and ``flask.NAME`` *are* the modules ``bustapi`` and ``bustapi.NAME`` (the
same objects, so that there is one set of classes), and :mod:`importlib.metadata` knows
a distribution named Flask. Only the standard library is used here: ``bustapi`` itself
is not imported before somebody imports ``flask``.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

__all__ = ["FLASK_VERSION", "install"]

FLASK_VERSION = "3.1.3"
"""The version of Flask whose public interface this package provides."""

_ALIAS = "flask"
_REAL = "bustapi"


def install() -> None:
    """Answer every later import of ``flask`` with this package.

    A second call does nothing.

    :raises RuntimeError: if the real Flask has been imported already, since two sets of
        classes in one process do not recognise each other.
    """
    if any(isinstance(finder, AliasFinder) for finder in sys.meta_path):
        return

    if _ALIAS in sys.modules:
        raise RuntimeError(
            f"Flask itself is already loaded, imported by {_importer_of_flask()}. Call"
            " 'bustapi_alias.install()' before anything imports 'flask'."
        )

    sys.meta_path.insert(0, AliasFinder())


def pytest_addoption() -> None:
    """Install the alias when pytest registers this module as a plugin.

    This hook runs as soon as the plugin is registered, which ``-p`` does before entry
    points and conftest files are loaded.
    """
    install()


class AliasFinder(MetaPathFinder):
    """Finds ``flask`` modules, and the distribution that they seem to come from."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
        /,
    ) -> ModuleSpec | None:
        if fullname != _ALIAS and not fullname.startswith(f"{_ALIAS}."):
            return None

        real = importlib.util.find_spec(_REAL + fullname[len(_ALIAS) :])

        if real is None:
            return None

        spec = ModuleSpec(
            fullname,
            AliasLoader(real),
            origin=real.origin,
            is_package=real.submodule_search_locations is not None,
        )

        if real.submodule_search_locations is not None:
            spec.submodule_search_locations = list(real.submodule_search_locations)

        return spec

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        """Return the distribution Flask if ``context`` asks for it or for all."""
        if context is None:
            context = DistributionFinder.Context()

        # Who searches directories of his own wants to know what is installed there.
        if "path" in vars(context):
            return []

        if context.name is None or _normalized(context.name) == _ALIAS:
            return [AliasDistribution()]

        return []


class AliasLoader(InspectLoader):
    """Loads a module of this package and files it under the name in ``flask`` too."""

    def __init__(self, real: ModuleSpec) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        # importlib writes the alias's spec into whatever is returned here, which must
        # therefore not be the real module.
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        alias = module.__name__
        real = importlib.import_module(self.real.name)
        vars(module)["__real__"] = real
        # importlib takes the result of an import from here.
        sys.modules[alias] = real

        if alias == _ALIAS:
            _import_loaded_submodules()

    # What runpy (``python -m flask``) and inspection ask of a loader.

    def is_package(self, fullname: str) -> bool:
        return self.real.submodule_search_locations is not None

    def get_code(self, fullname: str) -> CodeType | None:
        return self._real_loader().get_code(self.real.name)

    def get_source(self, fullname: str) -> str | None:
        return self._real_loader().get_source(self.real.name)

    def _real_loader(self) -> InspectLoader:
        loader = self.real.loader

        if not isinstance(loader, InspectLoader):
            raise ImportError(
                f"The loader of {self.real.name!r} cannot show its code.",
                name=self.real.name,
            )

        return loader


class _StandIn(ModuleType):
    """The module that importlib and import hooks see while an alias is being loaded.

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
        "METADATA": f"Metadata-Version: 2.1\nName: Flask\nVersion: {FLASK_VERSION}\n",
        "top_level.txt": f"{_ALIAS}\n",
    }

    def read_text(self, filename: str) -> str | None:
        return self._texts.get(filename)

    def locate_file(self, path: str | os.PathLike[str]) -> Any:
        return Path(__file__).parent.parent / path


def _normalized(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _import_loaded_submodules() -> None:
    """Import under its alias each submodule that importing the package has loaded.

    Import hooks on ``flask.app`` and the like wait for these imports.
    """
    prefix = f"{_REAL}."

    for name, module in list(sys.modules.items()):
        if name.startswith(prefix) and isinstance(module, ModuleType):
            importlib.import_module(f"{_ALIAS}.{name[len(prefix) :]}")


def _importer_of_flask() -> str:
    """Return the name and file of the module that most likely imported Flask first.

    A module enters ``sys.modules`` before it runs, so the importer stands before
    ``flask`` there, and it holds the module or something that is defined in it.
    """
    candidate = None

    for name, module in list(sys.modules.items()):
        if name == _ALIAS and candidate is not None:
            break

        if name.partition(".")[0] != _ALIAS and _holds_flask(module):
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

        if str(origin).partition(".")[0] == _ALIAS:
            return True

    return False
