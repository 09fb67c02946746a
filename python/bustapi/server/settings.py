"""What a server can be told, checked once."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict


class ServerOptions(TypedDict, total=False):
    """The settings besides the address, as :func:`.serve` takes them by name."""

    workers: int | Literal["auto"]
    threads: int
    access_log: bool
    keep_alive_timeout: float
    head_timeout: float
    body_timeout: float
    body_rate: int
    write_timeout: float
    linger_timeout: float
    graceful_timeout: float


# How a client is to be waited for, which the core is told by the same names.
_PATIENCE = (
    "keep_alive_timeout",
    "head_timeout",
    "body_timeout",
    "body_rate",
    "write_timeout",
    "linger_timeout",
)


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
    #: Seconds for which a connection is kept that no request comes on. Longer than the 60
    #: after which proxies and load balancers give theirs up.
    keep_alive_timeout: float = 75.0
    #: Seconds in which the head of a request has to come.
    head_timeout: float = 60.0
    #: Seconds for which nothing may come of a body.
    body_timeout: float = 60.0
    #: Bytes per second at which a body larger than 16 KiB has to come, averaged over
    #: :attr:`body_timeout`; 0: as slowly as it does.
    body_rate: int = 500
    #: Seconds for which a client may take nothing of an answer.
    write_timeout: float = 60.0
    #: Seconds for which what a client still sends after its last answer is read, so that
    #: it gets to read that answer; after two seconds without a byte the connection is closed.
    linger_timeout: float = 30.0
    #: Seconds that requests in flight are given to finish at the end.
    graceful_timeout: float = 30.0

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

        for name in (
            "keep_alive_timeout",
            "head_timeout",
            "body_timeout",
            "write_timeout",
        ):
            self._check_seconds(
                name, "Use a large number to wait for as long as it takes."
            )

            if getattr(self, name) == 0:
                raise ValueError(
                    f"{name!r} must be more than 0, but it was 0. Use a large number to"
                    " wait for as long as it takes."
                )

        self._check_seconds("linger_timeout", "Use 0 to close a connection at once.")
        self._check_seconds(
            "graceful_timeout", "Use 0 to end without waiting for requests in flight."
        )
        self._check_integer("body_rate")

        if self.body_rate < 0:
            raise ValueError(
                f"'body_rate' must not be negative, but it was {self.body_rate!r}. Use 0"
                " for bodies that may come as slowly as they do."
            )

    def _check_integer(self, name: str, remedy: str = "") -> None:
        value = getattr(self, name)

        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(
                f"{name!r} must be an integer, but it was {value!r}.{remedy}"
            )

    def _check_seconds(self, name: str, remedy: str) -> None:
        value = getattr(self, name)

        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise TypeError(
                f"{name!r} must be a number, but it was {value!r}. Give seconds, as in"
                " 2.5."
            )

        if not 0 <= value < math.inf:
            raise ValueError(
                f"{name!r} must be a number of seconds from 0 on, but it was {value!r}."
                f" {remedy}"
            )

    @property
    def patience(self) -> dict[str, Any]:
        """How a client is waited for, as arguments of the core."""
        return {name: getattr(self, name) for name in _PATIENCE}

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
