"""The settings of a server: defaults, limits, and what a mistake is answered with."""

from __future__ import annotations

import math
import os
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from bustapi._bustapi import Worker
from bustapi.server import Settings
from bustapi.server.settings import ServerOptions, available_processors

LARGE = "Use a large number"


def test_defaults_are_a_single_process_for_this_machine_alone() -> None:
    settings = Settings()

    assert settings.host == "127.0.0.1"
    assert settings.port == 5000
    assert settings.worker_count == 1
    assert settings.access_log


def test_serve_takes_every_setting() -> None:
    hints = get_type_hints(Settings)
    address = {"host": hints.pop("host"), "port": hints.pop("port")}

    assert address == {"host": str, "port": int}
    assert get_type_hints(ServerOptions) == hints


def test_a_core_without_settings_has_the_same_patience() -> None:
    taken = signature(Worker).parameters

    for name, value in Settings().patience.items():
        assert taken[name].default == value


def test_what_is_not_for_the_core_is_no_patience() -> None:
    timeouts = {each.name for each in fields(Settings) if "_timeout" in each.name}

    assert Settings().patience.keys() == timeouts - {"graceful_timeout"} | {"body_rate"}


@pytest.mark.parametrize(
    ("values", "fact", "remedy"),
    [
        ({"workers": 0}, "'workers' must be at least 1, but it was 0", "Use 1"),
        ({"port": 65536}, "'port' must be from 0 to 65535, but it was", "Use 0"),
        ({"port": -1}, "'port' must be from 0 to 65535, but it was -1", "Use 0"),
        ({"threads": 0}, "'threads' must be at least 1, but it was 0", "Use 1"),
        ({"keep_alive_timeout": 0}, "'keep_alive_timeout' must be more than 0", LARGE),
        ({"head_timeout": -1}, "'head_timeout' must be a number of seconds", LARGE),
        ({"body_timeout": math.inf}, "seconds from 0 on, but it was inf", LARGE),
        ({"write_timeout": math.nan}, "seconds from 0 on, but it was nan", LARGE),
        ({"linger_timeout": -1}, "seconds from 0 on, but it was -1", "Use 0"),
        ({"graceful_timeout": -1}, "seconds from 0 on, but it was -1", "Use 0"),
        ({"body_rate": -1}, "'body_rate' must not be negative, but it was", "Use 0"),
    ],
)
def test_value_out_of_range_is_refused_with_fact_and_remedy(
    values: dict[str, Any], fact: str, remedy: str
) -> None:
    with pytest.raises(ValueError) as raised:
        Settings(**values)

    assert fact in str(raised.value)
    assert remedy in str(raised.value)


@pytest.mark.parametrize(
    "values",
    [
        {"host": None},
        {"port": "5000"},
        {"workers": "many"},
        {"threads": True},
        {"head_timeout": "5"},
        {"graceful_timeout": None},
        {"body_rate": 0.5},
    ],
)
def test_value_of_the_wrong_type_is_refused(values: dict[str, Any]) -> None:
    (name,) = values

    with pytest.raises(TypeError, match=f"'{name}' must be an? "):
        Settings(**values)


def test_auto_is_one_worker_per_available_processor() -> None:
    assert Settings(workers="auto").worker_count == available_processors() >= 1


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="the system has no affinity"
)
def test_processors_follow_the_affinity_of_the_process(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)

    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_processors(tmp_path / "missing") == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("text", "most"), [("50000 100000\n", 1), ("max 100000\n", None), ("junk", None)]
)
def test_processors_follow_the_quota_of_the_container(
    tmp_path: Path, text: str, most: int | None
) -> None:
    cpu_max = tmp_path / "cpu.max"
    cpu_max.write_text(text)

    found = available_processors(cpu_max)

    assert found == (most or available_processors(tmp_path / "missing"))
