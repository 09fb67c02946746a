"""Legacy mode: what Flask had from 0.11 to 2.2 is there on request, and only then.

The switch is read when the package is imported, so each program runs in an interpreter
of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bustapi._removed.warning import DEPRECATED_SINCE, INSTEAD
from interpreters import PYTHON, own_environment

NAMES = {
    "flask": [
        *("Markup", "Module", "Session", "escape", "safe_join", "ext", "exthook"),
        *("json_available", "signals_available", "_app_ctx_stack"),
        *("_request_ctx_stack", "scaffold", "_compat"),
    ],
    "flask.cli": [
        *("DispatchingApp", "call_factory", "dotenv", "find_default_import_path"),
        "prepare_exec_for_file",
    ],
    "flask.globals": ["_app_ctx_stack", "_request_ctx_stack"],
    "flask.helpers": [
        "get_env",
        "locked_cached_property",
        "safe_join",
        "total_seconds",
    ],
    "flask.json": [
        *("JSONDecoder", "JSONEncoder", "detect_encoding", "htmlsafe_dump"),
        *("htmlsafe_dumps", "tojson_filter"),
    ],
    "flask.signals": ["signals_available"],
    "flask.testing": ["make_test_environ_builder"],
    "flask.views": ["MethodViewType"],
    "flask.Flask": [
        *("before_first_request", "before_first_request_funcs", "env"),
        *("error_handlers", "got_first_request", "init_jinja_globals", "json_decoder"),
        *("json_encoder", "logger_name", "make_null_session", "open_session"),
        *("preserve_context_on_exception", "propagate_exceptions"),
        *("request_globals_class", "save_session", "send_file_max_age_default"),
        *("session_cookie_name", "templates_auto_reload", "use_x_sendfile"),
        "try_trigger_before_first_request_functions",
    ],
    "flask.Blueprint": [
        *("before_app_first_request", "json_decoder", "json_encoder"),
        "warn_on_modifications",
    ],
    "flask.Config": ["from_json"],
    "flask.Request": ["module"],
    "flask.ctx.RequestContext": ["preserved"],
}
MODULES = ["flask._compat", "flask.ext", "flask.exthook", "flask.scaffold"]

PRESENT = """
    from importlib import import_module
    from werkzeug.utils import import_string

    names = json.loads(sys.argv[1])
    print(sorted(
        f"{owner}.{name}" for owner, wanted in names.items() for name in wanted
        if hasattr(import_string(owner), name)
    ))
