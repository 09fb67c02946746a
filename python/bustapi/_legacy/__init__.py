"""Legacy mode: the names that Flask had from 0.11 to 2.2, under the package's own name.

Extensions choose their code by the presence of names, so none of these exists before
:func:`install` was called, which ``BUSTAPI_LEGACY=1`` asks for when the package is
imported. What an application object had is :class:`.RemovedNames`, the implementation
that class ``BustAPI`` has; here it is put on ``Flask`` too.
"""

from __future__ import annotations

import os
import sys
from functools import cache

VARIABLE = "BUSTAPI_LEGACY"
"""The environment variable that turns legacy mode on."""


def is_wanted() -> bool:
    """Return whether the environment asks for legacy mode.

    :raises RuntimeError: when the variable says neither ``1`` nor ``0``.
    """
    value = os.environ.get(VARIABLE, "")

    if value not in {"", "0", "1"}:
        raise RuntimeError(
            f"{VARIABLE} must be 1 or 0, but it is {value!r}. Set it to 1 for legacy"
            " mode, or leave it out."
        )

    return value == "1"


@cache
def install() -> None:
    """Add the names, once."""
    from .. import globals, helpers, json, signals, testing
    from ..sansio import scaffold
    from . import applications, compat, contexts, ext, exthook, files, names
    from . import json as legacy_json

    package = sys.modules[__package__.rpartition(".")[0]]
    applications.install()
    contexts.install()

    additions = (
        (globals, contexts.NAMES),
        (helpers, {**names.HELPERS, **files.NAMES}),
        (json, legacy_json.NAMES),
        (signals, {"signals_available": True}),
        (testing, {"make_test_environ_builder": testing.EnvironBuilder}),
        (package, {**contexts.STACKS, **names.PACKAGE, **files.NAMES}),
    )

    for module, added in additions:
        for name, value in added.items():
            setattr(module, name, value)

    for name, module in (
        ("_compat", compat),
        ("ext", ext),
        ("exthook", exthook),
        ("scaffold", scaffold),
    ):
        sys.modules[f"{package.__name__}.{name}"] = module
        setattr(package, name, module)
