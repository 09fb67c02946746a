"""Counts how often a patched function is called, and what comes of its result.

python calls.py wsgi Request                   with whatever `flask` is installed
python calls.py --alias wsgi | native Request  with this package, through the alias

Prints JSON: for each target and way, what happened at each request, once for an
application without functions in its registries and once for one with.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from inspect import getattr_static
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

STAGES = """
    __call__ app_context async_to_sync create_url_adapter dispatch_request
    do_teardown_appcontext do_teardown_request ensure_sync finalize_request
    full_dispatch_request handle_exception handle_http_exception
    handle_user_exception inject_url_defaults log_exception
    make_default_options_response make_response preprocess_request process_response
    raise_routing_exception redirect request_context should_ignore_error
    trap_http_exception update_template_context url_for wsgi_app
    _find_error_handler
"""

METHODS = {
    ("flask.app", "Flask"): STAGES,
    ("flask.sessions", "SecureCookieSessionInterface"): """
        get_cookie_domain get_cookie_httponly get_cookie_name get_cookie_partitioned
        get_cookie_path get_cookie_samesite get_cookie_secure get_expiration_time
        get_signing_serializer is_null_session make_null_session open_session
        save_session should_set_cookie
    """,
    ("flask.sessions", "SecureCookieSession"): "__init__",
    ("flask.wrappers", "Request"): """
        __init__ _get_file_stream _load_form_data close get_data get_json
        make_form_data_parser on_json_loading_failed
    """,
    ("flask.wrappers", "Response"): """
        __call__ __init__ _ensure_sequence add_etag calculate_content_length
        call_on_close close delete_cookie force_type get_app_iter get_data get_etag
        get_wsgi_headers get_wsgi_response iter_encoded make_conditional
        set_cookie set_data set_etag
    """,
    ("flask.ctx", "RequestContext"): "__init__ copy match_request pop push",
    ("flask.ctx", "_AppCtxGlobals"): "__setattr__ get",
    ("flask.json.provider", "DefaultJSONProvider"): "dumps loads response",
    ("flask.ctx", "AppContext"): "pop push",
    ("flask.templating", None): "_render _stream",
}
"""What is patched: names by module and class."""

UNCOUNTED: list[tuple[str, tuple[Any, ...]]] = [
    # One context serves as that of the application and of the request, with one adapter.
    ("create_url_adapter", (None,)),
    # itsdangerous asks each serializer that is made whether it writes text.
    ("dumps", ({},)),
]
"""Calls that are left out of the counts, by their last argument."""

WAYS = ("class", "instance", "subclass", "wrapt")


def targets(chosen: str) -> Iterator[tuple[str, str | None, str]]:
    """Yield module, class and name of what is patched of one class or module."""
    for (module, owner), names in METHODS.items():
        if chosen == (owner or module):
            for name in names.split():
                yield module, owner, name


def counting(original: Callable[..., Any], name: str, calls: Counter[str]) -> Any:
    """Return a function that counts its calls and marks a response it returns."""
    from werkzeug.wrappers import Response

    def patched(*args: Any, **kwargs: Any) -> Any:
        if (name, args[-1:]) not in UNCOUNTED:
            calls[name] += 1

        return mark(original(*args, **kwargs), name)

    def mark(result: Any, name: str) -> Any:
        if isinstance(result, Response):
            result.headers[f"X-Patched-{name.strip('_')}"] = "yes"

        return result

    return patched


def patched_attribute(owner: Any, name: str, calls: Counter[str]) -> Any:
    """Return what to put into a class in place of one of its methods."""
    found = getattr_static(owner, name)

    if isinstance(found, classmethod):
        return classmethod(counting(found.__func__, name, calls))

    return counting(getattr(owner, name), name, calls)


@contextmanager
def restored(owner: Any, name: str) -> Iterator[None]:
    """Put back what a class, or a module, has under a name."""
    is_own = name in vars(owner)
    before = vars(owner).get(name)

    try:
        yield
    finally:
        if is_own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


@contextmanager
def on_class(owner: Any, name: str, calls: Counter[str]) -> Iterator[None]:
    """Patch a class, or a module, while the block runs."""
    with restored(owner, name):
        setattr(owner, name, patched_attribute(owner, name, calls))
        yield


@contextmanager
def through_wrapt(owner: Any, name: str, calls: Counter[str]) -> Iterator[None]:
    """Patch a class, or a module, as agents do."""
    import wrapt

    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return counting(wrapped, name, calls)(*args, **kwargs)

    with restored(owner, name):
        wrapt.wrap_function_wrapper(owner, name, wrapper)
        yield


@contextmanager
def on_instance(instance: Any, name: str, calls: Counter[str]) -> Iterator[None]:
    """Patch an object while the block runs."""
    setattr(instance, name, counting(getattr(instance, name), name, calls))

    try:
        yield
    finally:
        delattr(instance, name)


INSTANCES: dict[str | None, Callable[[Any], Any]] = {
    "Flask": lambda app: app,
    "SecureCookieSessionInterface": lambda app: app.session_interface,
    "DefaultJSONProvider": lambda app: app.json,
}

SLOTS: dict[str | None, Callable[[Any], tuple[Any, str]]] = {
    "Flask": lambda app: (app, "__class__"),
    "SecureCookieSession": lambda app: (app.session_interface, "session_class"),
    "SecureCookieSessionInterface": lambda app: (app, "session_interface"),
    "Request": lambda app: (app, "request_class"),
    "Response": lambda app: (app, "response_class"),
    "_AppCtxGlobals": lambda app: (app, "app_ctx_globals_class"),
    "DefaultJSONProvider": lambda app: (app, "json"),
}
"""Where an application takes a subclass, or an object of one."""


@contextmanager
def by_subclass(app: Any, owner: Any, name: str, calls: Counter[str]) -> Iterator[None]:
    """Let the application use a subclass while the block runs."""
    own: Any = type("Own", (owner,), {name: patched_attribute(owner, name, calls)})
    holder, slot = SLOTS[owner.__name__](app)
    before = vars(holder).get(slot)

    if slot == "session_interface":
        own = own()
    elif slot == "json":
        own = own(app)
    elif slot == "__class__":
        before = type(app)

    setattr(holder, slot, own)

    try:
        yield
    finally:
        if before is None:
            delattr(holder, slot)
        else:
            setattr(holder, slot, before)


def patch(
    way: str, app: Any, target: tuple[str, str | None, str], calls: Counter[str]
) -> AbstractContextManager[None] | None:
    """Return what patches one thing in one way; None where the way does not apply."""
    module, owner_name, name = target
    owner: Any = import_module(module)

    if owner_name is not None:
        owner = getattr(owner, owner_name)

    # Some methods are Werkzeug's, and the next version is without them.
    if not hasattr(owner, name):
        return None

    if way == "class":
        return on_class(owner, name, calls)

    if way == "wrapt":
        return through_wrapt(owner, name, calls)

    # Python looks special methods up on the class.
    if way == "instance" and owner_name in INSTANCES and name != "__call__":
        return on_instance(INSTANCES[owner_name](app), name, calls)

    if way == "subclass" and owner_name in SLOTS:
        return by_subclass(app, owner, name, calls)

    return None


def observe(ask: Any, calls: Counter[str]) -> dict[str, Any]:
    """Return what happens at each request, with the number of calls."""
    from counted import REQUESTS
    from questions import Question

    seen: dict[str, Any] = {}

    for number, (method, path, fields, body) in enumerate(REQUESTS):
        text = None if body is None else body.decode("latin-1")
        calls.clear()
        reply = ask(Question(method, path, fields, text))
        assert reply.error is None, reply.error
        seen[f"{number} {method} {path}"] = [sum(calls.values()), *reply[:3]]

    return seen


def observe_all(owner: str, ways: list[str], edge: str) -> dict[str, Any]:
    """Return what happens with each method of a class patched in each way."""
    from answers import open_edge
    from counted import create_app
    from flask import Flask
    from flask.sessions import SecureCookieSessionInterface

    result: dict[str, Any] = {}

    for has_hooks in False, True:
        app = create_app(Flask, has_hooks)
        app.session_interface = SecureCookieSessionInterface()
        ask = open_edge(app, edge, ExitStack())
        calls: Counter[str] = Counter()

        for target in targets(owner):
            for way in ways:
                context = patch(way, app, target, calls)

                if context is not None:
                    with context:
                        seen = observe(ask, calls)

                    key = f"{target[2]} {way} {'hooks' if has_hooks else 'bare'}"
                    result[key] = seen

        after = observe(ask, calls).values()
        assert not any(seen[0] for seen in after), f"Something stays patched: {calls}"

    return result


def main() -> None:
    """Print what happens under the installed `flask` or, with --alias, this package."""
    *options, edge, owner = sys.argv[1:]

    if "--alias" in options:
        import bustapi_alias

        bustapi_alias.install()

    from itsdangerous import TimestampSigner

    # Sessions are signed with the time; both sides are to sign with the same.
    TimestampSigner.get_timestamp = lambda self: 1_700_000_000  # type: ignore[method-assign]
    logging.disable()
    sys.path[:0] = [str(HERE), str(HERE.parent / "differential")]
    # Flask is asked for how often a function is called, whoever has put it there.
    ways = list(WAYS) if "--alias" in options else ["class"]
    json.dump(observe_all(owner, ways, edge), sys.stdout)


if __name__ == "__main__":
    main()
