//! What a server has made of the bytes of one connection, whichever server it is.

use std::collections::BTreeMap;

use bustapi_core::error::HttpError;

/// The values of each field in the order they came, by its name in lower case.
pub type Fields = BTreeMap<String, Vec<Vec<u8>>>;

pub fn add_field(fields: &mut Fields, name: &[u8], value: &[u8]) {
    let name = String::from_utf8(name.to_ascii_lowercase()).expect("a name is a token");
    fields.entry(name).or_default().push(value.to_vec());
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Of a target in absolute-form or authority-form.
    pub authority: Option<String>,
    pub path: String,
    pub query: Option<String>,
    pub is_http_11: bool,
    pub fields: Fields,
    pub body: Vec<u8>,
    pub trailers: Fields,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// More input may come.
    Waits,
    /// The last request is answered, and nothing more is read.
    Closed,
    Refused(Reason),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Of ours.
    Rule(HttpError),
    /// Of hyper's.
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Those that are whole.
    pub requests: Vec<Request>,
    /// One whose body is not whole: what its head says.
    pub begun: Option<Request>,
    pub end: End,
}

impl Outcome {
    /// The head of the request of that number, whether its body is whole or not.
    pub fn head_at(&self, number: usize) -> Option<Request> {
        let head = self.requests.get(number).or(self.begun.as_ref())?;
        Some(Request {
            body: Vec::new(),
            trailers: Fields::new(),
            ..head.clone()
        })
    }
}
