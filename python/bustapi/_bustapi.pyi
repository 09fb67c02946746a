"""The extension module: parser, routing index, connections and threads of the server.

This stub is the contract between the Rust half and the Python half. It changes in the
same commit as the Rust signature, and ``stubtest`` compares the two.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from io import RawIOBase
from types import ModuleType
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, final, overload

from werkzeug.exceptions import ClientDisconnected

_T = TypeVar("_T")

__version__: str
"""Version of the package itself (``bustapi.__version__`` is Flask's API version)."""

# What an edge hands back for one request.
#
# ``(int, bytes, bytes)``: status code; the response head without ``Content-Length``,
#   ``Date`` and the final empty line, that is ``HTTP/1.1 200 OK\r\nContent-Type: …\r\n``,
#   made by this package and known to be well formed; the whole body. The core adds
#   ``Content-Length`` right after the template's fields, then ``Date``.
# ``(str, list[tuple[str, str]], body)``: the WSGI pair and a body, which is ``bytes``, a
#   ``FileBody`` or ``FileWrapper``, or any iterable of ``bytes`` with an optional
#   ``close()``. The core checks and encodes the fields.
Wire: TypeAlias = tuple[int, bytes, bytes] | tuple[str, list[tuple[str, str]], Any]

class Handler(Protocol):
    """What the core calls; ``bustapi.server`` builds it around an application."""

    def respond(self, head: RequestHead, body: Body | None) -> Wire:
        """Answer one request. Called on the thread and in the Context of the request.

        A ``BaseException`` that leaves it is logged through ``log_exception`` and
        answered with a bare 500.
        """

    def body_limit(self) -> int | None:
        """Return how many bytes of a body are collected, asked per large body.

        A view whose request has a larger one reads it while it comes, if its request
        takes it. None for no limit.
        """

    def log_exception(self, head: RequestHead | None, error: BaseException) -> None:
        """Log an error that no part of the application handled."""

@final
class RuleIndex:
    """Rules that can be matched natively; everything else is declined.

    One object per application. ``rebuild`` replaces the content, and each call raises
    ``generation`` by one; a new object declines everything.
    """

    generation: int
    complete: bool
    """Whether every rule of the map is indexed, so that a miss is known to be a miss."""

    def __new__(cls) -> RuleIndex: ...
    def rebuild(
        self,
        states: Sequence[
            tuple[
                dict[str, int],
                list[tuple[list[tuple[str, Any]] | None, bool, bool, int]],
                list[int],
            ]
        ],
        rules: Sequence[
            tuple[
                Any,
                frozenset[str] | None,
                bool,
                bool,
                list[tuple[str, str, Any]] | None,
            ]
        ],
        complete: bool,
        *,
        streaming: Set[int] = ...,
        threaded: Set[int] = ...,
        may_stream: bool = False,
        may_be_threaded: bool = False,
    ) -> None:
        """Replace the content with a picture of Werkzeug's state machine.

        :param states: per state its static transitions (segment to state number), its
            dynamic ones in Werkzeug's order as ``(pieces, final, suffixed, state)``, and
            the numbers of the rules that end there. State 0 follows a path's first
            slash, and every transition leads to a higher number, each state but the
            first being led to once. A piece is ``("literal", text)``,
            ``("string", (least, most or None))``, ``("int", signed)``,
            ``("float", signed)``, ``("uuid", None)``, ``("any", items)`` or
            ``("path", None)``. Pieces of None are opaque: a search that reaches them
            declines.
        :param rules: per rule the Werkzeug rule object (handed back on a hit), its
            methods (None: all), ``strict_slashes``, ``websocket``, and per argument
            ``(name, conversion, options)``, where the conversion is ``"str"``,
            ``"int"`` with ``(fixed_digits, min, max)``, ``"float"`` with
            ``(min, max)``, or ``"uuid"``. Arguments of None: a hit declines.
        :param streaming: numbers of the rules whose requests are answered while their
            body is still coming.
        :param threaded: numbers of the rules whose views are not to run on the thread of
            the event loop.
        :param may_stream: whether a request that is declined may belong to a rule that
            streams, and is therefore treated alike.
        :param may_be_threaded: the same for threaded rules.
        :raises ValueError: when the numbers or names are not as said; the index is
            empty then.
        """

    def find(self, path: str, method: str) -> tuple[Any, dict[str, Any]] | None:
        """Return the rule object and the view's arguments, or None to decline.

        :param path: decoded path with its leading slash, as Werkzeug would be given it.
        """

@final
class lazy_attribute(Generic[_T]):
    """An attribute that is built when it is first read.

    In all else it is one that has been in the instance from the beginning: it can be set
    and deleted, and its value is in the ``__dict__`` once it was looked at.

    :param build: returns the value for an instance; its name is the attribute's.
    """

    build: Callable[[Any], _T]

    def __new__(cls, build: Callable[[Any], _T]) -> lazy_attribute[_T]: ...
    @overload
    def __get__(
        self, instance: None, owner: type | None = None, /
    ) -> lazy_attribute[_T]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> _T: ...
    def __set__(self, instance: object, value: _T, /) -> None: ...
    def __delete__(self, instance: object, /) -> None: ...

@final
class Globals:
    """Global names of several modules; true while all are the objects that they were.

    A name that a module lacks may be watched too: it must go on to lack it.

    :param names: per module the names to watch.
    """

    def __new__(cls, names: dict[ModuleType, set[str]]) -> Globals: ...
    def __bool__(self) -> bool: ...

@final
class Originals:
    """Attributes of several classes; true while all are the objects that they were.

    :param names: per class the names to watch.
    """

    def __new__(cls, names: dict[type, set[str]]) -> Originals: ...
    def __bool__(self) -> bool: ...

@final
class SignedJSON:
    """Signs and reads tagged JSON as an ``itsdangerous.URLSafeTimedSerializer`` does.

    It does so for SHA-1, plain values and the tags that a ``TaggedJSONSerializer`` begins
    with; whatever else comes is handed back, and Python decides.

    :param keys: derived keys. The first one signs, each of them verifies.
    :param order: the tags in the order of their checks.
    :param tags: the tags by their keys.
    :param types: classes whose exact instances a tag writes as a string, with the tag.
    """

    def __new__(
        cls,
        keys: Sequence[bytes],
        order: list[Any],
        tags: dict[str, Any],
        types: dict[type, Any],
    ) -> SignedJSON: ...
    def has_tags(self, order: object, tags: object, /) -> bool:
        """Return whether a serializer has the very tags that this was made for."""

    def dumps(
        self,
        value: object,
        ensure_ascii: object,
        sort_keys: object,
        time: object,
        compress: Callable[[bytes], Any],
        /,
    ) -> str | None:
        """Return a value signed at a time, None where Python is to do it.

        :param compress: the interpreter's ``zlib.compress``.
        """

    def loads(
        self,
        text: object,
        max_age: object,
        now: object,
        decompress: Callable[[bytes], Any],
        /,
    ) -> Any:
        """Return the value that was signed at most ``max_age`` seconds ago.

        ``NotImplemented`` where Python is to judge, which may find it valid. What has no
        valid signature is not read.
        """

@final
class Unpatched:
    """The objects, told by ``in``, for which nobody has replaced a set of attributes.

    ``instance in unpatched`` is true when the class of ``instance`` has under each name
    the very object given, and the instance itself has none of the names in ``own``.

    :param attributes: names, and what a class must have under them.
    :param own: names that an instance must not have in its ``__dict__``.
    :param usual: an instance with the usual attributes. Others with as many are not
        asked for their ``__dict__``.
    """

    def __new__(
        cls,
        attributes: dict[str, Any],
        own: Sequence[str] = ...,
        usual: object | None = None,
    ) -> Unpatched: ...
    def __contains__(self, instance: object, /) -> bool: ...

@final
class RequestHead:
    """Start line and header fields of one request, as received; strings are made on demand."""

    method: str
    path: str
    """Percent-decoded path (UTF-8, undecodable bytes replaced as Werkzeug does)."""
    query_string: bytes
    target: str
    """Request target as it came (``RAW_URI``), Latin-1."""
    protocol: str
    """``HTTP/1.1`` or ``HTTP/1.0``."""
    scheme: str
    host: str | None
    cookie: str | None
    """All ``Cookie`` fields joined by ``"; "``, or None."""
    is_upgrade: bool
    """Whether an ``Upgrade`` field came."""
    remote_addr: str | None
    remote_port: int | None
    hit: tuple[Any, dict[str, Any]] | None
    """Rule and arguments that the index found, or None: declined."""
    generation: int
    """Generation of the index that was asked."""

    def header(self, name: str) -> str | None:
        """Return a field by its name in any case; several are joined by commas as in WSGI."""

    def fields(self) -> list[tuple[str, str]]:
        """Return all fields in order, values as Latin-1 text."""

    def environ(self) -> dict[str, Any]:
        """Return a new WSGI environ (PEP 3333) without ``wsgi.input``.

        Fields whose name has an underscore and ``Proxy`` are left out. ``CONTENT_LENGTH``
        is as the client sent it; ``wsgi.input_terminated`` is True;
        ``wsgi.multithread`` and ``wsgi.multiprocess`` are those of the worker.
        """

@final
class Body(RawIOBase):
    """The request body, readable as ``wsgi.input``: a raw file that can only be read.

    Collected in memory or in an unlinked temporary file before the view runs, or read
    from the connection while it runs; a body that the client cut short raises
    ``BodyError`` instead of ending early.
    """

    length: int | None
    """Bytes that came, None while a streamed body is still being read."""

    def read(self, size: int | None = -1, /) -> bytes: ...
    def readline(self, size: int | None = -1, /) -> bytes: ...
    def readlines(self, hint: int | None = -1, /) -> list[bytes]: ...
    def read1(self, size: int | None = -1, /) -> bytes:
        """Return what is there without waiting for more, at most ``size`` bytes."""

    def readinto(self, buffer: Any, /) -> int: ...
    def getvalue(self) -> bytes | None:
        """Return the whole body without consuming it when it is held in memory, else None."""

    def close(self) -> None:
        """Mark the body as closed. Its bytes can still be read, as of Flask's stream."""

class BodyError(ClientDisconnected, ConnectionError):
    """The request body ended early or broke the protocol."""

@final
class FileWrapper:
    """``wsgi.file_wrapper`` of PEP 3333: a file that the server sends without copying it.

    Sent from the file's current position with ``sendfile`` when the object is what
    ``open(…, "rb")`` or ``tempfile`` returns and its file is a regular one. Any other
    object is read in blocks, whatever its ``fileno()`` says. Also iterable.
    """

    def __new__(cls, filelike: Any, blksize: int = 8192, /) -> FileWrapper: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    def close(self) -> None: ...
    def seekable(self) -> bool: ...
    def seek(self, *args: int) -> None: ...
    def tell(self) -> int: ...

@final
class Worker:
    """One event loop with its listening sockets, view threads and completion queue."""

    def __new__(
        cls,
        handler: Handler,
        listeners: Sequence[int],
        spawn: Callable[[str], None],
        *,
        neighbours: Sequence[int] = ...,
        calls: int | None = None,
        index: RuleIndex | None = None,
        threads: int = 64,
        stream_threads: int = 1000,
        multiprocess: bool = False,
        access_log_fd: int | None = None,
        server_name: str = "127.0.0.1",
        server_port: int = 5000,
        spool_directory: str | None = None,
        spool_budget: int = 1073741824,
        head_timeout: float = 60.0,
        keep_alive_timeout: float = 75.0,
        body_timeout: float = 60.0,
        body_rate: int = 500,
        write_timeout: float = 60.0,
        linger_timeout: float = 30.0,
        max_connections: int | None = None,
    ) -> Worker:
        """
        :param listeners: file descriptors of listening sockets; duplicated, not taken over.
        :param neighbours: the same of all workers; connections are taken from them only
            when a number of 16 bits that ``calls``, the end of a pipe, gives names one.
        :param spawn: called with ``"hot"``, ``"view"`` or ``"stream"`` when another thread
            is wanted; it starts a daemon ``threading.Thread`` whose target is
            :meth:`run_hot`, :meth:`run_view` or :meth:`run_stream`.
        :param threads: most view threads. 1: one request at a time, all on the thread
            that calls :meth:`run_view`, no inline calls.
        :param spool_directory: where bodies above 1 MiB are kept in files without a name
            until their view runs; the system's temporary directory by default.
        :param spool_budget: bytes that these files may hold together. A body that would
            pass it is read by its view while it comes.
        :param head_timeout: seconds, as the other times, see
            :class:`bustapi.server.Settings`.
        """

    def run_hot(self) -> None:
        """Lead the loop, or stand by to take it over from a thread whose view lasts.

        Target of the first hot thread and of each other one that ``spawn`` is asked for;
        returns at the end, or when enough threads stand by.
        """

    def run_view(self) -> None:
        """Serve requests handed over by the loop; returns when idle for long or at the end."""

    def run_stream(self) -> None:
        """Like :meth:`run_view`, for streams and streamed request bodies."""

    def drain(self, grace: float = 30.0) -> None:
        """Stop accepting, finish what is in flight for up to ``grace`` seconds, end the loop.

        Returns at once; callable from any thread and from a signal handler.
        """

    def stop(self) -> None:
        """End now: what is in flight is cut."""

    def _inject_fault(self, point: str, times: int) -> None:
        """Have the core panic the next times that it comes to a point, for tests.

        :param point: ``"read"``, ``"parse"``, ``"dispatch"``, ``"view"``, ``"piece"``,
            ``"encode"`` or ``"note"``.
        """

    def wait(self, timeout: float | None = None) -> bool:
        """Wait without the interpreter until the loop has ended; signal handlers run.

        Returns True once it has ended.
        """

    def stats(self) -> dict[str, int]:
        """Counters: connections open and accepted, requests, threads by kind, in flight.

        ``connections_open``, ``connections_accepted``, ``requests``,
        ``requests_refused`` (malformed or too slow), ``requests_in_flight`` (with or
        waiting for another thread than the hot one), ``requests_queued``,
        ``view_threads``, ``stream_threads``, ``log_lines_dropped``.
        """

def find_cookie(field: str, name: object, /) -> Any:
    """Return the value of the first cookie of a name in a ``Cookie`` field.

    None without one, and ``NotImplemented`` where Werkzeug is to parse the field.
    """

def read_json(text: str | bytes, otherwise: Callable[[Any], Any], /) -> Any:
    """Return what JSON text stands for.

    :param otherwise: called with what is not read here, errors among it.
    """

def write_json(
    value: object,
    ensure_ascii: object,
    sort_keys: object,
    options: dict[str, Any],
    end: str | None = None,
    /,
) -> str | None:
    """Return the text that ``json.dumps`` gives for a value, None where it is to be asked.

    It is asked for whatever is not exactly of a builtin type, and for what is an error.

    :param options: further options of ``json.dumps``. Written here are an empty
        dictionary, ``separators=(",", ":")`` and ``indent=2``.
    :param end: text after the value.
    """

def exchange(
    handler: Handler, data: bytes, *, index: RuleIndex | None = None, split: int = 0
) -> bytes:
    """Answer the bytes of one connection without a socket, through the real parser and encoder.

    :param split: feed the input in pieces of so many bytes (0: whole).
    :return: everything the server would have written, up to where it would close.
    """

def parse_request(data: bytes, *, split: int = 0) -> list[tuple[str, Any]]:
    """Parse the bytes of one connection and return what the parser saw, for differential tests.

    Events: ``("head", {"method", "target", "version", "fields"})``, ``("body", bytes)``,
    ``("end", trailers)``, ``("error", (status, reason))``, ``("incomplete", None)``.
    """
