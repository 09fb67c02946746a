"""The application that the drills serve."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from bustapi import Flask, Response, request, send_file

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


@app.route("/file")
def file() -> Response:
    return send_file(os.environ["DRILL_FILE"], mimetype="application/octet-stream")
