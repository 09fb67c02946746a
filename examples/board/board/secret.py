"""The key that signs the sessions, kept in the instance folder."""

from __future__ import annotations

import secrets
from pathlib import Path

from .once import create_once


def load(path: Path) -> str:
    """Return the key in ``path``, which is drawn at random if there is none yet."""
    create_once(path, lambda draft: _write(draft, secrets.token_hex(32)))
    return path.read_text("ascii").strip()


def _write(draft: Path, key: str) -> None:
    draft.write_text(key + "\n", "ascii")
