"""Templates: what a context holds, where a template comes from, what is kept compiled."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, TemplateNotFound
from jinja2.ext import Extension

from bustapi import (
    Blueprint,
    Flask,
    before_render_template,
    g,
    render_template,
    render_template_string,
    session,
    stream_template,
    stream_template_string,
    template_rendered,
)
from bustapi.templating import Environment, _default_template_ctx_processor


@pytest.fixture
def compiled(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sources that the application's environment has compiled."""
    sources: list[str] = []
    original = app.jinja_env.__class__.compile

    def compile(self: Environment, source: Any, *args: Any, **kwargs: Any) -> Any:
        sources.append(source)
        return original(self, source, *args, **kwargs)

    monkeypatch.setattr(app.jinja_env.__class__, "compile", compile)
    return sources


def test_the_context_has_g_and_request_and_no_session(
    app: Flask, req_ctx: object
) -> None:
    values = _default_template_ctx_processor()

    assert values.keys() == {"g", "request"}
    assert values["g"] is g._get_current_object()


def test_outside_of_a_request_the_context_has_g_only(app_ctx: object) -> None:
    assert _default_template_ctx_processor().keys() == {"g"}


def test_without_any_context_there_is_nothing() -> None:
    assert _default_template_ctx_processor() == {}


def test_what_the_view_passes_wins_over_processors(app: Flask, app_ctx: object) -> None:
    app.context_processor(lambda: {"a": "processor", "b": "processor"})

    assert render_template_string("{{ a }} {{ b }}", a="view") == "view processor"


def test_a_string_is_escaped(app_ctx: object) -> None:
    assert render_template_string("{{ a }}", a="<b>") == "&lt;b&gt;"


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("a.html", True),
        ("a.htm", True),
        ("a.xml", True),
        ("a.xhtml", True),
        ("a.svg", True),
        ("a.txt", False),
        ("a.js", False),
        ("html", False),
    ],
)
def test_names_decide_what_is_escaped(
    app: Flask, app_ctx: object, name: str, escaped: bool
) -> None:
    app.jinja_env.loader = DictLoader({name: "{{ a }}"})

    assert render_template(name, a="<") == ("&lt;" if escaped else "<")


def test_the_first_template_that_exists_is_rendered(
    app: Flask, app_ctx: object
) -> None:
    app.jinja_env.loader = DictLoader({"b.html": "b"})

    assert render_template(["a.html", "b.html"]) == "b"
    assert render_template(app.jinja_env.get_template("b.html")) == "b"
    with pytest.raises(TemplateNotFound, match=r"a\.html"):
        render_template("a.html")


def test_rendering_needs_an_application() -> None:
    with pytest.raises(RuntimeError, match="application context"):
        render_template_string("")


def test_signals_are_sent_around_rendering(app: Flask, app_ctx: object) -> None:
    seen: list[tuple[str, Any]] = []

    def before(sender: Flask, template: Any, context: dict[str, Any]) -> None:
        seen.append(("before", context["a"]))
        context["a"] = 2

    def after(sender: Flask, template: Any, context: dict[str, Any]) -> None:
        seen.append(("after", context["a"]))

    with (
        before_render_template.connected_to(before, app),
        template_rendered.connected_to(after, app),
    ):
        text = render_template_string("{{ a }}", a=1)

    assert text == "2"
    assert seen == [("before", 1), ("after", 2)]


def test_a_stream_sends_its_signal_at_its_end(app: Flask, app_ctx: object) -> None:
    seen: list[str] = []

    def after(sender: Flask, template: Any, context: dict[str, Any]) -> None:
        seen.append("after")

    with template_rendered.connected_to(after, app):
        stream = stream_template_string("{% for i in 'ab' %}{{ i }}{% endfor %}")
        assert next(stream) == "a"
        assert seen == []
        assert list(stream) == ["b"]

    assert seen == ["after"]


def test_a_streamed_template_keeps_the_context_of_its_request(app: Flask) -> None:
    app.jinja_env.loader = DictLoader(
        {"a.html": "{{ request.path }} {{ session.x }} {{ g.y }}"}
    )

    @app.route("/stream")
    def stream() -> Any:
        session["x"] = 1
        g.y = 2
        return stream_template("a.html")

    assert app.test_client().get("/stream").text == "/stream 1 2"


def test_a_string_is_compiled_once(
    app: Flask, app_ctx: object, compiled: list[str]
) -> None:
    source = "{{ a }}"

    assert [render_template_string(source, a=n) for n in range(3)] == ["0", "1", "2"]
    assert "".join(stream_template_string(source, a=3)) == "3"

    assert compiled == [source]


def test_a_kept_template_sees_globals_added_later(app: Flask, app_ctx: object) -> None:
    assert render_template_string("[{{ later }}]") == "[]"

    app.jinja_env.globals["later"] = "here"
    assert render_template_string("[{{ later }}]") == "[here]"

    app.jinja_env.globals = {**app.jinja_env.globals, "later": "replaced"}
    assert render_template_string("[{{ later }}]") == "[replaced]"


def test_a_kept_template_sees_a_filter_replaced_in_a_constant(
    app: Flask, app_ctx: object
) -> None:
    app.jinja_env.filters["shout"] = lambda s: f"{s}!"
    assert render_template_string("{{ 'a'|shout }}") == "a!"

    app.jinja_env.filters["shout"] = lambda s: f"{s}?"
    assert render_template_string("{{ 'a'|shout }}") == "a?"


