#!/usr/bin/env bash
# The body of a request cannot be read as text through io.TextIOWrapper on gunicorn.
#
# One would guess that wsgi.input is an io object: PEP 3333 calls it file-like, and
# io.TextIOWrapper(request.stream), the way to read an upload line by line, works on
# Werkzeug's server, with the test client and on waitress. On gunicorn request.stream is an
# object with read, readline and readlines only. With MAX_CONTENT_LENGTH set it works there
# too, since Werkzeug then wraps the stream in an io object of its own.
#
# Seen on CPython 3.11.7, Linux, with Flask 3.1.3, Werkzeug 3.1.9, gunicorn 27.0.1 and
# waitress 3.0.2.
set -euo pipefail
source "$(dirname "$0")/tools.sh"

packages flask==3.1.3 werkzeug==3.1.9 gunicorn==27.0.1 waitress==3.0.2

cat >app.py <<'PYTHON'
import io, os

from flask import Flask, request

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = int(os.environ.get("LIMIT", "0")) or None


@app.post("/")
def count():
    try:
        return str(sum(1 for _ in io.TextIOWrapper(request.stream, encoding="utf-8")))
    except AttributeError as e:
        return f"AttributeError: {e}"
PYTHON
printf 'a,1\nb,2\nc,3\n' >rows.csv

ask() { # NAME COMMAND…
  local name=$1
  shift
  serve "$@"
  echo "$name: $(curl --silent --data-binary @rows.csv -H 'Content-Type: text/csv' "http://127.0.0.1:$port/")"
  stop
}

for limit in 0 1000; do
  export LIMIT=$limit
  port=$(free_port)
  ask "werkzeug, limit $limit" python -m flask run --port "$port"
  port=$(free_port)
  ask "waitress, limit $limit" python -m waitress --listen "127.0.0.1:$port" app:app
  port=$(free_port)
  ask "gunicorn, limit $limit" python -m gunicorn --no-control-socket --bind "127.0.0.1:$port" app:app
done >seen

expect <<'TEXT'
werkzeug, limit 0: 3
waitress, limit 0: 3
gunicorn, limit 0: AttributeError: 'Body' object has no attribute 'readable'
werkzeug, limit 1000: 3
waitress, limit 1000: 3
gunicorn, limit 1000: 3
TEXT
