"""What a server can be told, checked once."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a server, see :func:`.serve`.

    :raises TypeError: when a value is of the wrong type.
    :raises ValueError: when a value is outside of its range.
    """

    #: Address to listen on.
    host: str = "127.0.0.1"
    #: Port to listen on; 0 for any that is free.
    port: int = 5000
    #: Number of processes, or ``"auto"`` for one per available processor.
    workers: int | Literal["auto"] = 1
    #: Most threads for waiting views in each process; 1: one request at a time.
    threads: int = 64
    #: Whether each request prints a line on standard output.
    access_log: bool = True
    #: Seconds that requests in flight are given to finish at the end.
    grace: float = 30.0

    def __post_init__(self) -> None:
        if not isinstance(self.host, str):
            raise TypeError(
                f"'host' must be a string, but it was {self.host!r}. Use '127.0.0.1' to"
                " listen for this machine alone, '0.0.0.0' for all."
            )

        self._check_integer("port")

        if not 0 <= self.port <= 65535:
            raise ValueError(
                f"'port' must be from 0 to 65535, but it was {self.port!r}. Use 0 for"
                " any free one."
            )

        if self.workers != "auto":
            self._check_integer("workers", " Use a number or 'auto'.")

            if self.workers < 1:
                raise ValueError(
                    f"'workers' must be at least 1, but it was {self.workers!r}. Use 1"
                    " to debug in a single process."
                )

        self._check_integer("threads")

        if self.threads < 1:
            raise ValueError(
                f"'threads' must be at least 1, but it was {self.threads!r}. Use 1 for"
                " an application that handles one request at a time."
            )

        if self.grace < 0:
            raise ValueError(
                f"'grace' must not be negative, but it was {self.grace!r}. Use 0 to end"
                " without waiting for requests in flight."
            )

    def _check_integer(self, name: str, remedy: str = "") -> None:
        value = getattr(self, name)

        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(
                f"{name!r} must be an integer, but it was {value!r}.{remedy}"
            )

    @property
    def worker_count(self) -> int:
        """The number of processes, with ``"auto"`` resolved."""
        return available_processors() if self.workers == "auto" else self.workers


def available_processors(cpu_max: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return how many processors this process may use: affinity and cgroup quota.

    :param cpu_max: the file in which the kernel tells the quota of the container.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1

    try:
        quota, period = cpu_max.read_text().split()
    except (OSError, ValueError):
        # Not in a container of cgroup v2.
        return count

    if quota == "max":
        return count

    return max(1, min(count, math.ceil(int(quota) / int(period))))
