"""The stacks of contexts, and a context that is kept."""

from __future__ import annotations

from .programs import output_of


def test_the_stacks_have_the_current_contexts_on_top() -> None:
    source = """
        from flask import _app_ctx_stack, _request_ctx_stack
        from flask.globals import app_ctx, request_ctx
        app = flask.Flask("shop")
        print(_app_ctx_stack.top, _request_ctx_stack.top)
        with app.test_request_context():
            print(_app_ctx_stack.top is app_ctx._get_current_object())
            print(_request_ctx_stack.top is request_ctx._get_current_object())
            _request_ctx_stack.top.user = "ann"
            print(request_ctx.user)
        print(_request_ctx_stack.pop())
    """

    assert output_of(source).split() == "None None True True ann None".split()


def test_a_context_is_pushed_and_popped_through_its_stack_alone() -> None:
    source = """
        from flask import _app_ctx_stack as stack, current_app
        first, second = flask.Flask("first"), flask.Flask("second")
        inner = second.app_context()
        with first.app_context():
            stack.push(inner)
            print(current_app.name, stack().app.name)
            print(stack.pop() is inner, current_app.name)
        print(bool(current_app))
    """

    assert output_of(source).split() == "second second True first False".split()


def test_a_context_that_pushed_itself_is_popped_by_the_stack() -> None:
    source = """
        from flask import _request_ctx_stack as stack, request
        app = flask.Flask("shop")
        with app.app_context():
            context = app.test_request_context("/a")
            context.push()
            print(stack.pop() is context, bool(request), flask.current_app.name)
    """

    assert output_of(source).split() == "True False shop".split()


def test_a_kept_context_says_so() -> None:
    source = """
        app = flask.Flask("shop")
        app.config.update(PRESERVE_CONTEXT_ON_EXCEPTION=True, TESTING=True)
        app.add_url_rule("/", "fail", lambda: 1 / 0)
        try:
            app.test_client().get("/")
        except ZeroDivisionError:
            context = flask._request_ctx_stack.top
            print(context.preserved)
        app.test_client().get("/missing")
        print(context.preserved)
    """

    assert output_of(source) == "True\nFalse\n"
