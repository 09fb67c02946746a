"""The production server: one process that serves, or a supervisor with workers.

It is given an application, or a function that loads one, and imports none itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .restart import Seat, restart_under_supervisor
from .settings import ServerOptions, Settings
from .supervisor import Supervisor
from .worker import LoadError, launcher, serve_alone, serve_in_seat

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from typing_extensions import Unpack

__all__ = ["LoadError", "Settings", "serve", "serve_loaded"]


def serve(
    app: WSGIApplication,
    host: str = "127.0.0.1",
    port: int = 5000,
    **options: Unpack[ServerOptions],
) -> None:
    """Serve an application until SIGINT or SIGTERM, then finish what is in flight.

    With one worker this process serves, and the function returns after the last
    response. With more, the program is started again as each of the workers, whose own
    call of this function serves; it does not return then.

    :param app: a :class:`.Flask`, or any WSGI application, which is served as such.
    :param host: address to listen on.
    :param port: port to listen on; 0 for any that is free.
    :param options: the other attributes of :class:`Settings`, by name.
    :raises SystemExit: when the address cannot be listened on.
    """
    settings = Settings(host=host, port=port, **options)
    seat = Seat.from_environment()

    if seat is not None:
        serve_in_seat(app, seat, settings)
    elif settings.worker_count == 1:
        serve_alone(app, settings, name=_name_of(app))
    else:
        restart_under_supervisor(settings, name=_name_of(app))


def serve_loaded(
    load: Callable[[], WSGIApplication], settings: Settings, *, name: str | None = None
) -> None:
    """Serve what ``load`` returns; with several workers each of them calls it itself.

    :param load: raises :class:`LoadError` with a message for the user, or anything
        else, which is shown with its traceback.
    :param settings: what :func:`serve` takes as arguments.
    :param name: what the start line calls the application.
    :raises SystemExit: with status 1 when the server cannot start, and when a
        supervisor ends.
    """
    if settings.worker_count == 1:
        try:
            app = load()
        except LoadError as e:
            raise SystemExit(str(e)) from e

        serve_alone(app, settings, name=name or _name_of(app))
    else:
        supervisor = Supervisor(settings, launcher(load, settings), name=name)
        raise SystemExit(supervisor.run())


def _name_of(app: WSGIApplication) -> str:
    name = getattr(app, "name", None)
    return name if isinstance(name, str) else type(app).__name__
