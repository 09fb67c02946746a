"""The application that the benchmarks serve: the same code under Flask and under BustAPI."""

from __future__ import annotations

import importlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

framework: Any = importlib.import_module(os.environ.get("BENCH_FRAMEWORK", "bustapi"))
here = os.path.dirname(os.path.abspath(__file__))
app = framework.Flask("bench", root_path=here)
app.secret_key = "benchmarks sign their sessions with this"
request = framework.request
session = framework.session

ROWS = [(n, f"A message <{n}> & its text") for n in range(12)]
BLOCK = b"x" * 102_400
CHUNKS = [b"%03d " % n + b"y" * 86 for n in range(10)]


@app.route("/plaintext")
def plaintext() -> Any:
    return framework.Response("Hello, World!", mimetype="text/plain")


@app.route("/json")
def json() -> Any:
    return {"message": "Hello, World!"}


@app.route("/user/<int:number>")
def user(number: int) -> Any:
    return {"id": number}


@app.route("/args")
def args() -> Any:
    values = request.args
    return {
        "name": values.get("name"),
        "page": values.get("page", 1, type=int),
        "token": request.headers.get("X-Token"),
        "sid": request.cookies.get("sid"),
    }


@app.route("/echo", methods=["POST"])
def echo() -> Any:
    return framework.jsonify(request.get_json())


@app.route("/form", methods=["POST"])
def form() -> Any:
    return request.form.to_dict()


@app.route("/template")
def template() -> Any:
    return framework.render_template("rows.html", rows=ROWS)


@app.route("/session")
def count() -> Any:
    session["n"] = session.get("n", 0) + 1
    return {"n": session["n"]}


@app.route("/compute")
def compute() -> Any:
    total = 0

    for number in range(5_000):
        total += number * number % 7

    return {"total": total}


_local = threading.local()


@app.route("/db")
def db() -> Any:
    connection = getattr(_local, "connection", None)

    if connection is None:
        connection = _local.connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO item VALUES (?, ?)", ROWS)

    row = connection.execute("SELECT id, name FROM item WHERE id = 7").fetchone()
    return {"id": row[0], "name": row[1]}


@app.route("/bytes")
def block() -> Any:
    return framework.Response(BLOCK, mimetype="application/octet-stream")


@app.route("/stream")
def stream() -> Any:
    def chunks() -> Iterator[bytes]:
        yield from CHUNKS

    return framework.Response(chunks(), mimetype="text/plain")
