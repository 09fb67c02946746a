"""What signs and verifies the cookies of sessions: itsdangerous, with keys derived once."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from itsdangerous import Signer, TimestampSigner, URLSafeTimedSerializer

if TYPE_CHECKING:
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


def _lazy_sha1(string: bytes = b"") -> Any:
    """Return a SHA-1 object, looked up when it is called.

    Some builds of Python lack SHA-1; the name must not be needed to import this module,
    since an application there sets another digest.
    """
    return hashlib.sha1(string)


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
    """A serializer that makes its signer once.

    PERF: a signer and the derivation of its key cost 4 µs of the 15 that reading or
    writing a cookie takes. Both depend on nothing but what the serializer was made from.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, signer=_Signer, **kwargs)
        self._own_signer = super().make_signer()

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        return self._own_signer if salt is None else super().make_signer(salt)