"""


def run(
    source: str,
    *arguments: str,
    legacy: str | None = "1",
    path: Path | None = None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    environ = own_environment()
    environ["PYTHONPATH"] = os.pathsep.join(map(str, filter(None, [path, PYTHON])))

    if legacy is not None:
        environ["BUSTAPI_LEGACY"] = legacy

    beginning = (
        "import json, sys, bustapi_alias; bustapi_alias.install(); import flask\n"
    )
    return subprocess.run(
        [sys.executable, "-c", beginning + textwrap.dedent(source), *arguments],
        capture_output=True,
        text=True,
        env=environ,
        cwd=folder,
    )


def output_of(source: str, path: Path | None = None, legacy: str = "1") -> str:
    finished = run(source, path=path, legacy=legacy)

    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("legacy", [None, "", "0"])
def test_without_the_switch_none_of_the_names_exists(legacy: str | None) -> None:
    finished = run(PRESENT, json.dumps(NAMES), legacy=legacy)

    assert finished.stdout == "[]\n", finished.stderr


def test_with_the_switch_all_of_the_names_exist() -> None:
    finished = run(PRESENT, json.dumps(NAMES))

    wanted = sorted(f"{owner}.{name}" for owner in NAMES for name in NAMES[owner])
    assert finished.stdout == f"{wanted}\n", finished.stderr


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_flask_removed_is_imported_with_the_switch_only(
    module: str,
) -> None:
    source = f"import {module}; print(sys.modules['{module}'] is {module})"

    assert run(source).stdout == "True\n"
    assert "ModuleNotFoundError" in run(source, legacy=None).stderr


def test_reading_names_and_importing_them_does_not_warn() -> None:
    finished = run(f"import warnings; warnings.simplefilter('error'){PRESENT}")

    assert "Warning" not in finished.stderr


@pytest.mark.parametrize("value", ["yes", "1.1.4", "2.3"])
def test_another_value_of_the_switch_is_an_error(value: str) -> None:
    finished = run("", legacy=value)

    assert f"BUSTAPI_LEGACY must be 1 or 0, but it is '{value}'" in finished.stderr
    assert "one of the releases 0.11, 0.12, 1.0, 1.1, 2.0, 2.1, 2.2" in finished.stderr


# By the first release that warned whoever called or assigned the name, or that had it no
# longer and had not warned.
WARNED_FROM = {
    "0.11": ["Module", "request_globals_class", "static_path"],
    "1.0": [
        *("init_jinja_globals", "logger_name", "make_null_session", "open_session"),
        "save_session",
    ],
    "1.1": ["make_test_environ_builder"],
    "2.0": [
        *("add_etags", "attachment_filename", "cache_timeout", "detect_encoding"),
        *("filename", "filename_or_fp", "from_json", "safe_join", "tojson_filter"),
        "total_seconds",
    ],
    "2.2": [
        *("_app_ctx_stack", "_request_ctx_stack", "app", "before_app_first_request"),
        *("before_first_request", "before_first_request_funcs", "env", "get_env"),
        *("htmlsafe_dump", "htmlsafe_dumps", "json_decoder", "json_encoder"),
        *("preserve_context_on_exception", "propagate_exceptions"),
        *("send_file_max_age_default", "session_cookie_name"),
        *("templates_auto_reload", "try_trigger_before_first_request_functions"),
        "use_x_sendfile",
    ],
}
RELEASES = ["0.11", "0.12", "1.0", "1.1", "2.0", "2.1", "2.2"]

USES = """
    import io, logging, warnings
    from datetime import timedelta
    from flask import helpers
    from flask.testing import make_test_environ_builder

    open("page.html", "w").close()
    open("page.json", "w").write("{}")
    app = flask.Flask("shop", root_path=".")
    pages = flask.Blueprint("pages", "shop")

    def send(**options):
        path = () if "filename_or_fp" in options else ("page.html",)
        flask.send_file(*path, **options).close()

    def push_and_pop(stack, context):
        stack.push(context)
        stack.pop()

    uses = {
        "Module": lambda: flask.Module("shop.admin"),
        "_app_ctx_stack": lambda: push_and_pop(
            flask._app_ctx_stack, app.app_context()
        ),
        "_request_ctx_stack": lambda: push_and_pop(
            flask._request_ctx_stack, app.test_request_context()
        ),
        "add_etags": lambda: send(add_etags=False),
        "app": lambda: flask.json.dumps(1, app=app),
        "attachment_filename": lambda: send(attachment_filename="a"),
        "before_app_first_request": lambda: pages.before_app_first_request(print),
        "before_first_request": lambda: app.before_first_request(lambda: None),
        "cache_timeout": lambda: send(cache_timeout=1),
        "detect_encoding": lambda: flask.json.detect_encoding(b"{}"),
        "filename": lambda: flask.send_from_directory(".", filename="page.html").close(),
        "filename_or_fp": lambda: send(filename_or_fp="page.html"),
        "from_json": lambda: app.config.from_json("page.json"),
        "get_env": lambda: helpers.get_env(),
        "htmlsafe_dump": lambda: flask.json.htmlsafe_dump(1, io.StringIO()),
        "htmlsafe_dumps": lambda: flask.json.htmlsafe_dumps(1),
        "init_jinja_globals": lambda: app.init_jinja_globals(),
        "make_null_session": lambda: app.make_null_session(),
        "make_test_environ_builder": lambda: make_test_environ_builder(app),
        "open_session": lambda: app.open_session(flask.request),
        "safe_join": lambda: flask.safe_join("a", "b"),
        "save_session": lambda: app.save_session({}, None),
        "static_path": lambda: flask.Flask("shop", static_path="/files"),
        "tojson_filter": lambda: flask.json.tojson_filter(1),
        "total_seconds": lambda: helpers.total_seconds(timedelta(1)),
        "try_trigger_before_first_request_functions": lambda: (
            app.try_trigger_before_first_request_functions()
        ),
    }
    values = {
        "before_first_request_funcs": [], "env": "", "json_decoder": None,
        "json_encoder": None, "logger_name": "shop", "request_globals_class": dict,
        "preserve_context_on_exception": None, "propagate_exceptions": None,
        "send_file_max_age_default": None, "session_cookie_name": "id",
        "templates_auto_reload": None, "use_x_sendfile": False,
    }

    for name, value in values.items():
        uses[name] = lambda name=name, value=value: setattr(
            flask.Flask("shop"), name, value
        )

    app.session_interface = type("Interface", (flask.sessions.SessionInterface,), {
        "open_session": lambda *_: {}, "save_session": lambda *_: None,
    })()
    warned = []

    for name in json.loads(sys.argv[1]):
        with warnings.catch_warnings(record=True) as caught, app.test_request_context():
            warnings.simplefilter("always")
            uses[name]()
        if caught:
            assert {w.filename for w in caught} == {"<string>"}, (name, caught[0])
            assert {w.category for w in caught} == {DeprecationWarning}, name
            warned.append(name)
    print(warned)
