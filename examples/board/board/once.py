"""Files that are made once, however many workers start at the same moment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def create_once(path: Path, fill: Callable[[Path], None]) -> None:
    """Create ``path`` with what ``fill`` writes, unless it exists.

    The content is written under a temporary name with mode 0600 and then linked to its
    own name. Linking fails when the name is taken, so the first process wins and no
    process ever reads a file that is half written.
    """
    if path.exists():
        return

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(descriptor)
    draft = Path(name)

    try:
        fill(draft)
        os.link(draft, path)
    except FileExistsError:
        pass  # Another worker was first; its file is as good as ours.
    finally:
        draft.unlink()
