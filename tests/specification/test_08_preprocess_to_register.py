"""The specification from ``preprocess_request`` to ``register_error_handler``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from bustapi import (
    Blueprint,
    BustAPI,
    Response,
    g,
    has_request_context,
    render_template,
    request,
    url_for,
)
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import Failure, body_of, fail, removed, write

statement = pytest.mark.statement


# preprocess_request


@statement("preprocess_request", "called before the actual request dispatching")
@statement("preprocess_request", "passing no arguments")
def test_preprocess_request_calls_each_function(app: BustAPI) -> None:
    events: list[str] = []
    app.before_request(lambda: events.append("one"))
    app.before_request(lambda: events.append("two"))

    with app.test_request_context("/"):
        assert app.preprocess_request() is None

    assert events == ["one", "two"]


@statement("preprocess_request", "as if it was the return value")
@statement("preprocess_request", "further request handling is stopped")
def test_preprocess_request_returns_the_first_value(app: BustAPI) -> None:
    events: list[str] = []
    app.before_request(lambda: "stop")
    app.before_request(lambda: events.append("two"))

    with app.test_request_context("/"):
        assert app.preprocess_request() == "stop"

    assert events == []


@statement("preprocess_request", "triggers the url_value_processor() functions")
def test_url_values_are_processed_before(app: BustAPI, client: FlaskClient) -> None:
    events: list[object] = []
    app.before_request(lambda: events.append("before"))
    app.url_value_preprocessor(lambda endpoint, values: events.append(values))
    app.add_url_rule("/<name>", "view", lambda name: name)

    client.get("/you")

    assert events == [{"name": "you"}, "before"]


@statement("preprocess_request", "called before the actual request dispatching")
def test_an_overridden_preprocess_request_answers(edge: str) -> None:
    class Own(BustAPI):
        def preprocess_request(self) -> Any:
            return super().preprocess_request() or f"answer to {request.path}"

    with make_client(Own(static_folder=None), edge) as client:
        assert client.get("/page").data == b"answer to /page"


# preserve_context_on_exception


@pytest.fixture
def torn_down(app: BustAPI) -> list[object]:
    """What the teardown functions were given, with the path they saw."""
    seen: list[object] = []

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        seen.append((type(error), request.path))

    app.logger.disabled = True
    app.add_url_rule("/", "index", lambda: "")
    app.add_url_rule("/fail", "fail", fail)
    return seen


@pytest.fixture(autouse=True)
def _logger_enabled_again(app: BustAPI) -> Iterator[None]:
    yield
    app.logger.disabled = False


NONE = type(None)


@statement("preserve_context_on_exception", "in case it's set")
def test_the_context_is_kept_until_the_next_request(
    app: BustAPI, client: FlaskClient, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True

    client.get("/fail")
    assert torn_down == []

    client.get("/")
    assert torn_down == [(Failure, "/fail"), (NONE, "/")]


@statement("preserve_context_on_exception", "in case it's set")
def test_the_kept_context_can_be_looked_at(
    app: BustAPI, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True
    client = app.test_client()

    client.get("/fail?reason=test")

    assert has_request_context()
    assert request.args["reason"] == "test"
    client.get("/")
    assert not has_request_context()


@statement("preserve_context_on_exception", "in case it's set")
def test_several_failures_keep_one_context(
    app: BustAPI, client: FlaskClient, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True

    client.get("/fail?1")
    client.get("/fail?2")
    client.get("/")
    client.get("/")

    failed, fine = (Failure, "/fail"), (NONE, "/")
    assert torn_down == [failed, failed, fine, fine]


@statement("preserve_context_on_exception", "in case it's set")
def test_a_context_is_kept_when_the_error_leaves_the_application(
    app: BustAPI, client: FlaskClient, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True
    app.testing = True

    with pytest.raises(Failure):
        client.get("/fail")

    assert torn_down == []
    client.get("/")
    assert torn_down == [(Failure, "/fail"), (NONE, "/")]


@statement("preserve_context_on_exception", "in case it's set")
def test_a_kept_context_leaves_nothing_to_later_requests_of_its_thread(
    app: BustAPI, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True
    app.before_request(lambda: g.setdefault("paths", []).append(request.path))
    app.add_url_rule("/paths", "paths", lambda: g.paths)

    def ask(path: str) -> Any:
        return app.test_client().get(path).json

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        one.submit(ask, "/fail?1").result(10)
        # Ends the first kept context, on another thread.
        other.submit(ask, "/fail?2").result(10)
        assert torn_down == [(Failure, "/fail")]

        assert one.submit(ask, "/paths").result(10) == ["/paths"]
        assert other.submit(ask, "/paths").result(10) == ["/paths"]

    done = (NONE, "/paths")
    assert torn_down == [(Failure, "/fail"), done, (Failure, "/fail"), done]


@statement("preserve_context_on_exception", "in case it's set")
def test_a_kept_context_is_left_in_a_copy_of_the_variables(
    app: BustAPI, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True
    app.before_request(lambda: g.setdefault("paths", []).append(request.path))
    app.add_url_rule("/paths", "paths", lambda: g.paths)
    client = app.test_client()
    client.get("/fail")

    answer = copy_context().run(client.get, "/paths").json

    assert answer == ["/paths"]
    assert torn_down == [(Failure, "/fail"), (NONE, "/paths")]
    assert client.get("/paths").json == ["/paths"]
    assert not has_request_context()


@statement("preserve_context_on_exception", "in case it's set")
@pytest.mark.parametrize("value", [None, False])
@pytest.mark.parametrize("debug", [False, True])
def test_without_the_key_no_context_is_kept(
    app: BustAPI,
    client: FlaskClient,
    torn_down: list[object],
    value: bool | None,
    debug: bool,
) -> None:
    app.config.update(
        PRESERVE_CONTEXT_ON_EXCEPTION=value, DEBUG=debug, PROPAGATE_EXCEPTIONS=False
    )

    client.get("/fail")

    assert torn_down == [(Failure, "/fail")]


@statement("preserve_context_on_exception", "in case it's set")
def test_a_kept_context_lasts_through_a_client_block(
    app: BustAPI, torn_down: list[object]
) -> None:
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = True

    with app.test_client() as client:
        client.get("/fail")
        assert request.path == "/fail"
        assert torn_down == []
        client.get("/")
        assert request.path == "/"

    assert torn_down[:2] == [(Failure, "/fail"), (NONE, "/")]


@statement("preserve_context_on_exception", "a sensible default is returned")
@pytest.mark.parametrize(
    ("value", "debug", "expected"),
    [
        (None, False, False),
        (None, True, True),
        (True, False, True),
        (False, True, False),
    ],
)
def test_preserve_context_on_exception_reads_the_key(
    app: BustAPI, value: bool | None, debug: bool, expected: bool
) -> None:
    app.debug = debug
    app.config["PRESERVE_CONTEXT_ON_EXCEPTION"] = value

    assert app.preserve_context_on_exception is expected


@statement("preserve_context_on_exception", "PRESERVE_CONTEXT_ON_EXCEPTION")
def test_preserve_context_on_exception_sets_the_key(
    app: BustAPI, client: FlaskClient, torn_down: list[object]
) -> None:
    with removed("preserve_context_on_exception"):
        app.preserve_context_on_exception = True

    client.get("/fail")

    assert torn_down == []
    client.get("/")


# process_response


@statement("process_response", "modify the response object before it's sent")
@statement("process_response", "has to be an instance of response_class")
def test_an_overridden_process_response_changes_the_response(edge: str) -> None:
    class Own(BustAPI):
        def process_response(self, response: Response) -> Response:
            response = super().process_response(response)
            return Response(response.data + b"!", 201)

    app = Own()
    app.add_url_rule("/", "index", lambda: "hello")

    with make_client(app, edge) as client:
        response = client.get("/")

    assert (response.data, response.status_code) == (b"hello!", 201)


@statement("process_response", "call all the after_request() decorated functions")
@statement("process_response", "in reverse order of registration")
def test_process_response_calls_the_functions_in_reverse(app: BustAPI) -> None:
    events: list[int] = []
    app.after_request(lambda response: (events.append(1), response)[1])  # type: ignore[func-returns-value]
    app.after_request(lambda response: (events.append(2), response)[1])  # type: ignore[func-returns-value]

    with app.test_request_context("/"):
        response = Response("")
        assert app.process_response(response) is response

    assert events == [2, 1]


# propagate_exceptions


@statement("propagate_exceptions", "in case it's set")
@statement("propagate_exceptions", "a sensible default is returned")
@pytest.mark.parametrize(
    ("value", "testing", "debug", "expected"),
    [
        (None, False, False, False),
        (None, True, False, True),
        (None, False, True, True),
        (True, False, False, True),
        (False, True, True, False),
    ],
)
def test_propagate_exceptions_says_whether_errors_leave(
    app: BustAPI,
    client: FlaskClient,
    value: bool | None,
    testing: bool,
    debug: bool,
    expected: bool,
) -> None:
    app.config.update(PROPAGATE_EXCEPTIONS=value, TESTING=testing, DEBUG=debug)
    app.logger.disabled = True
    app.add_url_rule("/", "index", fail)

    assert app.propagate_exceptions is expected
    if expected:
        with pytest.raises(Failure):
            client.get("/")
    else:
        assert client.get("/").status_code == 500


@statement("propagate_exceptions", "the PROPAGATE_EXCEPTIONS configuration value")
def test_propagate_exceptions_sets_the_key(app: BustAPI, client: FlaskClient) -> None:
    with removed("propagate_exceptions"):
        app.propagate_exceptions = True

    app.add_url_rule("/", "index", fail)

    with pytest.raises(Failure):
        client.get("/")


# register_blueprint


@pytest.fixture
def blueprint(tmp_path: Path) -> Blueprint:
    """A blueprint with a view that tells what it got."""
    blueprint = Blueprint("part", __name__, root_path=str(tmp_path))

    @blueprint.route("/page")
    def page(**values: Any) -> dict[str, Any]:
        return {"values": values, "url": url_for("part.page", **values)}

    return blueprint


@statement("register_blueprint", "register a blueprint on the application")
@statement("register_blueprint", "set the prefix for all URLs")
def test_a_prefix_may_have_variables(
    app: BustAPI, client: FlaskClient, blueprint: Blueprint
) -> None:
    app.register_blueprint(blueprint, url_prefix="/<lang_code>")

    assert client.get("/de/page").json == {
        "values": {"lang_code": "de"},
        "url": "/de/page",
    }


@statement("register_blueprint", "set a subdomain for the blueprint")
def test_a_subdomain_is_that_of_all_urls(edge: str, blueprint: Blueprint) -> None:
    app = BustAPI(subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = "example.org"
    app.register_blueprint(blueprint, subdomain="api")

    with make_client(app, edge) as client:
        assert client.get("/page", base_url="http://api.example.org").status_code == 200
        assert client.get("/page", base_url="http://example.org").status_code == 404


@statement("register_blueprint", "a dictionary with URL defaults")
def test_url_defaults_are_added_to_every_url(
    app: BustAPI, client: FlaskClient, blueprint: Blueprint
) -> None:
    app.register_blueprint(blueprint, url_defaults={"number": 7})

    answer = client.get("/page").json

    assert answer is not None
    assert answer["values"] == {"number": 7}


OPTIONS = {
    "static_folder": "files",
    "static_url_path": "/files",
    "template_folder": "pages",
    "root_path": "/srv",
    "own": 1,
}


@statement("register_blueprint", 'forwarded to blueprints in an "options" dictionary')
@statement("register_blueprint", "static_folder, static_url_path, template_folder")
def test_all_options_reach_the_blueprint(app: BustAPI, blueprint: Blueprint) -> None:
    seen: list[dict[str, Any]] = []
    blueprint.record(lambda state: seen.append(state.options))

    app.register_blueprint(blueprint, **OPTIONS)

    assert seen == [OPTIONS]


@statement("register_blueprint", "static_folder, static_url_path, template_folder")
def test_folders_of_a_blueprint_are_served(
    app: BustAPI, client: FlaskClient, tmp_path: Path
) -> None:
    write(tmp_path / "part" / "files" / "a.txt", "file")
    write(tmp_path / "part" / "pages" / "a.html", "page")
    blueprint = Blueprint(
        "part",
        __name__,
        static_folder="files",
        static_url_path="/own",
        template_folder="pages",
        root_path=str(tmp_path / "part"),
    )
    blueprint.add_url_rule("/", "index", lambda: render_template("a.html"))

    app.register_blueprint(blueprint, url_prefix="/part")

    assert body_of(client, "/part/own/a.txt") == b"file"
    assert client.get("/part/").data == b"page"


# register_error_handler


@statement("register_error_handler", "alternative error attach function")
@pytest.mark.parametrize(
    ("code_or_exception", "path"), [(404, "/missing"), (Failure, "/")]
)
def test_register_error_handler_needs_no_decorator(
    app: BustAPI, client: FlaskClient, code_or_exception: Any, path: str
) -> None:
    app.add_url_rule("/", "index", fail)

    app.register_error_handler(code_or_exception, lambda error: ("handled", 418))

    response = client.get(path)
    assert (response.data, response.status_code) == (b"handled", 418)
