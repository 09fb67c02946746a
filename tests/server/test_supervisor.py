"""The supervisor where workers misbehave: keep dying, hang, leave children behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bustapi.server import Settings
from bustapi.server.supervisor import LONGEST_DELAY, Supervisor
from serving import TIMEOUT, Server

Start = Callable[..., Server]


def test_delay_grows_for_a_worker_that_keeps_dying() -> None:
    def launch(seat: object) -> None:
        raise AssertionError("nothing is started here")

    supervisor = Supervisor(Settings(port=0, workers=2), launch)  # type: ignore[arg-type]
    worker = supervisor.workers[0]
    delays = []

    for worker.short_lives in range(12):
        delays.append(supervisor._delay(worker))

    assert delays[:5] == [0, 0, 0.5, 1, 2]
    assert delays[-1] == LONGEST_DELAY

    for worker in supervisor.workers:
        worker.listener.close()

    supervisor._backlogs.close()
    supervisor._selector.close()


def test_worker_that_cannot_load_any_more_is_tried_again(
    serve: Start, folder: Path
) -> None:
    folder.joinpath("fragile.py").write_text(
        "import os\n"
        "if os.path.exists('broken'):\n"
        "    raise ValueError('broken by an edit')\n"
        "from shop import app\n"
    )
    server = serve("fragile:app", "--workers", "2")
    folder.joinpath("broken").touch()
    os.kill(int(server.get()), signal.SIGKILL)
    server.err.wait_for("could not load the application")
    server.err.wait_for("ValueError: broken by an edit")
    server.err.wait_for("The next one starts in 0.5 s")

    folder.joinpath("broken").unlink()

    assert {int(server.get()) for _ in range(20)}
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_worker_that_hangs_at_its_end_is_killed(serve_script: Start) -> None:
    server = serve_script(
        """
        import atexit, threading
        from bustapi.server import Settings, serve_loaded, supervisor

        supervisor.END_TIMEOUT = 0.2

        def load():
            from shop import app
            atexit.register(threading.Event().wait)
            return app

        serve_loaded(load, Settings(port=0, workers=2, graceful_timeout=0), name="hanging")
        """
    )
    worker = int(server.get())

    server.signal(signal.SIGTERM)

    assert server.wait() == 0
    assert not Path(f"/proc/{worker}").exists()


def test_child_of_a_dead_worker_does_not_hold_up_its_replacement(
    launch: Start, folder: Path
) -> None:
    folder.joinpath("parent.py").write_text(
        "import os\n"
        "if os.fork() == 0:\n"
        "    with open('gate') as gate:\n"
        "        gate.read()\n"
        "    os._exit(0)\n"
        "raise ValueError('after the fork')\n"
    )

    server = launch("-m", "bustapi", "run", "parent", "--port=0", "--workers=2")

    assert server.process.wait(TIMEOUT) == 1
    server.err.wait_for("ValueError: after the fork")
    (folder / "gate").write_text("end")
    server.wait()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_view_that_never_ends_is_left_behind_after_the_grace_period(
    serve_script: Start, workers: str
) -> None:
    server = serve_script(
        f"""
        from shop import app
        from bustapi.server import serve
        serve(app, port=0, workers={workers}, graceful_timeout=0.2)
        """
    )
    connection = server.begin("/gate")
    server.out.wait_for("entered")

    server.signal(signal.SIGTERM)

    assert server.wait() == 0
    connection.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_worker_whose_loop_fails_ends_with_1(
    launch: Start, folder: Path, workers: str
) -> None:
    folder.joinpath("program.py").write_text(
        "import threading\n"
        "from shop import app\n"
        "from bustapi.server import serve, worker\n"
        "\n"
        "class Broken:\n"
        "    def __init__(self, *args, **kwargs):\n"
        "        self.ended = threading.Event()\n"
        "    def run_hot(self):\n"
        "        raise OSError('no descriptors left')\n"
        "    def stop(self):\n"
        "        self.ended.set()\n"
        "    def wait(self, timeout):\n"
        "        return self.ended.wait(timeout)\n"
        "\n"
        "worker.Worker = Broken\n"
        f"serve(app, port=0, workers={workers})\n"
    )

    server = launch("program.py")
    server.err.wait_for("OSError: no descriptors left")

    if workers == "1":
        assert server.wait() == 1
    else:
        server.err.wait_for("ended with exit code 1")
