//! The pipeline that the window and the command line share: open a workspace,
//! evaluate a policy over its suite, compare runs, keep files safe.

pub mod judge;
pub mod studio;
pub mod view;

pub use studio::{BadDatabase, Options, Record, RecordedCase, Studio, Timing, Watch};
