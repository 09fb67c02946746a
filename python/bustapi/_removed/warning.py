"""The warning that a name which Flask no longer has gives when it is used."""

from __future__ import annotations

import warnings

INSTEAD = {
    "before_first_request": ("Call the function where the application is made"),
    "before_first_request_funcs": ("Call the functions where the application is made"),
    "Module": "Make a 'Blueprint'",
    "app": "Call the method of 'app.json'",
    "before_app_first_request": "Call the function where the application is made",
    "cache_timeout": "Pass 'max_age'",
    "env": "Set 'debug', or a configuration key of your own",
    "filename": "Pass 'path'",
    "filename_or_fp": "Pass 'path_or_file'",
    "from_json": "Call 'from_file' with 'load=json.load'",
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
    "make_null_session": "Set 'session_interface'",
    "open_session": "Set 'session_interface'",
    "preserve_context_on_exception": "Use 'with client:' in tests to keep a context",
    "propagate_exceptions": "Set config['PROPAGATE_EXCEPTIONS']",
    "request_globals_class": "Set 'app_ctx_globals_class'",
    "save_session": "Set 'session_interface'",
    "send_file_max_age_default": "Set config['SEND_FILE_MAX_AGE_DEFAULT']",
    "session_cookie_name": "Set config['SESSION_COOKIE_NAME']",
    "static_path": "Pass 'static_url_path'",
    "use_x_sendfile": "Set config['USE_X_SENDFILE']",
}
"""What to do instead of using a name, as the beginning of a sentence."""


def warn_removed(name: str, stacklevel: int) -> None:
    """Warn that ``name`` is not part of Flask 3 and name the modern way.

    :param stacklevel: as for :func:`warnings.warn`, 1 being the caller of this function.
    """
    warnings.warn(
        f"{name!r} is not part of Flask 3, which code may want to run on. {INSTEAD[name]}"
        " instead.",
        DeprecationWarning,
        stacklevel=stacklevel + 1,
    )
