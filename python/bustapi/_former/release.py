"""The release of Flask that the application was written for: what it is warned of."""

from __future__ import annotations

RELEASES = ("0.11", "0.12", "1.0", "1.1", "2.0", "2.1", "2.2")
"""Those whose names are known, in order."""

# Whoever did not ask for the names of a former release writes for Flask 3, to which all
# of them are things of the past.
_position = len(RELEASES) - 1


def enter_release(release: str) -> None:
    """Let the program be one for ``release``, from now on."""
    global _position
    _position = RELEASES.index(release)


def is_in_force(since: str) -> bool:
    """Return whether what a release brought holds for the program."""
    return RELEASES.index(since) <= _position
