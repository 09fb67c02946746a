"""Views as classes: one instance per request, or one method per HTTP method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from . import typing as ft
from .globals import current_app, request

F = TypeVar("F", bound=Callable[..., Any])

#: Names that a method of a :class:`MethodView` has when it answers an HTTP method.
http_method_funcs = frozenset(
    {"get", "post", "head", "options", "delete", "put", "trace", "patch"}
)


class View:
    """A view whose class is turned into a view function by :meth:`as_view`. ::

        class Listing(View):
            def __init__(self, model):
                self.model = model

            def dispatch_request(self):
                return [item.name for item in self.model.all()]

        app.add_url_rule("/books", view_func=Listing.as_view("books", Book))

    A class decorator would apply to the class, not to the function that is registered;
    :attr:`decorators` applies to the function.
    """

    #: HTTP methods of the rule, unless the rule names some itself.
    methods: ClassVar[Collection[str] | None] = None

    #: Whether ``OPTIONS`` is answered automatically; None leaves it to the application.
    provide_automatic_options: ClassVar[bool | None] = None

    #: Whether the view starts at the head of a request and reads the body while it comes,
    #: unless the rule says so itself, see :meth:`.Flask.route`.
    stream_request: ClassVar[bool] = False

    #: Whether the server never calls the view on the thread of its event loop, unless the
    #: rule says so itself, see :meth:`.Flask.route`.
    threaded: ClassVar[bool] = False

    #: Decorators for the view function, applied one after the other: the last one is
    #: the outermost.
    #:
    #: .. versionadded:: 0.8
    decorators: ClassVar[list[Callable[..., Any]]] = []

    #: Whether each request gets an instance of its own. One instance for all saves its
    #: construction, and must then keep nothing of a request on ``self``.
    #:
    #: .. versionadded:: 2.2
    init_every_request: ClassVar[bool] = True

    if TYPE_CHECKING:
        # Each view takes the arguments of its rules, and may be a coroutine function.
        def dispatch_request(
            self, *args: Any, **kwargs: Any
        ) -> ft.ResponseReturnValue | Awaitable[ft.ResponseReturnValue]: ...

    else:

        def dispatch_request(self) -> ft.ResponseReturnValue:
            """Answer the request; to be overridden. Arguments of the rule come by name."""
            raise NotImplementedError()

    @classmethod
    def as_view(
        cls, name: str, *class_args: Any, **class_kwargs: Any
    ) -> ft.RouteCallable:
        """Return a view function for this class.

        :param name: name of the function, which is the endpoint unless another is given.
        :param class_args: passed to the constructor.
        :param class_kwargs: passed to the constructor.

        .. versionchanged:: 2.2
            Added :attr:`init_every_request`.
        """
        if cls.init_every_request:

            def view(**kwargs: Any) -> ft.ResponseReturnValue:
                # Read from the function: a class put there later is the one that is used.
                instance = view.view_class(  # type: ignore[attr-defined]
                    *class_args, **class_kwargs
                )
                return _call(instance.dispatch_request, kwargs)

        else:
            shared = cls(*class_args, **class_kwargs)

            def view(**kwargs: Any) -> ft.ResponseReturnValue:
                return _call(shared.dispatch_request, kwargs)

        if cls.decorators:
            # Decorators see the name that the view is going to have.
            view.__name__ = name
            view.__module__ = cls.__module__

            for decorator in cls.decorators:
                view = decorator(view)

        view.view_class = cls  # type: ignore[attr-defined]
        view.__name__ = name
        view.__doc__ = cls.__doc__
        view.__module__ = cls.__module__
        view.methods = cls.methods  # type: ignore[attr-defined]
        view.provide_automatic_options = cls.provide_automatic_options  # type: ignore[attr-defined]
        view.stream_request = cls.stream_request  # type: ignore[attr-defined]
        view.threaded = cls.threaded  # type: ignore[attr-defined]
        return view


class MethodView(View):
    """A view with one method per HTTP method. ::

        class Book(MethodView):
            def get(self, number):
                return books[number]

            def delete(self, number):
                del books[number]
                return "", 204

        app.add_url_rule("/books/<int:number>", view_func=Book.as_view("book"))

    ``HEAD`` is answered by ``get`` where there is no ``head``. :attr:`~View.methods` is
    found from the methods of the class and of its bases unless it is set.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)

        if "methods" in cls.__dict__:
            return

        methods: set[str] = set()

        for base in cls.__bases__:
            methods.update(getattr(base, "methods", None) or ())

        methods.update(name.upper() for name in http_method_funcs if hasattr(cls, name))

        if methods:
            cls.methods = methods

    def dispatch_request(self, **kwargs: Any) -> ft.ResponseReturnValue:
        """Answer the request with the method named like its HTTP method."""
        handler = getattr(self, request.method.lower(), None)

        if handler is None and request.method == "HEAD":
            handler = getattr(self, "get", None)

        assert handler is not None, (
            f"{type(self).__name__!r} is registered for {request.method!r} and has no"
            " method of that name."
        )
        return _call(handler, kwargs)


def _call(
    function: Callable[..., Any], kwargs: dict[str, Any]
) -> ft.ResponseReturnValue:
    """Call a function, or run a coroutine function to its end."""
    rv = current_app.ensure_sync(function)(**kwargs)
    return cast(ft.ResponseReturnValue, rv)
