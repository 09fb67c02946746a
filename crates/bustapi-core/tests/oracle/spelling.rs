//! Valid requests in many spellings, with what they mean, and changes that may make them
//! invalid.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::outcome::{Fields, Request, add_field};

/// Bytes of a request, what they mean, and whether its client wants the connection kept.
#[derive(Clone, Debug)]
pub struct Spelt {
    pub bytes: Vec<u8>,
    pub request: Request,
    pub keep_alive: bool,
}

pub fn spelt() -> impl Strategy<Value = Spelt> {
    let start = (0..3usize, start_line(), any::<bool>());
    // RFC 9112 3.2: HTTP/1.0 needs no Host.
    let host = (host(), any::<bool>(), any::<Index>());
    let fields = (
        option::of(select(CONNECTIONS)),
        vec(field(), 0..5),
        any::<bool>(),
    );
    (start, host, fields, body()).prop_map(|(start, host, fields, body)| {
        let (empty_lines, (method, target, (authority, path, query)), is_http_11) = start;
        let (host, has_host, place) = host;
        let (connection, mut lines, expects) = fields;
        // RFC 9112 6.1: HTTP/1.0 has no transfer codings.
        let body = match body {
            Body::Chunked { .. } if !is_http_11 => Body::None,
            body => body,
        };

        let connection_lines = connection.iter().flat_map(|(lines, _)| *lines);
        lines.extend(connection_lines.map(|(name, value)| Line::of(name, value)));
        lines.extend(expects.then(|| Line::of("Expect", "100-continue")));
        lines.extend(body.field());
        if is_http_11 || has_host {
            lines.insert(place.index(lines.len() + 1), host);
        }

        let mut bytes = b"\r\n".repeat(empty_lines);
        let version = if is_http_11 { "HTTP/1.1" } else { "HTTP/1.0" };
        bytes.extend_from_slice(format!("{method} {target} {version}\r\n").as_bytes());
        let fields = Line::write_all(&lines, &mut bytes);
        let (content, trailers) = body.write(&mut bytes);
        let keep_alive = connection.and_then(|(_, keep_alive)| keep_alive);
        Spelt {
            bytes,
            request: Request {
                method,
                authority,
                path,
                query,
                is_http_11,
                fields,
                body: content,
                trailers,
            },
            keep_alive: keep_alive.unwrap_or(is_http_11),
        }
    })
}

const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PURGE",
];

const HOSTS: &[&str] = &[
    "a",
    "a.example",
    "A-b~1_",
    "127.0.0.1",
    "[::1]",
    "a.example.",
];

const NAMES: &[&str] = &[
    "Accept",
    "cookie",
    "COOKIE",
    "content-type",
    "Upgrade",
    "TE",
    "X-a",
    "x-A",
];

const TOKEN: &str = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}";

/// Authority, path and query.
type Target = (Option<String>, String, Option<String>);

/// Method, target and its parts.
fn start_line() -> impl Strategy<Value = (String, String, Target)> {
    let method = prop_oneof![
        6 => select(METHODS).prop_map(str::to_owned),
        // Not a standard one in other letters, which is another matter.
        2 => TOKEN.prop_map(|token| format!("X{token}")),
    ];
    let path = "/([a-zA-Z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}){0,12}";
    let query = || option::of("([a-zA-Z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2}){0,12}");
    let mark = |query: &Option<String>| query.iter().map(|query| format!("?{query}")).collect();
    let origin = (method.clone(), path, query()).prop_map(move |(method, path, query)| {
        let mark: String = mark(&query);
        (method, format!("{path}{mark}"), (None, path, query))
    });
    let scheme = select(&["http", "https", "HTTP", "Https"][..]);
    let absolute = (method, scheme, authority(), option::of(path), query()).prop_map(
        move |(method, scheme, authority, path, query)| {
            let mark: String = mark(&query);
            let written = path.clone().unwrap_or_default();
            let target = format!("{scheme}://{authority}{written}{mark}");
            // RFC 9110 4.2.3: an empty path is "/".
            (
                method,
                target,
                (Some(authority), path.unwrap_or("/".to_owned()), query),
            )
        },
    );
    let connect = ("[a-z.]{1,8}:[1-9][0-9]{0,3}").prop_map(|authority| {
        let target = (Some(authority.clone()), String::new(), None);
        ("CONNECT".to_owned(), authority, target)
    });
    let asterisk = (
        "OPTIONS".to_owned(),
        "*".to_owned(),
        (None, "*".to_owned(), None),
    );
    prop_oneof![8 => origin, 3 => absolute, 1 => connect, 1 => Just(asterisk)]
}

