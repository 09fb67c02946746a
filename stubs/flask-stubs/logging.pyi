# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.logging import LocalProxy as LocalProxy
from bustapi.logging import create_logger as create_logger
from bustapi.logging import default_handler as default_handler
from bustapi.logging import has_level_handler as has_level_handler
from bustapi.logging import request as request
from bustapi.logging import wsgi_errors_stream as wsgi_errors_stream
