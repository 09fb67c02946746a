"""The command line: finding an application, and the commands that work on it."""

from __future__ import annotations

import ast
import inspect
import os
import platform
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial, update_wrapper
from importlib import metadata
from operator import itemgetter
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, cast, overload

import click
from click.core import ParameterSource
from werkzeug import run_simple
from werkzeug.serving import is_running_from_reloader
from werkzeug.utils import import_string

import bustapi_alias

from . import _interpreters
from ._former import legacy_mode
from .globals import current_app
from .helpers import get_debug_flag, get_load_dotenv

if TYPE_CHECKING:
    import ssl

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .app import Flask

F = TypeVar("F", bound=Callable[..., Any])


# Finding the application


class NoAppException(click.UsageError):
    """No application was found, or the one that was named could not be loaded."""


def find_best_app(module: ModuleType) -> Flask:
    """Return the application of a module that names none.

    In this order: ``app`` or ``application``; the only application among the module's
    globals; what ``create_app`` or ``make_app`` returns when called without arguments.

    :raises NoAppException: when there is none, or more than one.
    """
    from .app import Flask

    for name in ("app", "application"):
        app = getattr(module, name, None)

        if isinstance(app, Flask):
            return app

    apps = [value for value in vars(module).values() if isinstance(value, Flask)]

    if len(apps) > 1:
        raise NoAppException(
            f"There are several applications in module {module.__name__!r}. Say which"
            f" with '{module.__name__}:name'."
        )

    if apps:
        return apps[0]

    for name in ("create_app", "make_app"):
        factory = getattr(module, name, None)

        if inspect.isfunction(factory):
            app = _call_factory(
                factory,
                (),
                {},
                f"The factory {name!r} in module {module.__name__!r} cannot be called"
                f" without arguments. Pass them with '{module.__name__}:{name}(args)'.",
            )

            if isinstance(app, Flask):
                return app

    raise NoAppException(
        f"There is no application and no factory in module {module.__name__!r}. If it"
        f" has another name, say so with '{module.__name__}:name'."
    )


def _call_factory(
    factory: FunctionType,
    args: Iterable[Any],
    kwargs: dict[str, Any],
    message: str,
) -> Any:
    """Call ``factory``; arguments that do not fit it are reported with ``message``."""
    try:
        return factory(*args, **kwargs)
    except TypeError as e:
        # A TypeError of the factory's own body is the user's to see.
        if _was_entered(factory.__code__):
            raise

        raise NoAppException(message) from e


def _was_entered(code: CodeType) -> bool:
    """Return whether a frame of ``code`` is in the traceback that is being handled."""
    frames = traceback.walk_tb(sys.exc_info()[2])
    return any(frame.f_code is code for frame, _ in frames)


def find_app_by_string(module: ModuleType, app_name: str) -> Flask:
    """Return the application that ``app_name`` means in a module.

    :param module: the module, imported.
    :param app_name: the name of an application, or of a factory, which is then called,
        or a call of a factory whose arguments are literals.
    :raises NoAppException: when it is anything else.
    """
    from .app import Flask

    name, args, kwargs = _parse_app_name(app_name)

    try:
        app = getattr(module, name)
    except AttributeError as e:
        raise NoAppException(
            f"Module {module.__name__!r} has no attribute {name!r}."
        ) from e

    if inspect.isfunction(app):
        app = _call_factory(
            app,
            args,
            kwargs,
            f"The factory in module {module.__name__!r} does not take the arguments of"
            f" {app_name!r}.",
        )

    if isinstance(app, Flask):
        return app

    raise NoAppException(
        f"'{module.__name__}:{app_name}' is not an application, but of type"
        f" {type(app).__name__!r}."
    )