fn authority() -> impl Strategy<Value = String> {
    (select(HOSTS), option::of(1..=65_535u16)).prop_map(|(host, port)| match port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// A field line: name, blanks, value, blanks.
#[derive(Clone, Debug)]
struct Line {
    name: String,
    blanks: [&'static str; 2],
    value: Vec<u8>,
}

impl Line {
    fn of(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            blanks: [" ", ""],
            value: value.as_bytes().to_vec(),
        }
    }

    /// Write the lines and the empty one behind them; what they mean.
    fn write_all(lines: &[Self], bytes: &mut Vec<u8>) -> Fields {
        let mut fields = Fields::new();
        for Self {
            name,
            blanks,
            value,
        } in lines
        {
            for part in [name.as_bytes(), b":", blanks[0].as_bytes(), value] {
                bytes.extend_from_slice(part);
            }
            bytes.extend_from_slice(blanks[1].as_bytes());
            bytes.extend_from_slice(b"\r\n");
            add_field(&mut fields, name.as_bytes(), value);
        }
        bytes.extend_from_slice(b"\r\n");
        fields
    }
}

fn line(
    name: impl Strategy<Value = String>,
    value: impl Strategy<Value = Vec<u8>>,
) -> impl Strategy<Value = Line> {
    let blanks = || select(&["", " ", "\t", "  ", " \t "][..]);
    (name, [blanks(), blanks()], value).prop_map(|(name, blanks, value)| Line {
        name,
        blanks,
        value,
    })
}

fn field() -> impl Strategy<Value = Line> {
    let name = prop_oneof![
        select(NAMES).prop_map(str::to_owned),
        TOKEN.prop_map(|token| format!("x{token}")),
    ];
    line(name, value())
}

/// Whatever a value may hold inside, and no blank at its ends.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        8 => 0x21..=0x7eu8,
        2 => select(&b" \t,;=\""[..]),
        1 => 0x80..=0xffu8,
    ];
    vec(byte, 0..12).prop_map(|value| {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = value.iter().take_while(|byte| is_blank(byte)).count();
        let end = value.iter().rev().take_while(|byte| is_blank(byte)).count();
        value[start..(value.len() - end).max(start)].to_vec()
    })
}

fn host() -> impl Strategy<Value = Line> {
    let name = select(&["Host", "host", "HOST"][..]).prop_map(str::to_owned);
    line(name, authority().prop_map(String::into_bytes))
}

/// Lines of Connection, and what they make of keep-alive; None: what the version does.
type Connection = (&'static [(&'static str, &'static str)], Option<bool>);

/// RFC 9112 9.3: `close` wins, in whatever line it stands.
const CONNECTIONS: &[Connection] = &[
    (&[("Connection", "close")], Some(false)),
    (&[("connection", "CLOSE")], Some(false)),
    (&[("Connection", "keep-alive")], Some(true)),
    (&[("CONNECTION", "Keep-Alive, x")], Some(true)),
    (&[("Connection", "x ,\tclose , y")], Some(false)),
    (&[("Connection", "keep-alive, close")], Some(false)),
    (
        &[("Connection", "keep-alive"), ("Connection", "close")],
        Some(false),
    ),
    (
        &[("Connection", "close"), ("Connection", "keep-alive")],
        Some(false),
    ),
    (
        &[("Connection", "x"), ("Connection", "Keep-alive")],
        Some(true),
    ),
    (&[("Connection", "upgrade")], None),
    (&[("Connection", "closed")], None),
    (&[("Connection", "")], None),
    (&[("Connection", ", ,")], None),
];

#[derive(Clone, Debug)]
enum Body {
    None,
    Length {
        zeros: usize,
        content: Vec<u8>,
    },
    Chunked {
        coding: &'static str,
        /// Size as it is written, extensions and content; the last one has none.
        chunks: Vec<(String, &'static str, Vec<u8>)>,
        trailers: Vec<Line>,
    },
}

impl Body {
    /// The line that says where it ends.
    fn field(&self) -> Option<Line> {
        match self {
            Self::None => None,
            Self::Length { zeros, content } => {
                let length = format!("{}{}", "0".repeat(*zeros), content.len());
                Some(Line::of("Content-Length", &length))
            }
            Self::Chunked { coding, .. } => Some(Line::of("Transfer-Encoding", coding)),
        }
    }

    /// Write it; content and trailers.
    fn write(self, bytes: &mut Vec<u8>) -> (Vec<u8>, Fields) {
        match self {
            Self::None => Default::default(),
            Self::Length { content, .. } => {
                bytes.extend_from_slice(&content);
                (content, Fields::new())
            }
            Self::Chunked {
                chunks, trailers, ..
            } => {
                let mut content = Vec::new();
                for (size, extensions, piece) in chunks {
                    bytes.extend_from_slice(format!("{size}{extensions}\r\n").as_bytes());
                    bytes.extend_from_slice(&piece);
                    if !piece.is_empty() {
                        bytes.extend_from_slice(b"\r\n");
                    }
                    content.extend_from_slice(&piece);
                }
                let trailers = Line::write_all(&trailers, bytes);
                (content, trailers)
            }
        }
    }
}

fn body() -> impl Strategy<Value = Body> {
    let length = (0..3usize, vec(any::<u8>(), 0..40))
        .prop_map(|(zeros, content)| Body::Length { zeros, content });
    let coding = select(&["chunked", "Chunked", "CHUNKED"][..]);
    let spelling = || (0..12usize, any::<bool>(), select(EXTENSIONS));
    let chunk = (spelling(), vec(any::<u8>(), 1..40));
    let chunks = (vec(chunk, 0..4), spelling());
    let chunked =
        (coding, chunks, vec(field(), 0..3)).prop_map(|(coding, (chunks, last), trailers)| {
            let all = chunks.into_iter().chain([(last, Vec::new())]);
            let chunks = all.map(|((zeros, is_upper, extensions), content)| {
                let size = content.len();
                let size = if is_upper {
                    format!("{size:X}")
                } else {
                    format!("{size:x}")
                };
                (format!("{}{size}", "0".repeat(zeros)), extensions, content)
            });
            Body::Chunked {
                coding,
                chunks: chunks.collect(),
                trailers,
            }
        });
    prop_oneof![2 => Just(Body::None), 2 => length, 3 => chunked]
}

/// RFC 9112 7.1.1.
const EXTENSIONS: &[&str] = &[
    "",
    ";a",
    ";a=b",
    ";a=\"b\"",
    ";a=\"\\\"; \\\\\"",
    " ;a",
    "\t; a = b",
    ";a;b=c;d=\"\"",
];

/// Valid requests behind one another, with a few changes, perhaps cut short.
pub fn changed() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), change()), 0..4);
    let requests = vec(spelt(), 1..4);
    (requests, changes, option::weighted(0.3, any::<Index>())).prop_map(
        |(requests, changes, end)| {
            let mut bytes = requests
                .into_iter()
                .flat_map(|spelt| spelt.bytes)
                .collect::<Vec<_>>();
            for (place, change) in changes {
                change.apply(&mut bytes, place);
            }
            if let Some(end) = end {
                bytes.truncate(end.index(bytes.len() + 1));
            }
            bytes
        },
    )
}

