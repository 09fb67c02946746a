"""What the command had, and how it found applications."""

from __future__ import annotations

from pathlib import Path

import pytest

from .programs import output_of, run

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
