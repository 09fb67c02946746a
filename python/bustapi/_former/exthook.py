"""``flask.ext.NAME``: the extension that is installed as ``flask_NAME``."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class ExtDeprecationWarning(DeprecationWarning):
    """An extension was imported from ``flask.ext``."""


class ExtensionImporter(MetaPathFinder, Loader):
    """Imports modules below a package from elsewhere.

    :param module_choices: where they may be, each a format for the name.
    :param wrapper_module: name of the package.
    """

    def __init__(self, module_choices: Sequence[str], wrapper_module: str) -> None:
        self.module_choices = module_choices
        self.wrapper_module = wrapper_module
        self.prefix = f"{wrapper_module}."

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExtensionImporter) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.wrapper_module)

    def install(self) -> None:
        """Put this behind the other finders, once."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder != self]
        sys.meta_path.append(self)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
        /,
    ) -> ModuleSpec | None:
        if not fullname.startswith(self.prefix):
            return None

        # A package, since it may import its own modules by this name while it is made.
        return ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__.removeprefix(self.prefix)

        # importlib takes the result of an import from here.
        sys.modules[module.__name__] = self._import(name)
        warnings.warn(
            f"'flask.ext.{name}' is not part of Flask 3, which code may want to run on."
            f" Import 'flask_{name}' instead.",
            ExtDeprecationWarning,
            stacklevel=2,
        )

    def _import(self, name: str) -> ModuleType:
        for choice in self.module_choices:
            real = choice % name

            try:
                return importlib.import_module(real)
            except ModuleNotFoundError as e:
                # One that the extension itself lacks is reported as it is.
                if e.name is None or not f"{real}.".startswith(f"{e.name}."):
                    raise

        raise ModuleNotFoundError(
            f"No module named 'flask.ext.{name}': none of"
            f" {', '.join(repr(choice % name) for choice in self.module_choices)} can be"
            " imported. Install the extension.",
            name=f"{self.prefix}{name}",
        )
