"""What signs and verifies the cookies of sessions: itsdangerous, with keys derived once."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from itsdangerous import Signer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.signer import HMACAlgorithm
from markupsafe import Markup

from ._bustapi import Globals, Originals, SignedJSON, Unpatched
from .globals import _cv_app
from .json import tag as tags
from .json.provider import _reads_plainly, _writes_plainly
from .json.tag import TaggedJSONSerializer


# PERF: making a serializer costs 6 µs, and one is needed twice in a request. The cache is
# keyed by everything a serializer is made from, so that a changed key is seen at once.
@lru_cache(maxsize=32)
def make_serializer(
    keys: tuple[str | bytes, ...],
    salt: str,
    serializer: TaggedJSONSerializer,
    key_derivation: str,
    digest_method: Any,
) -> URLSafeTimedSerializer:
    """Return a serializer of sessions.

    :param keys: secret keys; the last one signs, all verify.
    :param salt: sets signatures apart from others made with the same keys.
    :param serializer: writes and reads the content.
    :param key_derivation: how itsdangerous makes the signing key from a secret key.
    :param digest_method: digest of the signature.
    """
    return _Serializer(
        list(keys),
        salt=salt,
        serializer=serializer,
        signer_kwargs={
            "key_derivation": key_derivation,
            "digest_method": digest_method,
        },
    )


class _Signer(TimestampSigner):
    """A signer that derives each signing key once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._derived: dict[Any, bytes] = {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        derived = self._derived.get(secret_key)

        if derived is None:
            derived = self._derived[secret_key] = super().derive_key(secret_key)

        return derived


class _Serializer(URLSafeTimedSerializer):
    """A serializer that makes its signer once, and has the work done natively.

    That gives what itsdangerous gives, or nothing: then itsdangerous is asked, which also
    raises all errors.

    PERF: a signer and the derivation of its key cost 4 µs of the 15 that reading or
    writing a cookie takes. Both depend on nothing but what the serializer was made from.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, signer=_Signer, **kwargs)
        self._own_signer = _Signer(
            self.secret_keys, salt=self.salt, **self.signer_kwargs
        )
        self._native: SignedJSON | None = None

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        return self._own_signer if salt is None else super().make_signer(salt)

    def dumps(self, obj: Any, salt: str | bytes | None = None) -> str:
        context = _cv_app.get(None)

        if salt is None and context is not None and self._is_native():
            provider: Any = context.app.json

            if _writes_plainly(provider):
                text = self._native.dumps(  # type: ignore[union-attr]
                    obj,
                    provider.ensure_ascii,
                    provider.sort_keys,
                    self._own_signer.get_timestamp(),
                    zlib.compress,
                )

                if text is not None:
                    return text

        return super().dumps(obj, salt)

    def loads(  # type: ignore[override]
        self,
        s: str | bytes,
        max_age: int | None = None,
        return_timestamp: bool = False,
        salt: str | bytes | None = None,
    ) -> Any:
        context = _cv_app.get(None)

        if (
            salt is None
            and not return_timestamp
            and context is not None
            and self._is_native()
            and _reads_plainly(context.app.json)
        ):
            value = self._native.loads(  # type: ignore[union-attr]
                s, max_age, self._own_signer.get_timestamp(), zlib.decompress
            )

            if value is not NotImplemented:
                return value

        return super().loads(s, max_age, return_timestamp, salt)

    def _is_native(self) -> bool:
        """Return whether native code may stand in for what a call would do."""
        if not (
            _classes
            and _functions
            and self in _serializers
            and self._own_signer in _signers
        ):
            return False

        serializer: Any = self.serializer

        if self._native is not None:
            return self._native.has_tags(serializer.order, serializer.tags)

        return self._make_native(serializer)

    def _make_native(self, serializer: Any) -> bool:
        """Make what does the work, where it can."""
        from .sessions import _lazy_sha1

        signer = self._own_signer

        if (
            type(serializer) is not TaggedJSONSerializer
            or [type(tag) for tag in serializer.order] != _TAGS
            or serializer.tags != {tag.key: tag for tag in serializer.order if tag.key}
            or signer.digest_method not in (_lazy_sha1, _sha1)
            or signer.sep != b"."
        ):
            return False

        try:
            keys = [signer.derive_key(key) for key in reversed(signer.secret_keys)]
        except TypeError:
            # An unknown derivation is an error when something is signed, and then raised.
            return False

        by_key = serializer.tags
        types = {bytes: " b", Markup: " m", UUID: " u", datetime: " d"}
        self._native = SignedJSON(
            keys,
            serializer.order,
            by_key,
            {cls: by_key[key] for cls, key in types.items()},
        )
        return True


# Not every build of Python has it.
_sha1 = getattr(hashlib, "sha1", None)

_TAGS = [
    *(tags.TagDict, tags.PassDict, tags.TagTuple, tags.PassList),
    *(tags.TagBytes, tags.TagMarkup, tags.TagUUID, tags.TagDateTime),
]

# What a serializer and its signer call: of the classes that have it, of those two
# themselves, and of modules.
_SIGNING = ("sign", "unsign", "get_signature", "verify_signature", "derive_key")
_SERIALIZING = ("load_payload", "dump_payload", "make_signer", "iter_unsigners")
_classes = Originals(
    {
        URLSafeTimedSerializer: {"dumps", "loads", *_SERIALIZING},
        TimestampSigner: set(_SIGNING),
        HMACAlgorithm: {"get_signature", "verify_signature"},
        TaggedJSONSerializer: {
            *("dumps", "loads", "tag", "untag", "_untag_scan", "order", "tags"),
            "__getattribute__",
        },
        **{
            tag: {"check", "tag", "to_json", "to_python", "key", "__getattribute__"}
            for tag in _TAGS
        },
    }
)
_functions = Globals(
    {hashlib: {"sha1"}, hmac: {"new"}, tags: {"dumps", "loads"}},
)
_serializers = Unpatched(
    {
        name: getattr(_Serializer, name)
        for name in (*_SERIALIZING, "dumps", "loads", "__getattribute__")
    },
    own=[*_SERIALIZING, "dumps", "loads"],
)
_signers = Unpatched(
    {name: getattr(_Signer, name) for name in (*_SIGNING, "__getattribute__")},
    own=_SIGNING,
)
