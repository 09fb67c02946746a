"""Streams of an application: their context stays theirs, and so does their thread."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving import Start

APPLICATION = """\
import sqlite3
from bustapi import Flask, g, request, stream_with_context

app = Flask(__name__)


@app.get("/stream/<name>")
def stream(name):
    g.name = name

    def parts():
        yield f"{g.name} {request.path}\\n"

        with open("gate") as gate:
            yield gate.read()

        yield f"{g.name} {request.path}\\n"

    return stream_with_context(parts()), {"X-Part": "yes"}


@app.get("/other")
def other():
    return f"{g.get('name')} {request.path}"


@app.get("/export.csv")
def export():
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE item (number INTEGER, text TEXT)")
    rows = ((n, "x" * 40) for n in range(int(request.args["rows"])))
    database.executemany("INSERT INTO item VALUES (?, ?)", rows)
    cursor = database.execute("SELECT number, text FROM item ORDER BY number")

    def lines():
        try:
            for number, text in cursor:
                yield f"{number},{text}\\n"
        finally:
            database.close()

    return lines(), {"Content-Type": "text/csv"}
"""


@pytest.fixture
def streaming(folder: Path) -> str:
    folder.joinpath("streaming.py").write_text(APPLICATION)
    return "streaming:app"


def test_a_stopped_stream_leaves_nothing_for_other_requests(
    serve: Start, folder: Path, streaming: str
) -> None:
    server = serve(streaming)
    stopped = server.connect()
    stopped.request("GET", "/stream/mine")
    answer = stopped.getresponse()
    assert answer.readline() == b"mine /stream/mine\n"

    others = server.connect()

    for _ in range(100):
        others.request("GET", "/other")
        assert others.getresponse().read() == b"None /other"

    folder.joinpath("gate").write_text("opened\n")
    assert answer.read() == b"opened\nmine /stream/mine\n"

    stopped.close()
    others.close()


@pytest.mark.parametrize("rows", [10, 20_000])
def test_a_cursor_opened_in_the_view_is_read_by_its_stream(
    serve: Start, streaming: str, rows: int
) -> None:
    server = serve(streaming)
    connection = server.connect()

    # Often enough that the endpoint is moved to where it runs best.
    for _ in range(3):
        connection.request("GET", f"/export.csv?rows={rows}")
        answer = connection.getresponse()
        lines = answer.read().splitlines()

        assert answer.status == 200
        assert len(lines) == rows
        assert lines[-1] == b"%d,%s" % (rows - 1, b"x" * 40)

    connection.close()
    assert "Traceback" not in server.err.text
