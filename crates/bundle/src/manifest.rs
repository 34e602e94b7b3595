//! manifest.json: what the bundle holds, file by file, and which versions of everything made
//! it. Its hash is what people sign.

use crate::refusal::Refusal;
use crate::sha256;
use domain::gate::{GateResult, GateState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const FORMAT: &str = "touchstone-bundle";
pub const FORMAT_VERSION: u32 = 1;
pub const MANIFEST: &str = "manifest.json";
/// DSSE envelopes, one a line; the only file that the manifest does not list.
pub const ATTESTATIONS: &str = "attestations.intoto.jsonl";

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `touchstone-bundle`.
    pub format: String,
    pub format_version: u32,
    pub policy: PolicyEntry,
    pub suite: SuiteEntry,
    pub model: ModelEntry,
    pub gates: GateOutcome,
    pub validity: Validity,
    pub versions: Versions,
    /// Every file but the manifest and the attestations, by path.
    pub files: Vec<FileEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyEntry {
    /// The policy's file name without `.md`.
    pub name: String,
    pub title: String,
    /// SHA-256 of the normalised text and output contract.
    pub revision: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuiteEntry {
    pub cases: u32,
    /// Contents and traces are left out; each case has a salted hash instead.
    pub withheld: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    pub name: String,
    /// SHA-256 over config, tokenizer and weights.
    pub digest: String,
    /// A demonstration model, whose verdicts are worth nothing.
    pub demonstration: bool,
}

/// Whether the run met the gates of its policy; gates.json has each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateOutcome {
    Met,
    /// At least one was not met or could not be measured, and the policy left all the same.
    NotMet,
    /// None was set: nothing was asked of the policy before it left.
    NoneSet,
}

impl GateOutcome {
    pub fn of(results: &[GateResult]) -> GateOutcome {
        match results {
            [] => GateOutcome::NoneSet,
            _ if results.iter().all(passed) => GateOutcome::Met,
            _ => GateOutcome::NotMet,
        }
    }
}

pub(crate) fn passed(result: &GateResult) -> bool {
    result.state == GateState::Passed
}

/// When the bundle holds, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// Refused before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<i64>,
    /// Refused from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
}

/// The versions of all parts that the bundle's content depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    pub touchstone: String,
    pub prompt_template: u32,
    /// How revisions are hashed.
    pub revision: String,
    /// How what the model reads of a case is hashed.
    pub fingerprint: String,
    /// The predicate type of the attestations.
    pub attestation: String,
}

impl Versions {
    pub fn current() -> Versions {
        Versions {
            touchstone: env!("CARGO_PKG_VERSION").to_owned(),
            prompt_template: domain::prompt::TEMPLATE_VERSION,
            revision: "touchstone-revision/1".to_owned(),
            fingerprint: "touchstone-case/1".to_owned(),
            attestation: crate::attest::PREDICATE_TYPE.to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

/// The JSON Schema of manifest.json.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Manifest).to_value()
}

pub(crate) fn list(files: &BTreeMap<String, Vec<u8>>) -> Vec<FileEntry> {
    files
        .iter()
        .map(|(path, bytes)| FileEntry {
            path: path.clone(),
            bytes: bytes.len() as u64,
            sha256: sha256(bytes),
        })
        .collect()
}

impl Manifest {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        pretty(self)
    }

    /// Reads a manifest; a newer one is told apart from a broken one first.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Manifest, Refusal> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            format_version: u64,
        }
        let malformed = |error: serde_json::Error| Refusal::malformed(MANIFEST, error);
        let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
        if head.format != FORMAT {
            return Err(Refusal::malformed(
                MANIFEST,
                format!("its format is \"{}\", not \"{FORMAT}\"", head.format),
            ));
        }
        if head.format_version > u64::from(FORMAT_VERSION) {
            return Err(Refusal::Newer {
                found: head.format_version,
                known: FORMAT_VERSION,
            });
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(malformed)?;
        if manifest.format_version != FORMAT_VERSION {
            return Err(Refusal::malformed(
                MANIFEST,
                format!("there is no format version {}", manifest.format_version),
            ));
        }
        if manifest.to_bytes() != bytes {
            return Err(Refusal::NotCanonical(MANIFEST.to_owned()));
        }
        if !manifest.files.is_sorted_by(|a, b| a.path < b.path) {
            return Err(Refusal::NotCanonical(format!("the files in {MANIFEST}")));
        }
        Ok(manifest)
    }
}

/// JSON as people read it, with a line break at the end.
pub(crate) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec_pretty(value).expect("our documents have text keys and serialise");
    bytes.push(b'\n');
    bytes
}
