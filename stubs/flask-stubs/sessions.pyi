# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.sessions import BadSignature as BadSignature
from bustapi.sessions import CallbackDict as CallbackDict
from bustapi.sessions import NullSession as NullSession
from bustapi.sessions import SecureCookieSession as SecureCookieSession
from bustapi.sessions import SecureCookieSessionInterface as SecureCookieSessionInterface
from bustapi.sessions import SessionInterface as SessionInterface
from bustapi.sessions import SessionMixin as SessionMixin
from bustapi.sessions import TaggedJSONSerializer as TaggedJSONSerializer
from bustapi.sessions import URLSafeTimedSerializer as URLSafeTimedSerializer
from bustapi.sessions import _lazy_sha1 as _lazy_sha1
from bustapi.sessions import session_json_serializer as session_json_serializer
