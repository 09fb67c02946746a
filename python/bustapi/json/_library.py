"""Whether the standard library's JSON is what it was: then native code may stand in."""

from __future__ import annotations

import _json
import json
from types import FunctionType
from typing import Any

from .._bustapi import Globals, Originals, Unpatched

# Any: they have names that only the library itself uses.
library: Any = json
decoder: Any = json.decoder
encoder: Any = json.encoder


def writes_as_ever() -> bool:
    """Return whether ``json.dumps`` gives what it gives by itself.

    A program may have replaced it, or what it is made of, in the modules of the library;
    then it is asked.
    """
    return _wrote_as_ever and bool(_names_of_writing) and bool(_methods_of_writing)


def reads_as_ever() -> bool:
    """Return whether ``json.loads`` gives what it gives by itself, likewise."""
    return (
        _read_as_ever
        and bool(_names_of_reading)
        and _decoder in _decoders
        and _decoder.scan_once is _scan
    )


# What `dumps` and `loads` read when they are called, so far as plain values come by it. A
# module that has a `float` of its own hides the builtin one.
_names_of_writing = Globals(
    {
        json: {"dumps", "JSONEncoder"},
        encoder: {
            *("c_make_encoder", "encode_basestring", "encode_basestring_ascii"),
            *("_make_iterencode", "float", "int"),
        },
    }
)
_methods_of_writing = Originals(
    {
        json.JSONEncoder: {
            *("__init__", "__new__", "__getattribute__", "__setattr__"),
            *("encode", "iterencode", "item_separator", "key_separator"),
        }
    }
)
_names_of_reading = Globals({json: {"loads", "detect_encoding", "_default_decoder"}})
_decoders = Unpatched(
    {
        "__getattribute__": object.__getattribute__,
        "decode": json.JSONDecoder.decode,
        "raw_decode": json.JSONDecoder.raw_decode,
    },
    own=["decode", "raw_decode"],
)
_decoder: Any = getattr(library, "_default_decoder", None)
_scan: Any = getattr(_decoder, "scan_once", None)


def _is_of(module: object, function: object) -> bool:
    """Return whether a function is one that a module itself defines."""
    return type(function) is FunctionType and function.__globals__ is vars(module)


# Who had replaced something before this module was imported is asked too.
_wrote_as_ever = (
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
_read_as_ever = (
    _is_of(json, json.loads)
    and _is_of(json, getattr(library, "detect_encoding", None))
    and _is_of(decoder, json.JSONDecoder.decode)
    and _is_of(decoder, json.JSONDecoder.raw_decode)
    and type(_decoder) is json.JSONDecoder is decoder.JSONDecoder
    and type(_scan) is _json.make_scanner
    and _scan.strict
    and _scan.object_hook is None
    and _scan.object_pairs_hook is None
    and _scan.parse_float is float
    and _scan.parse_int is int
)
