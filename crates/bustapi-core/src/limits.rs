//! How much one request may cost before it is understood.

/// Bounds of one request. A budget belongs to the request, never to one line or one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the request line without its line end; more is 414.
    ///
    /// RFC 9112 3 asks for at least 8,000. Signed redirects and search forms reach 10 KB;
    /// browsers and proxies in use stop at or below 16 KiB.
    pub request_line: u32,

    /// Bytes of one field line without its line end; more is 431.
    ///
    /// Kerberos tickets and large cookies reach 12 KB; nginx stops at 8 KiB, Node at 16 KiB.
    pub field_line: u32,

    /// Bytes of the head with all line ends, trailers included; more is 431.
    ///
    /// What a connection may hold in memory before anyone has judged it. A hundred fields
    /// of ordinary size fill a tenth of it.
    pub head: u32,

    /// Number of field lines, trailers included; more is 431.
    ///
    /// Browsers send 20, a chain of proxies adds 20 more. Each field costs work in the
    /// application, so the number is bounded apart from the bytes.
    pub fields: u32,

    /// Empty lines skipped before a request line.
    ///
    /// RFC 9112 2.2 asks for at least one, for clients that end a body with a stray CRLF.
    pub empty_lines: u32,

    /// Bytes of chunk extensions in one body; more is 400.
    ///
    /// Nobody uses them in earnest (RFC 9112 7.1.1 asks for this bound). Signed uploads to
    /// object stores send 85 bytes a chunk.
    pub chunk_extensions: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: 16 * 1024,
            field_line: 16 * 1024,
            head: 64 * 1024,
            fields: 100,
            empty_lines: 4,
            chunk_extensions: 16 * 1024,
        }
    }
}
