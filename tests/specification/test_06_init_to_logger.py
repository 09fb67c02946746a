"""The application object: from ``init_jinja_globals`` to ``logger_name``."""

from __future__ import annotations

import json
import logging
import sys
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
import pytest

from bustapi import (
    Blueprint,
    BustAPI,
    current_app,
    jsonify,
    render_template,
    render_template_string,
    request,
    session,
    url_for,
)
from bustapi import json as app_json
from bustapi.templating import Environment
from bustapi.testing import FlaskClient
from edges import make_client
from specification.using import Failure, fail, read, removed, write

statement = pytest.mark.statement


# init_jinja_globals


@statement("init_jinja_globals", "used to initialize the Jinja2 globals")
def test_an_override_initializes_the_globals(edge: str) -> None:
    calls: list[str] = []

    class Own(BustAPI):
        def init_jinja_globals(self) -> None:
            calls.append("init")
            self.jinja_env.globals["answer"] = 42
            super().init_jinja_globals()

    app = Own()
    app.add_url_rule("/", "index", lambda: render_template_string("{{ answer }}"))

    with make_client(app, edge) as client:
        assert client.get("/").data == b"42"
        assert client.get("/").data == b"42"

    assert calls == ["init"]


@statement("init_jinja_globals", "deprecated")
def test_calling_init_jinja_globals_warns(app: BustAPI) -> None:
    with removed("init_jinja_globals"):
        app.init_jinja_globals()

    assert "url_for" in app.jinja_env.globals


@statement("init_jinja_globals", "override create_jinja_environment() instead")
def test_the_globals_are_made_by_create_jinja_environment() -> None:
    class Own(BustAPI):
        def create_jinja_environment(self) -> Environment:
            environment = super().create_jinja_environment()
            environment.globals["answer"] = 42
            return environment

    app = Own()

    with app.app_context():
        assert render_template_string("{{ answer }}") == "42"


# inject_url_defaults


@statement("inject_url_defaults", "directly into the values dictionary passed")
def test_url_defaults_are_injected_into_the_values(app: BustAPI) -> None:
    blueprint = Blueprint("part", __name__)
    blueprint.url_defaults(lambda endpoint, values: values.setdefault("b", endpoint))
    app.url_defaults(lambda endpoint, values: values.setdefault("a", endpoint))
    app.register_blueprint(blueprint)
    values: dict[str, Any] = {}
    of_the_part: dict[str, Any] = {}

    app.inject_url_defaults("index", values)
    app.inject_url_defaults("part.index", of_the_part)

    assert values == {"a": "index"}
    assert of_the_part == {"a": "part.index", "b": "part.index"}


@statement("inject_url_defaults", "automatically called on URL building")
def test_an_override_injects_into_every_url(edge: str) -> None:
    class Own(BustAPI):
        def inject_url_defaults(self, endpoint: str, values: dict[str, Any]) -> None:
            super().inject_url_defaults(endpoint, values)
            values["language"] = "de"

    app = Own()
    app.add_url_rule("/<language>/", "index", lambda language: url_for("index"))

    with make_client(app, edge) as client:
        assert client.get("/en/").data == b"/de/"


# instance_path


@statement("instance_path", "the path to the instance folder")
def test_instance_path_is_that_folder(app: BustAPI, tmp_path: Path) -> None:
    write(tmp_path / "instance" / "a.txt", "a")

    assert app.instance_path == str(tmp_path / "instance")
    assert read(app.open_instance_resource("a.txt")) == b"a"


# iter_blueprints


@statement("iter_blueprints", "by the order they were registered")
def test_iter_blueprints_keeps_the_order(app: BustAPI) -> None:
    blueprints = [Blueprint(name, __name__) for name in ("z", "a", "m")]

    for blueprint in blueprints:
        app.register_blueprint(blueprint)

    assert list(app.iter_blueprints()) == blueprints


# jinja_environment, jinja_loader, jinja_options


