//! The vocabulary of Touchstone and its pure rules: policies and their clauses,
//! cases, prompts, verdicts, runs, flips and metrics.
//!
//! It does no I/O and knows no clock, model, database or window: text, bytes,
//! times and identifiers come in as arguments.

pub mod case;
pub mod citation;
pub mod diff;
pub mod flip;
pub mod policy;
pub mod prompt;
pub mod run;
pub mod verdict;
