"""Whether a replaced attribute of a class or an object is noticed."""

from __future__ import annotations

import gc
import random
import sys
from typing import Any

import pytest

from bustapi._bustapi import Originals, Unpatched


class Base:
    def first(self) -> int:
        return 1


class Child(Base):
    def second(self) -> int:
        return 2


@pytest.fixture
def unpatched() -> Unpatched:
    names: dict[str, Any] = {"first": Base.first, "second": Child.second}
    return Unpatched(names, own=["second"])


def test_an_object_of_the_class_and_of_a_plain_subclass_is_unpatched(
    unpatched: Unpatched,
) -> None:
    subclass = type("Subclass", (Child,), {})

    # Each twice: the second answer is the one that was kept.
    assert [o() in unpatched for o in (Child, Child, subclass, subclass)] == [True] * 4


def test_an_object_that_lacks_an_attribute_is_not_unpatched(
    unpatched: Unpatched,
) -> None:
    assert Base() not in unpatched
    assert 1 not in unpatched


def test_a_subclass_that_overrides_is_not_unpatched(unpatched: Unpatched) -> None:
    subclass = type("Subclass", (Child,), {"first": lambda self: 3})

    assert subclass() not in unpatched
    assert Child() in unpatched
    assert subclass() not in unpatched


@pytest.mark.parametrize(("owner", "name"), [(Base, "first"), (Child, "second")])
def test_a_patch_of_a_class_or_its_base_is_seen_until_it_is_taken_back(
    unpatched: Unpatched, owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child()
    assert [child in unpatched for _ in range(3)] == [True] * 3

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, lambda self: 4)
            assert child not in unpatched
            assert child not in unpatched

        assert child in unpatched
        assert child in unpatched


def test_an_attribute_of_the_object_itself_is_seen(unpatched: Unpatched) -> None:
    child: Any = Child()
    assert child in unpatched

    child.second = lambda: 5
    assert child not in unpatched

    del child.second
    assert child in unpatched

    child.first = "not watched"
    assert child in unpatched


def test_a_class_changed_by_its_metaclass_during_the_check_is_asked_again() -> None:
    class Meta(type):
        count = 0

        def __getattribute__(cls, name: str) -> Any:
            if name == "first":
                Meta.count += 1
                type.__setattr__(cls, "changed", Meta.count)

            return super().__getattribute__(name)

    class Odd(Base, metaclass=Meta):
        pass

    unpatched = Unpatched({"first": Base.first})
    odd = Odd()

    assert [odd in unpatched for _ in range(3)] == [True] * 3
    assert Meta.count == 3


def test_an_object_may_have_no_dict(unpatched: Unpatched) -> None:
    class Slotted:
        __slots__ = ()

        def first(self) -> int:
            return 1

    assert Slotted() in Unpatched({"first": Slotted.first}, own=["first"])


def test_a_class_made_in_the_place_of_a_freed_one_is_looked_at_itself() -> None:
    unpatched = Unpatched({"first": Base.first})

    for number in range(200):
        body: dict[str, Any] = {} if number % 2 else {"first": lambda self: 0}
        made = type("Made", (Base,), body)
        assert (made() in unpatched) is bool(number % 2)
        assert (made() in unpatched) is bool(number % 2)
        del made
        gc.collect(0)


def test_whatever_is_done_to_classes_the_answer_is_that_of_a_look_up() -> None:
    # CPython stops to number a class that was changed a thousand times, and numbers all
    # anew when its cache is cleared, on versions where that is possible.
    draw = random.Random(14)
    clear = (
        getattr(sys, "_clear_type_cache", None) if sys.version_info < (3, 13) else None
    )

    class Other:
        def second(self) -> int:
            return 7

    class Middle(Base):
        pass

    class Leaf(Middle, Other):
        pass

    bases: list[tuple[type, ...]] = [(Middle, Other), (Middle,), (Other, Middle)]
    values = [Base.first, Other.second, lambda self: 8]
    unpatched = Unpatched({"first": Base.first, "second": Other.second})
    classes = (Middle, Other, Leaf)

    for number in range(6000):
        owner = draw.choice(classes)
        name = draw.choice(("first", "second"))

        if draw.random() < 0.1:
            Leaf.__bases__ = draw.choice(bases)
        elif clear is not None and draw.random() < 0.05:
            clear()
        elif name in vars(owner):
            delattr(owner, name)
        else:
            setattr(owner, name, draw.choice(values))

        for cls in classes:
            expected = (
                getattr(cls, "first", None) is Base.first
                and getattr(cls, "second", None) is values[1]
            )
            assert (cls() in unpatched) is expected, number


def test_originals_are_true_until_one_of_them_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    originals = Originals({Base: {"first"}, Child: {"first", "second"}})
    assert [bool(originals) for _ in range(3)] == [True] * 3

    with monkeypatch.context() as patch:
        patch.setattr(Base, "first", lambda self: 6)
        assert not originals
        assert not originals

    assert originals

    with monkeypatch.context() as patch:
        patch.setattr(Child, "first", Base.first, raising=False)
        # The very same function in another place calls nothing else.
        assert originals


def test_originals_of_a_name_that_a_class_lacks_are_refused() -> None:
    with pytest.raises(AttributeError, match="third"):
        Originals({Base: {"third"}})
