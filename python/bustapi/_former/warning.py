"""The warning that a name which Flask no longer has gives when it is used."""

from __future__ import annotations

import warnings

from .release import is_in_force

INSTEAD = {
    "before_first_request": ("Call the function where the application is made"),
    "before_first_request_funcs": ("Call the functions where the application is made"),
    "Module": "Make a 'Blueprint'",
    "_app_ctx_stack": "Push and pop the context itself",
    "_request_ctx_stack": "Push and pop the context itself",
    "app": "Call the method of 'app.json'",
    "before_app_first_request": "Call the function where the application is made",
    "cache_timeout": "Pass 'max_age'",
    "detect_encoding": "Call 'json.loads', which takes bytes,",
    "env": "Set 'debug', or a configuration key of your own",
    "filename": "Pass 'path'",
    "filename_or_fp": "Pass 'path_or_file'",
    "from_json": "Call 'from_file' with 'load=json.load'",
    "get_env": "Ask for 'app.debug', or for a configuration key of your own,",
    "htmlsafe_dump": "Use the filter 'tojson', or 'jinja2.utils.htmlsafe_json_dumps'",
    "htmlsafe_dumps": "Use the filter 'tojson', or 'jinja2.utils.htmlsafe_json_dumps'",
    "safe_join": "Call 'werkzeug.utils.safe_join'",
    "templates_auto_reload": "Set config['TEMPLATES_AUTO_RELOAD']",
    "tojson_filter": "Use the filter 'tojson', or 'jinja2.utils.htmlsafe_json_dumps'",
    "total_seconds": "Call 'total_seconds' of the timedelta",
    "attachment_filename": "Pass 'download_name'",
    "add_etags": "Pass 'etag'",
    "init_jinja_globals": "Override 'create_jinja_environment', or update 'jinja_env'",
    "json_decoder": "Set 'json_provider_class', or assign a provider to 'json'",
    "json_encoder": "Set 'json_provider_class', or assign a provider to 'json'",
    "logger_name": "Configure the logger that has the name of the application",
    "make_test_environ_builder": "Make an 'EnvironBuilder'",
    "make_null_session": "Set 'session_interface'",
    "open_session": "Set 'session_interface'",
    "preserve_context_on_exception": "Use 'with client:' in tests to keep a context",
    "propagate_exceptions": "Set config['PROPAGATE_EXCEPTIONS']",
    "request_globals_class": "Set 'app_ctx_globals_class'",
    "save_session": "Set 'session_interface'",
    "send_file_max_age_default": "Set config['SEND_FILE_MAX_AGE_DEFAULT']",
    "session_cookie_name": "Set config['SESSION_COOKIE_NAME']",
    "static_path": "Pass 'static_url_path'",
    "try_trigger_before_first_request_functions": "Call the functions themselves",
    "use_x_sendfile": "Set config['USE_X_SENDFILE']",
}
"""What to do instead of using a name, as the beginning of a sentence."""


# By the first release that warned of a name, or had it no longer and had not warned.
_BY_RELEASE = {
    "0.11": ("Module", "request_globals_class", "static_path"),
    "1.0": (
        *("init_jinja_globals", "logger_name"),
        *("make_null_session", "open_session", "save_session"),
    ),
    "1.1": ("make_test_environ_builder",),
    "2.0": (
        *("add_etags", "attachment_filename", "cache_timeout", "detect_encoding"),
        *("filename", "filename_or_fp", "from_json", "safe_join", "tojson_filter"),
        "total_seconds",
    ),
    "2.2": (
        *("_app_ctx_stack", "_request_ctx_stack", "app", "before_app_first_request"),
        *("before_first_request", "before_first_request_funcs", "env", "get_env"),
        *("htmlsafe_dump", "htmlsafe_dumps", "json_decoder", "json_encoder"),
        *("preserve_context_on_exception", "propagate_exceptions"),
        *("send_file_max_age_default", "session_cookie_name"),
        *("templates_auto_reload", "try_trigger_before_first_request_functions"),
        "use_x_sendfile",
    ),
}
DEPRECATED_SINCE = {
    name: release for release, names in _BY_RELEASE.items() for name in names
}
"""The release in which each name began to be one of the past."""


def warn_removed(name: str, stacklevel: int) -> None:
    """Warn that ``name`` is not part of Flask 3 and name the modern way.

    A program for a former release, as legacy mode lets it be, is warned of what was
    deprecated then.

    :param stacklevel: as for :func:`warnings.warn`, 1 being the caller of this function.
    """
    if not is_in_force(DEPRECATED_SINCE[name]):
        return

    warnings.warn(
        f"{name!r} is not part of Flask 3, which code may want to run on. {INSTEAD[name]}"
        " instead.",
        DeprecationWarning,
        stacklevel=stacklevel + 1,
    )
