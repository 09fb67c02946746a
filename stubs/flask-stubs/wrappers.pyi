# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.wrappers import BadRequest as BadRequest
from bustapi.wrappers import HTTPException as HTTPException
from bustapi.wrappers import Request as Request
from bustapi.wrappers import RequestBase as RequestBase
from bustapi.wrappers import Response as Response
from bustapi.wrappers import ResponseBase as ResponseBase
from bustapi.wrappers import _split_blueprint_path as _split_blueprint_path
from bustapi.wrappers import current_app as current_app
from flask import json as json
