//! Which rule a request belongs to, as far as the index knows.

use bustapi_core::http1::target::{TargetForm, decode_path};
use pyo3::prelude::*;

use crate::request::head::RequestHead;
use crate::request::rule_index::Wishes;
use crate::run::learning::EndpointKey;
use crate::worker::site::Site;

/// What the index says about a request.
pub struct Found {
    pub key: EndpointKey,
    /// Whether it certainly has no rule.
    pub is_miss: bool,
    pub wishes: Wishes,
}

/// Ask the index for the rule, and tell the head what it says.
pub fn look_up(
    py: Python<'_>,
    site: &Site,
    head: &mut RequestHead,
    bytes: &[u8],
) -> PyResult<Found> {
    let parsed = head.parsed();
    let target = parsed.target;
    let name = parsed.method.of(bytes);
    let mut found = Found {
        key: EndpointKey::Other,
        is_miss: false,
        wishes: Wishes::default(),
    };
    if let Some(index) = site.index() {
        let index = index.get();
        if parsed.has_upgrade || target.form == TargetForm::Authority {
            found.wishes = index.any_wishes();
        } else {
            let path = decode_path(target.path.of(bytes));
            // PERF: once for the look-up and the arguments.
            let path = str::from_utf8(&path).ok();
            // A method is a token, which is ASCII.
            let lookup = index.lookup(str::from_utf8(name).unwrap_or(""), path);
            let hit = lookup.hit(py, path)?;
            head.set_lookup(py, hit, &lookup);
            found.wishes = lookup.wishes();
            if let Some(number) = lookup.rule() {
                found.key = EndpointKey::Rule {
                    generation: lookup.generation(),
                    number,
                };
                return Ok(found);
            }
            found.is_miss = lookup.is_miss();
            if found.is_miss {
                return Ok(found);
            }
        }
    }
    found.key = EndpointKey::of_path(name, target.path.of(bytes));
    Ok(found)
}
