//! The pipeline that the window and the command line share: open a workspace,
//! evaluate a policy over its suite, compare runs, keep files safe.

pub mod checkpoints;
mod compare;
mod documents;
mod drafts;
mod evaluate;
mod failure;
pub mod fetch;
mod files;
mod history;
pub mod judge;
mod model_tasks;
mod models;
mod order;
pub mod replay;
mod stream;
mod studio;
mod turns;
pub mod view;
mod watch;
mod workspace;

pub use studio::{BadDatabase, Options, Record, RecordedCase, Studio, Timing};
pub use watch::Watch;

/// The workspace's folder for what is not the analyst's: the database, the chosen model.
pub(crate) const DATA: &str = ".touchstone";