@statement("jinja_environment", "used for the Jinja environment")
def test_an_own_class_of_the_environment_is_used(edge: str) -> None:
    class OwnEnvironment(Environment):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.globals["answer"] = 42

    class Own(BustAPI):
        jinja_environment = OwnEnvironment

    app = Own()
    app.add_url_rule("/", "index", lambda: render_template_string("{{ answer }}"))

    with make_client(app, edge) as client:
        assert client.get("/").data == b"42"


@statement("jinja_environment", "alias of Environment")
def test_the_class_of_the_environment_is_environment(app: BustAPI) -> None:
    assert BustAPI.jinja_environment is Environment
    assert type(app.jinja_env) is Environment


@statement("jinja_loader", "for this package bound object")
def test_jinja_loader_loads_the_templates_of_the_application(
    app: BustAPI, tmp_path: Path
) -> None:
    write(tmp_path / "templates" / "a.html", "found")
    loader = app.jinja_loader

    assert loader is not None
    assert loader.get_source(app.jinja_env, "a.html")[0] == "found"
    assert BustAPI(template_folder=None).jinja_loader is None


@statement("jinja_loader", "for this package bound object")
def test_an_overridden_loader_is_used_for_the_application_alone(
    edge: str, tmp_path: Path
) -> None:
    class Own(BustAPI):
        @property
        def jinja_loader(self) -> Any:
            return jinja2.DictLoader({"a.html": "own"})

    write(tmp_path / "part" / "b.html", "part")
    app = Own()
    app.register_blueprint(
        Blueprint("part", __name__, root_path=str(tmp_path), template_folder="part")
    )
    app.add_url_rule("/<name>", "view", lambda name: render_template(name))

    with make_client(app, edge) as client:
        assert client.get("/a.html").data == b"own"
        assert client.get("/b.html").data == b"part"


@statement("jinja_options", "passed directly to the Jinja2 environment")
def test_options_are_passed_to_the_environment(edge: str) -> None:
    class Own(BustAPI):
        jinja_options = {"trim_blocks": True, "extensions": ["jinja2.ext.do"]}

    app = Own()
    source = "{% set l = [] %}\n{% do l.append(1) %}\n{{ l }}"
    app.add_url_rule("/", "index", lambda: render_template_string(source))

    with make_client(app, edge) as client:
        assert client.get("/").data == b"[1]"


@statement("jinja_options", "jinja2.ext.autoescape, jinja2.ext.with_")
def test_the_tags_of_the_extensions_are_known(
    app: BustAPI, client: FlaskClient
) -> None:
    source = (
        "{% with a = '<' %}{{ a }}"
        "{% autoescape false %}{{ a }}{% endautoescape %}{% endwith %}"
    )
    app.add_url_rule("/", "index", lambda: render_template_string(source))

    assert client.get("/").data == b"&lt;<"


# json_decoder, json_encoder


class Point:
    """What only an own encoder can write."""


Encoder: Any = BustAPI.json_encoder
Decoder: Any = BustAPI.json_decoder


class PointEncoder(Encoder):  # type: ignore[misc]
    """Writes points, and everything else as before."""

    def default(self, o: Any) -> Any:
        return "point" if isinstance(o, Point) else super().default(o)


class DecimalDecoder(Decoder):  # type: ignore[misc]
    """Reads numbers with a decimal point exactly."""

    def __init__(self, **options: Any) -> None:
        super().__init__(parse_float=Decimal, **options)


def set_encoder(app: Any, encoder: Any) -> None:
    with removed("json_encoder"):
        app.json_encoder = encoder


def set_decoder(app: Any, decoder: Any) -> None:
    with removed("json_decoder"):
        app.json_decoder = decoder


WRITERS: dict[str, Callable[[Any], Any]] = {
    "jsonify": jsonify,
    "dumps": app_json.dumps,
    "provider": lambda value: current_app.json.dumps(value),
    "tojson": lambda value: render_template_string("{{ value|tojson }}", value=value),
    "list": lambda value: [value],
}


