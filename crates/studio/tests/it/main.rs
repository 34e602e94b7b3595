//! The loop without a model: a replay judges, everything else is real.

#![expect(clippy::unwrap_used, reason = "tests")]

mod documents;
mod errors;
mod evaluate;
mod history;
mod killed;
mod pebble;
mod remote;
mod support;
mod watch;
