//! The server over real HTTP: answers, refusals, bounds, its end, and its description.
#![expect(clippy::unwrap_used, reason = "tests")]

mod chat;
mod classify;
mod limits;
mod openapi;
mod support;
