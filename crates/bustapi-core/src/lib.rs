//! The protocol as a machine over bytes, and what the threads of a server share.
//!
//! Nothing here does I/O, knows Python or keeps global state. Each decoder may be fed its
//! input in any split and gives the same result for all of them.
//!
//! ```
//! use bustapi_core::http1::head::{HeadParser, HeadStatus};
//! use bustapi_core::limits::Limits;
//!
//! let buffer = b"GET /hello?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
//! let mut parser = HeadParser::new();
//!
//! let HeadStatus::Complete(head) = parser.advance(buffer, &Limits::default())? else {
//!     unreachable!("the buffer holds the whole head");
//! };
//!
//! assert_eq!(head.target.path.of(buffer), b"/hello");
//! assert!(head.keep_alive);
//! # Ok::<(), bustapi_core::error::HttpError>(())
//! ```
#![forbid(unsafe_code)]

pub mod access_log;
pub mod answer;
pub mod cookies;
pub mod error;
pub mod http1;
pub mod json;
pub mod limits;
pub mod rules;
pub mod signed;
pub mod sync;
