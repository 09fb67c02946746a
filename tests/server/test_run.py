"""Running a server: start, processes, signals, end."""

from __future__ import annotations

import http.client
import os
import re
import select
import signal
import socket
import textwrap
from pathlib import Path

import pytest

import bustapi
from bustapi._bustapi import __version__
from serving import TIMEOUT, Server, Start, body_of


def pids(server: Server) -> set[int]:
    """Return the processes that answered a few requests."""
    return {int(server.get()) for _ in range(20)}


def has_ended(pid: int) -> bool:
    """Return whether a process is gone, or only waits to be collected."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True

    return stat.rpartition(")")[2].split()[0] == "Z"


def wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return

    import select

    ready, _, _ = select.select([watched], [], [], TIMEOUT)
    os.close(watched)
    assert ready and has_ended(pid)


# Start


def test_start_line_says_what_is_served_where_and_by_whom(serve: Start) -> None:
    server = serve("shop:app", "--host", "127.0.0.1")

    line = server.wait_until_ready()

    assert line["version"] == __version__
    assert line["name"] == "shop:app"
    assert line["host"] == "127.0.0.1"
    assert line["workers"] == "1"
    assert int(line["pid"]) == server.process.pid
    assert server.err.text.count("\n") == 0


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["shop:app"], {}),
        (["shop"], {}),
        (["shop.py"], {}),
        ([], {"FLASK_APP": "shop:app"}),
        (["shop:app"], {"FLASK_APP": "elsewhere:app"}),
    ],
)
def test_application_is_found_as_flask_finds_it(
    serve: Start, arguments: list[str], environ: dict[str, str]
) -> None:
    server = serve(*arguments, **environ)

    assert int(server.get()) == server.process.pid


def test_app_option_means_the_same_as_the_argument(launch: Start) -> None:
    server = launch("-m", "bustapi", "--app", "shop:app", "run", "--port=0")
    server.wait_until_ready()

    assert int(server.get()) == server.process.pid


def test_application_in_app_py_needs_no_argument(serve: Start, folder: Path) -> None:
    (folder / "shop.py").rename(folder / "app.py")

    assert serve().get("/environ/multiprocess") == "False"


def test_factory_is_called(serve: Start, folder: Path) -> None:
    folder.joinpath("made.py").write_text(
        "import shop\ndef make(name):\n    shop.app.name = name\n    return shop.app\n"
    )

    server = serve("made:make('corner')")

    assert int(server.get()) == server.process.pid


def test_application_that_imports_flask_gets_this_package(
    serve: Start, folder: Path
) -> None:
    folder.joinpath("plain.py").write_text(
        "import flask\n"
        "app = flask.Flask(__name__)\n"
        "@app.get('/')\n"
        "def index():\n"
        "    return flask.__path__[0]\n"
    )

    assert serve("plain:app").get() == str(Path(bustapi.__file__).parent)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_missing_module_ends_with_a_message(launch: Start, workers: str) -> None:
    server = launch(
        "-m", "bustapi", "run", "nothing:app", "--port=0", "--workers", workers
    )

    assert server.wait() != 0
    assert "'nothing'" in server.err.text
    assert "Traceback" not in server.err.text
    assert "serving" not in server.err.text


@pytest.mark.parametrize("workers", ["1", "3"])
def test_import_error_is_shown_once_and_ends_with_1(
    launch: Start, folder: Path, workers: str
) -> None:
    folder.joinpath("broken.py").write_text("print('imported')\n1 / 0\n")

    server = launch(
        *("-m", "bustapi", "run", "broken", "--port=0", "--workers", workers)
    )

    assert server.wait() == 1
    assert server.err.text.count("ZeroDivisionError") == 1
    assert server.out.text == "imported"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_port_in_use_ends_with_1_and_names_port_and_holder(
    serve: Start, launch: Start, workers: str
) -> None:
    holder = serve("shop:app", "--workers", workers)

    server = launch(
        *("-m", "bustapi", "run", "shop:app", "--workers", workers),
        *("--port", str(holder.port)),
    )

    assert server.wait() == 1
    assert f"Port {holder.port} on 127.0.0.1 is in use" in server.err.text
    assert f"process {holder.process.pid} (" in server.err.text
    assert holder.get()


def test_unknown_host_ends_with_1_and_names_it(launch: Start) -> None:
    server = launch(
        *("-m", "bustapi", "run", "shop:app", "--port=0", "--host", "no.such.invalid")
    )

    assert server.wait() == 1
    assert "'no.such.invalid'" in server.err.text


def test_ipv6_address_stands_in_brackets(serve: Start) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")

    assert serve("shop:app", "--host", "::1").wait_until_ready()["host"] == "[::1]"


# Access lines


def test_access_line_has_method_path_and_status(serve: Start) -> None:
    server = serve("shop:app")

    server.get("/environ/multithread")

    assert server.out.wait_for(r"GET /environ/multithread\b.*\b200\b")


def test_access_log_can_be_turned_off(serve: Start) -> None:
    server = serve("shop:app", "--no-access-log")

    server.get()
    server.signal(signal.SIGTERM)

    assert server.wait() == 0
    assert server.out.text == ""


def test_an_idle_connection_is_kept_as_long_as_the_command_says(serve: Start) -> None:
    server = serve("shop:app", "--keep-alive", "0.1")
    server.wait_until_ready()

    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 200 OK")


# One process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_signal_finishes_what_is_in_flight_and_exits_0(
    serve: Start, folder: Path, number: signal.Signals, workers: str
) -> None:
    server = serve("shop:app", "--workers", workers)
    connection = server.begin("/gate")
    server.out.wait_for("entered")

    server.signal(number)
    server.err.wait_for("Finishing what is in flight")
    (folder / "gate").write_text("open")

    assert body_of(connection) == "open"
    assert server.wait() == 0
    assert "Traceback" not in server.err.text


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_is_left_unclosed_at_the_end(serve: Start, workers: str) -> None:
    # Python's development mode says what was not closed.
    server = serve("shop:app", "--workers", workers, PYTHONDEVMODE="1")
    server.get()

    server.signal(signal.SIGTERM)

    assert server.wait() == 0
    assert server.err.text.splitlines()[1:] == [
        " * Finishing what is in flight. Press CTRL+C again to stop at once."
    ]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_second_signal_stops_at_once(serve: Start, workers: str) -> None:
    server = serve("shop:app", "--workers", workers)
    connection = server.begin("/gate")
    server.out.wait_for("entered")

    server.signal(signal.SIGINT)
    server.err.wait_for("Finishing what is in flight")
    server.signal(signal.SIGINT)

    assert server.wait() == 0
    connection.close()


def test_second_signal_waits_for_no_thread(serve: Start, folder: Path) -> None:
    folder.joinpath("threaded.py").write_text(
        "import threading\n"
        "from shop import app\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
    )
    server = serve("threaded:app")
    connection = server.begin("/gate")
    server.out.wait_for("entered")

    server.signal(signal.SIGTERM)
    server.err.wait_for("Finishing what is in flight")
    server.signal(signal.SIGTERM)

    assert server.wait() == 0
    assert "left behind" not in server.err.text
    connection.close()


def test_idle_connection_does_not_hold_up_the_end(serve: Start) -> None:
    server = serve("shop:app")
    connection = server.connect()
    connection.request("GET", "/")
    assert connection.getresponse().read()

    server.signal(signal.SIGTERM)

    assert server.wait() == 0
    connection.close()


def test_one_thread_serves_on_the_main_thread(serve: Start) -> None:
    server = serve("shop:app", "--threads", "1")

    assert server.get("/thread") == "MainThread"
    assert server.get("/environ/multithread") == "False"
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_run_without_threads_serves_on_the_main_thread(serve_script: Start) -> None:
    server = serve_script("from shop import app\napp.run(port=0, threaded=False)\n")

    assert server.get("/thread") == "MainThread"
    assert server.get("/environ/multithread") == "False"
    server.signal(signal.SIGINT)
    assert server.wait() == 0


def test_the_only_thread_handles_one_request_at_a_time(
    serve: Start, folder: Path
) -> None:
    server = serve("shop:app", "--threads", "1")
    held, waiting = server.begin("/gate"), server.begin("/")
    server.out.wait_for("entered")

    # What is no request is answered by the loop, which another thread has.
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 400 ")

    assert select.select([waiting.sock], [], [], 0)[0] == []
    folder.joinpath("gate").write_text("opened")
    assert body_of(held) == "opened"
    assert body_of(waiting) == str(server.process.pid)


def test_many_threads_never_serve_on_the_main_thread(serve: Start) -> None:
    server = serve("shop:app")

    assert server.get("/thread").startswith("bustapi-")
    assert server.get("/environ/multithread") == "True"


PATCHED = {
    "gevent": (
        "monkey",
        """\
        def is_module_patched(name):
            return name == "threading"

        def get_original(module, name):
            return {("_thread", "start_new_thread"): start_new_thread}[module, name]
        """,
    ),
    "eventlet": (
        "patcher",
        """\
        def is_monkey_patched(name):
            return name == "thread"

        def original(name):
            return {"_thread": types.SimpleNamespace(start_new_thread=start_new_thread)}[name]
        """,
    ),
}


@pytest.mark.parametrize("library", PATCHED)
def test_one_request_at_a_time_where_threads_are_greenlets(
    serve: Start, folder: Path, library: str
) -> None:
    module, source = PATCHED[library]
    package = folder / library
    package.mkdir()
    package.joinpath("__init__.py").touch()
    package.joinpath(f"{module}.py").write_text(
        "import threading, types\n"
        "from _thread import start_new_thread\n"
        "del threading.Thread.start\n" + textwrap.dedent(source)
    )
    folder.joinpath("patched.py").write_text(
        f"import {library}.{module}\nfrom shop import app\n"
    )

    server = serve("patched:app")

    said = f"{library} has replaced Python's threads, so requests run one at a time"
    assert said in server.err.text
    assert server.get("/thread") == "MainThread"
    assert server.get("/environ/multithread") == "False"
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_middleware_on_the_instance_is_passed(serve: Start, folder: Path) -> None:
    folder.joinpath("wrapped.py").write_text(
        "from shop import app\n"
        "inner = app.wsgi_app\n"
        "def outer(environ, start_response):\n"
        "    environ['wsgi.outer'] = 'passed'\n"
        "    return inner(environ, start_response)\n"
        "app.wsgi_app = outer\n"
    )

    assert serve("wrapped:app").get("/environ/outer") == "'passed'"


# Workers


def test_workers_share_the_port(serve: Start) -> None:
    server = serve("shop:app", "--workers", "2")

    answered = pids(server)

    assert server.process.pid not in answered
    assert 1 <= len(answered) <= 2
    assert server.get("/environ/multiprocess") == "True"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_killed_worker_is_replaced(serve: Start, number: signal.Signals) -> None:
    server = serve("shop:app", "--workers", "2")
    victim = int(server.get())

    os.kill(victim, number)

    line = server.err.wait_for(r"Worker (\d) \(pid (\d+)\) was killed by (\w+)\.")
    assert int(line[2]) == victim
    assert line[3] == number.name
    assert victim not in pids(server)


def test_worker_that_exits_is_replaced(serve: Start) -> None:
    server = serve("shop:app", "--workers", "2")

    with pytest.raises(OSError):
        server.get("/die")

    server.err.wait_for(r"ended with exit code 7\. The next one starts now")
    assert pids(server)


def test_workers_end_with_their_supervisor(serve: Start) -> None:
    server = serve("shop:app", "--workers", "2")
    worker = int(server.get())

    server.signal(signal.SIGKILL)
    server.process.wait(TIMEOUT)

    wait_for_end(worker)


def test_workers_end_before_the_supervisor_exits(serve: Start) -> None:
    server = serve("shop:app", "--workers", "2")
    workers = pids(server)

    server.signal(signal.SIGTERM)

    assert server.wait() == 0
    assert all(has_ended(worker) for worker in workers)


def test_connections_wait_while_a_worker_is_replaced(
    serve: Start, folder: Path
) -> None:
    folder.joinpath("slow.py").write_text(
        "import os\n"
        "if os.path.exists('restarted'):\n"
        "    open('gate').read()\n"
        "from shop import app\n"
    )
    server = serve("slow:app", "--workers", "2")
    folder.joinpath("restarted").touch()

    victim = int(server.get())
    os.kill(victim, signal.SIGKILL)
    server.err.wait_for("was killed by SIGKILL")
    connections = [server.begin("/") for _ in range(8)]
    (folder / "gate").write_text("go on")

    assert victim not in {int(body_of(connection)) for connection in connections}


# From a program


def test_run_returns_after_the_end_and_exit_functions_run(serve_script: Start) -> None:
    server = serve_script(
        """
        import atexit
        from shop import app
        atexit.register(print, "exit function")
        app.run(port=0, access_log=False)
        print("after run")
        """
    )
    assert server.wait_until_ready()["name"] == "shop"
    assert int(server.get()) == server.process.pid

    server.signal(signal.SIGINT)

    assert server.wait() == 0
    assert server.out.text.splitlines() == ["after run", "exit function"]


def test_run_with_workers_starts_the_program_again(serve_script: Start) -> None:
    server = serve_script(
        """
        import sys, atexit
        from shop import app
        print("imported", sys.argv[1:], flush=True)
        atexit.register(print, "exit function", flush=True)
        app.run(port=0, workers=2, access_log=False)
        """,
        "an argument",
    )
    # The supervisor has run the program itself before it became one.
    server.out.wait_for(r"imported \['an argument'\]", count=3)
    workers = pids(server)
    assert server.process.pid not in workers
    assert server.get("/environ/multiprocess") == "True"

    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert server.out.text.count("exit function") == 2


def test_killed_worker_of_a_program_is_replaced(serve_script: Start) -> None:
    server = serve_script(
        """
        from shop import app
        print("imported", flush=True)
        app.run(port=0, workers=2, access_log=False)
        """
    )
    victim = int(server.get())

    os.kill(victim, signal.SIGKILL)

    server.out.wait_for("imported", count=4)
    server.err.wait_for(rf"\(pid {victim}\) was killed by SIGKILL")
    assert victim not in pids(server)


def test_program_that_fails_as_a_worker_ends_with_1(
    launch: Start, folder: Path
) -> None:
    folder.joinpath("program.py").write_text(
        "import os\n"
        "if 'BUSTAPI_WORKER' in os.environ:\n"
        "    raise SystemExit(3)\n"
        "from shop import app\n"
        "app.run(port=0, workers=2)\n"
    )

    server = launch("program.py")

    assert server.wait() == 1
    assert re.search(r"Worker 1 .* ended with exit code 3", server.err.text)


def test_children_of_a_worker_take_no_seat(serve_script: Start) -> None:
    server = serve_script(
        """
        import os
        from shop import app
        app.add_url_rule("/seat", view_func=lambda: str("BUSTAPI_WORKER" in os.environ))
        app.run(port=0, workers=2)
        """
    )

    assert server.get("/seat") == "False"


def test_exit_waits_for_a_thread_of_the_application(serve: Start, folder: Path) -> None:
    folder.joinpath("threaded.py").write_text(
        "import threading\n"
        "from shop import app\n"
        "def work():\n"
        "    with open('gate') as gate:\n"
        "        print(gate.read(), flush=True)\n"
        "threading.Thread(target=work).start()\n"
    )
    server = serve("threaded:app", "--no-access-log", "--workers", "2")

    server.signal(signal.SIGTERM)
    server.err.wait_for("Finishing")
    (folder / "gate").write_text("finished")

    assert server.wait() == 0
    assert "finished" in server.out.text


def test_without_free_descriptors_connections_wait_and_the_loop_rests(
    serve: Start, folder: Path
) -> None:
    folder.joinpath("greedy.py").write_text(
        textwrap.dedent(
            """\
            import os, time
            from shop import app

            taken = []

            @app.get("/take")
            def take():
                try:
                    while True:
                        taken.append(os.dup(2))
                except OSError:
                    return str(time.process_time())

            @app.get("/give")
            def give():
                while taken:
                    os.close(taken.pop())

                return str(time.process_time())

            @app.get("/fail")
            def fail():
                raise KeyError("without a descriptor")
            """
        )
    )
    server = serve("greedy:app", "--no-access-log")
    inside = server.connect()
    inside.request("GET", "/take")
    before = float(inside.getresponse().read())

    # One that is idle would be closed for the newcomer; this one is in the middle.
    assert inside.sock is not None
    inside.sock.sendall(b"GET /fail HTTP/1.1\r\n")
    outside = server.begin("/")
    server.err.wait_for("No connection is accepted until one closes")
    # Nothing comes, though the loop tries again every second.
    assert select.select([outside.sock], [], [], 1.2)[0] == []
    # To show an error Python imports modules, which it cannot any more.
    inside.sock.sendall(b"Host: localhost\r\n\r\n")
    failed = http.client.HTTPResponse(inside.sock)
    failed.begin()
    assert failed.read().startswith(b"<!doctype html>")
    server.err.wait_for("^KeyError: 'without a descriptor'")
    inside.request("GET", "/give")
    after = float(inside.getresponse().read())

    assert body_of(outside) == str(server.process.pid)
    assert after - before < 0.6
    inside.close()


def test_server_in_a_background_thread_ends_with_the_program(
    launch: Start, folder: Path
) -> None:
    folder.joinpath("program.py").write_text(
        "import sys, threading\n"
        "from shop import app\n"
        "run = lambda: app.run(port=0, access_log=False)\n"
        "threading.Thread(target=run, daemon=True).start()\n"
        "open('gate').read()\n"
    )
    server = launch("program.py")
    server.wait_until_ready()

    assert int(server.get()) == server.process.pid
    (folder / "gate").write_text("end")

    assert server.wait() == 0
    assert server.err.text.count("\n") == 0


def test_any_wsgi_application_can_be_served(serve_script: Start) -> None:
    server = serve_script(
        """
        from bustapi.server import serve

        def hello(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield environ["wsgi.input"].read()
            yield b"hello"

        serve(hello, port=0)
        """
    )

    assert server.wait_until_ready()["name"] == "function"
    assert server.get() == "hello"


def test_error_outside_of_the_application_is_logged_with_its_request(
    serve_script: Start,
) -> None:
    server = serve_script(
        """
        from bustapi.server import serve

        def broken(environ, start_response):
            raise LookupError("a fault")

        serve(broken, port=0)
        """
    )
    response = server.begin("/lost").getresponse()

    assert response.status == 500
    assert b"fault" not in response.read()
    server.err.wait_for("Unhandled exception on GET /lost")
    server.err.wait_for("LookupError: a fault")
