"""How templates show dates, sizes and people."""

from __future__ import annotations

from datetime import datetime

from bustapi import Flask


def init_app(app: Flask) -> None:
    """Make the filters of this module known to templates."""
    app.add_template_filter(day)
    app.add_template_filter(filesize)
    app.add_template_filter(hue)


def day(moment: str) -> str:
    """Return the date of an ISO 8601 moment, such as ``4 July 2026``."""
    date = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ")
    return f"{date.day} {date:%B %Y}"


def filesize(size: int) -> str:
    """Return a number of bytes in the unit that people would use for it."""
    if size < 1024:
        return f"{size} bytes" if size != 1 else "1 byte"

    amount, units = size / 1024, ["KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        del units[0]

    return f"{amount:.1f}".removesuffix(".0") + f" {units[0]}"


def hue(name: str) -> int:
    """Return which of six colours stands for a person: always the same one."""
    return sum(name.lower().encode()) % 6
