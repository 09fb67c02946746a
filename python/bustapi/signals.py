"""The signals that an application sends while it works.

A receiver gets the application as its sender. Signals tell that something happened and
change nothing; a function that is to change a request or a response is a hook.
"""

from __future__ import annotations

from blinker import Namespace

# Signals of this package only; a program makes a namespace of its own.
_signals = Namespace()


#: A template was rendered; sent with ``template`` and ``context``.
template_rendered = _signals.signal("template-rendered")

#: A template is going to be rendered; sent with ``template`` and ``context``.
before_render_template = _signals.signal("before-render-template")

#: A request begins; its context is current, no hook has run.
request_started = _signals.signal("request-started")

#: A response is made and goes to the server; sent with ``response``.
request_finished = _signals.signal("request-finished")

#: The teardown functions of a request have run; sent with ``exc``, an error or None.
request_tearing_down = _signals.signal("request-tearing-down")

#: An error that no handler took, before it is answered; sent with ``exception``.
got_request_exception = _signals.signal("got-request-exception")

#: The teardown functions of an application context have run; sent with ``exc``.
appcontext_tearing_down = _signals.signal("appcontext-tearing-down")

#: An application context was entered.
appcontext_pushed = _signals.signal("appcontext-pushed")

#: An application context was left.
appcontext_popped = _signals.signal("appcontext-popped")

#: A message was flashed; sent with ``message`` and ``category``.
message_flashed = _signals.signal("message-flashed")