@statement("json_encoder", "the JSON encoder class to use")
@pytest.mark.parametrize("way", WRITERS)
def test_the_encoder_is_used_by_all_that_writes_json(
    app: BustAPI, client: FlaskClient, way: str
) -> None:
    set_encoder(app, PointEncoder)
    app.add_url_rule("/", "index", lambda: WRITERS[way](Point()))

    assert json.loads(client.get("/").data) in ("point", ["point"])


@statement("json_encoder", "the JSON encoder class to use")
def test_the_encoder_keeps_the_types_it_knows(
    app: BustAPI, client: FlaskClient
) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    set_encoder(app, PointEncoder)
    app.add_url_rule("/", "index", lambda: jsonify(moment))

    assert client.get("/").json == "Fri, 02 Jan 2026 03:04:05 GMT"


@statement("json_encoder", "the JSON encoder class to use")
def test_an_encoder_of_the_standard_library_gets_the_default_types(
    app: BustAPI, client: FlaskClient
) -> None:
    class Upper(json.JSONEncoder):
        def encode(self, o: Any) -> str:
            return super().encode(o).upper()

    set_encoder(app, Upper)
    app.add_url_rule("/", "index", lambda: jsonify(["a", Decimal("1.5")]))

    assert client.get("/").json == ["A", "1.5"]


@statement("json_encoder", "the JSON encoder class to use")
def test_the_encoder_of_a_blueprint_is_used_for_its_views(
    app: BustAPI, client: FlaskClient
) -> None:
    class Other(PointEncoder):
        def default(self, o: Any) -> Any:
            return "of the part"

    blueprint: Any = Blueprint("part", __name__)
    blueprint.json_encoder = Other
    blueprint.add_url_rule("/part", "index", lambda: jsonify(Point()))
    set_encoder(app, PointEncoder)
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "index", lambda: jsonify(Point()))

    assert client.get("/part").json == "of the part"
    assert client.get("/").json == "point"


@statement("json_encoder", "the JSON encoder class to use")
def test_a_subclass_may_define_the_encoder(edge: str) -> None:
    class Own(BustAPI):
        json_encoder = PointEncoder

    app = Own()
    app.add_url_rule("/", "index", lambda: jsonify(Point()))

    with make_client(app, edge) as client:
        assert client.get("/").json == "point"


@statement("json_encoder", "the JSON encoder class to use")
def test_the_session_keeps_its_types_whatever_the_encoder(
    app: BustAPI, client: FlaskClient
) -> None:
    class Stringifying(PointEncoder):
        def default(self, o: Any) -> Any:
            return str(o)

    value = (datetime(2026, 1, 2, tzinfo=timezone.utc), uuid.UUID(int=1), b"b")
    seen: list[object] = []
    set_encoder(app, Stringifying)

    @app.route("/")
    def index() -> str:
        seen.append(session.get("value"))
        session["value"] = value
        return ""

    client.get("/")
    client.get("/")

    assert seen == [None, value]


@statement("json_encoder", "defaults to JSONEncoder")
def test_the_default_encoder_writes_what_jsonify_writes(
    app: BustAPI, client: FlaskClient
) -> None:
    assert issubclass(BustAPI.json_encoder, json.JSONEncoder)
    assert app.json_encoder is BustAPI.json_encoder
    assert json.dumps(Decimal("1.5"), cls=app.json_encoder) == '"1.5"'
    with pytest.raises(TypeError, match="Point"):
        json.dumps(Point(), cls=app.json_encoder)


@statement("json_decoder", "the JSON decoder class to use")
def test_the_decoder_is_used_by_all_that_reads_json(
    app: BustAPI, client: FlaskClient
) -> None:
    set_decoder(app, DecimalDecoder)

    @app.route("/", methods=["POST"])
    def index() -> list[str]:
        values = [request.get_json(), request.json, app_json.loads("1.5")]
        return [type(value).__name__ for value in values]

    response = client.post("/", data="1.5", content_type="application/json")

    assert json.loads(response.data) == ["Decimal", "Decimal", "Decimal"]


