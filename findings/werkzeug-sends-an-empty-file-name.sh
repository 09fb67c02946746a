#!/usr/bin/env bash
# The fallback name of a download may be empty, or an extension and nothing else.
#
# One would guess that the name beside the RFC 8187 one is something to save a file under.
# Werkzeug's send_file makes it by dropping each character that is not ASCII. Old clients,
# and programs that read only "filename", get "" or a hidden file such as ".jpg".
#
# Seen on CPython 3.11.7 with Werkzeug 3.1.9.
set -euo pipefail
source "$(dirname "$0")/tools.sh"

packages werkzeug==3.1.9

cat >ask.py <<'PYTHON'
import io

from werkzeug.test import EnvironBuilder
from werkzeug.utils import send_file

for name in ("写真", "写真.jpg", "приглашение.txt", "Grüße.txt"):
    response = send_file(
        io.BytesIO(b""),
        EnvironBuilder().get_environ(),
        "text/plain",
        as_attachment=True,
        download_name=name,
    )
    print(name, response.headers["Content-Disposition"].split("; ")[1])
PYTHON
python ask.py >seen

expect <<'TEXT'
写真 filename=""
写真.jpg filename=.jpg
приглашение.txt filename=.txt
Grüße.txt filename=Grue.txt
TEXT
