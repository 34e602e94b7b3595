//! The workspace's database: revisions, suite snapshots, runs and outcomes in SQLite.
//! It alone holds SQL, one file per table; it takes times as arguments, judges nothing
//! and compares nothing. A finished run and a revision are never updated: triggers
//! refuse it, whoever asks.

mod baselines;
mod cases;
mod confirmations;
mod error;
mod host_consents;
mod imports;
mod models;
mod open;
mod outcomes;
mod probes;
mod releases;
mod revisions;
mod run_cases;
mod runs;
mod search;
mod servers;
mod sign_offs;

pub use cases::suite_hash;
pub use confirmations::Sides;
pub use error::StoreError;
pub use host_consents::HostConsent;
pub use imports::{NewImport, PendingImport};
pub use models::Model;
pub use open::{Store, move_aside};
pub use probes::{Probe, ProbeKey};
pub use releases::Release;
pub use revisions::Revision;
pub use run_cases::{JudgedCount, RunCase};
pub use runs::{Identity, NewRun, Run, RunState};
pub use search::Found;
pub use servers::ServerEntry;
pub use sign_offs::SignOff;
