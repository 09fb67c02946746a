"""The command ``bustapi``: every program that it loads or starts has the alias."""

from __future__ import annotations

import os
import signal
import venv
from pathlib import Path

import pytest

from interpreters import FOLDER, Environment, check, site_packages
from serving import Start

APP = """
    import os, subprocess, sys
    import click, flask
    from flask import Flask, current_app

    app = Flask(__name__)

    @app.get("/")
    def who():
        return f"{flask.__path__[0]} {Flask.__module__} {os.getpid()}"

    @app.get("/child")
    def child():
        command = [sys.executable, "-c", "import flask; print(flask.__path__[0])"]
        return subprocess.check_output(command)

    @app.cli.command("greet")
    def greet():
        click.echo(f"{current_app.name} {flask.__path__[0]} {Flask.__module__}")
"""
RUN = """
    if __name__ == "__main__":
        app.run(port=0, workers=2)
"""
INSTALL = "import bustapi_alias; bustapi_alias.install()\n"


@pytest.fixture
def program(beside: Environment) -> Environment:
    """A folder with an application that imports flask and nothing of ours."""
    beside.write("app.py", APP)
    return beside


def bustapi(environment: Environment) -> str:
    return str(environment.prefix / "bin" / "bustapi")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_run_serves_an_application_of_flask(
    program: Environment, start: Start, workers: str
) -> None:
    server = start(
        *(bustapi(program), "run", "app", "--port", "0", "--workers", workers),
        alias=None,
    )
    server.wait_until_ready()

    assert server.get().startswith(f"{FOLDER} flask.app ")
    assert server.get("/child") == f"{FOLDER}\n"
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


@pytest.mark.parametrize("how", ["script", "module"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["greet"], f"app {FOLDER} flask.app"),
        (["routes"], "who"),
        (["--app", "app:app", "greet"], f"app {FOLDER} flask.app"),
    ],
)
def test_commands_load_an_application_of_flask(
    program: Environment, how: str, arguments: list[str], expected: str
) -> None:
    command = [bustapi(program)] if how == "script" else ["-m", "bustapi"]

    out = check(program.run(*command, *arguments, alias=None))

    assert expected in out


def test_shell_has_the_alias(program: Environment) -> None:
    program.write(
        "start.py", "import flask; print(flask.Flask.__module__, flask.__path__[0])"
    )

    process = program.run(
        *("-m", "bustapi", "shell"), alias=None, extra={"PYTHONSTARTUP": "start.py"}
    )

    assert f"flask.app {FOLDER}" in process.stdout


def test_commands_say_it_when_flask_itself_is_loaded(program: Environment) -> None:
    program.write(
        "main.py",
        """
        import agent
        from bustapi.cli import main
        main()
        """,
    )
    program.write("agent.py", "from flask import Flask\n")

    process = program.run("main.py", "routes", alias=None)

    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert process.stderr.startswith(
        "Error: Flask itself is already loaded, imported by 'agent' ("
    )


def test_the_way_out_that_the_error_names_is_one(program: Environment) -> None:
    program.write(
        "main.py",
        """
        import agent
        import bustapi_alias
        bustapi_alias.install()
        import bustapi
        print(agent.Flask is bustapi.Flask)
        """,
    )
    program.write("agent.py", "from flask import Flask\n")

    message = program.run("main.py", alias=None).stderr

    assert "BUSTAPI_ALIAS=1" in message
    assert "'bustapi exec'" in message
    assert check(program.run("main.py", alias="1")) == "True\n"
    assert (
        check(
            program.run(
                *("exec", "python", "main.py"), program=bustapi(program), alias=None
            )
        )
        == "True\n"
    )


@pytest.mark.parametrize("how", ["program", "exec"])
def test_workers_that_run_a_program_again_have_the_alias(
    program: Environment, start: Start, how: str
) -> None:
    file = program.write("app.py", APP + RUN)
    if how == "program":
        file.write_text(INSTALL + file.read_text())
        command = ["app.py"]
    else:
        command = ["-m", "bustapi", "exec", "python", "app.py"]

    server = start(*command, alias=None)
    server.wait_until_ready()

    assert server.get().startswith(f"{FOLDER} flask.app ")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_exec_takes_the_place_of_the_command(
    program: Environment, start: Start
) -> None:
    source = "import flask, os; print(flask.__path__[0], os.getpid())"

    process = start(bustapi(program), "exec", "python", "-c", source, alias=None)

    assert process.wait() == 0
    assert process.out.text == f"{FOLDER} {process.process.pid}"


def test_exec_finds_programs_and_ends_as_they_do(program: Environment) -> None:
    process = program.run(
        *("exec", "python", "-c", "import sys; sys.exit(3)"),
        program=bustapi(program),
        alias=None,
    )

    assert process.returncode == 3


def test_exec_wins_over_a_variable_that_says_no(program: Environment) -> None:
    out = check(
        program.run(
            *("exec", "python", "-c", "import flask; print(flask.__path__[0])"),
            program=bustapi(program),
            alias="0",
        )
    )

    assert out == f"{FOLDER}\n"