"""


@pytest.mark.parametrize("release", [*RELEASES, "1"])
def test_a_name_that_its_release_did_not_deprecate_does_not_warn(
    release: str, tmp_path: Path
) -> None:
    used = sorted(name for names in WARNED_FROM.values() for name in names)
    past = RELEASES[: RELEASES.index("0.11" if release == "1" else release) + 1]

    finished = run(USES, json.dumps(used), legacy=release, folder=tmp_path)

    warned = sorted(name for since in past for name in WARNED_FROM.get(since, ()))
    assert finished.stdout == f"{warned}\n", finished.stderr


def test_each_name_has_a_release_and_a_modern_way() -> None:
    named = sorted(name for names in WARNED_FROM.values() for name in names)

    assert sorted(DEPRECATED_SINCE) == sorted(INSTEAD) == named


def test_programs_of_those_years_run_with_warnings_as_errors() -> None:
    source = """
        import warnings
        warnings.simplefilter("error")
        app = flask.Flask("shop")
        app.session_cookie_name = "id"
        app.json_encoder = flask.json.JSONEncoder
        app.before_first_request(lambda: print("first"))
        pages = flask.Blueprint("pages", "shop")
        app.register_blueprint(pages, url_prefix="/one")
        pages.add_url_rule("/", "index", lambda: flask.safe_join("a", "b"))
        app.register_blueprint(pages, url_prefix="/two")
        print(app.test_client().get("/two/").text)
    """

    assert output_of(source) == "first\na/b\n"


BLUEPRINTS = """
    import warnings

    def blueprints_with_a_dot():
        flask.Blueprint("a.b", "shop")

    def the_same_twice():
        app = flask.Flask("shop")
        pages = flask.Blueprint("pages", "shop")
        app.register_blueprint(pages)
        app.register_blueprint(pages)

    def set_up_after_registration():
        pages = flask.Blueprint("pages", "shop")
        flask.Flask("shop").register_blueprint(pages)
        pages.before_request(print)

    for use in (blueprints_with_a_dot, the_same_twice, set_up_after_registration):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                use()
            except ValueError:
                print("refused")
            else:
                print(*("warned" for w in caught if w.filename == "<string>"))
