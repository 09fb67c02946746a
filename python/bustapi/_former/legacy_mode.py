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

from .release import RELEASES, enter_release

VARIABLE = "BUSTAPI_LEGACY"
"""The environment variable that turns legacy mode on."""


def wanted_release() -> str | None:
    """Return the release of Flask that the environment asks for, None for that of today.

    ``1`` is the oldest: a program of former years is warned of nothing that was not
    deprecated yet when it was written.

    :raises RuntimeError: when the variable names no release.
    """
    value = os.environ.get(VARIABLE, "")

    if value in {"", "0"}:
        return None

    if value == "1":
        return RELEASES[0]

    if value not in RELEASES:
        raise RuntimeError(
            f"{VARIABLE} must be 1 or 0, but it is {value!r}. Set it to 1 for legacy"
            f" mode, to one of the releases {', '.join(RELEASES)} to be warned as that"
            " release warned, or leave it out."
        )

    return value


@cache
def install(release: str) -> None:
    """Add the names, once.

    :param release: which one the program is for.
    """
    from .. import cli, globals, helpers, json, signals, testing, views
    from ..sansio import scaffold
    from . import (
        applications,
        compat,
        contexts,
        ext,
        exthook,
        files,
        json_functions,
        names,
    )
    from . import cli as legacy_cli

    enter_release(release)
    package = sys.modules[__package__.rpartition(".")[0]]
    applications.install()
    contexts.install()
    legacy_cli.install()

    additions = (
        (cli, legacy_cli.NAMES),
        (globals, contexts.NAMES),
        (helpers, {**names.HELPERS, **files.NAMES}),
        (json, json_functions.NAMES),
        (signals, {"signals_available": True}),
        (testing, names.TESTING),
        (views, {"MethodViewType": type}),
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

    # Programs look for the importer by the module that it had.
    exthook.ExtensionImporter.__module__ = f"{package.__name__}.exthook"
