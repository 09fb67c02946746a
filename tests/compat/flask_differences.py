"""Asks what differs from Flask on purpose, under Flask or under this package.

    python flask_differences.py            Flask itself
    python flask_differences.py --alias    this package, through the alias

The names are headings of ``docs/reference/differences-from-flask.md``.
"""

from __future__ import annotations

import copy
import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

if "--alias" in sys.argv:
    import bustapi_alias

    bustapi_alias.install()

flask: Any = import_module("flask")

sys.path.append(str(Path(__file__).parent / "differential" / "applications"))

Probe = Callable[[], object]

probes: dict[str, Probe] = {}


def difference(heading: str) -> Callable[[Probe], Probe]:
    """Register what asks for the difference under a heading."""

    def register(probe: Probe) -> Probe:
        probes[heading] = probe
        return probe

    return register


def without_alias(expression: str) -> object:
    """Evaluate an expression where the package has the name that it was given."""
    name = "bustapi" if "--alias" in sys.argv else "flask"
    code = f"import json, pickle, {name} as flask; print(json.dumps({expression}))"
    return json.loads(subprocess.check_output([sys.executable, "-c", code]))


@difference("Modules")
def modules() -> object:
    app = "flask.Flask('shop')"
    return without_alias(
        f"(flask.Flask.__module__, repr({app}), {app}.logger.name)",
    )


@difference("Pickles")
def pickles() -> object:
    session = "flask.sessions.SecureCookieSession"
    return without_alias(f"b'flask.sessions' in pickle.dumps({session})")


@difference("The program")
def program() -> object:
    return flask.cli.cli.name, sorted(flask.cli.cli.commands)


@difference("Texts")
def texts() -> object:
    try:
        flask.url_for("index")
    except RuntimeError as error:
        first, _, advice = str(error).partition("\n\n")
        return first, "This typically means" in advice
    return None


@difference("Template decorators without parentheses")
def decorator_without_parentheses() -> object:
    app = flask.Flask("shop")

    def backwards(text: str) -> str:
        return text[::-1]

    app.template_filter(backwards)
    return "backwards" in app.jinja_env.filters


@difference("`OPTIONS` that was asked for")
def automatic_options() -> object:
    app = flask.Flask("shop")
    app.add_url_rule(
        "/", "index", lambda: "", methods=["GET"], provide_automatic_options=True
    )
    return app.test_client().options("/").status_code


@difference("One class of context")
def one_class_of_context() -> object:
    with flask.Flask("shop").test_request_context():
        app_ctx = flask.globals.app_ctx
        request_ctx = flask.globals.request_ctx
        same = app_ctx._get_current_object() is request_ctx._get_current_object()

    return flask.ctx.RequestContext is flask.ctx.AppContext, same


@difference("What Flask removed")
def removed_names() -> object:
    # A class that Flask does not have stands where it exists.
    cls: Any = getattr(flask, "BustAPI", flask.Flask)
    return [hasattr(c, "before_first_request") for c in (flask.Flask, cls)]


@difference("Popping a context that is not pushed")
def pop_without_push() -> object:
    try:
        flask.Flask("shop").test_request_context().pop()
    except LookupError as error:
        return type(error).__name__
    return None


@difference("Lazy attributes")
def lazy_attributes() -> object:
    return "headers" in vars(flask.Response("body"))


@difference("Copies of a response")
def copies_of_a_response() -> object:
    untouched = flask.Response("body")
    early = copy.copy(untouched)
    looked_at = flask.Response("body")
    assert looked_at.headers
    late = copy.copy(looked_at)
    return untouched.headers is early.headers, looked_at.headers is late.headers


@difference("A stream read inside another context")
def stream_inside_another_context() -> object:
    app = flask.Flask("shop")

    def words() -> Any:
        yield flask.g.word

    with app.test_request_context():
        flask.g.word = "request's"
        stream = flask.stream_with_context(words())

    with app.app_context():
        flask.g.word = "other's"
        return list(stream)


@difference("Calls that are made less often")
def calls_of_create_url_adapter() -> object:
    calls: list[object] = []

    def create_url_adapter(self: Any, request: Any) -> Any:
        calls.append(request)
        return flask.Flask.create_url_adapter(self, request)

    cls = type("App", (flask.Flask,), {"create_url_adapter": create_url_adapter})
    cls("shop").test_client().get("/")
    return len(calls)


