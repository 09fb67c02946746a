#!/usr/bin/env bash
# Werkzeug's make_conditional, which serves Flask's files, judges Range before everything.
#
# One would guess the order of RFC 9110, section 13.2.2: preconditions first, then Range. A
# request with Range has no precondition judged at all: a download that is resumed under
# If-Match with the tag of an older file gets bytes of the new one. Beside that a suffix
# longer than the file, an unknown unit and several ranges are 416 (14.1.2, 14.2: the whole
# file, or as if there were no Range), a weak tag makes If-Range hold (13.1.5: strong
# comparison), If-Match: * fails on a file that is there (13.1.1), and If-Unmodified-Since
# is not looked at (13.1.4).
#
# Seen on CPython 3.11.7 with Werkzeug 3.1.9.
set -euo pipefail
source "$(dirname "$0")/tools.sh"

packages werkzeug==3.1.9

cat >ask.py <<'PYTHON'
from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder
from werkzeug.utils import send_file

with open("file", "w") as file:
    file.write("0123456789")

OLD = "Sat, 01 Jan 2000 00:00:00 GMT"

for meant, etag, fields in [
    (206, "now", {"Range": "bytes=-20"}),
    (200, "now", {"Range": "lines=0-1"}),
    (200, "now", {"Range": "bytes=0-1, 4-5"}),
    (412, "now", {"Range": "bytes=0-1", "If-Match": '"old"'}),
    (304, "now", {"Range": "bytes=0-1", "If-None-Match": '"now"'}),
    (412, "now", {"Range": "bytes=0-1", "If-Unmodified-Since": OLD}),
    (200, "now", {"Range": "bytes=0-1", "If-Range": 'W/"now"'}),
    (200, "now", {"If-Match": "*"}),
    (412, "now", {"If-Unmodified-Since": OLD}),
]:
    environ = EnvironBuilder(headers=fields).get_environ()
    try:
        with send_file("file", environ, "text/plain", etag=etag) as response:
            status = response.status_code
    except HTTPException as e:
        status = e.code
    print(f"{status} where RFC 9110 says {meant}: {fields}")
PYTHON
python ask.py >seen

expect <<'TEXT'
416 where RFC 9110 says 206: {'Range': 'bytes=-20'}
416 where RFC 9110 says 200: {'Range': 'lines=0-1'}
416 where RFC 9110 says 200: {'Range': 'bytes=0-1, 4-5'}
206 where RFC 9110 says 412: {'Range': 'bytes=0-1', 'If-Match': '"old"'}
206 where RFC 9110 says 304: {'Range': 'bytes=0-1', 'If-None-Match': '"now"'}
206 where RFC 9110 says 412: {'Range': 'bytes=0-1', 'If-Unmodified-Since': 'Sat, 01 Jan 2000 00:00:00 GMT'}
206 where RFC 9110 says 200: {'Range': 'bytes=0-1', 'If-Range': 'W/"now"'}
412 where RFC 9110 says 200: {'If-Match': '*'}
200 where RFC 9110 says 412: {'If-Unmodified-Since': 'Sat, 01 Jan 2000 00:00:00 GMT'}
TEXT