"""


@pytest.mark.parametrize(
    ("release", "answers"),
    [
        ("1", ["", "", ""]),
        ("1.1", ["", "", ""]),
        ("2.0", ["refused", "warned", ""]),
        ("2.1", ["refused", "refused", ""]),
        ("2.2", ["refused", "refused", "warned"]),
    ],
)
def test_what_a_release_refused_of_blueprints_is_refused(
    release: str, answers: list[str]
) -> None:
    assert output_of(BLUEPRINTS, legacy=release).splitlines() == answers


def test_a_blueprint_may_ask_for_warnings_of_modifications() -> None:
    source = """
        import warnings
        pages = flask.Blueprint("pages", "shop")
        pages.warn_on_modifications = True
        flask.Flask("shop").register_blueprint(pages)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pages.before_request(print)
        print(len(caught))
    """

    assert output_of(source) == "1\n"


def test_the_version_stays_that_of_the_interface() -> None:
    assert output_of("print(flask.__version__)") == "3.1.3\n"


def test_flask_and_bustapi_have_one_implementation() -> None:
    source = """
        import bustapi
        for name in ("open_session", "before_first_request", "json_encoder", "logger"):
            found = (vars(c)[name] for c in bustapi.BustAPI.__mro__ if name in vars(c))
            print(next(found) is vars(flask.Flask)[name])
    """

    assert output_of(source) == "True\n" * 4


def test_the_stacks_have_the_current_contexts_on_top() -> None:
    source = """
        from flask import _app_ctx_stack, _request_ctx_stack
        from flask.globals import app_ctx, request_ctx
        app = flask.Flask("shop")
        print(_app_ctx_stack.top, _request_ctx_stack.top)
        with app.test_request_context():
            print(_app_ctx_stack.top is app_ctx._get_current_object())
            print(_request_ctx_stack.top is request_ctx._get_current_object())
            _request_ctx_stack.top.user = "ann"
            print(request_ctx.user)
        print(_request_ctx_stack.pop())
    """

    assert output_of(source).split() == "None None True True ann None".split()


def test_a_context_is_pushed_and_popped_through_its_stack_alone() -> None:
    source = """
        from flask import _app_ctx_stack as stack, current_app
        first, second = flask.Flask("first"), flask.Flask("second")
        inner = second.app_context()
        with first.app_context():
            stack.push(inner)
            print(current_app.name, stack().app.name)
            print(stack.pop() is inner, current_app.name)
        print(bool(current_app))
    """

    assert output_of(source).split() == "second second True first False".split()


def test_a_context_that_pushed_itself_is_popped_by_the_stack() -> None:
    source = """
        from flask import _request_ctx_stack as stack, request
        app = flask.Flask("shop")
        with app.app_context():
            context = app.test_request_context("/a")
            context.push()
            print(stack.pop() is context, bool(request), flask.current_app.name)
    """

    assert output_of(source).split() == "True False shop".split()


def test_a_blueprints_encoder_is_used_for_its_views() -> None:
    source = """
        class Encoder(flask.json.JSONEncoder):
            def default(self, o):
                return "encoded"
        app = flask.Flask("shop")
        pages = flask.Blueprint("pages", "shop")
        pages.json_encoder = Encoder
        pages.add_url_rule("/", "index", lambda: flask.jsonify(object()))
        app.register_blueprint(pages)
        print(app.test_client().get("/").json)
    """

    assert output_of(source) == "encoded\n"


def test_functions_of_json_take_an_application() -> None:
    source = """
        app = flask.Flask("shop")
        app.json.sort_keys = False
        print(flask.json.dumps({"b": 1, "a": 2}, app=app))
        print(flask.json.loads("[1]", app=app))
    """

    assert output_of(source) == '{"b": 1, "a": 2}\n[1]\n'


def test_html_is_escaped_by_htmlsafe_dumps() -> None:
    source = 'print(flask.json.htmlsafe_dumps("</script>"))'

    assert output_of(source) == '"\\u003c/script\\u003e"\n'


@pytest.mark.parametrize(
    ("release", "page"), [("1.1", "<b>1</b>"), ("2.0", "&lt;b&gt;1&lt;/b&gt;")]
)
def test_what_htmlsafe_dumps_returns_can_be_joined_with_html_before_flask_2(
    release: str, page: str
) -> None:
    source = 'print("<b>" + flask.json.htmlsafe_dumps(1) + "</b>")'

    assert output_of(source, legacy=release) == f"{page}\n"


@pytest.mark.parametrize(
    ("release", "values"),
    [
        ("1", "True True False application/json"),
        ("2.1", "True True False application/json"),
        ("2.2", "None None None None"),
    ],
)
def test_the_keys_of_json_have_their_defaults(release: str, values: str) -> None:
    source = """
        config = flask.Flask("shop").config
        print(config["JSON_AS_ASCII"], config["JSON_SORT_KEYS"],
              config["JSONIFY_PRETTYPRINT_REGULAR"], config["JSONIFY_MIMETYPE"])
    """

    assert output_of(source, legacy=release) == f"{values}\n"


def test_a_key_of_json_decides_once_it_is_set() -> None:
    source = """
        app = flask.Flask("shop")
        show = lambda: print(app.json.dumps({"b": 1, "a": 2}))
        show()
        app.json.sort_keys = False
        show()
        app.config["JSON_SORT_KEYS"] = False
        app.json.sort_keys = True
        show()
        app.config["JSON_SORT_KEYS"] = True
        show()
    """

    lines = ['{"a": 2, "b": 1}', '{"b": 1, "a": 2}'] * 2
    lines[2:] = reversed(lines[2:])
    assert output_of(source).splitlines() == lines


@pytest.mark.parametrize(
    "encoding",
    [
        *("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"),
        *("utf-32", "utf-32-be", "utf-32-le"),
    ],
)
def test_the_encoding_of_json_is_detected(encoding: str) -> None:
    source = f"""
        for text in ("1", "[1]", '{{"key": "value"}}'):
            print(flask.json.detect_encoding(text.encode("{encoding}")))
    """

    assert output_of(source) == f"{encoding}\n" * 3


def test_files_are_sent_by_the_former_names(tmp_path: Path) -> None:
    tmp_path.joinpath("a.txt").write_text("text")
    source = f"""
        app = flask.Flask("shop", root_path={str(tmp_path)!r})
        with app.test_request_context():
            sent = flask.send_file(
                filename_or_fp="a.txt", as_attachment=True,
                attachment_filename="b.txt", cache_timeout=7, add_etags=False)
            print(sent.headers["Content-Disposition"], sent.cache_control.max_age)
            print(sent.get_etag()[0])
            sent.close()
            sent = flask.send_from_directory(".", filename="a.txt")
            print(sent.status_code)
            sent.close()
    """

    assert output_of(source).split() == "attachment; filename=b.txt 7 None 200".split()


def test_safe_join_refuses_what_leaves_the_folder() -> None:
    source = """
        from flask.helpers import safe_join
        from werkzeug.exceptions import NotFound
        print(safe_join("folder", "a", "b"))
        try:
            safe_join("folder", "../c")
        except NotFound:
            print("refused")
    """

    assert output_of(source) == "folder/a/b\nrefused\n"


def test_a_blueprint_may_have_dots_and_be_registered_twice() -> None:
    source = """
        app = flask.Flask("shop")
        pages = flask.Blueprint("a.b", "shop")
        pages.add_url_rule("/", "index", lambda: flask.request.blueprint)
        app.register_blueprint(pages, url_prefix="/one")
        app.register_blueprint(pages, url_prefix="/two")
        client = app.test_client()
        print(client.get("/one/").text, client.get("/two/").text)
        try:
            app.register_blueprint(flask.Blueprint("a.b", "other"))
        except AssertionError as e:
            print("after the first request")
        try:
            other = flask.Flask("other")
            other.register_blueprint(pages)
            other.register_blueprint(flask.Blueprint("a.b", "other"))
        except ValueError as e:
            print("another one" in str(e))
    """

    lines = ["a.b a.b", "after the first request", "True"]
    assert output_of(source).splitlines() == lines


def test_a_module_is_a_blueprint_named_after_its_module() -> None:
    source = """
        module = flask.Module("shop.admin", url_prefix="/admin")
        print(module.name, isinstance(module, flask.Blueprint))
    """

    assert output_of(source) == "admin True\n"


def test_a_request_names_the_module_that_it_is_for() -> None:
    source = """
        app = flask.Flask("shop")
        for blueprint in (flask.Module("shop.admin"), flask.Blueprint("pages", "shop")):
            blueprint.add_url_rule(
                f"/{blueprint.name}", "index", lambda: str(flask.request.module)
            )
            app.register_blueprint(blueprint)
        client = app.test_client()
        print(client.get("/admin").text, client.get("/pages").text)
    """

    assert output_of(source) == "admin None\n"


def test_the_environment_is_configuration_and_may_turn_on_debug_mode() -> None:
    source = """
        import os
        os.environ["FLASK_ENV"] = "development"
        app = flask.Flask("shop")
        print(app.env, app.config["ENV"], app.debug)
        os.environ["FLASK_DEBUG"] = "0"
        print(flask.Flask("shop").debug)
    """

    assert output_of(source) == "development development True\nFalse\n"


def test_functions_of_a_blueprint_run_before_the_first_request() -> None:
    source = """
        app = flask.Flask("shop")
        pages = flask.Blueprint("pages", "shop")
        pages.before_app_first_request(lambda: print("first"))
        app.register_blueprint(pages)
        app.test_client().get("/")
        app.test_client().get("/")
    """

    assert output_of(source) == "first\n"


def test_the_functions_before_the_first_request_can_be_called() -> None:
    source = """
        app = flask.Flask("shop")
        app.before_first_request(lambda: print("first"))
        app.try_trigger_before_first_request_functions()
        print(app.got_first_request)
        app.test_client().get("/")
    """

    assert output_of(source) == "first\nTrue\n"


def test_configuration_is_read_from_json(tmp_path: Path) -> None:
    path = tmp_path / "shop.json"
    path.write_text('{"CURRENCY": "EUR"}')
    source = f"""
        app = flask.Flask("shop")
        app.config.from_json({str(path)!r})
        print(app.config["CURRENCY"])
    """

    assert output_of(source) == "EUR\n"


def test_a_kept_context_says_so() -> None:
    source = """
        app = flask.Flask("shop")
        app.config.update(PRESERVE_CONTEXT_ON_EXCEPTION=True, TESTING=True)
        app.add_url_rule("/", "fail", lambda: 1 / 0)
        try:
            app.test_client().get("/")
        except ZeroDivisionError:
            context = flask._request_ctx_stack.top
            print(context.preserved)
        app.test_client().get("/missing")
        print(context.preserved)
    """

    assert output_of(source) == "True\nFalse\n"


def test_a_locked_property_is_computed_once() -> None:
    source = """
        from flask.helpers import locked_cached_property
        class Thing:
            @locked_cached_property
            def value(self):
                print("computed")
                return 1
        thing = Thing()
        print(thing.value, thing.value)
    """

    assert output_of(source) == "computed\n1 1\n"


@pytest.mark.parametrize("folder", ["flask_{}", "flaskext/{}"])
def test_an_extension_is_imported_from_flask_ext(tmp_path: Path, folder: str) -> None:
    module = tmp_path / f"{folder.format('shop')}.py"
    module.parent.mkdir(exist_ok=True)
    module.write_text("name = __name__")
    source = f"""
        from flask.ext.shop import name
        from flask.ext import shop
        print(name, shop is sys.modules["{folder.format("shop").replace("/", ".")}"])
    """

    expected = f"{folder.format('shop').replace('/', '.')} True\n"
    assert output_of(source, tmp_path) == expected


def test_a_module_of_an_extension_is_imported_from_flask_ext(tmp_path: Path) -> None:
    tmp_path.joinpath("flask_shop").mkdir()
    tmp_path.joinpath("flask_shop", "__init__.py").touch()
    tmp_path.joinpath("flask_shop", "till.py").write_text("name = __name__")
    source = """
        import flask.ext.shop.till
        import flask_shop.till
        print(flask.ext.shop.till is flask_shop.till)
    """

    assert output_of(source, tmp_path) == "True\n"


def test_an_extension_imports_its_own_modules_from_flask_ext(tmp_path: Path) -> None:
    tmp_path.joinpath("flask_shop").mkdir()
    tmp_path.joinpath("flask_shop", "__init__.py").write_text(
        "from flask.ext.shop.till import name"
    )
    tmp_path.joinpath("flask_shop", "till.py").write_text("name = __name__")

    assert output_of("import flask.ext.shop as shop; print(shop.name)", tmp_path) == (
        "flask_shop.till\n"
    )


def test_the_importer_of_extensions_says_that_it_is_of_exthook() -> None:
    source = """
        found = [finder for finder in map(type, sys.meta_path)
                 if finder.__name__ == "ExtensionImporter"]
        print(len(found), found[0].__module__ == f"{flask.__name__}.exthook")
    """

    assert output_of(source) == "1 True\n"


def test_an_extension_that_is_broken_is_not_a_missing_one(tmp_path: Path) -> None:
    tmp_path.joinpath("flask_shop.py").write_text("import nothing_of_this_name")

    finished = run("import flask.ext.shop", path=tmp_path)

    assert "No module named 'nothing_of_this_name'" in finished.stderr


def test_a_missing_extension_is_named() -> None:
    finished = run("import flask.ext.shop")

    assert "No module named 'flask.ext.shop'" in finished.stderr


SHOP = """
from flask import Flask

