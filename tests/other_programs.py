"""Configuration of other programs, checked by those programs where they are installed.

It names folders that the machine of the tests does not have. They are taken from a folder
of the test, in which the programs that are named are empty scripts.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path


class NotInstalled(Exception):
    """This machine does not have a program."""


def needed(program: str) -> str:
    """Return where a program is.

    :raises NotInstalled: when it is nowhere.
    """
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")

    if found is None:
        raise NotInstalled(f"{program} is not installed")

    return found


def check_unit(unit: Path) -> None:
    """Have systemd check a unit, whose folders and files are taken from beside it."""
    program = needed("systemd-analyze")
    root = unit.parent / "root"
    text = re.sub(r"(?<==)/(?=srv/|etc/)", f"{root}/", unit.read_text())
    started = re.search(r"^ExecStart=(\S+)", text, re.MULTILINE)
    assert started is not None
    executable = Path(started[1])
    executable.parent.mkdir(parents=True)
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)
    moved = root / unit.name
    moved.write_text(text)

    checked = subprocess.run(
        [program, "verify", "--man=no", str(moved)], capture_output=True, text=True
    )

    # What it does not know it only mentions.
    assert (checked.returncode, checked.stderr) == (0, "")


def nginx_configuration(server: Path, folder: Path) -> Path:
    """Return a configuration with one ``server`` block that keeps to a folder.

    Its certificate is made on the spot.
    """
    text = re.sub(r"/etc/ssl/\w+/", f"{folder}/", server.read_text())
    subprocess.run(
        [
            *(needed("openssl"), "req", "-x509", "-newkey", "ec", "-nodes"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=example.com"),
            *("-keyout", "privkey.pem", "-out", "fullchain.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "whole.conf"
    whole.write_text(
        f"pid {folder}/nginx.pid;\nerror_log stderr;\ndaemon off;\nmaster_process off;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{text}\n}}\n"
    )
    return whole
