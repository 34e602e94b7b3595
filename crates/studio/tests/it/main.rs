//! The loop without a model: a replay judges, everything else is real.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bundles;
mod documents;
mod errors;
mod evaluate;
mod gates;
mod history;
mod insight;
mod killed;
mod pebble;
mod pebble_edits;
mod releases;
mod remote;
mod schemas;
mod screens;
mod support;
mod watch;
