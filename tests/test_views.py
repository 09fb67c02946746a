"""Views as classes: instances, methods and decorators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bustapi import Flask
from bustapi.views import MethodView, View


def test_each_request_gets_an_instance(app: Flask) -> None:
    class Count(View):
        def __init__(self, start: int, step: int) -> None:
            self.n = start
            self.step = step

        def dispatch_request(self) -> str:
            self.n += self.step
            return str(self.n)

    app.add_url_rule("/", view_func=Count.as_view("count", 1, step=2))
    client = app.test_client()

    assert [client.get("/").text for _ in range(2)] == ["3", "3"]


def test_one_instance_serves_all_requests_when_asked(app: Flask) -> None:
    class Count(View):
        init_every_request = False
        n = 0

        def dispatch_request(self) -> str:
            self.n += 1
            return str(self.n)

    app.add_url_rule("/", view_func=Count.as_view("count"))
    client = app.test_client()

    assert [client.get("/").text for _ in range(2)] == ["1", "2"]


def test_the_last_decorator_is_the_outermost() -> None:
    def mark(letter: str) -> Callable[..., Any]:
        def decorate(function: Any) -> Any:
            def wrapper(**kwargs: Any) -> str:
                return f"{letter}({function(**kwargs)})"

            wrapper.seen = (function.__name__, function.__module__)  # type: ignore[attr-defined]
            return wrapper

        return decorate

    class Page(View):
        decorators = [mark("a"), mark("b")]

        def dispatch_request(self) -> str:
            return "page"

    app = Flask(__name__)
    view = Page.as_view("name")
    app.add_url_rule("/", view_func=view)

    assert app.test_client().get("/").text == "b(a(page))"
    assert view.__name__ == "name"
    assert view.__module__ == __name__


def test_the_function_carries_what_the_class_says() -> None:
    class Page(View):
        """A page."""

        methods = ["PUT"]
        provide_automatic_options = False

        def dispatch_request(self) -> str:
            return ""

    view: Any = Page.as_view("page")

    assert view.view_class is Page
    assert view.__name__ == "page"
    assert view.__doc__ == "A page."
    assert view.methods == ["PUT"]
    assert view.provide_automatic_options is False


def test_a_class_put_on_the_function_is_used(app: Flask) -> None:
    class Page(View):
        def dispatch_request(self) -> str:
            return "first"

    class Other(View):
        def dispatch_request(self) -> str:
            return "other"

    view: Any = Page.as_view("page")
    app.add_url_rule("/", view_func=view)
    view.view_class = Other

    assert app.test_client().get("/").text == "other"


def test_a_view_must_say_what_it_answers() -> None:
    with pytest.raises(NotImplementedError):
        View().dispatch_request()


def test_methods_are_found_from_the_class_and_its_bases() -> None:
    class Get(MethodView):
        def get(self) -> str:
            return ""

    class Extra(View):
        methods = ["PROPFIND"]

    class Both(Get, Extra):
        def post(self) -> str:
            return ""

    class Fixed(Get):
        methods = {"DELETE"}

    class Child(Fixed):
        pass

    found = [cls.methods for cls in (Get, Both, Fixed, Child)]
    assert found == [
        {"GET"},
        {"GET", "POST", "PROPFIND"},
        {"DELETE"},
        {"DELETE", "GET"},
    ]


def test_the_method_of_the_request_is_called(app: Flask) -> None:
    class Page(MethodView):
        def get(self, name: str) -> str:
            return f"get {name}"

        def delete(self, name: str) -> str:
            return f"delete {name}"

    app.add_url_rule("/<name>", view_func=Page.as_view("page"))
    client = app.test_client()

    assert client.get("/x").text == "get x"
    assert client.delete("/x").text == "delete x"
    head = client.head("/x")
    assert head.status_code == 200
    assert head.headers["Content-Length"] == "5"
    refused = client.post("/x")
    assert refused.status_code == 405
    assert set(refused.allow) == {"GET", "HEAD", "DELETE", "OPTIONS"}


def test_a_method_head_of_its_own_answers_head(app: Flask) -> None:
    class Page(MethodView):
        def get(self) -> str:
            return "get"

        def head(self) -> Any:
            return "", {"X-Head": "own"}

    app.add_url_rule("/", view_func=Page.as_view("page"))

    assert app.test_client().head("/").headers["X-Head"] == "own"


def test_a_method_without_a_function_is_a_fault_of_the_program(app: Flask) -> None:
    class Page(MethodView):
        methods = ["PROPFIND"]

    app.add_url_rule("/", view_func=Page.as_view("page"))

    with pytest.raises(AssertionError, match="'PROPFIND'"):
        app.test_client().open("/", method="PROPFIND")


def test_methods_may_be_coroutine_functions(app: Flask) -> None:
    class Page(MethodView):
        async def get(self) -> str:
            return "async"

    app.add_url_rule("/", view_func=Page.as_view("page"))

    assert app.test_client().get("/").text == "async"
