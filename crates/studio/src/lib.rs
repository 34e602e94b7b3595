//! The pipeline that the window and the command line share: open a workspace,
//! evaluate a policy over its suite, compare runs, keep files safe.

mod ablate;
mod attribute;
mod bundles;
pub mod checkpoints;
mod classify;
mod compare;
mod confirm;
mod documents;
mod drafts;
mod evaluate;
mod exports;
mod failure;
pub mod fetch;
mod files;
mod format;
mod gates;
mod history;
pub mod import;
pub mod judge;
mod model_tasks;
mod models;
mod order;
mod probe;
mod releases;
mod remote_judge;
pub mod replay;
mod schema;
mod screens;
mod search;
mod servers;
mod statistics;
mod stream;
mod studio;
mod turns;
pub mod view;
mod watch;
mod workspace;

/// The JSON Schema of a bundle's manifest, and times as bundles show them.
pub use bundle::{schema as manifest_schema, utc};
pub use bundles::{NewKey, ShownKey, new_key, show_key, sign_bundle, verify_bundle};
pub use classify::Classifier;
pub use files::write_whole;
pub use format::Formatting;
pub use remote::{Keys, Limits};
pub use schema::Schema;
pub use servers::Outside;
pub use studio::{BadDatabase, Options, Record, RecordedCase, Studio, Timing};
pub use watch::Watch;

/// The workspace's folder for what is not the analyst's: the database, the chosen model.
pub(crate) const DATA: &str = ".touchstone";
