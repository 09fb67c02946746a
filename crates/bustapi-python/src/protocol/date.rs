//! The Date field, formatted once a second on each thread that encodes responses.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use bustapi_core::http1::response::DateCache;

thread_local! {
    static DATE: RefCell<DateCache> = RefCell::new(DateCache::new(0));
}

/// Call a function with the field of the current second.
pub fn with_date<R>(function: impl FnOnce(&DateCache) -> R) -> R {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    DATE.with_borrow_mut(|date| {
        date.set(now.as_secs());
        function(date)
    })
}
