# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.json.provider import DefaultJSONProvider as DefaultJSONProvider
from bustapi.json.provider import JSONProvider as JSONProvider
from bustapi.json.provider import _default as _default
from bustapi.json.provider import http_date as http_date