made = []

def create_app(info):
    made.append(info)
    return Flask("shop")

def of_country(country, script_info=None):
    return Flask(f"{country} {script_info is not None}")
"""

FACTORIES = """
    import shop
    from flask.cli import ScriptInfo, call_factory, locate_app

    info = ScriptInfo(create_app=shop.create_app)
    try:
        print(info.load_app().name, shop.made == [info])
    except TypeError as e:
        print(e)
    else:
        print(ScriptInfo("shop").load_app().name)
        print(ScriptInfo("shop:create_app").load_app().name)
        print(locate_app(info, "shop", "of_country('nl')").name)
        print(locate_app("shop", "of_country('nl')").name)
        print(call_factory(info, shop.of_country, ("nl",)).name)
        print(call_factory(info, lambda name="own": flask.Flask(name)).name)
"""
MADE = ["shop True", "shop", "shop", "nl True", "nl False", "nl True", "own"]


@pytest.mark.parametrize(
    ("release", "lines"),
    [
        ("1", MADE),
        ("1.1", MADE),
        ("2.1", ["create_app() missing 1 required positional argument: 'info'"]),
    ],
)
def test_a_factory_gets_the_script_info_before_flask_2_1(
    release: str, lines: list[str], tmp_path: Path
) -> None:
    tmp_path.joinpath("shop.py").write_text(SHOP)

    assert output_of(FACTORIES, tmp_path, legacy=release).splitlines() == lines


def test_a_factory_that_gets_the_script_info_is_named_by_a_warning_in_flask_2(
    tmp_path: Path,
) -> None:
    source = """
        import warnings
        from flask.cli import ScriptInfo
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")

            def create_app(info):
                return flask.Flask("shop")

            ScriptInfo(create_app=create_app).load_app()
        (warning,) = caught
        print(warning.category.__name__, warning.filename)
    """

    assert output_of(source, legacy="2.0") == "DeprecationWarning <string>\n"


def test_an_application_is_located_by_one_name_as_in_flask_0_12(tmp_path: Path) -> None:
    tmp_path.joinpath("shop.py").write_text(
        "from flask import Flask\none, two = Flask('one'), Flask('two')\n"
    )
    source = """
        from flask.cli import locate_app
        print(locate_app("shop:two").name)
    """

    assert output_of(source, tmp_path) == "two\n"


def test_a_program_may_say_that_there_is_no_dotenv(tmp_path: Path) -> None:
    tmp_path.joinpath(".env").write_text("FROM_DOTENV=1\n")
    source = """
        import os
        flask.cli.dotenv = None
        print(flask.cli.load_dotenv(), "FROM_DOTENV" in os.environ)
        import dotenv
        flask.cli.dotenv = dotenv
        print(flask.cli.load_dotenv(), "FROM_DOTENV" in os.environ)
    """

    finished = run(source, folder=tmp_path)

    assert finished.stdout == "False False\nTrue True\n", finished.stderr


def test_the_variable_names_the_module_of_a_file(tmp_path: Path) -> None:
    tmp_path.joinpath("shop.py").touch()
    source = f"""
        import os
        from flask.cli import (
            NoAppException, find_default_import_path, prepare_exec_for_file
        )
        print(find_default_import_path())
        for value in ("shop.admin", {str(tmp_path / "shop.py")!r}):
            os.environ["FLASK_APP"] = value
            print(find_default_import_path())
        print(sys.path[0] == {str(tmp_path)!r})
        try:
            prepare_exec_for_file("shop.txt")
        except NoAppException as e:
            print("shop.txt" in e.message)
    """

    assert output_of(source).split() == "None shop.admin shop True True".split()


def test_a_command_of_a_group_has_the_application_of_a_factory_with_script_info() -> (
    None
):
    source = """
        import click
        from flask.cli import FlaskGroup
        group = FlaskGroup(create_app=lambda info: flask.Flask("shop"))

        @group.command()
        def name():
            click.echo(flask.current_app.name)

        group.main(["name"], standalone_mode=False)
    """

    assert output_of(source) == "shop\n"


@pytest.mark.parametrize("eager", [True, False])
def test_a_dispatching_application_is_loaded_for_its_requests(eager: bool) -> None:
    source = f"""
        from flask.cli import DispatchingApp
        from werkzeug.test import Client
        app = flask.Flask("shop")
        app.add_url_rule("/", "index", lambda: "found")
        client = Client(DispatchingApp(lambda: app, use_eager_loading={eager}))
        print(client.get("/").text, client.get("/").text)
    """

    assert output_of(source) == "found found\n"


def test_an_application_that_cannot_be_loaded_is_loaded_again() -> None:
    source = """
        from flask.cli import DispatchingApp
        from werkzeug.test import Client
        app = flask.Flask("shop")
        app.add_url_rule("/", "index", lambda: "found")
        loaded = []

        def load():
            loaded.append(app)
            if len(loaded) < 2:
                raise ValueError("broken")
            return app

        client = Client(DispatchingApp(load, use_eager_loading=False))
        try:
            client.get("/")
        except ValueError as e:
            print(e)
        print(client.get("/").text)
    """

    assert output_of(source) == "broken\nfound\n"


@pytest.mark.parametrize("arguments", [["--legacy", "routes"], ["routes", "--legacy"]])
def test_a_command_has_the_names_by_its_option(
    tmp_path: Path, arguments: list[str]
) -> None:
    tmp_path.joinpath("app.py").write_text(
        "import os\n"
        "from flask import Flask, _request_ctx_stack\n"
        "app = Flask(__name__)\n"
        "print(os.environ['BUSTAPI_LEGACY'])\n"
    )
    environ = {**own_environment(), "PYTHONPATH": str(PYTHON)}

    finished = subprocess.run(
        [sys.executable, "-m", "bustapi", *arguments],
        capture_output=True,
        text=True,
        env=environ,
        cwd=tmp_path,
    )

    assert finished.stdout.startswith("1\nEndpoint"), finished.stderr


def test_the_option_keeps_the_release_that_the_variable_names(tmp_path: Path) -> None:
    tmp_path.joinpath("app.py").write_text(
        "import os\n"
        "from flask import Flask\n"
        "app = Flask(__name__)\n"
        "print(os.environ['BUSTAPI_LEGACY'])\n"
    )
    environ = {**own_environment(), "PYTHONPATH": str(PYTHON), "BUSTAPI_LEGACY": "2.0"}

    finished = subprocess.run(
        [sys.executable, "-m", "bustapi", "--legacy", "routes"],
        capture_output=True,
        text=True,
        env=environ,
        cwd=tmp_path,
    )

    assert finished.stdout.startswith("2.0\n"), finished.stderr


def test_a_program_that_is_run_has_the_variable_by_the_option() -> None:
    environ = {**own_environment(), "PYTHONPATH": str(PYTHON)}
    program = [sys.executable, "-c", "import os; print(os.environ['BUSTAPI_LEGACY'])"]

    finished = subprocess.run(
        [sys.executable, "-m", "bustapi", "exec", "--legacy", *program],
        capture_output=True,
        text=True,
        env=environ,
    )

    assert finished.stdout == "1\n", finished.stderr
