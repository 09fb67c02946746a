"""What the type checkers must refuse: each mark is an error if nothing is wrong there.

mypy's ``warn_unused_ignores`` and pyright's ``reportUnnecessaryTypeIgnoreComment`` see to
that.
"""

from __future__ import annotations

from bustapi import Blueprint, Flask, redirect, request, send_file, session, url_for
from bustapi.typing import ResponseReturnValue
from bustapi.views import View

app = Flask(__name__)
part = Blueprint("part", __name__)


@app.get("/none")  # type: ignore[type-var]
def returns_none() -> None: ...


@app.get("/int")  # type: ignore[type-var]
def returns_an_int() -> int:
    return 200


@part.route("/tuple")  # type: ignore[type-var]
def returns_a_long_tuple() -> tuple[str, int, dict[str, str], int]:
    return "a", 200, {}, 1


@part.get("/status")  # type: ignore[type-var]
def returns_a_status_first() -> tuple[int, str]:
    return 200, "a"


@app.get("/async")  # type: ignore[type-var]
async def returns_a_set() -> set[str]:
    return set()


@app.after_request  # type: ignore[type-var]
def after_without_a_response() -> None: ...


@app.before_request  # type: ignore[type-var]
def before_with_an_argument(name: str) -> None: ...


@app.before_request  # type: ignore[type-var]
def before_that_returns_a_number() -> int:
    return 1


@app.teardown_request  # type: ignore[type-var]
def teardown_without_the_error() -> None: ...


@app.errorhandler(404)  # type: ignore[type-var]
def handler_without_the_error() -> str:
    return ""


@app.errorhandler(404)  # type: ignore[type-var]
def handler_that_returns_none(error: Exception) -> None: ...


@app.context_processor  # type: ignore[type-var]
def context_that_is_a_list() -> list[str]:
    return []


@app.url_defaults  # type: ignore[type-var]
def defaults_without_values(endpoint: str) -> None: ...


class Page(View):
    methods = 1  # type: ignore[assignment]

    def dispatch_request(self) -> int:  # type: ignore[override]
        return 1


value: ResponseReturnValue = 1.5  # type: ignore[assignment]

app.errorhandler("404")  # type: ignore[arg-type]
app.errorhandler(int)  # type: ignore[arg-type]
app.route(1)  # type: ignore[arg-type]
app.add_url_rule("/", view_func=1)  # type: ignore[arg-type]
app.register_blueprint("part")  # type: ignore[arg-type]
app.register_error_handler(404, returns_an_int)  # type: ignore[arg-type]
Flask()  # type: ignore[call-arg]
Flask(__name__, unknown=1)  # type: ignore[call-arg]
Blueprint("part")  # type: ignore[call-arg]
url_for()  # type: ignore[call-arg]
url_for("x", _external="yes")  # type: ignore[arg-type]
send_file("x", max_age="1")  # type: ignore[arg-type]
send_file("x", attachment_filename="y")  # type: ignore[arg-type]
redirect("/", code="302")  # type: ignore[arg-type]
request.unknown  # type: ignore[attr-defined]  # noqa: B018
session.unknown  # type: ignore[attr-defined]  # noqa: B018
app.unknown  # type: ignore[attr-defined]  # noqa: B018
