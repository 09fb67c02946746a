"""What stands in ``examples/deploy``, taken at its word by the programs it is for.

Of the image everything is done but what a container engine does: fetching the base images
and installing Debian's packages. Each stage is a folder with a Python of its own, the
paths of the steps lead into that folder, and on the path there is nothing but what the
stage has.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import venv
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import tomli

from interpreters import make_environment, own_environment, packages_of
from other_programs import NotInstalled, check_unit, needed, nginx_configuration
from pages import ROOT
from terminal import Network, NoNetwork, Terminal

DEPLOY = ROOT / "examples" / "deploy"
LARGEST = 16 * 1024 * 1024


@pytest.fixture
def network() -> Iterator[Network]:
    """A network with the ports that the files name."""
    try:
        with Network() as network:
            yield network
    except NoNetwork as error:
        pytest.skip(f"no network namespace: {error}")


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = shutil.copy(DEPLOY / "shop.service", tmp_path)

    try:
        check_unit(Path(unit))
    except NotInstalled as error:
        pytest.skip(str(error))


@pytest.mark.timeout(120)
def test_nginx_passes_on_who_asks_and_as_much_as_the_application_takes(
    tmp_path: Path, flask_python: str, network: Network
) -> None:
    environment = make_environment(tmp_path / "environment", packages_of(flask_python))
    try:
        configuration = nginx_configuration(DEPLOY / "nginx.conf", tmp_path)
        nginx = f"{needed('nginx')} -c {configuration}"
    except NotInstalled as error:
        pytest.skip(str(error))
    (tmp_path / "largest").write_bytes(bytes(LARGEST))
    (tmp_path / "larger").write_bytes(bytes(LARGEST + 1))
    path = f"{environment / 'bin'}:{os.environ['PATH']}"
    variables = {**own_environment(), "PATH": path}
    ask = (
        "curl --silent --insecure --resolve shop.example.com:443:127.0.0.1"
        " https://shop.example.com/"
    )

    with Terminal(network, variables) as application:
        application.type("bustapi run shop:create_app --port 8000", DEPLOY)

        with Terminal(network, variables) as proxy:
            proxy.type(f"{nginx} -t", tmp_path)
            proxy.type(nginx, tmp_path)
            page = proxy.type(ask, tmp_path)
            taken = proxy.type(f"{ask}size --data-binary @largest", tmp_path)
            refused = proxy.type(f"{ask}size --data-binary @larger", tmp_path)

    assert page == "127.0.0.1 by https"
    assert taken == f"{LARGEST} bytes"
    assert "413" in refused


@pytest.mark.skipif(
    "BUSTAPI_INSTALL" not in os.environ,
    reason="building takes minutes; `make docs` sets BUSTAPI_INSTALL",
)
@pytest.mark.timeout(600)
def test_the_steps_of_the_image_end_in_a_server(
    tmp_path: Path, network: Network
) -> None:
    image = Image(make_context(tmp_path / "context"), tmp_path)

    for instruction, arguments in instructions():
        image.step(instruction, arguments)

    with (
        Terminal(network, image.stage.variables) as container,
        Terminal(network, own_environment()) as client,
    ):
        container.type(shlex.join(image.command), image.stage.workdir)
        page = client.type(
            "curl --silent --header 'Host: shop.example.com' http://127.0.0.1:8000/",
            tmp_path,
        )

    assert page == "127.0.0.1 by http"


def test_the_image_has_the_rust_and_a_python_of_this_package() -> None:
    taken = dict.fromkeys(
        re.findall(r"(?:FROM |--from=)(\w+):([\d.]+)-slim-\w+", read("Dockerfile"))
    )
    rust = tomli.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
    project = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = [version for name, version in taken if name == "python"]

    assert [version for name, version in taken if name == "rust"] == [
        rust["rust-version"]
    ]
    assert len(versions) == 1
    assert f"Programming Language :: Python :: {versions[0]}" in project["classifiers"]


# ---- an image without an engine ----


def read(name: str) -> str:
    return (DEPLOY / name).read_text()


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the container file with their arguments."""
    lines = read("Dockerfile").replace("\\\n", "").splitlines()
    found = [line.split(None, 1) for line in lines if line and line[0] != "#"]
    return [(instruction, arguments) for instruction, arguments in found]


def make_context(folder: Path) -> Path:
    """Make the folder that the guide asks for, with a clone that has been built in."""
    shutil.copytree(DEPLOY, folder)
    clone = folder / "bustapi"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    for name in filter(None, listed.stdout.split("\0")):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, clone / name)

    for litter in ("python/bustapi/_bustapi.old.so", "target/release/x", ".venv/x"):
        (clone / litter).parent.mkdir(parents=True, exist_ok=True)
        (clone / litter).write_text("of another machine")

    return folder


