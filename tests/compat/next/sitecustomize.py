"""Hides the names that are to go from our code, in every interpreter of a test run.

`next_suite.py` writes the list of names and puts this folder on ``PYTHONPATH``. A module
is left as it is for the packages themselves and for others that are installed, which are
not under test: to whoever else asks, a hidden name is not there.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import sys
import sysconfig
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HIDDEN: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parents[3] / ".cache/compat-next/names.json").read_text()
)

OTHERS = (
    sysconfig.get_path("stdlib") + os.sep,
    "<frozen ",
    f"{os.sep}site-packages{os.sep}",
    f"{os.sep}compat-next{os.sep}",
)
"""Parts of the names of files whose code may see everything."""


def is_ours(frame: types.FrameType) -> bool:
    """Whether code that asks is of this project, or of a test's application."""
    file = frame.f_code.co_filename
    return file != __file__ and not any(part in file for part in OTHERS)


class Shortened(types.ModuleType):
    """A module without some of its names."""

    def __getattribute__(self, name: str) -> Any:
        own = super().__getattribute__
        hidden = HIDDEN[own("__name__")]

        if name in hidden and is_ours(sys._getframe(1)):
            raise AttributeError(f"module {own('__name__')!r} is without {name!r} next")

        if name == "__dict__" and is_ours(sys._getframe(1)):
            names: dict[str, Any] = own(name)
            return {key: value for key, value in names.items() if key not in hidden}

        return own(name)


class Attribute:
    """An attribute of a class that is not there for our code."""

    def __init__(self, name: str, value: object) -> None:
        self.name = name
        self.value = value

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if is_ours(sys._getframe(1)):
            raise AttributeError(f"{owner!r} is without {self.name!r} next")

        get = getattr(type(self.value), "__get__", None)
        return self.value if get is None else get(self.value, instance, owner)


class DataAttribute(Attribute):
    """One that decides about assignments too."""

    def __set__(self, instance: object, value: object) -> None:
        if is_ours(sys._getframe(1)):
            raise AttributeError(f"{instance!r} is without {self.name!r} next")

        type(self.value).__set__(self.value, instance, value)  # type: ignore[attr-defined]

    def __delete__(self, instance: object) -> None:
        type(self.value).__delete__(self.value, instance)  # type: ignore[attr-defined]


class Finder(importlib.abc.MetaPathFinder):
    """Lets the import system find a module, and shortens it when it has been run."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in HIDDEN:
            return None

        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        loader: Any = spec and spec.loader

        if loader is not None:
            execute = loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                execute(module)
                shorten(module)

            loader.exec_module = exec_module

        return spec


def shorten(module: types.ModuleType) -> None:
    """Hide the names that are to go from a module that has just been run."""
    for name, kept in HIDDEN[module.__name__].items():
        owner_name, _, attribute = name.partition(".")

        if attribute:
            owner = vars(module)[owner_name]
            value = vars(owner)[attribute]
            kind = DataAttribute if hasattr(type(value), "__set__") else Attribute
            setattr(owner, attribute, kind(attribute, value))
        elif kept:
            vars(module)[kept] = vars(module)[name]

    module.__class__ = Shortened


sys.meta_path.insert(0, Finder())
