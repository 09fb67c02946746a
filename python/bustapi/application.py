"""``BustAPI``: the application object of the specification, on top of ``Flask``."""

from __future__ import annotations

import os
import sys
from typing import Any

from .app import Flask


class BustAPI(Flask):
    """The application, with the constructor of the BustAPI reference.

    Everything that :class:`.Flask` is, and::

        from bustapi import BustAPI

        app = BustAPI()

    :param import_name: name of the module or package of the application; left out, the
        module that makes the object.
    :param static_folder: folder with static files, relative to the application's.
    :param template_folder: folder with templates, relative to the application's.
    :param options: the other arguments of :class:`.Flask`, by name.
    """

    def __init__(
        self,
        import_name: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        template_folder: str | os.PathLike[str] | None = "templates",
        **options: Any,
    ) -> None:
        if import_name is None:
            import_name = _name_of_caller()

        super().__init__(
            import_name,
            static_folder=static_folder,
            template_folder=template_folder,
            **options,
        )

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
        :param port: port to listen on.
        :param debug: reload on changes and show errors in the browser.
        """
        super().run(host, port, debug, load_dotenv, **options)


def _name_of_caller() -> str:
    """Return the name of the module that called the constructor."""
    frame = sys._getframe(2)
    name: str = frame.f_globals.get("__name__", "__main__")
    return name