#[derive(Clone, Debug)]
enum Change {
    /// So many bytes are taken out and others put there.
    Replace(usize, Vec<u8>),
    /// A line is put before another one.
    Insert(&'static [u8]),
    Repeat,
    Remove,
}

impl Change {
    fn apply(self, bytes: &mut Vec<u8>, place: Index) {
        let place_of_line = |bytes: &[u8]| {
            let ends = bytes.windows(2).enumerate();
            let ends = ends.filter(|(_, pair)| pair == b"\r\n");
            let mut starts: Vec<_> = ends.map(|(end, _)| end + 2).collect();
            starts.insert(0, 0);
            let line = place.index(starts.len());
            starts[line]..starts.get(line + 1).copied().unwrap_or(bytes.len())
        };
        match self {
            Self::Replace(count, replacement) => {
                let start = place.index(bytes.len() + 1);
                let end = (start + count).min(bytes.len());
                bytes.splice(start..end, replacement);
            }
            Self::Insert(line) => {
                let start = place_of_line(bytes).start;
                bytes.splice(start..start, line.iter().copied());
            }
            Self::Repeat => {
                let line = place_of_line(bytes);
                let copy = bytes[line.clone()].to_vec();
                bytes.splice(line.start..line.start, copy);
            }
            Self::Remove => {
                bytes.drain(place_of_line(bytes));
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let odd = b" \t\r\n:,;\"\\0159afxGz/?#<>[]{}^`|%@\0\x01\x0b\x7f\x80\xff=+-*";
    let replacement = prop_oneof![
        3 => vec(select(&odd[..]), 0..3),
        1 => vec(any::<u8>(), 0..3),
        1 => Just(b"\r\n".to_vec()),
    ];
    prop_oneof![
        4 => (0..3usize, replacement).prop_map(|(count, bytes)| Change::Replace(count, bytes)),
        4 => select(ODD_LINES).prop_map(Change::Insert),
        1 => Just(Change::Repeat),
        1 => Just(Change::Remove),
    ]
}

const ODD_LINES: &[&[u8]] = &[
    b"\r\n",
    b"GET / HTTP/1.1\r\n",
    b"get / HTTP/1.1\r\n",
    b"GET / HTTP/1.2\r\n",
    b"GET / HTTP/2.0\r\n",
    b"GET a HTTP/1.1\r\n",
    b"GET http://u@a/ HTTP/1.1\r\n",
    b"GET ftp://a/ HTTP/1.1\r\n",
    b"GET http://%41,b;c/ HTTP/1.1\r\n",
    b"CONNECT / HTTP/1.1\r\n",
    b"PRI * HTTP/2.0\r\n",
    b" folded\r\n",
    b"x : y\r\n",
    b"x\r\n",
    b": y\r\n",
    b"Host: b\r\n",
    b"Host:\r\n",
    b"Host: a b\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: close, \xff\r\n",
    b"Connection: \xff, keep-alive\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Content-Length: 18446744073709551615\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n",
    b"Transfer-Encoding:\r\n",
    b"Expect: x\r\n",
    b"Expect: 100-Continue\r\n",
    b"Upgrade: websocket\r\n",
    b"0\r\n",
    b"00000000000000005;\r\n",
    b"ffffffffffffffff\r\n",
    b"fffffffffffffffff\r\n",
    b"5 \r\n",
    b"5;=\r\n",
];
