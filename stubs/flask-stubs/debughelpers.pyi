# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.debughelpers import BaseLoader as BaseLoader
from bustapi.debughelpers import DebugFilesKeyError as DebugFilesKeyError
from bustapi.debughelpers import FormDataRoutingRedirect as FormDataRoutingRedirect
from bustapi.debughelpers import RequestRedirect as RequestRedirect
from bustapi.debughelpers import UnexpectedUnicodeError as UnexpectedUnicodeError
from bustapi.debughelpers import _dump_loader_info as _dump_loader_info
from bustapi.debughelpers import attach_enctype_error_multidict as attach_enctype_error_multidict
from bustapi.debughelpers import explain_template_loading_attempts as explain_template_loading_attempts
from bustapi.debughelpers import request_ctx as request_ctx