@difference("A chunked body beyond the limit")
def chunked_body_beyond_the_limit() -> object:
    app = flask.Flask("shop")
    app.config["MAX_CONTENT_LENGTH"] = 3

    app.add_url_rule("/", "body", lambda: flask.request.get_data(), methods=["POST"])
    answer = app.test_client().post(
        "/",
        input_stream=io.BytesIO(b"abcdef"),
        environ_overrides={
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input_terminated": True,
        },
    )
    return answer.status_code


OLD = "Sun, 13 Sep 2020 12:26:39 GMT"
CURRENT = "Sun, 13 Sep 2020 12:26:40 GMT"
LATER = "Sun, 13 Sep 2020 12:26:41 GMT"

PART = {"Range": "bytes=1-2"}

# Of a tagged file the tag is "tag", and the time of the last change is the current one.
PRECONDITIONS = {
    "an old tag": ("/bytes-etag", {"If-Match": '"old"'}),
    "an old tag, css": ("/css-etag", {"If-Match": '"old"'}),
    "an old tag, and a part": ("/bytes-etag", {"If-Match": '"old"', **PART}),
    "any tag": ("/bytes-etag", {"If-Match": "*"}),
    "a tag of none": ("/bytes", {"If-Match": '"tag"'}),
    "an old date": ("/bytes-modified", {"If-Unmodified-Since": OLD}),
    "an old date, css": ("/css-modified", {"If-Unmodified-Since": OLD}),
    "an old date, and a part": (
        "/bytes-modified",
        {"If-Unmodified-Since": OLD, **PART},
    ),
    "a known tag, and a part": ("/bytes-etag", {"If-None-Match": '"tag"', **PART}),
    "a known tag, and a part, css": (
        "/css-etag",
        {"If-None-Match": '"my-tag"', **PART},
    ),
    "a known date, and a part": (
        "/bytes-modified",
        {"If-Modified-Since": CURRENT, **PART},
    ),
    "two dates": ("/bytes-modified", {"If-Modified-Since": f"{LATER}, {LATER}"}),
    **{
        f"any known tag of {name}": (f"/{name}", {"If-None-Match": "*"})
        for name in (
            *("bytes", "bytes-named", "bytes-attachment", "bytes-etag-true"),
            *("bytes-modified", "bytes-age", "bytes-age-zero", "bytes-age-function"),
            *("source", "consumed", "opened", "css-untagged"),
        )
    },
}

RANGES = {
    "a suffix longer than the file": ("/bytes", {"Range": "bytes=-100"}),
    "several parts": ("/bytes", {"Range": "bytes=0-1,2-3"}),
    "parts that are not in order": ("/bytes", {"Range": "bytes=2-3,0-1"}),
    "another unit": ("/bytes", {"Range": "items=0-1"}),
    "an end before its beginning": ("/bytes", {"Range": "bytes=9-2"}),
    "letters": ("/bytes", {"Range": "bytes=a-b"}),
    "a unit alone": ("/bytes", {"Range": "bytes"}),
    "no part": ("/bytes", {"Range": "bytes="}),
    "HEAD": ("/bytes", {"Range": "bytes=1-2", "method": "HEAD"}),
    "a weak tag": ("/bytes-etag", {"If-Range": 'W/"tag"', **PART}),
    "a later date": ("/bytes-modified", {"If-Range": LATER, **PART}),
}


def answers(requests: dict[str, tuple[str, dict[str, str]]]) -> dict[str, str]:
    """Return status and body for requests to the application that sends files."""
    client = import_module("sending").create_app({}).test_client()
    found = {}

    for name, (url, fields) in requests.items():
        method = fields.pop("method", "GET")
        answer = client.open(url, method=method, headers=fields, buffered=True)
        is_page = answer.data.startswith(b"<!doctype html>")
        found[name] = f"{answer.status_code} {'page' if is_page else answer.text}"

    return found


@difference("Preconditions of a file")
def preconditions() -> object:
    return answers(PRECONDITIONS)


@difference("Ranges of a file")
def ranges() -> object:
    return answers(RANGES)


def main() -> None:
    """Print the outcomes as JSON."""
    logging.disable()
    print(json.dumps({heading: probe() for heading, probe in probes.items()}))


if __name__ == "__main__":
    main()
