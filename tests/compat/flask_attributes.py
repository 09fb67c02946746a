"""Sets, reads and deletes the attributes of the objects of an application.

    python flask_attributes.py EDGE            under Flask itself
    python flask_attributes.py --alias EDGE    under this package, through the alias

Prints as JSON what each step on each attribute comes to. An object is made anew for each
walk, in the hands of a program or by a request that comes through the edge, ``wsgi`` or
``native``; how the request ends after that is no matter.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import copy_context
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

if "--alias" in sys.argv:
    import bustapi_alias

    bustapi_alias.install()

sys.path.insert(0, str(Path(__file__).parent / "differential"))
flask: Any = import_module("flask")

STAND_IN = mock.NonCallableMagicMock(name="stand-in")

# What is done with an attribute


def outcome(step: Callable[[], object]) -> str:
    """Return the kind of a step's value, or of its error."""
    try:
        value = step()
    except Exception as error:
        return type(error).__name__

    if value is STAND_IN:
        return "stand-in"

    return repr(value) if value is None or value is False else type(value).__name__


def patch(owner: Any, name: str) -> object:
    """Put the stand-in in an attribute's place for a time."""
    with mock.patch.object(owner, name, STAND_IN):
        return getattr(owner, name)


STEPS: dict[str, Callable[[Any, str], object]] = {
    "read": getattr,
    "set": lambda owner, name: setattr(owner, name, STAND_IN),
    "clear": lambda owner, name: setattr(owner, name, None),
    "delete": delattr,
    "has": hasattr,
    "patch": patch,
    "kept": lambda owner, name: name in vars(owner),
}

WALKS = (
    "has read",
    "set read delete has read",
    "read set read delete read set read",
    "delete has read set read delete read",
    "read delete has read",
    "clear read set read delete read",
    "clear delete read",
    "patch read set patch read delete read",
    "read patch read",
    "set set read delete read",
    "set kept delete kept",
)


def walk(owner: Any, name: str, words: str) -> list[str]:
    """Return what the steps come to, one after the other."""
    return [outcome(partial(STEPS[word], owner, name)) for word in words.split()]


# The objects, and their attributes

_CONTEXT = (
    "app request url_adapter flashes session _session _after_request_functions foreign"
)
_REQUEST = """
    method scheme server root_path path query_string headers remote_addr environ shallow
    json_module host url_rule view_args routing_exception stream args form files values
    cookies url base_url host_url full_path data mimetype endpoint blueprint blueprints
    content_length trusted_hosts max_content_length max_form_memory_size max_form_parts
    is_json access_route content_type user_agent authorization json close foreign
"""
_RESPONSE = """
    headers response direct_passthrough status status_code _status _status_code
    _on_close data is_sequence is_streamed stream mimetype content_type content_length
    max_cookie_size default_mimetype json_module autocorrect_location_header close
    get_wsgi_headers get_app_iter iter_encoded location foreign
    automatically_set_content_length implicit_sequence_conversion
"""
_SCAFFOLD = """
    name import_name root_path static_folder static_url_path has_static_folder
    template_folder jinja_loader cli view_functions before_request_funcs
    after_request_funcs teardown_request_funcs error_handler_spec url_value_preprocessors
    url_default_functions template_context_processors _static_folder _static_url_path
    route foreign
"""
_APPLICATION = f"""
    {_SCAFFOLD} config json logger jinja_env debug testing secret_key url_map extensions
    permanent_session_lifetime blueprints aborter subdomain_matching instance_path
    teardown_appcontext_funcs shell_context_processors url_build_error_handlers
    _got_first_request response_class request_class session_interface jinja_options
    app_ctx_globals_class test_client_class json_provider_class wsgi_app ensure_sync
    make_response create_url_adapter run app_context request_context config_class
"""
_BLUEPRINT = f"""
    {_SCAFFOLD} url_prefix subdomain deferred_functions url_values_defaults cli_group
    _blueprints _got_registered_once json_encoder json_decoder record
"""


