"""Requests that nobody thought of are answered as Flask answers them."""

from __future__ import annotations

import json
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from questions import Question
from sides import EDGES, Sides, difference

# Deterministic and few, so that the suite is as quick and as sure every day. Raise
# ``max_examples`` and drop ``derandomize`` to look for more.
bounded = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]

# What URLs are made of: parts of the rules, and what makes a difference to a matcher.
PIECES = st.sampled_from(
    [
        *("a", "b", "c", "d", "e", "f", "g", "h", "m", "q", "r", "x", "class", "base"),
        *("1", "2", "01", "-1", "1.5", "99999999999999999999", "xy", "last", "late"),
        *("multi", "one", "mount", "stacked", "static", "style.css", "v.json", "page"),
        *("..", ".", "", "%2F", "%2e%2e", "%00", "%FF", "%C3%BC", "%41", "%", "%zz"),
        *("a%20b", "a+b", "a;b=c", "*", "~", "%C3%A4"),
        *("%E2%98%83", "%F0%9F%98%80", "%ED%A0%80", "%c3%28", "%5C", "%3F", "%23"),
    ]
)

PATHS = st.lists(PIECES, max_size=5).map(lambda pieces: "/" + "/".join(pieces))

TEXT = st.text(max_size=8).map(lambda text: quote(text, errors="surrogatepass"))

RAW = st.text(alphabet="ab1=&;%+/?[]", max_size=12)

PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", "ü", ""]), st.text(max_size=6)))

FORMS = PAIRS.map(
    lambda pairs: "&".join(f"{quote(k)}={quote(v, errors='replace')}" for k, v in pairs)
)

QUERIES = st.one_of(st.just(""), RAW, TEXT, FORMS).map(lambda q: f"?{q}" if q else "")

# Printable ASCII, and the letters of Latin-1: what a field value may hold.
VALUES = st.text(
    alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20
).map(str.strip)

TOKENS = st.text(alphabet="abcdefgXYZ019-_=;,.\"' /*", max_size=16).map(str.strip)

FIELDS = st.one_of(
    st.tuples(
        st.sampled_from(
            [
                *(
                    "Accept",
                    "Accept-Language",
                    "Accept-Charset",
                    "User-Agent",
                    "Referer",
                ),
                *("If-None-Match", "If-Match", "If-Range", "Cache-Control", "Origin"),
                *("X-Forwarded-For", "X-Own", "Authorization", "Pragma", "Content-MD5"),
            ]
        ),
        VALUES,
    ),
    st.tuples(st.just("Cookie"), TOKENS),
    st.tuples(
        st.sampled_from(["If-Modified-Since", "If-Unmodified-Since", "Date"]),
        st.sampled_from(
            [
                *("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"),
                *("Friday, 01-Jan-99 00:00:00 GMT", "yesterday", "", "0"),
            ]
        ),
    ),
    st.tuples(
        st.just("Range"),
        st.one_of(
            st.sampled_from(["bytes=0-", "bytes=-1", "bytes=2-1", "bytes=0-0,2-3"]),
            TOKENS.map(lambda text: f"bytes={text}"),
        ),
    ),
    st.tuples(
        st.just("Authorization"),
        st.one_of(
            VALUES.map(lambda v: f"Basic {v}"), VALUES.map(lambda v: f"Digest {v}")
        ),
    ),
)

HOSTS = st.sampled_from(
    [
        "localhost",
        "localhost:80",
        "example.com:8080",
        "EXAMPLE.com",
        "[::1]:5000",
        "a.b",
    ]
).map(lambda host: ("Host", host))

BYTES = st.binary(max_size=40).map(lambda content: content.decode("latin-1"))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
).map(json.dumps)

PARTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *('name="a"', 'name="f"; filename="x.txt"', "name=b", 'name="f"'),
                *('name="f"; filename=""', "filename=x", 'name="a\\"b"', ""),
                "name=\"f\"; filename*=UTF-8''%C3%BC",
            ]
        ),
        st.sampled_from(
            ["", "Content-Type: text/plain\r\n", "X-A: b\r\n", "broken\r\n"]
        ),
        BYTES,
    ),
    max_size=5,
)


@st.composite
def multiparts(draw: st.DrawFn) -> str:
    """Return a multipart body, whole or cut off somewhere."""
    body = "".join(
        f"--b\r\nContent-Disposition: form-data; {name}\r\n{more}\r\n{content}\r\n"
        for name, more, content in draw(PARTS)
    )
    body += draw(st.sampled_from(["--b--\r\n", "--b--", "--b", "", "\r\n"]))
    return body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body


