"""``BustAPI``: the application object of the specification, on top of ``Flask``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, TypeVar, cast

from ._former.removed_names import RemovedNames, set_up_removed_names
from ._werkzeug import ImmutableDict
from .app import Flask

F = TypeVar("F", bound=Callable[..., Any])


# What ``run`` has defaults for that are not passed on when they are left out.
_ASKED_ELSEWHERE = ("host", "port", "debug")


def _asking_elsewhere(run: F) -> F:
    """Let :meth:`BustAPI.run` tell what is left out from what is passed.

    Its defaults say what holds unless :data:`SERVER_NAME`, :attr:`~BustAPI.debug` or
    :envvar:`FLASK_DEBUG` says something else. Passed, the same values win over these.
    """

    def wrapper(self: BustAPI, *args: Any, **kwargs: Any) -> None:
        for name in _ASKED_ELSEWHERE[len(args) :]:
            kwargs.setdefault(name, None)

        run(self, *args, **kwargs)

    return cast(F, update_wrapper(wrapper, run))


class BustAPI(RemovedNames, Flask):
    """The application, with the constructor of the BustAPI reference.

    Everything that :class:`.Flask` is, and what Flask once had and no longer has, each
    with its effect::

        from bustapi import BustAPI

        app = BustAPI()

    :param import_name: name of the module or package of the application; left out, the
        module that makes the object.
    :param static_folder: folder with static files, relative to the application's.
    :param template_folder: folder with templates, relative to the application's.
    :param static_path: the former name of ``static_url_path``.
    :param options: the other arguments of :class:`.Flask`, by name.
    """

    default_config = ImmutableDict(
        {
            **Flask.default_config,
            "LOGGER_NAME": None,
            "PRESERVE_CONTEXT_ON_EXCEPTION": None,
        }
    )

    def __init__(
        self,
        import_name: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        template_folder: str | os.PathLike[str] | None = "templates",
        *,
        static_path: str | None = None,
        **options: Any,
    ) -> None:
        if import_name is None:
            import_name = _name_of_caller(self)

        options.update(static_folder=static_folder, template_folder=template_folder)
        construct = partial(super().__init__, import_name)
        set_up_removed_names(self, construct, static_path, options)

    @_asking_elsewhere
    def run(
        self,
        host: str | None = "127.0.0.1",
        port: int | None = 5000,
        debug: bool | None = False,
        load_dotenv: bool = True,
        **options: Any,
    ) -> None:
        """Serve the application until it is interrupted, see :meth:`.Flask.run`.

        :param host: address to listen on; ``0.0.0.0`` makes it reachable from outside.
            Left out, that of :data:`SERVER_NAME` if it is set.
        :param port: port to listen on. Left out, that of :data:`SERVER_NAME` if it has
            one.
        :param debug: reload on changes and show errors in the browser. Left out, debug
            mode stays as it is: off, unless :attr:`debug` or :envvar:`FLASK_DEBUG` has
            turned it on.
        """
        super().run(host, port, debug, load_dotenv, **options)


def _name_of_caller(app: BustAPI) -> str:
    """Return the name of the module that makes an application.

    The frames of its own constructors, those of subclasses, are passed over.
    """
    frame: Any = sys._getframe(1)

    while True:
        code = frame.f_code

        if not code.co_argcount or frame.f_locals.get(code.co_varnames[0]) is not app:
            break

        frame = frame.f_back

    name: str = frame.f_globals.get("__name__", "__main__")
    return name
