"""Classes, parts and configuration, changed while a request is handled."""

from __future__ import annotations

import typing as t
from datetime import timedelta

import flask
from flask import (
    Flask,
    Response,
    abort,
    current_app,
    g,
    get_flashed_messages,
    jsonify,
    render_template_string,
    request,
    session,
    url_for,
)
from flask.ctx import _AppCtxGlobals
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.wrappers import Request
from row import ROWS, Row, row, seen
from werkzeug.exceptions import Aborter, NotFound

# Classes and parts


@row
def the_json_provider(app: Flask) -> Row:
    class Own(DefaultJSONProvider):
        def dumps(self, obj: t.Any, **kwargs: t.Any) -> str:
            return f"own {super().dumps(obj, **kwargs)}"

    return lambda: setattr(app, "json", Own(app)), lambda: {"a": 1}


@row
def the_json_provider_of_jsonify(app: Flask) -> Row:
    class Own(DefaultJSONProvider):
        def response(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
            return Response("own")

    return lambda: setattr(app, "json", Own(app)), lambda: jsonify(1)


@row
def the_json_provider_class(app: Flask) -> Row:
    class Own(DefaultJSONProvider):
        mimetype = "application/own"

    return lambda: setattr(app, "json_provider_class", Own), lambda: {"a": 1}


@row
def options_of_the_json_provider(app: Flask) -> Row:
    def change() -> None:
        app.json.compact = False  # type: ignore
        app.json.sort_keys = False  # type: ignore
        app.json.ensure_ascii = False  # type: ignore
        app.json.mimetype = "application/own"  # type: ignore
        app.json.default = lambda o: "default"  # type: ignore

    return change, lambda: {"b": "é", "a": [1]}


@row
def the_session_interface(app: Flask) -> Row:
    class Own(SecureCookieSessionInterface):
        def open_session(self, app: t.Any, request: t.Any) -> t.Any:
            return SecureCookieSession({"by": "own"})

        def save_session(self, app: t.Any, session: t.Any, response: t.Any) -> None:
            response.headers["X-Saved"] = repr(dict(session))

    return (
        lambda: setattr(app, "session_interface", Own()),
        lambda: str(session.get("by")),
    )


@row
def the_session_interface_while_nobody_looks(app: Flask) -> Row:
    class Own(SecureCookieSessionInterface):
        def open_session(self, app: t.Any, request: t.Any) -> t.Any:
            return SecureCookieSession({"by": "own"})

        def save_session(self, app: t.Any, session: t.Any, response: t.Any) -> None:
            response.headers["X-Saved"] = repr(dict(session))

    return lambda: setattr(app, "session_interface", Own()), seen


@row
def methods_of_the_session_interface(app: Flask) -> Row:
    def save(app: t.Any, session: t.Any, response: t.Any) -> None:
        response.headers["X-Saved"] = repr(dict(session))

    def change() -> None:
        app.session_interface = SecureCookieSessionInterface()
        app.session_interface.save_session = save  # type: ignore

    return change, seen


@row
def the_session_class(app: Flask) -> Row:
    class Own(SecureCookieSession):
        def __init__(self, initial: t.Any = None) -> None:
            super().__init__(initial)
            self["own"] = True
            self.modified = True

    def change() -> None:
        app.session_interface = SecureCookieSessionInterface()
        app.session_interface.session_class = Own

    return change, seen


@row
def the_session_of_the_context(app: Flask) -> Row:
    def change() -> None:
        flask.globals.request_ctx._session = SecureCookieSession({"assigned": 1})

    return change, lambda: repr(session)


@row
def the_request_class(app: Flask) -> Row:
    class Own(Request):
        pass

    return (
        lambda: setattr(app, "request_class", Own),
        lambda: type(request._get_current_object()).__name__,  # type: ignore
    )


@row
def the_response_class(app: Flask) -> Row:
    class Own(Response):
        default_mimetype = "text/own"

    return lambda: setattr(app, "response_class", Own), seen


@row
def a_response_class_that_delivers_itself(app: Flask) -> Row:
    class Own(Response):
        def __call__(self, environ: t.Any, start_response: t.Any) -> t.Any:
            start_response("299 Own", [("X-Own", "yes")])
            return [b"own"]

    return lambda: setattr(app, "response_class", Own), seen


@row
def the_class_of_g(app: Flask) -> Row:
    class Own(_AppCtxGlobals):
        def __init__(self) -> None:
            self.own = "own"

    return (
        lambda: setattr(app, "app_ctx_globals_class", Own),
        lambda: str(g.get("own")),
    )


@row
def the_aborter(app: Flask) -> Row:
    class Own(Aborter):
        def __call__(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
            raise NotFound("own")

    return lambda: setattr(app, "aborter", Own()), lambda: abort(418)


@row
def the_mapping_of_the_aborter(app: Flask) -> Row:
    return lambda: app.aborter.mapping.update({418: NotFound}), lambda: abort(418)


@row
def parts_of_the_jinja_environment(app: Flask) -> Row:
    def change() -> None:
        app.jinja_env.globals["late"] = "late"
        app.jinja_env.filters["late"] = str.upper
        app.jinja_env.tests["late"] = lambda value: True

    return change, lambda: render_template_string(
        "{{ late }}{% if true %}{{ ('x'|late) if 'late' else '' }}{% endif %}"
    )


@row
def autoescape_of_the_jinja_environment(app: Flask) -> Row:
    return (
        lambda: setattr(app.jinja_env, "autoescape", False),
        lambda: render_template_string("{{ '<' }}"),
    )


@row
def debug_mode(app: Flask) -> Row:
    return lambda: setattr(app, "debug", True), lambda: {"a": [1], "d": app.debug}


@row
def debug_mode_and_an_error(app: Flask) -> Row:
    return lambda: setattr(app, "debug", True), lambda: request.form["missing"]


@row
def the_class_of_the_application(app: Flask) -> Row:
    class Own(type(app)):  # type: ignore
        def make_response(self, rv: t.Any) -> t.Any:
            return super().make_response(f"own {rv}")

    return lambda: setattr(app, "__class__", Own), seen


@row
def the_wsgi_application(app: Flask) -> Row:
    def middleware(environ: t.Any, start_response: t.Any) -> t.Any:
        start_response("200 OK", [("X-Own", "yes")])
        return [b"own"]

    return lambda: setattr(app, "wsgi_app", middleware), seen


@row
def the_adapter_of_urls(app: Flask) -> Row:
    make = app.create_url_adapter

    def own(request: t.Any) -> t.Any:
        adapter = make(request)
        if adapter is not None:
            adapter.script_name = "/own/"
        return adapter

    return (
        lambda: setattr(app, "create_url_adapter", own),
        lambda: url_for("index"),
    )


@row
def stages_of_the_object(app: Flask) -> Row:
    def change() -> None:
        app.finalize_request = lambda rv, **kw: Response("own")  # type: ignore

    return change, seen


# Configuration


def config_row(
    name: str, value: t.Any, see: t.Callable[[], t.Any] = seen, suffix: str = ""
) -> None:
    """Register a row for one key of the configuration."""

    def make(app: Flask) -> Row:
        return lambda: app.config.update({name: value}), see

    ROWS[f"config_{name}{suffix}"] = make


def sees_session() -> str:
    """Read, change and keep the session."""
    session.permanent = True
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


def sees_flashes() -> str:
    flask.flash("message")
    return repr(get_flashed_messages())


config_row("SECRET_KEY", "other", sees_session)
config_row("SECRET_KEY_FALLBACKS", ["older"], sees_session)
config_row("SESSION_COOKIE_NAME", "other", sees_session)
config_row("SESSION_COOKIE_NAME", "other", sees_flashes, "_flashes")
config_row("SESSION_COOKIE_DOMAIN", "example.org", sees_session)
config_row("SESSION_COOKIE_PATH", "/path", sees_session)
config_row("SESSION_COOKIE_HTTPONLY", False, sees_session)
config_row("SESSION_COOKIE_SECURE", True, sees_session)
config_row("SESSION_COOKIE_PARTITIONED", True, sees_session)
config_row("SESSION_COOKIE_SAMESITE", "Lax", sees_session)
config_row("SESSION_REFRESH_EACH_REQUEST", False, sees_session)
config_row("PERMANENT_SESSION_LIFETIME", timedelta(seconds=0), sees_session)
config_row("PERMANENT_SESSION_LIFETIME", 60, sees_session, "_number")
config_row("APPLICATION_ROOT", "/root", sees_session)
config_row("MAX_CONTENT_LENGTH", 1, lambda: request.get_data(as_text=True))
config_row("MAX_FORM_MEMORY_SIZE", 1, lambda: repr(request.form))
config_row("MAX_FORM_PARTS", 0, lambda: repr(request.form))
config_row("PROPAGATE_EXCEPTIONS", True, lambda: str(1 // 0))
config_row("TRAP_HTTP_EXCEPTIONS", True, lambda: abort(418))
config_row("TRAP_BAD_REQUEST_ERRORS", True, lambda: request.form["missing"])
config_row("TESTING", True, lambda: str(1 // 0))
config_row("DEBUG", True, lambda: {"a": 1})
config_row("TRUSTED_HOSTS", ["example.org"], lambda: url_for("index"))
config_row("TRUSTED_HOSTS", ["example.org"], lambda: request.host, "_host")
config_row("SERVER_NAME", "example.org", lambda: url_for("index", _external=True))
config_row("PREFERRED_URL_SCHEME", "https", lambda: url_for("index", _external=True))
config_row(
    "USE_X_SENDFILE",
    True,
    lambda: str("X-Sendfile" in flask.send_file(__file__).headers),
)
config_row(
    "SEND_FILE_MAX_AGE_DEFAULT",
    9,
    lambda: str(flask.send_file(__file__).cache_control),
)
config_row("TEMPLATES_AUTO_RELOAD", True, lambda: str(app_env().auto_reload))
config_row("MAX_COOKIE_SIZE", 0, sees_session)


def app_env() -> t.Any:
    return current_app.jinja_env


@row
def the_secret_key_attribute(app: Flask) -> Row:
    return lambda: setattr(app, "secret_key", "other"), sees_session


@row
def the_lifetime_attribute(app: Flask) -> Row:
    return (
        lambda: setattr(app, "permanent_session_lifetime", timedelta(minutes=1)),
        sees_session,
    )


@row
def the_testing_attribute(app: Flask) -> Row:
    return lambda: setattr(app, "testing", True), lambda: str(1 // 0)


@row
def the_whole_configuration(app: Flask) -> Row:
    def change() -> None:
        config = app.make_config()
        config.update(SECRET_KEY="other", SESSION_COOKIE_NAME="whole")
        app.config = config

    return change, sees_session


# What belongs to one request


@row
def trusted_hosts_of_the_request(app: Flask) -> Row:
    return (
        lambda: setattr(request, "trusted_hosts", ["example.org"]),
        lambda: f"{request.host} {request.url} {url_for('index')}",
    )


@row
def trusted_hosts_of_the_request_class(app: Flask) -> Row:
    class Own(Request):
        trusted_hosts = ["example.org"]

    return lambda: setattr(app, "request_class", Own), seen


@row
def the_host_of_the_environ(app: Flask) -> Row:
    return (
        lambda: request.environ.update(HTTP_HOST="other.example"),
        lambda: f"{request.host} {request.url} {url_for('index', _external=True)}",
    )


@row
def the_scheme_of_the_environ(app: Flask) -> Row:
    return (
        lambda: request.environ.update({"wsgi.url_scheme": "https"}),
        lambda: (
            f"{request.scheme} {request.is_secure} {request.url}"
            f" {url_for('index', _external=True)}"
        ),
    )


@row
def the_script_name_of_the_environ(app: Flask) -> Row:
    return (
        lambda: request.environ.update(SCRIPT_NAME="/prefix"),
        lambda: f"{request.root_path} {request.script_root} {url_for('index')}",
    )


@row
def the_path_of_the_environ(app: Flask) -> Row:
    return (
        lambda: request.environ.update(PATH_INFO="/elsewhere", QUERY_STRING="b=2"),
        lambda: f"{request.path} {request.full_path} {request.args} {request.url}",
    )


@row
def the_method_of_the_request(app: Flask) -> Row:
    return lambda: setattr(request, "method", "HEAD"), lambda: request.method


@row
def the_address_of_the_environ(app: Flask) -> Row:
    return (
        lambda: request.environ.update(REMOTE_ADDR="10.0.0.1"),
        lambda: f"{request.remote_addr} {request.access_route}",
    )


@row
def a_field_of_the_environ(app: Flask) -> Row:
    return (
        lambda: request.environ.update(HTTP_X_LATE="late"),
        lambda: str(request.headers.get("X-Late")),
    )


@row
def the_rule_of_the_request(app: Flask) -> Row:
    app.add_url_rule("/other", "other", lambda: "other")
    rule = next(app.url_map.iter_rules("other"))
    return (
        lambda: setattr(request, "url_rule", rule),
        lambda: f"{request.endpoint} {request.blueprint}",
    )


@row
def the_arguments_of_the_view(app: Flask) -> Row:
    app.add_url_rule("/late", "late", lambda **kwargs: repr(kwargs))
    return lambda: request.view_args.update(late=1), lambda **kw: repr(kw)  # type: ignore


@row
def a_routing_exception(app: Flask) -> Row:
    return lambda: setattr(request, "routing_exception", NotFound()), seen


@row
def an_attribute_of_the_context(app: Flask) -> Row:
    def change() -> None:
        flask.globals.request_ctx.own = "own"  # type: ignore
        flask.globals.app_ctx.own = "own"  # type: ignore

    return change, lambda: str(getattr(flask.globals.app_ctx, "own", None))


@row
def g_of_the_context(app: Flask) -> Row:
    def change() -> None:
        flask.globals.app_ctx.g = _AppCtxGlobals()
        g.assigned = "yes"

    return change, lambda: str(g.get("assigned"))
