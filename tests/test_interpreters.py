"""Which Python runs a program is told from its file, in each form that there is."""

from __future__ import annotations

import os
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from bustapi._interpreters import find, is_this_python, python_of, with_own_programs

Script = Callable[..., str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Return a function that writes a program and returns its path."""

    def script(text: str, name: str = "program") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    return script


def environ(*folders: Path | str) -> dict[str, str]:
    return {"PATH": os.pathsep.join(map(str, folders))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#!/x/bin/python\n", "/x/bin/python"),
        ("#! /x/bin/python3.12 -I\n", "/x/bin/python3.12"),
        ("#!\t/x/bin/python3.13t\t-u\n", "/x/bin/python3.13t"),
        ("#!/x/pypy3.10\n", "/x/pypy3.10"),
        ("#!/x/bin/perl\n", None),
        ("#!/x/bin/python3-config\n", None),
        ("#!/bin/sh\nexec /x/bin/python 'other work'\n", None),
        ("#!/bin/sh\n'''exec' /x/bin/python \"$0\" \"$@\"\n' '''\n", "/x/bin/python"),
        (
            "#!/bin/sh\n'''exec' \"/x y/bin/python3\" \"$0\" \"$@\"\n' '''\n",
            "/x y/bin/python3",
        ),
        (
            "#!/bin/sh\n'''exec' '/x y/bin/python' \"$0\" \"$@\"\n' '''\n",
            "/x y/bin/python",
        ),
        ("no program\n", None),
        ("", None),
        ("#!", None),
        ("#!\n#!\n", None),
        ("#!/usr/bin/env\n", None),
        ("\x00\x01", None),
        ("#!/x/\x00perl\n", None),
        ("#!/x/bin/python\nPK\x03\x04\x00", "/x/bin/python"),
        ('#!/bin/sh\n\'\'\'exec\' "/x y/python "$0" "$@"\n', None),
    ],
)
def test_first_lines_name_the_interpreter(
    script: Script, text: str, expected: str | None
) -> None:
    assert python_of(script(text), environ()) == expected


@pytest.mark.parametrize(
    "arguments",
    ["python3", "-S python3 -u", "-i A=b python3", "-S -u HOME -C / python3"],
)
def test_env_finds_the_interpreter_on_the_path(
    script: Script, tmp_path: Path, arguments: str
) -> None:
    python = script("", "bin/python3")
    program = script(f"#!/usr/bin/env {arguments}\n")

    assert python_of(program, environ(tmp_path / "bin")) == python
    assert python_of(program, environ(tmp_path)) is None


def test_launcher_that_may_be_moved_names_its_own_folder(
    script: Script, tmp_path: Path
) -> None:
    folder = '"$(dirname -- "$(realpath -- "$0")")"'
    program = script(
        f"#!/bin/sh\n'''exec' {folder}/'python' \"$0\" \"$@\"\n", "a b/run"
    )
    link = tmp_path / "link"
    link.symlink_to(program)

    assert python_of(str(link), environ()) == str(tmp_path / "a b" / "python")


def test_link_is_followed_to_its_program(script: Script, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(script("#!/x/bin/python\n"))

    assert python_of(str(link), environ()) == "/x/bin/python"


def test_interpreter_of_another_name_is_known_by_its_target(tmp_path: Path) -> None:
    link = tmp_path / "interpreter"
    link.symlink_to(sys.executable)

    assert python_of(str(link), environ()) == str(link)


def test_interpreter_that_is_a_script_has_one_too(script: Script) -> None:
    program = script(f"#!{script('#!/x/bin/python', 'other')}\n")

    assert python_of(program, environ()) == "/x/bin/python"


def test_circle_of_interpreters_ends(script: Script, tmp_path: Path) -> None:
    program = script(f"#!{tmp_path / 'program'}\n")

    assert python_of(program, environ()) is None


@pytest.mark.parametrize(
    "line",
    [
        'exec "{manager}" exec "$program" "$@"',
        'exec {manager} exec "shop" "$@" # asdf_allow: \' asdf \'',
    ],
)
@pytest.mark.parametrize("name", ["pyenv", "asdf"])
def test_shim_is_what_its_version_manager_says(
    script: Script, name: str, line: str
) -> None:
    chosen = script("#!/x/bin/python\n", "versions/shop")
    manager = script(f'#!/bin/sh\n[ "$*" = "which shop" ] && echo {chosen}\n', name)
    shim = script(
        f"#!/usr/bin/env bash\nset -e\n{line.format(manager=manager)}\n", "shims/shop"
    )

    assert python_of(shim, {"PATH": os.defpath}) == "/x/bin/python"


def test_link_to_a_version_manager_is_a_shim(script: Script, tmp_path: Path) -> None:
    chosen = script("#!/x/bin/python\n", "versions/shop")
    manager = script(f'#!/bin/sh\n[ "$*" = "which shop" ] && echo {chosen}\n', "mise")
    shim = tmp_path / "shop"
    shim.symlink_to(manager)

    assert python_of(str(shim), {"PATH": os.defpath}) == "/x/bin/python"
    assert python_of(manager, {"PATH": os.defpath}) is None


def test_shim_whose_version_manager_is_gone_is_no_python_program(
    script: Script,
) -> None:
    shim = script('#!/usr/bin/env bash\nexec "/no/such/pyenv" exec "$program" "$@"\n')

    assert python_of(shim, environ()) is None


def test_every_name_of_this_python_in_its_folder_is_this_python() -> None:
    folder = Path(sys.executable).parent

    for name in ("python", "python3", f"python3.{sys.version_info.minor}"):
        if (folder / name).exists():
            assert is_this_python(str(folder / name), environ())

    assert is_this_python(sys.executable, environ())


def test_program_that_starts_this_python_is_this_python(script: Script) -> None:
    shim = script(f'#!/bin/sh\necho note\nexec {sys.executable} "$@"\n', "python")

    assert is_this_python(shim, environ())


def test_other_environment_of_the_same_python_is_another(tmp_path: Path) -> None:
    venv.create(tmp_path / "other", symlinks=True)

    assert not is_this_python(str(tmp_path / "other/bin/python"), environ())


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 2\n", "#!/bin/sh\necho '[]'\n"])
def test_python_that_does_not_answer_is_another(script: Script, text: str) -> None:
    assert not is_this_python(script(text, "python"), environ())


def test_python_that_does_not_answer_in_time_is_another(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bustapi._interpreters._PATIENCE", 0.05)
    waiting = script('#!/bin/sh\nread line < "$0.pipe"\n', "python")
    os.mkfifo(f"{waiting}.pipe")

    assert not is_this_python(waiting, {"PATH": os.defpath})


def test_python_that_is_missing_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        is_this_python("/no/such/python", environ())


def test_own_programs_come_first_on_the_path() -> None:
    folder = os.path.dirname(sys.executable)

    changed = with_own_programs({"PATH": "/a:/b", "HOME": "/c"})

    assert changed == {"PATH": f"{folder}:/a:/b", "HOME": "/c"}
    assert with_own_programs(changed) == changed
    assert with_own_programs({}) == {"PATH": f"{folder}:{os.defpath}"}


def test_program_is_found_on_the_given_path(script: Script, tmp_path: Path) -> None:
    program = script("", "bin/program")

    assert find("program", environ(tmp_path, tmp_path / "bin")) == program
    assert find("program", environ(tmp_path)) is None
    assert find(program, environ()) == program
