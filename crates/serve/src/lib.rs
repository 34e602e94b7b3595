//! Serves a policy over HTTP.
