"""What importlib.metadata says of Flask under the alias, and of the plugins of Flask."""

from __future__ import annotations

import json
import sys

from interpreters import FOLDER, Environment, check

REPORT = """
    import json
    from importlib import metadata
    flask = metadata.distribution("flask")
    names = [d.metadata["Name"] for d in metadata.distributions()]
    scripts = metadata.entry_points(group="console_scripts", name="flask")
    print(json.dumps({
        "versions": [metadata.version(n) for n in ("flask", "Flask", "FLASK")],
        "requires": metadata.requires("flask"),
        "name": flask.metadata["Name"],
        "python": flask.metadata["Requires-Python"],
        "extras": flask.metadata.get_all("Provides-Extra"),
        "scripts": sorted({s.value for s in scripts}),
        "module of script": [s.load().__module__ for s in scripts],
        "is listed": "Flask" in names,
    }))
"""


def test_metadata_of_flask_is_what_flask_has(beside: Environment) -> None:
    theirs = json.loads(beside.evaluate(REPORT, alias=None))
    ours = json.loads(beside.evaluate(REPORT))

    assert theirs["versions"] == ["3.1.3"] * 3
    assert ours == theirs


def test_the_module_belongs_to_the_distribution(beside: Environment) -> None:
    question = """
        from importlib import metadata
        print(set(metadata.packages_distributions().get("flask", [])))
    """

    theirs = beside.evaluate(question, alias=None)
    ours = beside.evaluate(question)

    assert ours == "{'Flask'}\n"

    # Before Python 3.11 importlib takes the modules from ``top_level.txt`` alone, which
    # Flask's wheel does not have.
    if sys.version_info >= (3, 11):
        assert ours == theirs


def test_metadata_is_of_the_alias_and_not_of_an_installed_flask(
    beside: Environment,
) -> None:
    out = beside.evaluate(
        """
        from importlib import metadata
        print(type(metadata.distribution("flask")).__name__)
        print(metadata.metadata("flask")["Summary"])
        """
    )

    assert out.splitlines() == [
        "AliasDistribution",
        "Flask's public interface, provided by BustAPI.",
    ]


def test_plugins_of_the_command_line_get_the_same_objects(beside: Environment) -> None:
    info = beside.folder / "greeter-1.0.dist-info"
    beside.write(f"{info.name}/METADATA", "Metadata-Version: 2.1\nName: greeter\n")
    beside.write(f"{info.name}/entry_points.txt", "[flask.commands]\ngreet=greeter:c\n")
    beside.write(
        "greeter.py",
        """
        import click, flask
        from flask.cli import with_appcontext

        @click.command("greet")
        @with_appcontext
        def c():
            click.echo(f"{flask.current_app.name} {flask.__path__[0]}")
        """,
    )
    beside.write("app.py", "from flask import Flask\napp = Flask('greeted')\n")

    for command in (["-m", "bustapi"], ["-m", "flask"]):
        out = check(beside.run(*command, "greet"))

        assert out == f"greeted {FOLDER}\n"