def _parse_app_name(app_name: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return the name, and the arguments if ``app_name`` is a call."""
    try:
        expression = ast.parse(app_name.strip(), mode="eval").body
    except SyntaxError:
        expression = None

    if isinstance(expression, ast.Name):
        return expression.id, [], {}

    if not isinstance(expression, ast.Call):
        raise NoAppException(
            f"{app_name!r} is neither a name nor a call of a factory. Write"
            " 'module:name' or 'module:name(args)'."
        )

    if not isinstance(expression.func, ast.Name):
        raise NoAppException(
            f"The factory in {app_name!r} must be a plain name of the module."
        )

    try:
        args = [ast.literal_eval(arg) for arg in expression.args]
        kwargs = {
            keyword.arg: ast.literal_eval(keyword.value)
            for keyword in expression.keywords
            if keyword.arg is not None
        }
    except ValueError:
        # Its own message shows a node of the syntax tree.
        raise NoAppException(
            f"The arguments in {app_name!r} must be literals, such as strings and"
            " numbers."
        ) from None

    return expression.func.id, args, kwargs


def prepare_import(path: str) -> str:
    """Return the module name for a path, and make it importable.

    The folder above the outermost package is put first on :data:`sys.path`.

    :param path: a file, a package, or a dotted name, relative to the current folder.
    """
    path = os.path.realpath(path)
    stem, extension = os.path.splitext(path)

    if extension == ".py":
        path = stem

    if os.path.basename(path) == "__init__":
        path = os.path.dirname(path)

    folder, name = os.path.split(path)
    names = [name]

    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        names.insert(0, name)

    if sys.path[0] != folder:
        sys.path.insert(0, folder)

    return ".".join(names)


@overload
def locate_app(
    module_name: str, app_name: str | None, raise_if_not_found: Literal[True] = True
) -> Flask: ...
@overload
def locate_app(
    module_name: str, app_name: str | None, raise_if_not_found: Literal[False] = ...
) -> Flask | None: ...
def locate_app(
    module_name: str, app_name: str | None, raise_if_not_found: bool = True
) -> Flask | None:
    """Import a module and return its application.

    :param module_name: dotted name of the module.
    :param app_name: as for :func:`find_app_by_string`; None to search.
    :param raise_if_not_found: when False, return None if there is no such module. An
        import that fails *inside* the module is always reported.
    :raises NoAppException: when there is no module or no application.
    """
    try:
        __import__(module_name)
    except ImportError as e:
        # The frame of this function alone: the module itself was not found.
        if e.__traceback__ is not None and e.__traceback__.tb_next is not None:
            raise NoAppException(
                f"Importing {module_name!r} failed with an import error:\n\n"
                f"{traceback.format_exc()}"
            ) from None

        if not raise_if_not_found:
            return None

        raise NoAppException(f"There is no module {module_name!r} to import.") from None

    module = sys.modules[module_name]

    if app_name is None:
        return find_best_app(module)

    return find_app_by_string(module, app_name)


class ScriptInfo:
    """What the commands of one invocation know about the application.

    It is click's context object. :class:`FlaskGroup` makes it; other programs can pass
    one as ``obj``.

    .. versionchanged:: 3.1
        Added ``load_dotenv_defaults``.
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., Flask] | None = None,
        set_debug_flag: bool = True,
        load_dotenv_defaults: bool = True,
    ) -> None:
        #: Where to import the application from, as ``--app`` names it.
        self.app_import_path = app_import_path
        #: Makes the application instead.
        self.create_app = create_app
        #: Anything that programs keep for the time of an invocation.
        self.data: dict[Any, Any] = {}
        #: Whether loading sets :attr:`.Flask.debug` as the environment says.
        self.set_debug_flag = set_debug_flag
        #: Whether ``.env`` and ``.flaskenv`` are to be read. For reference:
        #: nothing is read here.
        #:
        #: .. versionadded:: 3.1
        self.load_dotenv_defaults = get_load_dotenv(load_dotenv_defaults)
        self._loaded_app: Flask | None = None

    def load_app(self) -> Flask:
        """Return the application, which is loaded once.

        :raises NoAppException: when none was found.
        """
        if self._loaded_app is None:
            app = self._find_app()

            if self.set_debug_flag:
                app.debug = get_debug_flag()

            self._loaded_app = app

        return self._loaded_app

    def _find_app(self) -> Flask:
        app: Flask | None

        if self.create_app is not None:
            app = self._make_app(self.create_app)
        elif self.app_import_path:
            # A colon before a slash belongs to a Windows drive.
            path, *name = re.split(r":(?![\\/])", self.app_import_path, maxsplit=1)
            app = _find_by_path(path, name[0] if name else None)
        else:
            app = _find_by_file("wsgi.py") or _find_by_file("app.py")

        if app is None:
            raise NoAppException(
                "No application was named. Use the '--app' option, the 'FLASK_APP'"
                " environment variable, or a file 'wsgi.py' or 'app.py' in the current"
                " folder."
            )

        return app

    def _make_app(self, create_app: Callable[..., Flask]) -> Flask:
        return create_app()