@statement("json_decoder", "the JSON decoder class to use")
def test_the_decoder_of_a_blueprint_is_used_for_its_views(
    app: BustAPI, client: FlaskClient
) -> None:
    def kind() -> list[str]:
        return [type(request.get_json()).__name__]

    blueprint: Any = Blueprint("part", __name__)
    blueprint.json_decoder = DecimalDecoder
    blueprint.add_url_rule("/part", "index", kind, methods=["POST"])
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "index", kind, methods=["POST"])

    assert client.post("/part", json=1.5).json == ["Decimal"]
    assert client.post("/", json=1.5).json == ["float"]


@statement("json_decoder", "defaults to JSONDecoder")
def test_the_default_decoder_reads_json(app: BustAPI) -> None:
    assert issubclass(app.json_decoder, json.JSONDecoder)
    assert json.loads("[1.5]", cls=app.json_decoder) == [1.5]


# log_exception


@statement("log_exception", "if debugging is disabled")
@statement("log_exception", "right before the handler is called")
def test_errors_are_logged_before_their_handler_runs(edge: str) -> None:
    events: list[str] = []

    class Own(BustAPI):
        def log_exception(self, exc_info: Any) -> None:
            events.append(f"logged {exc_info[0].__name__}")

    app = Own()

    @app.errorhandler(500)
    def handler(error: Exception) -> str:
        events.append("handled")
        return ""

    app.add_url_rule("/", "index", fail)

    with make_client(app, edge) as client:
        client.get("/")
        app.debug = True
        with pytest.raises(Failure):
            client.get("/")

    assert events == ["logged Failure", "handled"]


@statement("log_exception", "as error on the logger")
def test_an_error_is_logged_with_its_traceback(
    app: BustAPI, caplog: pytest.LogCaptureFixture
) -> None:
    with app.test_request_context("/page", method="POST"):
        try:
            fail()
        except Failure:
            app.log_exception(sys.exc_info())

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("specified", "ERROR")
    assert record.getMessage() == "Exception on /page [POST]"
    assert "failed on purpose" in caplog.text


# logger


@statement("logger", "a logging.Logger object for this application")
@statement("logger", "can be used to (surprise) log messages")
def test_messages_are_logged(app: BustAPI, caplog: pytest.LogCaptureFixture) -> None:
    app.debug = True

    app.logger.debug("a detail")
    app.logger.warning("%d orders wait", 42)
    app.logger.error("no stock")

    assert isinstance(app.logger, logging.Logger)
    assert caplog.record_tuples == [
        ("specified", logging.DEBUG, "a detail"),
        ("specified", logging.WARNING, "42 orders wait"),
        ("specified", logging.ERROR, "no stock"),
    ]
    app.logger.setLevel(logging.NOTSET)


@statement("logger", "log to stderr")
def test_messages_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    # What nobody handles, whatever handlers are above.
    logging.getLogger("spec_logger_stderr").propagate = False
    app = BustAPI("spec_logger_stderr")
    app.debug = True

    app.logger.debug("to be seen")

    assert "to be seen" in capsys.readouterr().err


@statement("logger", "log to stderr")
def test_messages_go_to_who_handles_them(capsys: pytest.CaptureFixture[str]) -> None:
    records: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    app = BustAPI("spec_logger_handled")
    logger = logging.getLogger("spec_logger_handled")
    logger.propagate = False
    logger.addHandler(Handler())

    app.logger.warning("to be handled")

    assert [record.getMessage() for record in records] == ["to be handled"]
    assert capsys.readouterr().err == ""


# logger_name


@statement("logger_name", "the name of the logger to use")
def test_logger_name_names_the_logger(
    app: BustAPI, caplog: pytest.LogCaptureFixture
) -> None:
    app.logger.warning("one")
    with removed("logger_name"):
        app.logger_name = "shop"

    app.logger.warning("two")

    assert [record.name for record in caplog.records] == ["specified", "shop"]
    assert app.config["LOGGER_NAME"] == "shop"


@statement("logger_name", "the package name passed to the constructor")
def test_the_logger_is_named_like_the_application(app: BustAPI) -> None:
    assert app.logger_name == app.logger.name == "specified"
