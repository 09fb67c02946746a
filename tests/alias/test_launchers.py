"""Launchers of agents: they look for Flask before the program that they start begins."""

from __future__ import annotations

import signal

import pytest

from interpreters import Environment, check
from serving import Start

APP = """
    from flask import Flask

    app = Flask(__name__)

    @app.get("/items/<int:number>")
    def item(number):
        return str(number)

    if __name__ == "__main__":
        app.run(port=0)
"""
CONSOLE = {
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


@pytest.fixture(params=["beside", "without"])
def program(request: pytest.FixtureRequest) -> Environment:
    """A folder with an application, where Flask is installed and where it is not."""
    environment: Environment = request.getfixturevalue(request.param)
    environment.write("app.py", APP)
    return environment


@pytest.mark.parametrize(
    ("command", "alias"),
    [
        ("opentelemetry-instrument bustapi run app --port 0", None),
        ("opentelemetry-instrument bustapi run app --port 0 --workers 2", None),
        ("opentelemetry-instrument python -m bustapi run app --port 0", None),
        ("opentelemetry-instrument bustapi exec python app.py", None),
        ("bustapi exec opentelemetry-instrument python app.py", None),
        ("opentelemetry-instrument python app.py", "1"),
    ],
)
def test_opentelemetry_makes_a_span_of_each_request(
    program: Environment, start: Start, command: str, alias: str | None
) -> None:
    name, *arguments = command.split()
    server = start(
        str(program.prefix / "bin" / name),
        *arguments,
        alias=alias,
        environment=program,
        **CONSOLE,
    )
    server.wait_until_ready()

    assert server.get("/items/3") == "3"
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert server.out.text.count('"name": "GET /items/<int:number>"') == 1
    assert '"http.status_code": 200' in server.out.text


@pytest.mark.parametrize("command", [["bustapi"], ["-m", "bustapi"], ["-mbustapi"]])
def test_the_command_has_the_alias_before_startup_files_run(
    without: Environment, command: list[str]
) -> None:
    """What agents put on the path is run by the interpreter before the command."""
    without.write(
        "agent/sitecustomize.py",
        """
        from importlib.metadata import version
        import bustapi_alias, flask, bustapi
        print(version("flask") == bustapi_alias.FLASK_VERSION, flask is bustapi)
        """,
    )
    if command == ["bustapi"]:
        command = [str(without.prefix / "bin" / "bustapi")]

    out = check(
        without.run(*command, "--version", alias=None, extra={"PYTHONPATH": "agent"})
    )

    assert out.splitlines()[0] == "True True"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "print()", "bustapi"],
        ["-m", "this", "bustapi"],
        ["other.py", "bustapi"],
    ],
)
def test_a_program_with_that_word_among_its_arguments_has_no_alias(
    without: Environment, arguments: list[str]
) -> None:
    without.write("other.py", "")
    without.write(
        "sitecustomize.py", "import sys; print('bustapi_alias' in sys.modules)"
    )

    out = check(without.run(*arguments, alias=None, extra={"PYTHONPATH": "."}))

    assert out.splitlines()[0] == "False"