def make_app() -> Any:
    app = flask.Flask("walked", root_path=str(Path(__file__).parent))
    app.secret_key = "walked"
    app.add_url_rule("/<name>", "view", lambda name: name)
    return app


def pushed_context() -> Any:
    context = make_app().test_request_context("/name?a=1")
    context.push()
    return context


def used_app() -> Any:
    app = make_app()
    app.test_client().get("/name")
    return app


def used_blueprint() -> Any:
    blueprint = flask.Blueprint("part", "walked", root_path=".")
    make_app().register_blueprint(blueprint)
    return blueprint


def forced_response() -> Any:
    base = import_module("werkzeug.wrappers").Response
    return flask.Response.force_type(base("forced"))


IN_HANDS: dict[str, tuple[str, Callable[[], Any]]] = {
    "context": (_CONTEXT, lambda: make_app().test_request_context("/name?a=1")),
    "pushed context": (_CONTEXT, pushed_context),
    "application context": ("app g url_adapter", lambda: make_app().app_context()),
    "request of a context": (_REQUEST, lambda: pushed_context().request),
    "request": (
        _REQUEST.replace(" url_rule view_args", ""),
        lambda: flask.Request({"wsgi.input": None, "SERVER_NAME": "a"}),
    ),
    "session": ("modified accessed new foreign", lambda: pushed_context().session),
    "response": (_RESPONSE, lambda: flask.Response("text")),
    "response of a list": (_RESPONSE, lambda: flask.Response(["a", b"b"])),
    "response with a status": (_RESPONSE, lambda: flask.Response(b"", "299 Odd")),
    "forced response": (_RESPONSE, forced_response),
    "application": (_APPLICATION, make_app),
    "used application": (_APPLICATION, used_app),
    "blueprint": (_BLUEPRINT, lambda: flask.Blueprint("part", "walked", root_path=".")),
    "used blueprint": (_BLUEPRINT, used_blueprint),
}
"""Names, and what makes the object in a program."""

IN_A_REQUEST: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "context in a request": (
        _CONTEXT,
        lambda response: flask.globals.request_ctx._get_current_object(),
    ),
    "request in a request": (
        _REQUEST,
        lambda response: flask.request._get_current_object(),
    ),
    "session in a request": (
        "modified accessed new foreign",
        lambda response: flask.session._get_current_object(),
    ),
    "g in a request": ("foreign", lambda response: flask.g._get_current_object()),
    "response in a request": (_RESPONSE, lambda response: response),
}
"""Names, and what finds the object after a view has returned."""


def walks_in_hands() -> dict[str, list[str]]:
    found = {}

    for title, (names, make) in IN_HANDS.items():
        for name in names.split():
            for words in WALKS:
                # A context that was damaged is not popped.
                found[f"{title}.{name}: {words}"] = copy_context().run(
                    lambda m=make, n=name, w=words: walk(m(), n, w)  # type: ignore[misc]
                )

    return found


def walks_in_requests(edge: str) -> dict[str, list[str]]:
    from answers import open_edge
    from questions import Question

    found: dict[str, list[str]] = {}
    due: list[tuple[str, Callable[[Any], Any], str, str]] = []
    app = make_app()

    @app.after_request  # type: ignore[untyped-decorator]
    def perform(response: Any) -> Any:
        if due:
            title, find, name, words = due.pop()
            found[f"{title}.{name}: {words}"] = walk(find(response), name, words)

        return response

    with ExitStack() as stack:
        ask = open_edge(app, edge, stack)

        for title, (names, find) in IN_A_REQUEST.items():
            for name in names.split():
                for words in WALKS:
                    due.append((title, find, name, words))
                    copy_context().run(ask, Question("GET", "/name?a=1"))

    return found


def main() -> None:
    """Print the outcomes as JSON."""
    logging.disable()
    print(json.dumps(walks_in_hands() | walks_in_requests(sys.argv[-1])))


if __name__ == "__main__":
    main()
