"""Runs what the rows and scenarios beside it describe, and prints what was seen as JSON.

python run.py wsgi                   with whatever `flask` is installed
python run.py --alias wsgi | native  with this package, through the alias
python run.py --list wsgi            only the names of what is run
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

PROBES = [
    ("GET", "/"),
    ("HEAD", "/"),
    ("OPTIONS", "/"),
    ("POST", "/"),
    ("PUT", "/"),
    ("GET", "/late"),
    ("OPTIONS", "/late"),
    ("GET", "//late"),
]
"""What is asked before and after a change."""


class Browser:
    """Asks an application, and keeps its cookies."""

    def __init__(self, app: Any, edge: str) -> None:
        from answers import open_edge

        self._edge = edge
        self._ask = open_edge(app, edge, ExitStack())
        self.cookies: dict[str, str] = {}

    def of(self, app: Any) -> Browser:
        """Return one that asks another application."""
        return Browser(app, self._edge)

    def __call__(
        self,
        path: str,
        method: str = "GET",
        fields: list[tuple[str, str]] | None = None,
        body: bytes | None = None,
    ) -> Any:
        """Return status, header fields and body, or the error that came out."""
        from questions import Question, cookies_in

        crumbs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = [*(fields or []), *([("Cookie", crumbs)] if crumbs else [])]
        text = None if body is None else body.decode("latin-1")
        answer = self._ask(Question(method, path, sent, text))

        if answer.error is not None:
            # What the server makes of an error that an application lets through.
            return [method, "500 Internal Server Error", [], ""]

        for name, value in cookies_in(answer.headers):
            if value is None:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

        return [method, *answer[:3]]


def make_app() -> Any:
    """Make the application of a row or scenario."""
    from flask import Flask

    app = Flask("changed", static_folder=None)
    app.config.update(SECRET_KEY="secret", PROPAGATE_EXCEPTIONS=False)
    return app


def run_row(make: Callable[[Any], Any], stage: str, edge: str) -> Any:
    """Return what is seen before, during and after a change made in a request."""
    app = make_app()
    is_due: list[bool] = []

    def perform() -> None:
        if is_due:
            is_due.clear()
            change()

    def index(**kwargs: Any) -> Any:
        if stage == "view":
            perform()

        return see(**kwargs)

    app.add_url_rule("/", "index", index, methods=["GET", "POST"])

    if stage == "hook":
        app.before_request(perform)

    change, see = make(app)
    browser = Browser(app, edge)
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    seen = [browser(path, method, form, b"a=12") for method, path in PROBES]
    is_due.append(True)
    seen.append(browser("/", "POST", form, b"a=12"))
    seen += [browser(path, method, form, b"a=12") for method, path in PROBES]
    return seen


def run_scenario(play: Callable[[Any, Any], Any], edge: str) -> Any:
    """Return what a scenario has seen."""
    app = make_app()
    return play(app, Browser(app, edge))


def main() -> None:
    """Print what is seen under the installed `flask` or, with --alias, this package."""
    *options, edge = sys.argv[1:]

    if "--alias" in options:
        import bustapi_alias

        bustapi_alias.install()

    from itsdangerous import TimestampSigner

    # Sessions are signed with the time; both sides are to sign with the same.
    TimestampSigner.get_timestamp = lambda self: 1_700_000_000  # type: ignore[method-assign]
    logging.disable()
    sys.path[:0] = [str(HERE), str(HERE.parent / "differential")]
    from row import ROWS
    from scenarios import SCENARIOS

    # They register their rows.
    for module in ("rows", "rows_of_parts"):
        import_module(module)

    runs: dict[str, Callable[[], Any]] = {
        f"{name}, in the {stage}": partial(run_row, make, stage, edge)
        for name, make in ROWS.items()
        for stage in ("hook", "view")
    }
    runs |= {
        name: partial(run_scenario, play, edge) for name, play in SCENARIOS.items()
    }

    if "--list" in options:
        json.dump(list(runs), sys.stdout)
    else:
        json.dump({name: run() for name, run in runs.items()}, sys.stdout)


if __name__ == "__main__":
    main()
