# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.views import F as F
from bustapi.views import MethodView as MethodView
from bustapi.views import View as View
from bustapi.views import current_app as current_app
from bustapi.views import http_method_funcs as http_method_funcs
from bustapi.views import request as request
from flask import typing as ft
