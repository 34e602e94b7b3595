//! The bundle: a policy's revision with its cases, run, metrics, model digest and sign-offs
//! in one archive that others can check, judge again and import. This crate is the format:
//! bytes in, bytes out. It reads no file, knows no clock and draws no random number; the
//! studio brings those.
//!
//! What comes from outside is hostile until it is read whole: sizes are bounded before
//! anything is kept, names are those of the manifest and no others, and the archive must be,
//! byte for byte, the one that this crate would write.

pub mod archive;
pub mod attest;
mod check;
mod contents;
mod export;
pub mod keys;
mod manifest;
mod refusal;
mod withhold;

pub use check::{Bundle, read, write};
pub use contents::{
    CaseSet, Contents, ReleaseRecord, RunRecord, SignOffRecord, Vector, WithheldCase,
};
pub use export::{Format, export, report, utc};
pub use manifest::{
    ATTESTATIONS, FORMAT, FORMAT_VERSION, FileEntry, GateOutcome, MANIFEST, Manifest, Validity,
    Versions, schema,
};
pub use refusal::Refusal;
pub use withhold::{SALT_BYTES, Salt, withhold};

/// SHA-256 as 64 lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    domain::hex_digest(bytes)
}
