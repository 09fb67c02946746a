"""When a name that Flask removed warns, and that it costs nothing unused."""

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import pytest

from bustapi import Blueprint, BustAPI, Flask
from bustapi._former.warning import INSTEAD
from bustapi.sessions import SecureCookieSession

VALUES: dict[str, Any] = {
    "before_first_request_funcs": [],
    "json_decoder": BustAPI.json_decoder,
    "json_encoder": BustAPI.json_encoder,
    "logger_name": "log",
    "make_null_session": lambda: None,
    "open_session": lambda request: None,
    "preserve_context_on_exception": False,
    "propagate_exceptions": False,
    "request_globals_class": dict,
    "save_session": lambda session, response: None,
    "send_file_max_age_default": 1,
    "session_cookie_name": "id",
    "use_x_sendfile": False,
}


CALLS: dict[str, Any] = {
    "before_first_request": lambda app: app.before_first_request(lambda: None),
    "init_jinja_globals": lambda app: app.init_jinja_globals(),
    "make_null_session": lambda app: app.make_null_session(),
    "open_session": lambda app: app.open_session(None),
    "save_session": lambda app: app.save_session(SecureCookieSession(), None),
}


@pytest.mark.parametrize("name", VALUES)
def test_assigning_a_removed_name_warns_with_the_modern_way(
    app: BustAPI, name: str
) -> None:
    with pytest.warns(DeprecationWarning) as caught:
        setattr(app, name, VALUES[name])

    (warning,) = caught
    assert repr(name) in str(warning.message)
    assert INSTEAD[name] in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("name", CALLS)
def test_calling_a_removed_name_warns_with_the_modern_way(
    app: BustAPI, name: str
) -> None:
    with pytest.warns(DeprecationWarning) as caught:
        CALLS[name](app)

    (warning,) = caught
    assert INSTEAD[name] in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("name", sorted({*VALUES, *CALLS, "got_first_request"}))
def test_reading_a_removed_name_does_not_warn(app: BustAPI, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert hasattr(app, name)
        assert hasattr(BustAPI, name)

    assert not hasattr(Flask, name)
    assert not hasattr(Blueprint, name)


def test_a_subclass_that_overrides_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class Own(BustAPI):
            json_encoder = BustAPI.json_encoder
            session_cookie_name = "id"

            def open_session(self, request: Any) -> Any:
                return super().open_session(request)

            def save_session(self, session: Any, response: Any) -> None:
                super().save_session(session, response)

            def make_null_session(self) -> Any:
                return super().make_null_session()

            def init_jinja_globals(self) -> None:
                super().init_jinja_globals()

        app = Own(static_folder=None)
        app.test_client().get("/")
        assert app.jinja_env


def test_configuration_keys_do_not_warn(app: BustAPI) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app.config.update(
            JSON_SORT_KEYS=False,
            JSONIFY_PRETTYPRINT_REGULAR=False,
            LOGGER_NAME="log",
            PRESERVE_CONTEXT_ON_EXCEPTION=False,
        )

        app.add_url_rule("/", "index", lambda: {"a": app.logger.name})

        assert app.test_client().get("/").json == {"a": "log"}


@pytest.mark.parametrize(
    "hook",
    [
        "_may_defer_session",
        "_has_native_edge",
        "_open_session",
        "_save_session",
        "full_dispatch_request",
        "native_app",
        "process_response",
    ],
)
def test_an_application_that_overrides_nothing_runs_flasks_own_stages(
    app: BustAPI, hook: str
) -> None:
    assert getattr(type(app), hook) is getattr(Flask, hook)
    assert hook not in vars(app)


def test_an_application_with_assigned_methods_is_freed_by_its_last_reference() -> None:
    app = BustAPI(static_folder=None)
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True

    with pytest.warns(DeprecationWarning):
        app.open_session = lambda request: None
    with pytest.warns(DeprecationWarning):
        app.before_first_request(lambda: None)

    assert app.logger
    reference = weakref.ref(app)
    gc.collect()
    gc.disable()

    try:
        del app
        assert reference() is None
    finally:
        gc.enable()