def _find_by_path(path: str, name: str | None) -> Flask:
    """Return the application of a module that a user named."""
    if not path:
        raise NoAppException(
            f"No module stands before the colon in ':{name}'. Write 'module:name'."
        )

    module = prepare_import(path)
    app = locate_app(module, name, raise_if_not_found=False)

    if app is None:
        place = "" if path == module else f" for {path!r}"
        raise NoAppException(
            f"There is no module {module!r} to import{place}. Write its name or the"
            " path of its file, and the name of the application behind a colon."
        )

    return app


def _find_by_file(path: str) -> Flask | None:
    return locate_app(prepare_import(path), None, raise_if_not_found=False)


pass_script_info = click.make_pass_decorator(ScriptInfo, ensure=True)


# Groups


def with_appcontext(f: F) -> F:
    """Run a command's function in the context of the application.

    Commands that are registered on :attr:`.Flask.cli` or ``Blueprint.cli`` have one
    anyway. ::

        @click.command()
        @with_appcontext
        def name():
            click.echo(current_app.name)

    .. versionchanged:: 2.2
        The context stays active for subcommands and parameter callbacks.
    """

    @click.pass_context
    def in_context(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        if not current_app:
            app = ctx.ensure_object(ScriptInfo).load_app()
            ctx.with_resource(app.app_context())

        return ctx.invoke(f, *args, **kwargs)

    return cast(F, update_wrapper(in_context, f))


class AppGroup(click.Group):
    """A :class:`click.Group` whose commands run in the application's context. ::

        users = AppGroup("users")

        @users.command("count")
        def count():
            click.echo("3")

        app.cli.add_command(users)

    Groups that its :meth:`group` makes are of this class too.
    """

    def command(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], click.Command]:
        """Register a function as a command, see :meth:`click.Group.command`.

        With ``with_appcontext=False`` it is not wrapped.
        """
        needs_context = kwargs.pop("with_appcontext", True)
        register = super().command(*args, **kwargs)

        def decorator(f: Callable[..., Any]) -> click.Command:
            command: click.Command = register(
                with_appcontext(f) if needs_context else f
            )
            return command

        return decorator

    def group(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], click.Group]:
        """Register a nested group, by default of this class."""
        kwargs.setdefault("cls", AppGroup)
        return super().group(*args, **kwargs)  # type: ignore[no-any-return]


