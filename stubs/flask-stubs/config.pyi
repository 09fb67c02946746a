# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.config import Config as Config
from bustapi.config import ConfigAttribute as ConfigAttribute
from bustapi.config import T as T
from bustapi.config import import_string as import_string
