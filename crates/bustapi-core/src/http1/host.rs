//! The grammar of Host and of an authority: `uri-host [ ":" port ]` (RFC 9110 7.2, RFC 3986 3.2).

use std::net::Ipv6Addr;

use crate::http1::bytes::{is_host_byte, parse_decimal};

/// Whether the value is a host that is not empty, with an optional port.
///
/// RFC 9110 4.2.1 has an http URI without a host refused, so an empty value is no host.
pub(crate) fn is_host(value: &[u8]) -> bool {
    split_port(value).is_some_and(|(host, port)| is_uri_host(host) && is_port(port))
}

/// Whether the value is a host with a port, as CONNECT asks for (RFC 9110 9.3.6).
pub(crate) fn is_host_with_port(value: &[u8]) -> bool {
    split_port(value)
        .is_some_and(|(host, port)| is_uri_host(host) && is_port(port) && port.len() > 1)
}

/// Split into the host and what follows it: nothing, or a colon and the port.
fn split_port(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = if value.first() == Some(&b'[') {
        value.iter().position(|&byte| byte == b']')? + 1
    } else {
        value
            .iter()
            .position(|&byte| byte == b':')
            .unwrap_or(value.len())
    };
    value.split_at_checked(end)
}

fn is_port(bytes: &[u8]) -> bool {
    let [b':', digits @ ..] = bytes else {
        return bytes.is_empty();
    };
    // The grammar allows an empty port; one that no socket has is a mistake.
    let fits = |digits| parse_decimal(digits).is_some_and(|port| port <= 65_535);
    digits.is_empty() || fits(digits)
}

fn is_uri_host(host: &[u8]) -> bool {
    match host {
        [] => false,
        [b'[', literal @ .., b']'] => is_ip_literal(literal),
        name => is_reg_name(name),
    }
}

/// RFC 3986 3.2.2: `IPv6address / IPvFuture`, without a zone.
fn is_ip_literal(literal: &[u8]) -> bool {
    if let [b'v' | b'V', future @ ..] = literal {
        return is_ip_future(future);
    }
    str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn is_ip_future(bytes: &[u8]) -> bool {
    let Some(dot) = bytes.iter().position(|&byte| byte == b'.') else {
        return false;
    };
    let (version, address) = (&bytes[..dot], &bytes[dot + 1..]);
    !version.is_empty()
        && version.iter().all(u8::is_ascii_hexdigit)
        && !address.is_empty()
        && address
            .iter()
            .all(|&byte| is_host_byte(byte) || byte == b':')
}

/// RFC 3986 3.2.2: `reg-name`, which includes every IPv4 address.
fn is_reg_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let Some(odd) = rest.iter().position(|&byte| !is_host_byte(byte)) {
        match &rest[odd..] {
            [b'%', high, low, tail @ ..] if is_hex(*high) && is_hex(*low) => rest = tail,
            _ => return false,
        }
    }
    true
}

const fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts() {
        for value in [
            "localhost",
            "a.example",
            "a.example.",
            "A-b_c~1",
            "127.0.0.1:5000",
            "a:",
            "a:0",
            "a:65535",
            "[::1]",
            "[::1]:80",
            "[::ffff:1.2.3.4]",
            "[v1.a:b]",
            "%41b",
            "a,b;c=d",
        ] {
            assert!(is_host(value.as_bytes()), "{value:?}");
        }
    }

    // RFC 9110 7.2, 4.2.1; RFC 9112 3.2: anything else is 400.
    #[test]
    fn everything_else_is_no_host() {
        for value in [
            "",
            ":80",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "user@a",
            "http://a",
            "a:b",
            "a:+1",
            "a:1 ",
            "a:65536",
            "a:99999999999999999999",
            "a:80:80",
            "[",
            "[]",
            "[::1",
            "[::1]x",
            "::1",
            "[::g]",
            "[fe80::1%25eth0]",
            "[v.a]",
            "[v1.]",
            "[v1]",
            "%",
            "%4",
            "%zz",
            "a\\b",
            "a\"b",
            "a<b",
            "naïve",
            "a,b c",
            "a|b",
            "a^b",
            "a{b",
        ] {
            assert!(!is_host(value.as_bytes()), "{value:?}");
        }
    }

    // RFC 9110 9.3.6: there is no default port for CONNECT.
    #[test]
    fn connect_needs_a_port() {
        assert!(is_host_with_port(b"a.example:443"));
        assert!(is_host_with_port(b"[::1]:443"));
        for value in ["a.example", "a.example:", ":443", "[::1]", ""] {
            assert!(!is_host_with_port(value.as_bytes()), "{value:?}");
        }
    }
}
