"""``send_file`` and ``send_from_directory`` with the names of their first arguments."""

from __future__ import annotations

from functools import wraps
from typing import Any

from .. import helpers
from .removed_names import rename_file_options
from .warning import warn_removed

_send_file = helpers.send_file
_send_from_directory = helpers.send_from_directory


@wraps(_send_file)
def send_file(*args: Any, **options: Any) -> Any:
    if "filename_or_fp" in options:
        warn_removed("filename_or_fp", stacklevel=2)
        args = (options.pop("filename_or_fp"), *args)

    # The application does it as well, and would warn this function of it.
    rename_file_options(options, stacklevel=2)
    return _send_file(*args, **options)


@wraps(_send_from_directory)
def send_from_directory(*args: Any, **options: Any) -> Any:
    if "filename" in options:
        warn_removed("filename", stacklevel=2)
        options["path"] = options.pop("filename")

    rename_file_options(options, stacklevel=2)
    return _send_from_directory(*args, **options)


NAMES = {"send_file": send_file, "send_from_directory": send_from_directory}
"""What the package and the module ``helpers`` get."""
