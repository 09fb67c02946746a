//! Limits that small inputs reach, for tests and for the fuzz targets.

use bustapi_core::limits::Limits;

pub const NARROW: Limits = Limits {
    request_line: 30,
    field_line: 30,
    head: 90,
    fields: 4,
    empty_lines: 1,
    chunk_extensions: 8,
};