def get_version(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Print the versions and end; the callback of ``--version``."""
    if not value or ctx.resilient_parsing:
        return

    from ._bustapi import __version__

    click.echo(
        f"BustAPI {__version__}\n"
        f"Python {platform.python_version()}\n"
        f"Flask {bustapi_alias.FLASK_VERSION}\n"
        f"Werkzeug {metadata.version('werkzeug')}",
        color=ctx.color,
    )
    ctx.exit()


version_option = click.Option(
    ["--version"],
    help="Show the versions.",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=get_version,
)


class _Option(click.Option):
    """An option whose help names its default and its environment variable."""

    def __init__(self, *args: Any, **extra: Any) -> None:
        super().__init__(*args, **{"show_default": True, "show_envvar": True, **extra})

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return the option's names, and the variable that the value came from."""
        hint = super().get_error_hint(ctx)  # type: ignore[arg-type, unused-ignore]

        if (
            ctx is not None
            and self.envvar is None
            and ctx.get_parameter_source(self.name) is ParameterSource.ENVIRONMENT
        ):
            hint += f" (from {ctx.auto_envvar_prefix}_{self.name.upper()})"

        return hint


_option = partial(click.option, cls=_Option)


def _set_app(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(ScriptInfo).app_import_path = value


_APP_HELP = (
    "The application, in the form 'module:name'. The module is a dotted name or a path;"
    " the name can be left out if it is 'app', 'application', 'create_app' or"
    " 'make_app', and can be a call, 'name(args)', of a factory."
)

# Eager, and before --help in the list of parameters, since the help text lists the
# commands of the application.
_app_option = _Option(
    ["-A", "--app"],
    metavar="IMPORT",
    help=_APP_HELP,
    is_eager=True,
    expose_value=False,
    callback=_set_app,
)


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    # A flag that was not given leaves the decision to the environment.
    source = ctx.get_parameter_source(param.name)

    if source not in (
        ParameterSource.DEFAULT,
        ParameterSource.DEFAULT_MAP,
    ):
        # A variable rather than an attribute: factories look at it early.
        os.environ["FLASK_DEBUG"] = "1" if value else "0"


_debug_option = _Option(
    ["--debug/--no-debug"],
    help="Turn debug mode on or off.",
    expose_value=False,
    callback=_set_debug,
)


def _set_legacy(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing or legacy_mode.wanted_release():
        return

    # The package and the commands of other packages were imported without it. This
    # program begins again, in the same process; so do the processes it starts.
    os.environ[legacy_mode.VARIABLE] = "1"
    _flush_streams()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


class _ReadAtImport(_Option):
    """A flag whose variable the package has read already; it may name a release."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        return None


_legacy_option = _ReadAtImport(
    ["--legacy"],
    # Under this name only.
    envvar=legacy_mode.VARIABLE,
    allow_from_autoenv=False,
    help="Have the names that Flask had from 0.11 to 2.2 and has no longer.",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_set_legacy,
)


def _load_env_file(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> None:
    if value is not None:
        try:
            import dotenv  # noqa: F401
        except ImportError:
            raise click.BadParameter(
                "Reading a file of variables needs the package python-dotenv. Install"
                " it, or leave the option out.",
                ctx=ctx,
                param=param,
            ) from None

    defaults = ctx.obj.load_dotenv_defaults

    if value is not None or defaults:
        load_dotenv(value, load_defaults=defaults)


_env_file_option = _Option(
    ["-e", "--env-file"],
    type=click.Path(exists=True, dir_okay=False),
    help=(
        "Set environment variables from this file. It wins over '.env' and '.flaskenv';"
        " variables that are set already win over all. Needs python-dotenv."
    ),
    is_eager=True,
    expose_value=False,
    callback=_load_env_file,
)


class FlaskGroup(AppGroup):
    """A group with our commands, those of installed packages, and the application's.

    :param add_default_commands: add ``run``, ``shell`` and ``routes``.
    :param create_app: makes the application, instead of searching for it.
    :param add_version_option: add ``--version``.
    :param load_dotenv: read ``.env`` and ``.flaskenv``.
    :param set_debug_flag: set the application's debug mode as the environment says.
    :param extra: arguments of :class:`click.Group`.

    .. versionchanged:: 3.1
        ``-e PATH`` wins over the files that are read by default.

    .. versionchanged:: 2.2
        Added ``-A/--app``, ``-e/--env-file`` and ``--debug``; the commands of the
        application run in its context.

    .. versionchanged:: 1.0
        Reads dotenv files.
    """

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[..., Flask] | None = None,
        add_version_option: bool = True,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Any,
    ) -> None:
        # Options with callbacks, so that a program's own group callback loses nothing.
        # The file of variables is read first: it may say which application.
        params = [
            *(extra.pop("params", None) or ()),
            _env_file_option,
            _app_option,
            _debug_option,
        ]

        if add_version_option:
            params.append(version_option)

        settings = extra.setdefault("context_settings", {})
        settings.setdefault("auto_envvar_prefix", "FLASK")
        super().__init__(params=params, **extra)
        #: Makes the application, instead of searching for it; None to search.
        self.create_app = create_app
        #: Whether ``.env`` and ``.flaskenv`` are read.
        self.load_dotenv = load_dotenv
        #: Whether the application's debug mode is set as the environment says.
        self.set_debug_flag = set_debug_flag
        self._loaded_plugin_commands = False

        if add_default_commands:
            self.add_command(run_command)
            self.add_command(shell_command)
            self.add_command(routes_command)

    def _load_plugin_commands(self) -> None:
        if self._loaded_plugin_commands:
            return

        for entry_point in metadata.entry_points(group="flask.commands"):
            self.add_command(entry_point.load(), entry_point.name)

        self._loaded_plugin_commands = True

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a command by its name, asking the application last.

        Commands that need no application stay usable when it cannot be loaded.
        """
        self._load_plugin_commands()
        command = super().get_command(ctx, name)

        if command is not None:
            return command

        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
        except NoAppException as e:
            _echo_error(f"Error: {e.format_message()}")
            return None

        # Before the command's parameters are parsed, for their callbacks.
        if not current_app or current_app._get_current_object() is not app:  # type: ignore[attr-defined]
            ctx.with_resource(app.app_context())

        return app.cli.get_command(ctx, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands; a broken application only costs its own."""
        self._load_plugin_commands()
        names = set(super().list_commands(ctx))

        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
            names.update(app.cli.list_commands(ctx))
        except NoAppException as e:
            _echo_error(f"Error: {e.format_message()}")
        except Exception:
            # Help must be shown whatever the user's module does when imported.
            _echo_error(traceback.format_exc())

        return sorted(names)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        # Tells a call of app.run() at a module's top level to do nothing.
        os.environ["FLASK_RUN_FROM_CLI"] = "true"

        if "obj" not in extra and "obj" not in self.context_settings:
            extra["obj"] = ScriptInfo(
                create_app=self.create_app,
                set_debug_flag=self.set_debug_flag,
                load_dotenv_defaults=self.load_dotenv,
            )

        return super().make_context(info_name, args, parent=parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments; help lists the commands of the application that they name."""
        shows_help = not args and self.no_args_is_help
        names = self.get_help_option_names(ctx)

        if shows_help or (len(args) == 1 and args[0] in names):
            # Click shows this help without looking at the environment for options.
            _env_file_option.handle_parse_result(ctx, {}, [])
            _app_option.handle_parse_result(ctx, {}, [])

        return super().parse_args(ctx, args)


def _echo_error(message: str) -> None:
    click.secho(f"{message}\n", err=True, fg="red")


def load_dotenv(
    path: str | os.PathLike[str] | None = None, load_defaults: bool = True
) -> bool:
    """Set environment variables from files, where they are not set yet.

    A file that is passed wins over ``.env``, which wins over ``.flaskenv``; both are
    searched from the current folder upwards. Without python-dotenv nothing is read.

    :param path: a file to read.
    :param load_defaults: read ``.env`` and ``.flaskenv``.
    :return: whether any file had a variable.

    .. versionchanged:: 3.1
        Added ``load_defaults``; a path wins over the default files.

    .. versionchanged:: 2.0
        The current folder is not changed; files are read as UTF-8.

    .. versionadded:: 1.0
    """
    try:
        import dotenv
    except ImportError:
        if path or os.path.isfile(".env") or os.path.isfile(".flaskenv"):
            click.secho(
                " * There are files of environment variables, which are not read."
                " Install python-dotenv for that.",
                fg="yellow",
                err=True,
            )

        return False

    files: list[str | os.PathLike[str]] = []

    if load_defaults:
        found = (
            dotenv.find_dotenv(name, usecwd=True) for name in (".flaskenv", ".env")
        )
        files.extend(name for name in found if name)

    if path is not None and os.path.isfile(path):
        files.append(path)

    variables: dict[str, str | None] = {}

    for file in files:
        variables.update(dotenv.dotenv_values(file, encoding="utf-8"))

    for name, value in variables.items():
        if value is not None:
            os.environ.setdefault(name, value)

    return bool(variables)


# The commands


def show_server_banner(debug: bool, app_import_path: str | None) -> None:
    """Print what the development server serves, once and not in its reloads."""
    if is_running_from_reloader():
        return

    if app_import_path is not None:
        click.echo(f" * Serving Flask app '{app_import_path}'")

    if debug is not None:
        click.echo(f" * Debug mode: {'on' if debug else 'off'}")


class CertParamType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """The value of ``--cert``: a file, ``adhoc``, or where an ``SSLContext`` is."""

    name = "path"

    def __init__(self) -> None:
        #: What checks the path of a file.
        self.path_type = click.Path(exists=True, dir_okay=False, resolve_path=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        try:
            import ssl
        except ImportError:
            raise click.BadParameter(
                "'--cert' needs a Python that was built with SSL support.", ctx, param
            ) from None

        try:
            return self.path_type(value, param, ctx)
        except click.BadParameter:
            value = click.STRING(value, param, ctx).lower()

            if value == "adhoc":
                _require_cryptography(ctx, param)
                return value

            context = import_string(value, silent=True)

            if isinstance(context, ssl.SSLContext):
                return context

            raise


def _require_cryptography(
    ctx: click.Context | None, param: click.Parameter | None
) -> None:
    try:
        import cryptography  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
    except ImportError:
        raise click.BadParameter(
            "A certificate made on the spot needs the package cryptography. Install it,"
            " or pass a file.",
            ctx,
            param,
        ) from None


def _validate_key(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Join ``--key`` to ``--cert``: a certificate from a file needs it, others not."""
    cert = ctx.params.get("cert")
    needs_key = isinstance(cert, str) and cert != "adhoc"

    if value is None:
        if needs_key:
            raise click.BadParameter(
                "The certificate of '--cert' is a file and needs its key.", ctx, param
            )
    elif needs_key:
        ctx.params["cert"] = cert, value
    elif cert is None:
        raise click.BadParameter(
            "A key needs its certificate. Pass '--cert' too.", ctx, param
        )
    else:
        raise click.BadParameter(
            "The certificate of '--cert' has its key already. Leave '--key' out.",
            ctx,
            param,
        )


class SeparatedPathType(click.Path):
    """Paths separated as in ``PATH``, each checked as :class:`click.Path` would."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        convert = super().convert
        return [convert(item, param, ctx) for item in self.split_envvar_value(value)]


class WorkersParamType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """The value of ``--workers``: a number, or ``auto``."""

    name = "workers"

    def get_metavar(
        self, param: click.Parameter, ctx: click.Context | None = None
    ) -> str:
        return "[N|auto]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        if value == "auto":
            return value

        return click.IntRange(min=1).convert(value, param, ctx)


class _SecondsParamType(click.FloatRange):
    """A time."""

    def get_metavar(
        self, param: click.Parameter, ctx: click.Context | None = None
    ) -> str:
        return "SECONDS"


@click.command("run", short_help="Serve the application.")
@click.argument(
    "app",
    required=False,
    metavar="[MODULE:APP]",
    expose_value=False,
    callback=_set_app,
)
@_option("--host", "-h", default="127.0.0.1", help="The address to listen on.")
@_option("--port", "-p", default=5000, help="The port to listen on.")
@_option(
    "--workers",
    type=WorkersParamType(),
    default=1,
    help="How many processes; 'auto' is one per processor that is available.",
)
@_option(
    "--threads",
    type=click.IntRange(min=1),
    default=64,
    help="Most threads for waiting views in each process. 1: one request at a time.",
)
@_option(
    "--access-log/--no-access-log",
    default=True,
    help="Print a line for each request.",
)
@_option(
    "--keep-alive-timeout",
    "--keep-alive",
    type=_SecondsParamType(min=0, min_open=True),
    default=75,
    help="How long a connection without a request is kept.",
)
@_option(
    "--head-timeout",
    type=_SecondsParamType(min=0, min_open=True),
    default=60,
    help="How long the head of a request may take to come.",
)
@_option(
    "--body-timeout",
    type=_SecondsParamType(min=0, min_open=True),
    default=60,
    help="How long nothing may come of a body.",
)
@_option(
    "--body-rate",
    type=click.IntRange(min=0),
    metavar="BYTES",
    default=500,
    help="Bytes per second of a body, unless it is small. 0: as slowly as it comes.",
)
@_option(
    "--write-timeout",
    type=_SecondsParamType(min=0, min_open=True),
    default=60,
    help="How long a client may take nothing of an answer.",
)
@_option(
    "--linger-timeout",
    type=_SecondsParamType(min=0),
    default=30,
    help="How long a client that still sends after its last answer is listened to.",
)
@_option(
    "--graceful-timeout",
    type=_SecondsParamType(min=0),
    default=30,
    help="How long requests in flight are given to finish at the end.",
)
@_option(
    "--cert",
    type=CertParamType(),
    is_eager=True,
    help="Use HTTPS with this certificate (development server).",
)
@_option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    callback=_validate_key,
    expose_value=False,
    help="The key of the certificate.",
)
@_option(
    "--reload/--no-reload",
    default=None,
    show_default="on in debug mode",
    help="Restart when a file changes (development server).",
)
@_option(
    "--debugger/--no-debugger",
    default=None,
    show_default="on in debug mode",
    help="Show errors in the browser (development server).",
)
@_option(
    "--with-threads/--without-threads",
    default=True,
    help="Handle several requests at a time.",
)
@_option(
    "--extra-files",
    default=None,
    type=SeparatedPathType(),
    help=f"Further files to restart for, separated by {os.path.pathsep!r}.",
)
@_option(
    "--exclude-patterns",
    default=None,
    type=SeparatedPathType(),
    help=(
        "Patterns of files not to restart for, as in fnmatch, separated by"
        f" {os.path.pathsep!r}."
    ),
)
@pass_script_info
def run_command(
    info: ScriptInfo,
    /,
    host: str,
    port: int,
    workers: int | Literal["auto"],
    threads: int,
    access_log: bool,
    reload: bool | None,
    debugger: bool | None,
    with_threads: bool,
    cert: ssl.SSLContext | tuple[str, str | None] | Literal["adhoc"] | None,
    extra_files: list[str] | None,
    exclude_patterns: list[str] | None,
    **patience: float,
) -> None:
    """Serve the application until it is interrupted.

    MODULE:APP says which, as '--app' does. In debug mode, and with an option that only
    Werkzeug's development server has, that one runs instead of our own.
    """
    debug = get_debug_flag()

    if reload is None:
        reload = debug

    if debugger is None:
        debugger = debug

    if debug or reload or debugger or cert is not None:
        if workers != 1:
            raise click.UsageError(
                "The development server has one process. Leave '--workers' out, or turn"
                " off debug mode, the reloader, the debugger and '--cert'."
            )

        _run_development_server(
            info,
            host,
            port,
            use_reloader=reload,
            use_debugger=debugger,
            threaded=with_threads and threads != 1,
            ssl_context=cert,
            extra_files=extra_files,
            exclude_patterns=exclude_patterns,
        )
    else:
        _run_server(
            info,
            host,
            port,
            workers=workers,
            threads=threads if with_threads else 1,
            access_log=access_log,
            **patience,
        )


run_command.params.insert(
    0,
    _Option(
        ["--debug/--no-debug"],
        show_default="as FLASK_DEBUG says",
        help="Turn debug mode on or off.",
        expose_value=False,
        callback=_set_debug,
    ),
)


def _run_server(info: ScriptInfo, host: str, port: int, **options: Any) -> None:
    """Serve with our own server, each of whose workers loads the application."""
    from .server import LoadError, Settings, serve_loaded

    def load() -> Flask:
        try:
            return info.load_app()
        except NoAppException as e:
            raise LoadError(f"Error: {e.format_message()}") from e

    try:
        settings = Settings(host=host, port=port, **options)
    except ValueError as e:
        raise click.UsageError(str(e)) from e

    if settings.worker_count == 1:
        # Loaded here and now, so that what goes wrong is reported as by any command.
        info.load_app()

    serve_loaded(load, settings, name=info.app_import_path)


def _run_development_server(
    info: ScriptInfo, host: str, port: int, **options: Any
) -> None:
    try:
        app: WSGIApplication = info.load_app()
    except Exception as e:
        if not is_running_from_reloader():
            raise

        # The reloader waits for the next change meanwhile.
        traceback.print_exc()
        app = _raise_in_requests(e)

    show_server_banner(get_debug_flag(), info.app_import_path)
    run_simple(host, port, app, **options)


def _raise_in_requests(error: Exception) -> WSGIApplication:
    """Return an application that raises, in each request, why there is no other."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> NoReturn:
        raise error from None

    return app


@click.command("shell", short_help="Start a shell with the application.")
@with_appcontext
def shell_command() -> None:
    """Start an interactive Python shell in the context of the application.

    It has the names that the application's shell context processors return.
    """
    import code

    names: dict[str, Any] = {}
    startup = os.environ.get("PYTHONSTARTUP")

    # What the plain interpreter would run.
    if startup and os.path.isfile(startup):
        with open(startup) as f:
            exec(compile(f.read(), startup, "exec"), names)

    names.update(current_app.make_shell_context())
    _set_up_completion(names)
    code.interact(
        banner=(
            f"Python {sys.version} on {sys.platform}\n"
            f"App: {current_app.import_name}\n"
            f"Instance: {current_app.instance_path}"
        ),
        local=names,
    )


def _set_up_completion(names: dict[str, Any]) -> None:
    """Do what the plain interpreter does when it becomes interactive."""
    interactive_hook = getattr(sys, "__interactivehook__", None)

    if interactive_hook is None:
        return

    try:
        import readline
        from rlcompleter import Completer
    except ImportError:
        # Without readline there is no completion to set up.
        pass
    else:
        # It would complete the names of __main__, which is this program.
        readline.set_completer(Completer(names).complete)

    interactive_hook()


@click.command("routes", short_help="Show the routes of the application.")
@_option(
    "--sort",
    "-s",
    type=click.Choice(("endpoint", "methods", "domain", "rule", "match")),
    default="endpoint",
    help="Column to sort by; 'match' is the order in which rules are tried.",
)
@_option("--all-methods", is_flag=True, help="Show HEAD and OPTIONS too.")
@with_appcontext
def routes_command(sort: str, all_methods: bool) -> None:
    """Show the rules of the application with their endpoints and methods."""
    rules = list(current_app.url_map.iter_rules())

    if not rules:
        click.echo("No routes were registered.")
        return

    domain = "host" if current_app.url_map.host_matching else "subdomain"
    hidden = set() if all_methods else {"HEAD", "OPTIONS"}
    columns = {
        "endpoint": ("Endpoint", [rule.endpoint for rule in rules]),
        "methods": (
            "Methods",
            [", ".join(sorted((rule.methods or set()) - hidden)) for rule in rules],
        ),
        "domain": (domain.title(), [getattr(rule, domain) or "" for rule in rules]),
        "rule": ("Rule", [rule.rule for rule in rules]),
    }

    if not any(columns["domain"][1]):
        del columns["domain"]

    rows = list(zip(*(values for _, values in columns.values()), strict=True))

    if sort in columns:
        rows.sort(key=itemgetter(list(columns).index(sort)))

    _echo_table([title for title, _ in columns.values()], rows)


@click.command(
    "exec",
    short_help="Run a program in which 'import flask' gives BustAPI.",
    # What stands behind COMMAND is its own.
    context_settings={"allow_interspersed_args": False},
)
@click.argument("command")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def exec_command(ctx: click.Context, command: str, arguments: Sequence[str]) -> None:
    """Run COMMAND with its ARGUMENTS in the place of this process.

    In it, and in the Python programs that it starts, 'import flask' gives this package.
    For example: bustapi exec gunicorn app:app

    Programs of this environment go before others of the same name, and a program of
    another Python, where the package may be missing, is refused.
    """
    environ = _interpreters.with_own_programs(os.environ)
    environ[bustapi_alias.VARIABLE] = "1"
    # It is not this command line that serves: app.run() is to work.
    environ.pop("FLASK_RUN_FROM_CLI", None)

    if not bustapi_alias.is_read_at_startup():
        click.echo(
            "Warning: 'bustapi_alias.pth' is not installed, so the variable"
            f" {bustapi_alias.VARIABLE} has no effect here. Install bustapi with pip"
            " rather than through PYTHONPATH.",
            err=True,
        )

    program = _interpreters.find(command, environ) or command
    python = _interpreters.python_of(program, environ)

    try:
        if python and not _interpreters.is_this_python(python, environ):
            click.echo(f"Error: {_about_another(program, python)}", err=True)
            ctx.exit(126)

        _flush_streams()
        os.execvpe(program, [command, *arguments], environ)
    except OSError as e:
        # As shells do: 127 when there is no such command, 126 when it cannot be run.
        missing = isinstance(e, FileNotFoundError | NotADirectoryError)
        reason = e.strerror

        if python and python != program and missing:
            reason = f"Its interpreter {python!r} does not exist; install it again"
        elif command.endswith(".py") and os.path.isfile(command):
            reason = f"{reason}. Write 'bustapi exec python {command}'"

        click.echo(f"Error: Cannot run {command!r}: {reason}.", err=True)
        ctx.exit(127 if missing else 126)


def _about_another(program: str, python: str) -> str:
    """Return why a program of another Python is not run, and what to do."""
    own = sys.executable

    if program == python:
        return (
            f"{program!r} is another Python than {own!r}, and need not have this"
            f" package. Say {os.path.basename(own)!r} for this one."
        )

    return (
        f"{program!r} runs on another Python, {python!r}, which need not have this"
        f" package. Install it for {own!r} as well. If it is only to start other"
        f" programs, call it with {bustapi_alias.VARIABLE}=1 in the environment and"
        " without 'bustapi exec'."
    )


def _flush_streams() -> None:
    """Write out what is held back before another program takes this one's place."""
    for stream in (sys.stdout, sys.stderr):
        # A service may have been started without them.
        if stream is not None:
            stream.flush()


def _echo_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    rows = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])

    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells))


cli = FlaskGroup(
    name="bustapi",
    help="""\
Serve applications and run their commands.

Say which application with the '--app' option or the 'FLASK_APP' environment variable,
or have a file 'wsgi.py' or 'app.py' in the current folder.
""",
)


# Not in every FlaskGroup: programs have command lines of their own.
cli.add_command(exec_command)
cli.params.append(_legacy_option)

for _command in (run_command, shell_command, routes_command, exec_command):
    _command.params.append(_legacy_option)


def main() -> None:
    """Run the command line, with ``import flask`` meaning this package.

    So it does in the processes that are started from here, by the reloader for example.
    """
    try:
        bustapi_alias.install()
    except RuntimeError as e:
        sys.exit(f"Error: {e}")

    os.environ[bustapi_alias.VARIABLE] = "1"
    cli.main(prog_name="bustapi")
