# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.signals import Namespace as Namespace
from bustapi.signals import _signals as _signals
from bustapi.signals import appcontext_popped as appcontext_popped
from bustapi.signals import appcontext_pushed as appcontext_pushed
from bustapi.signals import appcontext_tearing_down as appcontext_tearing_down
from bustapi.signals import before_render_template as before_render_template
from bustapi.signals import got_request_exception as got_request_exception
from bustapi.signals import message_flashed as message_flashed
from bustapi.signals import request_finished as request_finished
from bustapi.signals import request_started as request_started
from bustapi.signals import request_tearing_down as request_tearing_down
from bustapi.signals import template_rendered as template_rendered
