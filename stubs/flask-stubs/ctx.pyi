# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.ctx import AppContext as AppContext
from bustapi.ctx import F as F
from bustapi.ctx import HTTPException as HTTPException
from bustapi.ctx import RequestContext as RequestContext
from bustapi.ctx import _AppCtxGlobals as _AppCtxGlobals
from bustapi.ctx import _cv_app as _cv_app
from bustapi.ctx import _cv_request as _cv_request
from bustapi.ctx import _sentinel as _sentinel
from bustapi.ctx import after_this_request as after_this_request
from bustapi.ctx import appcontext_popped as appcontext_popped
from bustapi.ctx import appcontext_pushed as appcontext_pushed
from bustapi.ctx import copy_current_request_context as copy_current_request_context
from bustapi.ctx import has_app_context as has_app_context
from bustapi.ctx import has_request_context as has_request_context
from flask import typing as ft
