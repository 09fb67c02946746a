"""Which Python runs a program: what is asked of a program before it is started.

A program file is a Python itself, names its interpreter in its first line, or is a
script of the shell that hands over to one. The last kind has few forms: the launchers
that pip and uv write where a path is too long for a first line or has a space in it, and
the shims of version managers. Every other script of the shell is a program of its own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

Environ = Mapping[str, str]

_PYTHON = re.compile(r"(?:python|pypy|graalpy)[\d.]*[a-z]?(?:-(?:dbg|intel64))?")
"""Names of interpreters, with their versions and kinds of build."""

_LAUNCHER = re.compile(r"""'''exec' (?P<python>.+) "\$0" "\$@"\s*""")
"""The second line of what pip and uv write; to Python it begins a string."""

_OWN_FOLDER = '"$(dirname -- "$(realpath -- "$0")")"'
"""How a launcher that may be moved begins the path of its interpreter."""

_SHIM = re.compile(r'exec "?(?P<manager>[^"\s]*\b(?:pyenv|asdf))"? exec ')
"""The line in which a shim hands over to its version manager."""

# The longest chain of interpreters that Linux follows.
_MOST_INTERPRETERS = 5

# In seconds. A Python that takes longer to answer is not the one that runs this.
_PATIENCE = 10.0


def with_own_programs(environ: Environ) -> dict[str, str]:
    """Return variables in which the folder of this Python comes first on the path."""
    folder = os.path.dirname(sys.executable)
    path = environ.get("PATH", os.defpath)

    if path.split(os.pathsep)[0] != folder:
        path = os.pathsep.join((folder, path))

    return {**environ, "PATH": path}


def find(command: str, environ: Environ) -> str | None:
    """Return the file of a program as ``environ`` finds it, None if there is none."""
    return shutil.which(command, path=environ.get("PATH", os.defpath))


def python_of(program: str, environ: Environ) -> str | None:
    """Return the Python that runs a program file, None if it is no Python program.

    It may be a file that does not exist.
    """
    current: str | None = program

    for _ in range(_MOST_INTERPRETERS):
        if current is None or _is_python(current):
            return current

        current = _next_of(current, environ)

    return None


def is_this_python(python: str, environ: Environ) -> bool:
    """Return whether a Python is of the environment that runs this.

    Unless it stands beside this one it is asked, since its file does not tell: virtual
    environments link to the same one, and a shim runs another.

    :raises OSError: when it cannot be run.
    """
    if _is_beside_this(python):
        return True

    # Whatever a start-up file prints comes before the answer.
    lines = _output_of([python, "-I", "-c", _QUESTION], environ).splitlines()
    return lines[-1:] == [json.dumps([os.path.realpath(sys.prefix), sys.version])]


_QUESTION = (
    "import json, os, sys;"
    " print(json.dumps([os.path.realpath(sys.prefix), sys.version]))"
)


def _is_python(path: str) -> bool:
    """Return whether a file is an interpreter, by its name or that of its target."""
    names = (os.path.basename(path), os.path.basename(os.path.realpath(path)))
    return any(_PYTHON.fullmatch(name) for name in names)


def _is_beside_this(python: str) -> bool:
    """Return whether a Python is another name of this one in the same folder."""
    own = sys.executable
    folders = (os.path.dirname(python), os.path.dirname(own))
    files = (python, own)

    return all(os.path.realpath(a) == os.path.realpath(b) for a, b in (folders, files))


def _next_of(program: str, environ: Environ) -> str | None:
    """Return the file that a program file hands over to, None if it does not."""
    name, target = os.path.basename(program), os.path.realpath(program)

    # All shims of this manager are links to its own program.
    if os.path.basename(target) == "mise" != name:
        return _chosen_by(target, name, environ)

    first, *others = _lines_of(program)
    interpreter, *arguments = first.removeprefix("#!").split(None, 1) or [""]

    if others and (launcher := _LAUNCHER.fullmatch(others[0])):
        return _python_of_launcher(launcher["python"], target)

    for shim in filter(None, map(_SHIM.match, others)):
        return _chosen_by(shim["manager"], name, environ)

    if os.path.basename(interpreter) == "env":
        return _found_by_env(arguments, environ)

    return interpreter or None


def _lines_of(program: str) -> list[str]:
    """Return the first lines of a script, or an empty one for any other file."""
    try:
        with open(program, "rb") as file:
            head = file.read(4096)
    except OSError:
        # Who may run a program need not be allowed to read it.
        head = b""

    if not head.startswith(b"#!"):
        return [""]

    # A zip application goes on with bytes; no path has a null byte.
    return head.decode(errors="surrogateescape").replace("\0", "").split("\n")


def _python_of_launcher(words: str, program: str) -> str | None:
    folder = shlex.quote(os.path.dirname(program))

    try:
        return next(iter(shlex.split(words.replace(_OWN_FOLDER, folder))), None)
    except ValueError:
        # Quotes that do not end.
        return None


def _chosen_by(manager: str, name: str, environ: Environ) -> str | None:
    """Return the program that a version manager would run under this name."""
    try:
        return _output_of([manager, "which", name], environ).strip() or None
    except OSError:
        return None


def _found_by_env(arguments: Sequence[str], environ: Environ) -> str | None:
    """Return the program that ``env`` finds for what the first line gives it."""
    words = iter(" ".join(arguments).split())

    for word in words:
        if word in ("-u", "-C", "--unset", "--chdir"):
            next(words, None)
        elif not word.startswith("-") and "=" not in word:
            return find(word, environ)

    return None


def _output_of(command: Sequence[str], environ: Environ) -> str:
    """Return what a command prints, nothing if it does not end in time."""
    try:
        finished = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return ""

    return os.fsdecode(finished.stdout)
