"""Whether the standard library's JSON is what it was: then native code may stand in."""

from __future__ import annotations

import _json
import json
from types import FunctionType
from typing import Any

from .._bustapi import Globals, Originals

# Any: it has names that only the library itself uses.
encoder: Any = json.encoder


def writes_as_ever() -> bool:
    """Return whether ``json.dumps`` gives what it gives by itself.

    A program may have replaced it, or what it is made of, in the modules of the library;
    then it is asked.
    """
    return _was_unchanged and bool(_names) and bool(_methods)


# What `dumps` reads when it is called, so far as plain values come by it. A module that
# has a `float` of its own hides the builtin one.
_names = Globals(
    {
        json: {"dumps", "JSONEncoder"},
        encoder: {
            *("c_make_encoder", "encode_basestring", "encode_basestring_ascii"),
            *("_make_iterencode", "float", "int"),
        },
    }
)
_methods = Originals(
    {
        json.JSONEncoder: {
            *("__init__", "__new__", "__getattribute__", "__setattr__"),
            *("encode", "iterencode", "item_separator", "key_separator"),
        }
    }
)


def _is_of(module: object, function: object) -> bool:
    """Return whether a function is one that a module itself defines."""
    return type(function) is FunctionType and function.__globals__ is vars(module)


# Who had replaced something before this module was imported is asked too.
_was_unchanged = (
    _is_of(json, json.dumps)
    and _is_of(encoder, getattr(encoder, "_make_iterencode", None))
    and _is_of(encoder, json.JSONEncoder.__init__)
    and _is_of(encoder, json.JSONEncoder.encode)
    and _is_of(encoder, json.JSONEncoder.iterencode)
    and json.JSONEncoder is encoder.JSONEncoder
    and json.JSONEncoder.__new__ is object.__new__
    and json.JSONEncoder.__getattribute__ is object.__getattribute__
    and json.JSONEncoder.__setattr__ is object.__setattr__
    and encoder.c_make_encoder is _json.make_encoder
    and encoder.encode_basestring is _json.encode_basestring
    and encoder.encode_basestring_ascii is _json.encode_basestring_ascii
    and not {"float", "int"} & set(vars(encoder))
)
