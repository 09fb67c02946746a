"""``Blueprint`` with the methods that open files, and its commands."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, AnyStr, cast

from .cli import AppGroup
from .globals import current_app
from .helpers import send_from_directory
from .sansio.blueprints import Blueprint as SansioBlueprint
from .sansio.blueprints import BlueprintSetupState as BlueprintSetupState
from .sansio.scaffold import _sentinel

if TYPE_CHECKING:
    from .wrappers import Response


class Blueprint(SansioBlueprint):
    """A collection of views, hooks, templates and files to register on applications.

    It has the decorators of an application and records what they are given; an
    application takes all of it at once::

        from bustapi import Blueprint

        admin = Blueprint("admin", __name__, url_prefix="/admin")

        @admin.route("/")
        def index():
            return "the blueprint's index"

        app.register_blueprint(admin)

    The endpoints of its views begin with its name, as ``admin.index`` does. Blueprints
    nest, and one may be registered several times under different names.

    :param name: name of the blueprint, without dots.
    :param import_name: name of its module or package, usually ``__name__``.
    :param static_folder: folder with static files to serve, relative to ``root_path``;
        None for none.
    :param static_url_path: URL prefix of the static files, by default the name of their
        folder. Without a ``url_prefix`` the application's static route comes first.
    :param template_folder: folder with templates; those of the application come first.
    :param url_prefix: prefix of all its rules.
    :param subdomain: subdomain of all its rules.
    :param url_defaults: default values for the arguments of all its rules.
    :param root_path: folder that relative paths start from, found from ``import_name``
        if left out.
    :param cli_group: group of its commands: a name, None to put them beside those of
        the application, by default the name of the blueprint.

    .. versionchanged:: 1.1.0
        Commands, and ``cli_group``.

    .. versionadded:: 0.7
    """

    def __init__(
        self,
        name: str,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        url_prefix: str | None = None,
        subdomain: str | None = None,
        url_defaults: dict[str, Any] | None = None,
        root_path: str | None = None,
        cli_group: str | None = _sentinel,
    ) -> None:
        super().__init__(
            name,
            import_name,
            static_folder,
            static_url_path,
            template_folder,
            url_prefix,
            subdomain,
            url_defaults,
            root_path,
            cli_group,
        )

        #: Commands of the blueprint, a :class:`click.Group`. They come under the
        #: application's once the blueprint is registered.
        self.cli = AppGroup()
        self.cli.name = self.name

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Return for how many seconds a client may cache a static file.

        As :meth:`.Flask.get_send_file_max_age`, from the current application's
        configuration.

        .. versionadded:: 0.9
        """
        value = current_app.config["SEND_FILE_MAX_AGE_DEFAULT"]

        if isinstance(value, timedelta):
            return int(value.total_seconds())

        return cast("int | None", value)

    def send_static_file(self, filename: str) -> Response:
        """Send a file of the static folder; the view of the static route.

        :param filename: path below :attr:`static_folder`.
        :raises RuntimeError: when the blueprint has no static folder.

        .. versionadded:: 0.5
        """
        if not self.has_static_folder:
            raise RuntimeError(
                "There is no static folder to send files from. Pass 'static_folder' to"
                " the blueprint."
            )

        # send_file would ask the application, which may be overridden here.
        max_age = self.get_send_file_max_age(filename)
        return send_from_directory(
            cast(str, self.static_folder), filename, max_age=max_age
        )

    def open_resource(
        self, resource: str, mode: str = "rb", encoding: str | None = "utf-8"
    ) -> IO[AnyStr]:
        """Open a file that belongs to the blueprint for reading.

        :param resource: path relative to :attr:`root_path`.
        :param mode: ``"rb"``, ``"r"`` or ``"rt"``.
        :param encoding: encoding in text mode.
        :raises ValueError: for a mode that writes.

        .. versionchanged:: 3.1
            Added ``encoding``.
        """
        if mode not in {"r", "rt", "rb"}:
            raise ValueError(
                f"Resources are opened for reading only, with 'r', 'rt' or 'rb', not"
                f" with {mode!r}."
            )

        path = os.path.join(self.root_path, resource)

        if mode == "rb":
            return open(path, mode)

        return open(path, mode, encoding=encoding)
