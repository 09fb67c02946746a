# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.helpers import BaseResponse as BaseResponse
from bustapi.helpers import _cv_app as _cv_app
from bustapi.helpers import _cv_request as _cv_request
from bustapi.helpers import _prepare_send_file_kwargs as _prepare_send_file_kwargs
from bustapi.helpers import _split_blueprint_path as _split_blueprint_path
from bustapi.helpers import _wz_abort as _wz_abort
from bustapi.helpers import _wz_redirect as _wz_redirect
from bustapi.helpers import abort as abort
from bustapi.helpers import current_app as current_app
from bustapi.helpers import flash as flash
from bustapi.helpers import get_debug_flag as get_debug_flag
from bustapi.helpers import get_flashed_messages as get_flashed_messages
from bustapi.helpers import get_load_dotenv as get_load_dotenv
from bustapi.helpers import get_root_path as get_root_path
from bustapi.helpers import get_template_attribute as get_template_attribute
from bustapi.helpers import make_response as make_response
from bustapi.helpers import message_flashed as message_flashed
from bustapi.helpers import redirect as redirect
from bustapi.helpers import request as request
from bustapi.helpers import request_ctx as request_ctx
from bustapi.helpers import send_file as send_file
from bustapi.helpers import send_from_directory as send_from_directory
from bustapi.helpers import session as session
from bustapi.helpers import stream_with_context as stream_with_context
from bustapi.helpers import url_for as url_for
import werkzeug as werkzeug
