"""Functions and classes that Flask's modules had."""

from __future__ import annotations

from .programs import output_of


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