def test_exec_of_a_missing_program_says_so(program: Environment) -> None:
    process = program.run(
        "exec", "no-such-program", program=bustapi(program), alias=None
    )

    assert process.returncode == 127
    assert process.stderr == (
        f"Error: Cannot run 'no-such-program': {os.strerror(2)}.\n"
    )


@pytest.fixture
def another(tmp_path: Path) -> Environment:
    """Another virtual environment of the same Python, without this package."""
    prefix = tmp_path / "another"
    venv.create(prefix, symlinks=True)
    packages = site_packages(prefix)
    packages.joinpath("flask.py").write_text("class Flask: pass\n")
    return Environment(prefix, tmp_path)


PREFIX = "import flask, sys; print(sys.prefix)"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["python", "-c", PREFIX], id="program"),
        pytest.param(["/bin/sh", "-c", f"python -c '{PREFIX}'"], id="child"),
    ],
)
def test_exec_runs_the_python_of_its_own_environment(
    program: Environment, another: Environment, command: list[str]
) -> None:
    """Also where another one stands first on the path, and in what a shell starts."""
    out = check(
        program.run(
            *("exec", *command),
            program=bustapi(program),
            alias=None,
            extra={"PATH": f"{another.prefix / 'bin'}{os.pathsep}{os.defpath}"},
        )
    )

    assert out == f"{program.prefix}\n"


def test_exec_refuses_another_python(
    program: Environment, another: Environment
) -> None:
    process = program.run(
        *("exec", another.python, "-c", "import flask; print('ran')"),
        program=bustapi(program),
        alias=None,
    )

    assert (process.returncode, process.stdout) == (126, "")
    assert process.stderr == (
        f"Error: {another.python!r} is another Python than {program.python!r}, and need"
        " not have this package. Say 'python' for this one.\n"
    )


def test_exec_refuses_a_program_of_another_python(
    program: Environment, another: Environment
) -> None:
    script = another.prefix / "bin" / "only-there"
    script.write_text(f"#!{another.python}\nprint('ran')\n")
    script.chmod(0o755)

    process = program.run(
        *("exec", "only-there"),
        program=bustapi(program),
        alias=None,
        extra={"PATH": str(another.prefix / "bin")},
    )

    assert (process.returncode, process.stdout) == (126, "")
    assert process.stderr.startswith(
        f"Error: {str(script)!r} runs on another Python, {another.python!r}, which"
    )
    assert f"Install it for {program.python!r} as well." in process.stderr
    assert "BUSTAPI_ALIAS=1" in process.stderr


def test_exec_names_an_interpreter_that_is_gone(program: Environment) -> None:
    """As in an environment that was moved."""
    script = program.write("moved", "#!/no/such/folder/python\n")
    script.chmod(0o755)

    process = program.run("exec", "./moved", program=bustapi(program), alias=None)

    assert process.returncode == 127
    assert process.stderr == (
        "Error: Cannot run './moved': Its interpreter '/no/such/folder/python' does not"
        " exist; install it again.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["exec", "python", "-c", "import os; os._exit(5)"], 5),
        (["--legacy", "--version"], 0),
    ],
)
def test_another_program_takes_over_without_standard_output(
    program: Environment, arguments: list[str], status: int
) -> None:
    process = program.run(
        *("-c", 'exec "$@" >&-', "sh", bustapi(program), *arguments),
        program="/bin/sh",
        alias=None,
    )

    assert (process.returncode, process.stderr) == (status, "")


def test_exec_serves_with_gunicorn(program: Environment, start: Start) -> None:
    server = start(
        *(bustapi(program), "exec", "gunicorn", "-b", "127.0.0.1:0"),
        *("--no-control-socket", "app:app"),
        alias=None,
    )
    server.port = int(server.err.wait_for(r"Listening at: http://[\d.]+:(\d+)")[1])

    assert server.get().startswith(f"{FOLDER} flask.app ")


def test_exec_runs_a_test_suite(program: Environment) -> None:
    program.write(
        "test_it.py",
        f"""
        import app, bustapi

        def test_it():
            assert app.app.test_client().get("/").text.startswith({str(FOLDER)!r})
            assert isinstance(app.app, bustapi.Flask)
        """,
    )

    check(
        program.run(
            *("exec", "python", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            program=bustapi(program),
            alias=None,
        )
    )


def test_a_command_line_called_in_process_does_not_install_the_alias(
    program: Environment,
) -> None:
    out = program.evaluate(
        """
        import os, sys
        from click.testing import CliRunner
        from bustapi import Flask
        from bustapi.cli import FlaskGroup, cli

        app = Flask("quiet")
        for group in (cli, FlaskGroup(create_app=lambda: app)):
            assert CliRunner().invoke(group, ["--version"]).exit_code == 0
        assert app.test_cli_runner().invoke(args=["routes"]) is not None
        import flask
        print(flask.Flask.__module__, "BUSTAPI_ALIAS" in os.environ)
        """,
        alias=None,
    )

    assert out == "flask.app False\n"