class Stage:
    """A folder that stands for the root of an image, at first that of Python."""

    #: What the base image has besides Python that is called by name here.
    BASE = ("sh",)
    #: What Debian's packages put on the path.
    PROGRAMS = {"gcc": ("cc", "gcc", "as", "ld", "ar"), "libc6-dev": ()}

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workdir = root
        venv.create(self.path("/usr/local"), symlinks=True, with_pip=True)
        self.path("/usr/bin").mkdir()
        self.path("/root").mkdir()
        self.link_programs(self.BASE)
        self.variables = {
            # How this machine reaches the index.
            name: value
            for name, value in os.environ.items()
            if name.startswith("PIP_") or name.lower().endswith("_proxy")
        }
        self.variables["HOME"] = str(self.path("/root"))
        self.variables["PATH"] = self.inside("/usr/local/bin:/usr/bin")

    def path(self, absolute: str) -> Path:
        return self.root / absolute.lstrip("/")

    def inside(self, text: str) -> str:
        """Return a text whose absolute paths lead into this folder."""
        return re.sub(r"(?<![\w.)])/(?=\w)", f"{self.root}/", text)

    def link_programs(self, names: tuple[str, ...]) -> None:
        for name in names:
            found = shutil.which(name)
            assert found is not None, f"{name} is not installed"
            self.path("/usr/bin").joinpath(name).symlink_to(found)

    def run(self, command: str) -> None:
        finished = subprocess.run(
            [self.path("/usr/bin/sh"), "-c", self.inside(command)],
            cwd=self.workdir,
            env=self.variables,
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"


class Image:
    """What the steps of a container file make, in folders beside each other."""

    def __init__(self, context: Path, folder: Path) -> None:
        self._context = context
        self._folder = folder
        self._stages: dict[str, Stage] = {}
        self.command: list[str] = []

    @property
    def stage(self) -> Stage:
        """The stage that the steps have come to."""
        return list(self._stages.values())[-1]

    def step(self, instruction: str, arguments: str) -> None:
        match instruction:
            case "FROM":
                _, _, name = arguments.partition(" AS ")
                self._stages[name] = Stage(self._folder / f"image-{name}")
            case "RUN" if arguments.startswith("apt-get"):
                _, _, packages = arguments.partition("--no-install-recommends ")
                for package in packages.split():
                    self.stage.link_programs(Stage.PROGRAMS[package])
            case "RUN":
                self.stage.run(arguments)
            case "COPY":
                self._copy(*arguments.split())
            case "ENV":
                for name, value in re.findall(r"(\w+)=(\S+)", arguments):
                    value = self.stage.inside(value)
                    path = self.stage.variables["PATH"]
                    self.stage.variables[name] = value.replace("$PATH", path)
            case "WORKDIR":
                self.stage.workdir = self.stage.path(arguments)
            case "CMD":
                self.command = json.loads(arguments)
            case "USER" | "EXPOSE":
                pass
            case _:
                raise AssertionError(f"Nothing says here what {instruction} does.")

    def _copy(self, *words: str) -> None:
        *options, source, target = words
        place = self.stage.path(target)

        if not options:
            self._copy_from_context(source, target)
        elif options[0].startswith("--from=rust:"):
            place.mkdir()
            if target.endswith("/cargo"):
                (place / "bin").symlink_to(toolchain() / "bin")
        else:
            stage = self._stages[options[0].removeprefix("--from=")]
            shutil.copytree(stage.path(source), place)

    def _copy_from_context(self, source: str, target: str) -> None:
        if target.endswith("/"):
            target += source

        patterns = [
            line for line in read(".dockerignore").split("\n") if line[:1] != "#"
        ]
        names = [pattern.removeprefix("**/") for pattern in filter(None, patterns)]
        assert not any("/" in name for name in names)

        for path in sorted((self._context / source).rglob("*")) or [
            self._context / source
        ]:
            relative = path.relative_to(self._context / source)
            if path.is_file() and not any(
                fnmatch(part, name) for part in relative.parts for name in names
            ):
                copied = self.stage.path(target) / relative
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copied)


def toolchain() -> Path:
    """Return the folder of the Rust that the image has, or of the one there is."""
    version = tomli.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
    ask = ["rustc", "--print", "sysroot"]

    for command in (["rustup", "run", version["rust-version"], *ask], ask):
        with_output = shutil.which(command[0]) and subprocess.run(
            command, capture_output=True, text=True
        )
        if with_output and with_output.returncode == 0:
            return Path(with_output.stdout.strip())

    pytest.skip("rustc is not installed")
