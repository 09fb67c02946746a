#!/usr/bin/env bash
# Reading nothing of a request body looks to Werkzeug like a client that has gone.
#
# One would guess that read(0) and readinto() of an empty buffer do nothing, as on any io
# object. LimitedStream, which is request.stream where a body has a length, takes the
# nothing that comes back for the end of the stream and raises ClientDisconnected (400).
# When the whole body was read, read(0) does give b"".
#
# Seen on CPython 3.11.7 with Werkzeug 3.1.9.
set -euo pipefail
source "$(dirname "$0")/tools.sh"

packages werkzeug==3.1.9

cat >ask.py <<'PYTHON'
import io

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import LimitedStream


def ask(name, function):
    try:
        print(f"{name}: {function()!r}")
    except ClientDisconnected as e:
        print(f"{name}: {type(e).__name__}")


def stream():
    return LimitedStream(io.BytesIO(b"ab"), 2)


ask("read(0) of BytesIO", lambda: io.BytesIO(b"ab").read(0))
ask("read(0)", lambda: stream().read(0))
ask("readinto(empty)", lambda: stream().readinto(bytearray()))
exhausted = stream()
exhausted.read()
ask("read(0) at the end", lambda: exhausted.read(0))
PYTHON
python ask.py >seen

expect <<'TEXT'
read(0) of BytesIO: b''
read(0): ClientDisconnected
readinto(empty): ClientDisconnected
read(0) at the end: b''
TEXT
