"""Prints what command lines answer: exit status and output, also of wrong ones.

python flask_commands.py            of whatever `flask` is installed
python flask_commands.py --alias    of this package, through the alias
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from click.testing import CliRunner

APPLICATION = """
import click
import flask

app = flask.Flask(__name__, static_folder=None)
part = flask.Blueprint("part", __name__)
own = flask.Blueprint("own", __name__, cli_group="renamed")
bare = flask.Blueprint("bare", __name__, cli_group=None)


@app.route("/b/<int:number>", methods=["GET", "POST"])
def second(number):
    return "b"


@app.get("/a")
def third():
    return "a"


@app.route("/c", methods=["PUT"])
def first():
    return "c"


@app.cli.command()
@click.argument("name")
@click.option("--times", default=1)
def hello(name, times):
    for _ in range(times):
        click.echo(f"{name} {flask.current_app.name} {flask.current_app.debug}")


@app.cli.command("outside", with_appcontext=False)
def outside():
    click.echo(flask.has_app_context())


@app.cli.command("fail")
def fail():
    raise ValueError("failed")


@app.cli.command("leave")
@click.pass_context
def leave(ctx):
    ctx.exit(7)


for blueprint in (part, own, bare):
    blueprint.cli.command("inner")(lambda: click.echo("inner"))
    app.register_blueprint(blueprint)


def create_app(name="made"):
    made = flask.Flask(name, root_path="/nowhere", static_folder=None)
    made.cli.command("name")(lambda: click.echo(flask.current_app.name))
    return made


def create_other(first, second):
    return create_app(first + second)


def broken():
    return None
"""

HOSTS = """
import flask

app = flask.Flask(__name__, host_matching=True, static_folder=None)
app.add_url_rule("/a", "a", lambda: "", host="a.test")
app.add_url_rule("/b", "b", lambda: "", host="b.test")
"""

SUBDOMAINS = """
import flask

app = flask.Flask(__name__, static_folder=None, subdomain_matching=True)
app.config["SERVER_NAME"] = "a.test"
app.add_url_rule("/a", "a", lambda: "", subdomain="sub")
app.add_url_rule("/b", "b", lambda: "")
"""

FILES = {
    "program.py": APPLICATION,
    "hosts.py": HOSTS,
    "subdomains.py": SUBDOMAINS,
    "wrong.py": "import flask\nraise ImportError('wrong')\n",
    "empty.py": "import flask\napp = flask.Flask('empty', static_folder=None)\n",
    "two.py": "import flask\none = flask.Flask('a')\ntwo = flask.Flask('b')\n",
    "settings.env": "FLASK_APP=program\nFLASK_DEBUG=1\n",
    "key.pem": "",
}

LINES = """
    --help
    --app program --help
    --app program routes
    --app program routes --sort rule
    --app program routes -s match
    --app program routes -s methods --all-methods
    --app program routes -s domain
    --app program routes --sort nothing
    --app hosts routes
    --app subdomains routes -s domain
    --app empty routes
    --app program hello you
    --app program hello you --times 2
    --app program hello
    --app program hello you --times many
    --app program --debug hello you
    --app program --no-debug hello you
    --app program outside
    --app program fail
    --app program leave
    --app program part inner
    --app program renamed inner
    --app program inner
    --app program part
    --app program nothing
    --app program:app hello you
    --app program.py hello you
    --app program.py:app hello you
    --app program:create_app name
    --app program:create_app() name
    --app program:create_app('given') name
    --app program:create_app(name='given') name
    --app program:create_app('a','b') name
    --app program:create_other name
    --app program:create_other('a','b') name
    --app program:broken name
    --app program:nothing routes
    --app program:app.name routes
    --app program:1+1 routes
    --app no_such_module routes
    --app wrong routes
    --app two routes
    --app
    routes
    shell --help
    run --help
    --env-file settings.env hello you
    -e settings.env hello you
    -e no.env routes
    --app program run --port many
    --app program run --cert no.pem
    --app program run --cert key.pem
    --app program run --key key.pem
    --app program run --cert adhoc --key key.pem
    --app program run --unknown
    --unknown
    --version
""".strip().splitlines()

VARIABLES: dict[str, dict[str, str]] = {
    "hello you": {"FLASK_APP": "program"},
    "hello them": {"FLASK_APP": "program", "FLASK_DEBUG": "1"},
    "hello us": {"FLASK_APP": "program", "FLASK_DEBUG": "false"},
    "--no-debug hello you": {"FLASK_APP": "program", "FLASK_DEBUG": "1"},
    "hello all": {"FLASK_APP": "program", "FLASK_DEBUG": "nonsense"},
    "routes": {"FLASK_APP": "program", "FLASK_ROUTES_SORT": "rule"},
    "routes --all-methods": {"FLASK_APP": "program", "FLASK_ROUTES_SORT": "nothing"},
    "run": {"FLASK_APP": "program", "FLASK_RUN_PORT": "many"},
    "--app program hello again": {"FLASK_APP": "no_such_module"},
    "hello file": {"FLASK_ENV_FILE": "settings.env"},
}


def answer(line: str, variables: dict[str, str]) -> dict[str, Any]:
    """Return what a command line answers, in a process that looks untouched."""
    cli = import_module("flask.cli")
    for name in FILES:
        sys.modules.pop(name.partition(".")[0], None)

    with mock.patch.dict(os.environ, variables):
        # The console scripts have other names; the usage line of both shall have one.
        result = CliRunner().invoke(
            cli.cli, line.split(), prog_name="flask", auto_envvar_prefix="FLASK"
        )

    return {
        "status": result.exit_code,
        "output": result.stdout,
        "errors": result.stderr,
        "exception": type(result.exception).__name__,
    }


def main() -> None:
    """Print all answers as JSON."""
    if "--alias" in sys.argv:
        import bustapi_alias

        bustapi_alias.install()

    # Only one of the two environments may have it, and it reads files of its own accord.
    sys.modules["dotenv"] = None  # type: ignore[assignment]

    for name in [name for name in os.environ if name.startswith("FLASK_")]:
        del os.environ[name]

    with tempfile.TemporaryDirectory() as folder:
        for name, content in FILES.items():
            Path(folder, name).write_text(content)

        os.chdir(folder)
        answers = {line.strip(): answer(line.strip(), {}) for line in LINES}

        for line, variables in VARIABLES.items():
            told = " ".join(f"{key}={value}" for key, value in variables.items())
            answers[f"{told} {line}"] = answer(line, variables)

        os.chdir("/")

    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
