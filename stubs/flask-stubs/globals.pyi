# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.globals import LocalProxy as LocalProxy
from bustapi.globals import _cv_app as _cv_app
from bustapi.globals import _cv_request as _cv_request
from bustapi.globals import _no_app_msg as _no_app_msg
from bustapi.globals import _no_req_msg as _no_req_msg
from bustapi.globals import app_ctx as app_ctx
from bustapi.globals import current_app as current_app
from bustapi.globals import g as g
from bustapi.globals import request as request
from bustapi.globals import request_ctx as request_ctx
from bustapi.globals import session as session
