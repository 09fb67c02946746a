"""Prints the names of Flask's modules, with the signatures of what can be called.

python flask_names.py            of whatever `flask` is installed
python flask_names.py --alias    of this package, through the alias
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator

from werkzeug.local import LocalProxy

MODULES = (
    *(
        "",
        ".app",
        ".blueprints",
        ".cli",
        ".config",
        ".ctx",
        ".debughelpers",
        ".globals",
    ),
    *(".helpers", ".json", ".json.provider", ".json.tag", ".logging", ".sansio.app"),
    *(".sansio.blueprints", ".sansio.scaffold", ".sessions", ".signals", ".templating"),
    *(".testing", ".typing", ".views", ".wrappers"),
)


IMPORTED = {
    ".app": "App AppContext Aborter Headers HTTPException MapAdapter Request Response Rule",
    ".blueprints": "BlueprintSetupState",
    ".cli": "click run_simple",
    ".json": "provider tag",
    ".sansio.app": "Config ConfigAttribute Map Rule",
    ".signals": "Namespace",
    ".wrappers": "RequestBase ResponseBase",
}
"""Names that a module imports and that others are known to take from there."""


def names() -> Iterator[tuple[str, str]]:
    """Yield each name with its signature, or with the kind of thing that it is."""
    for suffix in MODULES:
        module = importlib.import_module("flask" + suffix)
        imported = IMPORTED.get(suffix, "").split()
        for name, value in sorted(vars(module).items()):
            full = f"flask{suffix}.{name}"
            if name in imported or (
                suffix == ".typing" and is_own(suffix, name, value)
            ):
                yield full, "present"
            elif is_own(suffix, name, value):
                yield full, describe(value)
                if inspect.isclass(value) and home(value) == suffix:
                    for member in members(value):
                        yield f"{full}.{member}", describe(getattr(value, member))


def is_own(suffix: str, name: str, value: object) -> bool:
    """Whether a name belongs to the interface of a module of Flask."""
    if is_proxy(value):
        return suffix in {"", ".globals"}
    if name.startswith(("_", "T_")) or len(name) == 1 or inspect.ismodule(value):
        return False
    if suffix in {"", ".signals", ".typing"}:
        return name != "annotations"
    return home(value) == suffix


def home(value: object) -> str | None:
    """Return the module that a value says it is from, below Flask's top, or None."""
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or is_proxy(value):
        return None
    top, dot, rest = module.partition(".")
    return dot + rest if top in {"flask", "bustapi"} else None


def members(value: type) -> Iterator[str]:
    """Yield the public members that the classes of Flask itself define."""
    own: set[str] = set()
    for base in value.__mro__:
        if base.__module__.partition(".")[0] in {"flask", "bustapi"}:
            own.update(vars(base))
    yield from sorted(n for n in own if not n.startswith("_") or n == "__init__")


def describe(value: object) -> str:
    """Return the signature, without annotations, or a word for the kind."""
    if is_proxy(value):
        return "proxy"
    if inspect.isclass(value):
        return "class"
    if not callable(value):
        return "value"
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return "callable"
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
    ]
    text = str(inspect.Signature(parameters))
    return re.sub(r" at 0x[0-9a-f]+", "", text).replace("bustapi", "flask")


def is_proxy(value: object) -> bool:
    """Whether a value is a proxy, asked without asking what it stands for."""
    return issubclass(type(value), LocalProxy)


def main() -> None:
    """Print all names as JSON."""
    if "--alias" in sys.argv:
        import bustapi_alias

        bustapi_alias.install()
    json.dump(dict(names()), sys.stdout)


if __name__ == "__main__":
    main()