TYPES = st.sampled_from(
    [
        *("", "text/plain", "text/plain; charset=latin-1", "application/octet-stream"),
        *(
            "application/json",
            "application/x+json",
            "nonsense",
            "a/b; c",
            "multipart/x",
        ),
    ]
)

BODIES = st.one_of(
    st.tuples(st.just("application/x-www-form-urlencoded"), FORMS | RAW | BYTES),
    st.tuples(st.just("application/json"), JSON | BYTES),
    st.tuples(st.just("multipart/form-data; boundary=b"), multiparts()),
    st.tuples(TYPES, FORMS | JSON | BYTES | multiparts()),
)


def is_unconditional(field: tuple[str, str]) -> bool:
    """Return whether a field is none of those that the page of differences tells of."""
    name, _ = field
    return name != "Range" and not name.startswith("If-")


def assert_alike(sides: Sides, question: Question) -> None:
    expected = sides.flask.ask(question)

    for edge in EDGES:
        found = difference(sides.of(edge).ask(question), expected, question, edge)
        assert found is None, f"over {edge}: {found}"


@bounded
@given(
    method=st.sampled_from(METHODS),
    path=PATHS,
    query=QUERIES,
    app=st.sampled_from(["routing", "routing", "blueprints", "main"]),
)
def test_any_path_is_routed_as_by_flask(
    sides: Sides, method: str, path: str, query: str, app: str
) -> None:
    assert_alike(sides, Question(method, path + query, app=app))


@bounded
@given(
    query=QUERIES,
    fields=st.lists(FIELDS, max_size=4),
    host=st.none() | HOSTS,
)
def test_any_head_is_read_as_by_flask(
    sides: Sides,
    query: str,
    fields: list[tuple[str, str]],
    host: tuple[str, str] | None,
) -> None:
    fields = [*fields, host] if host else fields

    assert_alike(sides, Question("GET", f"/echo{query}", fields))


@bounded
@given(
    path=st.sampled_from(["/weak-tag", "/ranged"]),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    fields=st.lists(FIELDS, max_size=3),
)
def test_any_condition_that_a_view_judges_is_judged_as_by_flask(
    sides: Sides, path: str, method: str, fields: list[tuple[str, str]]
) -> None:
    assert_alike(sides, Question(method, path, fields, app="values"))


@bounded
@given(
    path=st.sampled_from(["/css", "/bytes-etag", "/css-modified", "/bytes", "/from/x"]),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    fields=st.lists(FIELDS.filter(is_unconditional), max_size=3),
)
def test_any_file_is_sent_as_by_flask(
    sides: Sides, path: str, method: str, fields: list[tuple[str, str]]
) -> None:
    assert_alike(sides, Question(method, path, fields, app="sending"))


@bounded
@given(
    path=st.sampled_from(
        ["form", "data-first", "data-after", "text", "stream", "lines"]
    ),
    body=BODIES,
    is_chunked=st.booleans(),
    limit=st.sampled_from([None, 30]),
)
def test_any_body_is_read_as_by_flask(
    sides: Sides,
    path: str,
    body: tuple[str, str],
    is_chunked: bool,
    limit: int | None,
) -> None:
    mimetype, content = body
    fields = [("Content-Type", mimetype)] if mimetype else []
    fields += [("Transfer-Encoding", "chunked")] if is_chunked else []
    config = {"MAX_CONTENT_LENGTH": limit, "MAX_FORM_PARTS": 3} if limit else {}

    assert_alike(
        sides, Question("POST", f"/{path}", fields, content, "uploads", config)
    )


@bounded
@given(body=BODIES, path=st.sampled_from(["json", "json/force", "json/silent"]))
def test_any_json_is_read_as_by_flask(
    sides: Sides, body: tuple[str, str], path: str
) -> None:
    mimetype, content = body
    fields = [("Content-Type", mimetype)] if mimetype else []

    assert_alike(sides, Question("POST", f"/{path}", fields, content, "uploads"))


@bounded
@given(
    cookie=st.one_of(
        TOKENS,
        TOKENS.map(lambda text: f"session={text}"),
        st.tuples(TOKENS, TOKENS).map(
            lambda pair: f"{pair[0]}=1; session=e30.{pair[1]}"
        ),
    ),
    path=st.sampled_from(["/read", "/untouched", "/do/set", "/do/clear", "/do/in"]),
)
def test_any_cookie_opens_the_session_that_flask_opens(
    sides: Sides, cookie: str, path: str
) -> None:
    config = {"SECRET_KEY": "k"}

    assert_alike(
        sides, Question("GET", path, [("Cookie", cookie)], None, "sessions", config)
    )
