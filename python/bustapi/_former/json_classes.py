"""JSON by classes and configuration keys, beside the provider of Flask 3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from ..globals import _cv_request
from ..json.provider import DefaultJSONProvider, _default
from .attributes import RemovedAttribute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.sansio.response import Response

    from ..app import Flask


class JSONEncoder(json.JSONEncoder):
    """Writes what JSON has no type for as :class:`.DefaultJSONProvider` does.

    A subclass overrides :meth:`default` and calls it for everything else.
    """

    def default(self, o: Any) -> Any:
        """Return what stands for ``o``, or raise ``TypeError``."""
        return _default(o)


class JSONDecoder(json.JSONDecoder):
    """Reads JSON as the standard library does."""


class JSONClassAttribute(RemovedAttribute[Any]):
    """``json_encoder`` or ``json_decoder`` of an application."""

    def __init__(self, key: str, default: type, doc: str) -> None:
        def read(app: Flask) -> Any:
            return app.__dict__.get(key, default)

        def write(app: Flask, value: Any) -> None:
            app.__dict__[key] = value

        read.__doc__ = doc
        super().__init__(read, write)
        self.default = default

    def __get__(self, app: Flask | None, owner: type) -> Any:
        # The class has the default, from which own classes are derived.
        return self.default if app is None else self.read(app)


# Key of the configuration, the provider's attribute, and whether it means the contrary.
_OPTIONS = (
    ("JSON_AS_ASCII", "ensure_ascii", False),
    ("JSON_SORT_KEYS", "sort_keys", False),
    ("JSONIFY_MIMETYPE", "mimetype", False),
    ("JSONIFY_PRETTYPRINT_REGULAR", "compact", True),
)
_OPTION_KEYS = frozenset(key for key, _, _ in _OPTIONS)


class ConfiguredJSONProvider(DefaultJSONProvider):
    """The default provider, obeying ``json_encoder``, ``json_decoder`` and the keys.

    A class set on the blueprint of the current request comes before the application's.
    A key that is in the configuration decides over the attribute of the provider.
    """

    #: What keys are in the configuration before anybody sets them; that decides nothing.
    key_defaults: ClassVar[Mapping[str, Any]] = {}
    _followed: frozenset[str] = frozenset()

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return an object as JSON text, see :meth:`.DefaultJSONProvider.dumps`."""
        self._follow_config()

        if "cls" not in kwargs:
            encoder = self._class_set_as("json_encoder", JSONEncoder)

            if encoder is not None:
                kwargs["cls"] = encoder

                # Passed as an argument it would come before the class's own method.
                if _has_own_default(encoder):
                    kwargs.setdefault("default", None)

        return super().dumps(obj, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return the object that JSON text stands for."""
        if "cls" not in kwargs:
            decoder = self._class_set_as("json_decoder", JSONDecoder)

            if decoder is not None:
                kwargs["cls"] = decoder

        return super().loads(s, **kwargs)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a JSON response, see :meth:`.DefaultJSONProvider.response`."""
        self._follow_config()
        return super().response(*args, **kwargs)

    def _follow_config(self) -> None:
        config = self._app.config

        if config.keys().isdisjoint(_OPTION_KEYS):
            return

        for key, name, is_contrary in _OPTIONS:
            value = config.get(key)

            if value is None or (
                value == self.key_defaults.get(key) and key not in self._followed
            ):
                continue

            self._followed |= {key}
            setattr(self, name, not value if is_contrary else value)

    def _class_set_as(self, name: str, default: type) -> Any:
        """Return the class set for the current request, None where it is the default."""
        app: Any = self._app

        if app.blueprints:
            context = _cv_request.get(None)

            if context is not None:
                blueprint = app.blueprints.get(context.request.blueprint)
                chosen = getattr(blueprint, name, None)

                if chosen is not None:
                    return chosen

        chosen = getattr(app, name)
        return None if chosen is default else chosen


def _has_own_default(encoder: Any) -> bool:
    return getattr(encoder, "default", None) is not json.JSONEncoder.default
