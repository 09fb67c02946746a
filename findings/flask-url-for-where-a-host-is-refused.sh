#!/usr/bin/env bash
# A page for 400 that has a link turns a refused host into a 500.
#
# One would guess that an error handler can call url_for for every error of a request. With
# TRUSTED_HOSTS set, Flask answers another Host with 400 and has no URL adapter then, so
# url_for fails in the handler (AttributeError on None), and the client gets 500 with a
# traceback in the log. A template that extends a layout with a menu is enough.
#
# Seen on CPython 3.11.7 with Flask 3.1.3 and Werkzeug 3.1.9.
set -euo pipefail
source "$(dirname "$0")/tools.sh"

packages flask==3.1.3 werkzeug==3.1.9

cat >ask.py <<'PYTHON'
import logging

from flask import Flask, url_for

app = Flask("shop")
app.config["TRUSTED_HOSTS"] = ["shop.example"]


@app.get("/")
def index():
    return "welcome"


@app.errorhandler(400)
def explain(error):
    return f"Go to {url_for('index')}", 400


class Name(logging.Handler):
    def emit(self, record):
        print(f"logged: {record.exc_info[1]!r}")


app.logger.addHandler(Name())
client = app.test_client()

for host in ("shop.example", "other.example"):
    print(host, client.get("/", base_url=f"http://{host}/").status)
PYTHON
python ask.py >seen

expect <<'TEXT'
shop.example 200 OK
logged: AttributeError("'NoneType' object has no attribute 'build'")
other.example 500 INTERNAL SERVER ERROR
TEXT
