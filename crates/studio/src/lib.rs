//! The pipeline that the window and the command line share: open a workspace,
//! evaluate a policy over its suite, compare runs, keep files safe.

pub mod view;
