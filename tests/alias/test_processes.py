"""Processes that a program starts, and programs that start it: the alias goes along."""

from __future__ import annotations

import pytest

from interpreters import FOLDER, Environment, check
from serving import Start

APP = """
    import os
    import flask
    from flask import Flask

    app = Flask(__name__)

    @app.get("/")
    def who():
        return f"{flask.__path__[0]} {Flask.__module__} {flask.__name__} {os.getpid()}"
"""
INSTALL = "import bustapi_alias; bustapi_alias.install()\n"

CHILDREN = """
    {install}
    import multiprocessing, sys

    def child(queue):
        import flask
        queue.put((flask.__path__[0], flask.Flask.__module__))

    def work(app_name):
        import flask
        return flask.Flask(app_name)

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        queue = context.Queue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        print(*queue.get(timeout=20))
        process.join()
        print(process.exitcode)
"""


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
@pytest.mark.parametrize("how", ["variable", "program"])
def test_children_of_multiprocessing_have_the_alias(
    beside: Environment, method: str, how: str
) -> None:
    # A child that is not forked imports the program again, its first line too.
    install = INSTALL if how == "program" else ""
    beside.write("main.py", CHILDREN.format(install=install))

    out = check(beside.run("main.py", method, alias="1" if how == "variable" else None))

    assert out.splitlines() == [f"{FOLDER} flask.app", "0"]


def test_objects_of_flask_go_to_a_spawned_child_and_back(beside: Environment) -> None:
    beside.write(
        "main.py",
        """
        import multiprocessing

        def enlarge(config):
            import flask
            assert type(config) is flask.Config
            config["ADDED"] = "there"
            return config

        if __name__ == "__main__":
            import flask
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                config = pool.apply(enlarge, (flask.Config("/", {"A": 1}),))
            print(type(config) is flask.Config, dict(config))
        """,
    )

    out = check(beside.run("main.py"))

    assert out == "True {'A': 1, 'ADDED': 'there'}\n"


def test_a_program_that_is_started_has_the_alias(beside: Environment) -> None:
    out = beside.evaluate(
        """
        import subprocess, sys
        command = [sys.executable, "-c", "import flask; print(flask.__path__[0])"]
        subprocess.run(command, check=True)
        """
    )

    assert out == f"{FOLDER}\n"


@pytest.mark.parametrize("options", [("-k", "sync"), ("-k", "gthread", "--preload")])
def test_workers_of_gunicorn_have_the_alias(
    beside: Environment, start: Start, options: tuple[str, ...]
) -> None:
    beside.write("app.py", APP)

    server = start(
        *("-m", "gunicorn", "-b", "127.0.0.1:0", "-w", "2", *options),
        *("--no-control-socket", "app:app"),
    )
    server.port = int(server.err.wait_for(r"Listening at: http://[\d.]+:(\d+)")[1])
    server.err.wait_for(r"Booting worker", count=2)

    assert server.get().split()[:3] == [str(FOLDER), "flask.app", "flask"]


def test_gunicorn_takes_the_alias_from_its_configuration_file(
    beside: Environment, start: Start
) -> None:
    beside.write("app.py", APP)
    beside.write("gunicorn.conf.py", INSTALL)

    server = start(
        *("-m", "gunicorn", "-b", "127.0.0.1:0", "--no-control-socket", "app:app"),
        alias=None,
    )
    server.port = int(server.err.wait_for(r"Listening at: http://[\d.]+:(\d+)")[1])

    assert server.get().split()[:3] == [str(FOLDER), "flask.app", "flask"]


def test_workers_of_celery_have_the_alias(beside: Environment, start: Start) -> None:
    pytest.importorskip("celery", reason="celery is not installed")
    beside.write(
        "tasks.py",
        """
        from celery import Celery
        from celery.signals import worker_ready
        import flask

        queue = Celery(broker="filesystem://", backend="file://results")
        queue.conf.broker_transport_options = {
            "data_folder_in": "broker",
            "data_folder_out": "broker",
            "control_folder": "control",
        }
        flask_app = flask.Flask("tasks")

        @queue.task
        def who():
            with flask_app.app_context():
                return f"{flask.current_app.name} {flask.__path__[0]}"
        """,
    )
    for folder in ("broker", "control", "results"):
        (beside.folder / folder).mkdir()

    start("-m", "celery", "-A", "tasks", "worker", "-c", "1", "--without-mingle")

    out = beside.evaluate(
        "import tasks; print(tasks.who.delay().get(timeout=20))", alias=None
    )

    # What ran it was the worker, since this process has Flask itself.
    assert out == f"tasks {FOLDER}\n"


def test_a_console_script_of_flask_has_the_alias_through_the_variable(
    beside: Environment,
) -> None:
    beside.write("app.py", APP)
    script = str(beside.prefix / "bin" / "flask")

    ours = check(beside.run("--version", program=script))
    theirs = check(beside.run("--version", program=script, alias=None))

    assert "BustAPI" in ours
    assert "BustAPI" not in theirs and "Flask 3.1.3" in theirs


def test_flask_is_run_as_a_module(beside: Environment) -> None:
    beside.write("app.py", APP)

    assert "BustAPI" in check(beside.run("-m", "flask", "--version"))
    assert "who" in check(beside.run("-m", "flask", "routes"))


RUN = """
    if __name__ == "__main__":
        app.run(port=0, debug=True)
"""
RUNNING = r"Running on http://127\.0\.0\.1:(\d+)"


@pytest.mark.parametrize("how", ["variable", "program", "run", "module", "script"])
def test_what_the_reloader_starts_has_the_alias(
    beside: Environment, start: Start, how: str
) -> None:
    file = beside.write("app.py", APP + RUN)
    commands = {
        "variable": ["app.py"],
        "program": ["app.py"],
        "run": ["-m", "bustapi", "run", "--debug", "--port", "0"],
        "module": ["-m", "flask", "run", "--debug", "--port", "0"],
        "script": [
            *(str(beside.prefix / "bin" / "bustapi"), "run"),
            *("--debug", "--port", "0"),
        ],
    }
    if how == "program":
        file.write_text(INSTALL + file.read_text())
    needs_variable = how in ("variable", "module")

    server = start(*commands[how], alias="1" if needs_variable else None)
    server.port = int(server.err.wait_for(RUNNING)[1])
    first = server.get().split()
    file.write_text(file.read_text().replace("{flask.__name__}", "changed"))
    server.err.wait_for("Debugger is active!", count=2)
    second = server.get().split()

    assert first[:3] == [str(FOLDER), "flask.app", "flask"]
    assert second[:3] == [str(FOLDER), "flask.app", "changed"]
    assert first[3] != second[3]
