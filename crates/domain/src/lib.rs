//! The vocabulary of Touchstone and its pure rules: policies and their clauses,
//! cases, prompts, verdicts, runs, flips and metrics.
//!
//! It does no I/O and knows no clock, model, database or window: text, bytes,
//! times and identifiers come in as arguments.

pub mod case;
pub mod certainty;
pub mod change_log;
pub mod citation;
mod code;
pub mod coverage;
pub mod diff;
pub mod edit;
pub mod flip;
pub mod form;
pub mod gate;
pub mod hunk;
pub mod outlook;
pub mod policy;
pub mod prompt;
pub mod run;
pub mod search;
pub mod stats;
pub mod verdict;

use sha2::{Digest, Sha256};

/// SHA-256 as 64 lower-case hexadecimal digits.
pub fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
