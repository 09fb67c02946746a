"""Flask, whole, at native speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import json
from ._former import legacy_mode as _legacy_mode
from .app import Flask
from .application import BustAPI
from .blueprints import Blueprint
from .config import Config
from .ctx import (
    after_this_request,
    copy_current_request_context,
    has_app_context,
    has_request_context,
)
from .globals import current_app, g, request, session
from .helpers import (
    abort,
    flash,
    get_flashed_messages,
    get_template_attribute,
    make_response,
    redirect,
    send_file,
    send_from_directory,
    stream_with_context,
    url_for,
)
from .json import jsonify
from .signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    before_render_template,
    got_request_exception,
    message_flashed,
    request_finished,
    request_started,
    request_tearing_down,
    template_rendered,
)
from .templating import (
    render_template,
    render_template_string,
    stream_template,
    stream_template_string,
)
from .wrappers import Request, Response

__all__ = [
    "Blueprint",
    "BustAPI",
    "Config",
    "Flask",
    "Request",
    "Response",
    "abort",
    "after_this_request",
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "copy_current_request_context",
    "current_app",
    "flash",
    "g",
    "get_flashed_messages",
    "get_template_attribute",
    "got_request_exception",
    "has_app_context",
    "has_request_context",
    "json",
    "jsonify",
    "make_response",
    "message_flashed",
    "redirect",
    "render_template",
    "render_template_string",
    "request",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "send_file",
    "send_from_directory",
    "session",
    "stream_template",
    "stream_template_string",
    "stream_with_context",
    "template_rendered",
    "url_for",
]

# Under the alias this module *is* ``flask``, so this is Flask's API version. The version
# of the package is in its metadata and in ``bustapi._bustapi.__version__``.
_FLASK_API_VERSION = "3.1.3"

if TYPE_CHECKING:
    # A function for all attributes would tell the checkers that every name exists.
    __version__: str

else:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            import warnings

            warnings.warn(
                "The attribute '__version__' is deprecated. Test for a feature, or ask"
                " 'importlib.metadata.version' for a version.",
                DeprecationWarning,
                stacklevel=2,
            )
            return _FLASK_API_VERSION

        raise AttributeError(name)


_release = _legacy_mode.wanted_release()

if _release is not None:
    _legacy_mode.install(_release)
