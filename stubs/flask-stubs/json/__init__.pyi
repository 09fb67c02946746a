# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.json import _default as _default
from bustapi.json import current_app as current_app
from bustapi.json import dump as dump
from bustapi.json import dumps as dumps
from bustapi.json import jsonify as jsonify
from bustapi.json import load as load
from bustapi.json import loads as loads
from flask.json import provider as provider
from flask.json import tag as tag
