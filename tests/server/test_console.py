"""What the server says about itself."""

from __future__ import annotations

import os
import signal

import pytest

from bustapi.server.console import describe_end, say, start_line


def test_start_line_counts_the_workers() -> None:
    one = start_line("shop:app", "http://127.0.0.1:5000", 1)
    many = start_line("shop:app", "http://127.0.0.1:5000", 4)

    assert "serving shop:app on http://127.0.0.1:5000 (1 worker, pid" in one
    assert "(4 workers, pid" in many


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with exit code 0"),
        (7 << 8, "ended with exit code 7"),
        (signal.SIGKILL, "was killed by SIGKILL"),
        (signal.SIGRTMIN + 1, f"was killed by signal {signal.SIGRTMIN + 1}"),
    ],
)
def test_end_of_a_process_is_described(status: int, words: str) -> None:
    assert describe_end(status) == words


def test_message_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    say("ready at last")

    assert capfd.readouterr() == ("", " * ready at last\n")


def test_message_that_nobody_reads_is_dropped() -> None:
    saved = os.dup(2)
    reader, writer = os.pipe()
    os.close(reader)

    try:
        os.dup2(writer, 2)
        say("into the void")
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(writer)