def test_a_kept_template_sees_a_test_replaced(app: Flask, app_ctx: object) -> None:
    app.jinja_env.tests["good"] = lambda s: True
    assert render_template_string("{{ 1 is good }}") == "True"

    app.jinja_env.tests["good"] = lambda s: False
    assert render_template_string("{{ 1 is good }}") == "False"


@pytest.mark.parametrize(
    ("attribute", "value", "source", "before", "after"),
    [
        ("autoescape", False, "{{ a }}", "&lt;", "<"),
        ("variable_start_string", "[[", "[[ a }}", "[[ a }}", "&lt;"),
        ("trim_blocks", True, "{% if a %}\nx{% endif %}", "\nx", "x"),
        ("finalize", lambda v: "f", "{{ a }}{{ 'c' }}", "&lt;c", "ff"),
        ("keep_trailing_newline", True, "a\n", "a", "a\n"),
    ],
)
def test_a_changed_environment_compiles_anew(
    app: Flask,
    app_ctx: object,
    attribute: str,
    value: Any,
    source: str,
    before: str,
    after: str,
) -> None:
    assert render_template_string(source, a="<") == before

    setattr(app.jinja_env, attribute, value)
    assert render_template_string(source, a="<") == after


def test_a_changing_choice_of_escaping_is_followed(app: Flask, app_ctx: object) -> None:
    choice = [True]
    app.jinja_env.autoescape = lambda name: choice[0]
    assert render_template_string("{{ a }}", a="<") == "&lt;"

    choice[0] = False
    assert render_template_string("{{ a }}", a="<") == "<"


def test_nothing_is_kept_with_an_extension_that_is_not_jinjas(
    app: Flask, app_ctx: object
) -> None:
    class Counting(Extension):
        count = 0

        def preprocess(
            self, source: str, name: str | None, filename: str | None = None
        ) -> str:
            Counting.count += 1
            return f"{source}{Counting.count}"

    app.jinja_env.add_extension(Counting)

    assert render_template_string("n") == "n1"
    assert render_template_string("n") == "n2"


def test_a_replaced_from_string_is_called(
    app: Flask, app_ctx: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = app.jinja_env
    assert render_template_string("source") == "source"
    other = environment.from_string("other")
    monkeypatch.setattr(environment, "from_string", lambda source: other)

    assert render_template_string("source") == "other"


def test_an_environment_of_ones_own_makes_its_templates(app_ctx: object) -> None:
    class Own(Environment):
        def from_string(self, source: Any, *args: Any, **kwargs: Any) -> Any:
            return super().from_string(f"own {source}", *args, **kwargs)

    class App(Flask):
        jinja_environment = Own

    with App(__name__).app_context():
        assert render_template_string("a") == "own a"


def test_an_overlay_shares_no_compiled_template(app: Flask, app_ctx: object) -> None:
    app.jinja_env.loader = DictLoader({"a": "environment"})
    assert render_template_string("{% include 'a' %}") == "environment"

    app.jinja_env = app.jinja_env.overlay(loader=DictLoader({"a": "overlay"}))

    assert render_template_string("{% include 'a' %}") == "overlay"


def test_ever_other_sources_do_not_fill_the_memory(app: Flask, app_ctx: object) -> None:
    for number in range(300):
        assert render_template_string(f"n{number}") == f"n{number}"

    assert len(app.jinja_env._string_templates._templates) <= 128


def test_a_source_that_fails_to_compile_fails_each_time(app_ctx: object) -> None:
    from jinja2 import TemplateSyntaxError

    for _ in range(2):
        with pytest.raises(TemplateSyntaxError):
            render_template_string("{% if %}")


def test_blueprints_are_searched_after_the_application(
    app: Flask, app_ctx: object, tmp_path: Path
) -> None:
    for folder, name in [("app", "a"), ("bp", "a"), ("bp", "b")]:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.html").write_text(f"{folder} {name}")
    app.template_folder = str(tmp_path / "app")
    blueprint = Blueprint("bp", __name__, template_folder=str(tmp_path / "bp"))
    app.register_blueprint(blueprint)

    assert render_template("a.html") == "app a"
    assert render_template("b.html") == "bp b"
    assert sorted(app.jinja_env.list_templates()) == ["a.html", "b.html"]


def test_loading_is_explained_when_asked(
    app: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "b.html").write_text("found")
    blueprint = Blueprint("bp", __name__, template_folder=str(tmp_path))
    blueprint.add_url_rule("/b", "b", lambda: render_template("b.html"))
    blueprint.add_url_rule("/c", "c", lambda: render_template("c.html"))
    app.register_blueprint(blueprint)
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True

    with caplog.at_level(logging.INFO):
        assert app.test_client().get("/b").text == "found"
    assert "1: trying loader of application 'flask_test'" in caplog.text
    assert f"2: trying loader of blueprint 'bp' ({__name__})" in caplog.text
    assert f"found ('{tmp_path / 'b.html'}')" in caplog.text
    assert f"- {tmp_path}" in caplog.text
    assert "Error" not in caplog.text

    caplog.clear()
    with caplog.at_level(logging.INFO), pytest.raises(TemplateNotFound):
        app.test_client().get("/c")
    assert "Error: the template could not be found" in caplog.text
    assert "belongs to the blueprint 'bp'" in caplog.text


def test_the_first_of_several_templates_is_taken_and_the_others_are_told(
    app: Flask, app_ctx: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.html").write_text(name)
        app.register_blueprint(
            Blueprint(name, __name__, template_folder=str(tmp_path / name))
        )
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True

    with caplog.at_level(logging.INFO):
        assert render_template("a.html") == "one"

    assert "Warning: several loaders" in caplog.text
