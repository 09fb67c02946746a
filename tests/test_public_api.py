"""The public names and signatures are those of the committed snapshot."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from types import ModuleType

import pytest

from public_api import API, SNAPSHOT, module_names, read_api

REMEDY = (
    f"If the change is meant, call `make snapshots`, read the difference of"
    f" {SNAPSHOT.name} and commit it with a changelog fragment."
)


@pytest.fixture(scope="module")
def expected() -> API:
    """The committed snapshot."""
    found: API = json.loads(SNAPSHOT.read_text())
    return found


@pytest.fixture(scope="module")
def actual() -> API:
    """What the package has now."""
    return read_api()


def flat(api: API) -> dict[str, str]:
    """Return an interface under whole names, with the modules themselves."""
    return {
        **{name: "module" for name in api},
        **{
            f"{module}.{name}": description
            for module, names in api.items()
            for name, description in names.items()
        },
    }


def test_no_public_name_is_gone(expected: API, actual: API) -> None:
    assert not flat(expected).keys() - flat(actual).keys(), REMEDY


def test_no_public_name_is_new(expected: API, actual: API) -> None:
    assert not flat(actual).keys() - flat(expected).keys(), REMEDY


def test_no_kind_or_signature_has_changed(expected: API, actual: API) -> None:
    old, new = flat(expected), flat(actual)

    changed = {
        name: (old[name], new[name])
        for name in old.keys() & new.keys()
        if old[name] != new[name]
    }

    assert not changed, REMEDY


def modules_with_all() -> Iterator[ModuleType]:
    """Yield the public modules that declare what they export."""
    for name in module_names():
        module = importlib.import_module(name)
        if hasattr(module, "__all__"):
            yield module


@pytest.mark.parametrize(
    "module", [pytest.param(m, id=m.__name__) for m in modules_with_all()]
)
def test_exported_names_are_sorted_and_there(module: ModuleType) -> None:
    assert list(module.__all__) == sorted(set(module.__all__))
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
