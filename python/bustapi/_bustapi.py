"""Says why the extension module is missing, where it is.

An interpreter prefers an extension module to a file of the same name, and takes only one
that was compiled for it. So this file is read by an interpreter without one: a
free-threaded build, another version, or a clone in which nothing was compiled.
"""

from __future__ import annotations

import sys
import sysconfig


def _reason() -> str:
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return (
            "BustAPI does not support free-threaded builds of CPython yet, and"
            f" {sys.executable!r} is one. Use the ordinary build of the same version."
        )

    return (
        "BustAPI's compiled module is missing for this interpreter"
        f" ({sys.implementation.cache_tag} at {sys.executable!r}). Install BustAPI with"
        " it; in a clone, 'make run PYTHON=…' compiles the module for the interpreter"
        " that it names."
    )


raise ImportError(_reason(), name=__name__, path=__file__)
