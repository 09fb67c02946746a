#!/usr/bin/env bash
# gunicorn sends what stands behind fileno(), not what the file object reads.
#
# One would guess that a file object given to send_file arrives as it is read. Flask's
# send_file wraps it in wsgi.file_wrapper; gunicorn's wrapper hands the object to
# socket.sendfile(), which sends the descriptor. For bz2.open() and lzma.open() that is the
# compressed file: status 200, the media type of the text, no Content-Encoding. gzip.open()
# ends otherwise before Python 3.13: its attribute "mode" is a number, on which
# socket.sendfile() raises a TypeError when the head is out, and the answer breaks off.
# Werkzeug's own server reads the object.
#
# Seen on CPython 3.11.7, Linux, with Flask 3.1.3, Werkzeug 3.1.9 and gunicorn 27.0.1.
set -euo pipefail
source "$(dirname "$0")/tools.sh"

packages flask==3.1.3 werkzeug==3.1.9 gunicorn==27.0.1
[[ $(python -c 'import sys; print(sys.version_info < (3, 13))') = True ]] \
  || { echo "written for CPython 3.10 to 3.12: PYTHON=python3.11 $0"; exit 2; }

cat >app.py <<'PYTHON'
import bz2, gzip, lzma

from flask import Flask, send_file

KINDS = {"bz2": bz2, "gzip": gzip, "lzma": lzma}
app = Flask(__name__)

for name, kind in KINDS.items():
    with kind.open(name, "wb") as file:
        file.write(b"hello\n" * 1000)


@app.get("/<kind>")
def text(kind):
    return send_file(KINDS[kind].open(kind, "rb"), mimetype="text/plain")
PYTHON

ask() { # SERVER: what a client gets of each file
  local kind status
  for kind in bz2 gzip lzma; do
    : >body
    status=$(curl --silent --output body --write-out '%{http_code} %{content_type}' \
      "http://127.0.0.1:$port/$kind") || status+=", broken off"
    if [ ! -s body ]; then
      status+=", nothing"
    elif cmp --silent body "$kind"; then
      status+=", compressed"
    elif [ "$(sort -u body)" = hello ]; then
      status+=", text"
    fi
    echo "$1 $kind: $status"
  done
}

port=$(free_port)
serve python -m flask run --port "$port"
ask werkzeug >seen
stop

port=$(free_port)
serve python -m gunicorn --no-control-socket --bind "127.0.0.1:$port" app:app
ask gunicorn >>seen
stop

expect <<'TEXT'
werkzeug bz2: 200 text/plain; charset=utf-8, text
werkzeug gzip: 200 text/plain; charset=utf-8, text
werkzeug lzma: 200 text/plain; charset=utf-8, text
gunicorn bz2: 200 text/plain; charset=utf-8, compressed
gunicorn gzip: 200 text/plain; charset=utf-8, broken off, nothing
gunicorn lzma: 200 text/plain; charset=utf-8, compressed
TEXT
