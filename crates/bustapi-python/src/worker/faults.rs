//! Panics on demand, so that tests can show what becomes of one.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A place in the code that can be made to panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Point {
    Nowhere,
    Read,
    Parse,
    Dispatch,
    View,
    Piece,
    Encode,
    Note,
}

impl Point {
    fn named(name: &str) -> PyResult<Self> {
        Ok(match name {
            "read" => Self::Read,
            "parse" => Self::Parse,
            "dispatch" => Self::Dispatch,
            "view" => Self::View,
            "piece" => Self::Piece,
            "encode" => Self::Encode,
            "note" => Self::Note,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "There is no point {name:?}. Use 'read', 'parse', 'dispatch', 'view', \
                     'piece', 'encode' or 'note'."
                )));
            }
        })
    }
}

/// Where the next panics are to happen, and how many.
#[derive(Default)]
pub struct Faults {
    point: AtomicU8,
    left: AtomicU32,
}

impl Faults {
    /// Have the next passages of a point panic.
    pub fn inject(&self, name: &str, times: u32) -> PyResult<()> {
        let point = Point::named(name)?;
        self.left.store(times, Ordering::Relaxed);
        self.point.store(point as u8, Ordering::Release);
        Ok(())
    }

    /// Panic if that was asked for here.
    #[inline]
    pub fn strike(&self, point: Point) {
        if self.point.load(Ordering::Relaxed) == point as u8 {
            self.strike_once(point);
        }
    }

    #[cold]
    fn strike_once(&self, point: Point) {
        let take = |left: u32| left.checked_sub(1);
        let taken = self
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        if taken.is_ok() {
            panic!("a test asked for it at {point:?}");
        }
        self.point.store(Point::Nowhere as u8, Ordering::Release);
    }
}
