"""The application that the drills serve."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from bustapi import Flask, Response, request, send_from_directory

app = Flask(__name__)


@app.route("/hello")
def hello() -> str:
    return "hello"


@app.route("/sleep")
def sleep() -> str:
    time.sleep(float(request.args.get("seconds", 1)))
    return "slept"


@app.route("/upload", methods=["POST"])
def upload() -> dict[str, int]:
    size = 0

    while block := request.stream.read(1 << 16):
        size += len(block)

    return {"size": size}


@app.route("/generate")
def generate() -> Response:
    count = int(request.args["mebibytes"])

    def blocks() -> Iterator[bytes]:
        block = b"x" * (1 << 16)

        for _ in range(count * 16):
            yield block

    return Response(blocks(), mimetype="application/octet-stream")


@app.route("/files/<name>")
def files(name: str) -> Response:
    return send_from_directory(os.environ["DRILL_FOLDER"], name)


@app.route("/bytes")
def bytes_() -> bytes:
    return b"z" * 1_000_000


@app.route("/streamed", methods=["POST"], stream_request=True)
def streamed() -> str:
    # What comes of the body meanwhile waits.
    time.sleep(2)
    return "not read"


@app.route("/cached")
def cached() -> str:
    if "miss" in request.args:
        time.sleep(2)

    return "found"
