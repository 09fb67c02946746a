"""The settings of a server: defaults, limits, and what a mistake is answered with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bustapi.server import Settings
from bustapi.server.settings import available_processors


def test_defaults_are_a_single_process_for_this_machine_alone() -> None:
    settings = Settings()

    assert settings.host == "127.0.0.1"
    assert settings.port == 5000
    assert settings.worker_count == 1
    assert settings.access_log


@pytest.mark.parametrize(
    ("values", "fact", "remedy"),
    [
        ({"workers": 0}, "'workers' must be at least 1, but it was 0", "Use 1"),
        ({"port": 65536}, "'port' must be from 0 to 65535, but it was", "Use 0"),
        ({"port": -1}, "'port' must be from 0 to 65535, but it was -1", "Use 0"),
        ({"threads": 0}, "'threads' must be at least 1, but it was 0", "Use 1"),
        ({"grace": -1}, "'grace' must not be negative, but it was -1", "Use 0"),
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
    [{"host": None}, {"port": "5000"}, {"workers": "many"}, {"threads": True}],
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
