"""The application of the drill that mixes all kinds of requests.

Whatever it answers carries the token of its request three times, from where a request
keeps what is its own: its arguments, ``g`` and a context variable.
"""

from __future__ import annotations

import gc
import os
import time
import zlib
from collections.abc import Iterator
from contextvars import ContextVar

from bustapi import (
    Flask,
    Response,
    abort,
    g,
    request,
    send_from_directory,
    stream_with_context,
)
from bustapi._bustapi import Worker

app = Flask(__name__)
variable: ContextVar[str] = ContextVar("variable")
mixed: list[str] = []


def tokens() -> str:
    found = {request.args["token"], g.token, variable.get()}

    if len(found) > 1:
        mixed.append(" ".join(sorted(found)))

    return " ".join(found)


@app.before_request
def begin() -> None:
    g.token = request.args["token"]
    variable.set(g.token)


@app.teardown_request
def end(error: BaseException | None) -> None:
    tokens()


@app.after_request
def mark(response: Response) -> Response:
    response.headers["X-Token"] = tokens()
    response.call_on_close(tokens)
    return response


@app.route("/echo")
def echo() -> str:
    time.sleep(float(request.args.get("seconds", 0)))
    return tokens()


@app.route("/stream")
def stream() -> Response:
    def pieces() -> Iterator[str]:
        for _ in range(int(request.args["count"])):
            time.sleep(float(request.args.get("seconds", 0)))
            yield tokens() + "\n"

    return Response(stream_with_context(pieces()))


@app.route("/upload", methods=["POST"])
def upload() -> str:
    return f"{tokens()} {zlib.crc32(request.get_data())}"


@app.route("/streamed", methods=["POST"], stream_request=True)
def streamed() -> str:
    checksum = 0

    while block := request.stream.read(1 << 16):
        checksum = zlib.crc32(block, checksum)

    return f"{tokens()} {checksum}"


@app.route("/files/<name>")
def files(name: str) -> Response:
    return send_from_directory(os.environ["DRILL_FOLDER"], name)


@app.route("/error")
def error() -> str:
    raise ValueError(tokens())


@app.route("/abort")
def abort_() -> str:
    abort(409, tokens())


@app.route("/fork")
def fork() -> str:
    child = os.fork()

    if child == 0:
        tokens()
        os._exit(0)

    os.waitpid(child, 0)
    return tokens()


@app.route("/state")
def state() -> dict[str, object]:
    """Tell what the worker holds, and which tokens have met."""
    (worker,) = (it for it in gc.get_objects() if isinstance(it, Worker))
    return {"stats": worker.stats(), "mixed": mixed}
