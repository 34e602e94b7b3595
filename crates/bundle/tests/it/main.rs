//! The format from outside: round trips, refusals, exports.

#![expect(clippy::unwrap_used, reason = "tests")]

mod exports;
mod hostile;
mod large;
mod round_trip;
mod support;
