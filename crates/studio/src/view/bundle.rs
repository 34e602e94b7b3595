//! What the hosts ask of bundles and what they show of them.

use domain::policy::RevisionId;
use domain::run::{RunId, Settings};
use domain::verdict::Verdict;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A finished run on its way out of the workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ExportRequest {
    /// The policy's name in the workspace.
    pub policy: String,
    /// The run to export; absent for the policy's newest finished one.
    pub run: Option<RunId>,
    pub format: ExportFormat,
    /// A file for `Bundle` and `Report`, a folder that does not exist yet for the others.
    /// Relative paths begin at the workspace.
    pub out: String,
    /// Replaces a file that exists at `out`; a folder is never replaced.
    pub overwrite: bool,
    pub content: BundleContent,
    /// Only a `Bundle` is signed; empty leaves it unsigned.
    pub signers: Vec<SignerRequest>,
    /// Export even though a gate is not met, or none is set; what leaves then says so.
    #[serde(default)]
    pub allow_unmet_gates: bool,
    /// The bundle is refused before this time.
    #[ts(type = "number | null")]
    pub not_before_ms: Option<i64>,
    /// The bundle is refused from this time on.
    #[ts(type = "number | null")]
    pub expires_at_ms: Option<i64>,
    /// Markdown; absent for the release's own, or a draft where the run was not released.
    pub change_log: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ExportFormat {
    /// One archive that can be verified, re-run and imported.
    #[default]
    Bundle,
    /// A folder as Open Policy Agent reads it: `.manifest`, data.json, policy.rego.
    Opa,
    /// A folder with promptfooconfig.yaml.
    Promptfoo,
    /// A folder with samples.jsonl and its registry entry.
    OpenaiEvals,
    /// A folder with dataset.jsonl for Inspect's `json_dataset`.
    Inspect,
    /// A folder with policy.md and a CSV of labelled cases.
    Roost,
    /// One HTML page to read and print.
    Report,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum BundleContent {
    /// Cases and traces whole.
    #[default]
    Full,
    /// Contents, notes, owners and traces stay here; a salted hash stands for each case.
    /// The salt is written beside the bundle, to be given to those who may check it.
    Withheld,
}

/// Somebody who signs a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SignerRequest {
    pub name: String,
    pub role: String,
    /// What the person vouches for, in their words.
    pub statement: String,
    /// The private key: a file with PKCS#8 in PEM.
    pub key_file: String,
    /// When the person signed. Left out, nothing is said of it; the same request then
    /// always gives the same bytes.
    #[ts(type = "number | null")]
    pub signed_at_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BundleProgress {
    pub step: BundleStep,
    pub done: u32,
    pub total: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum BundleStep {
    Reading,
    Packing,
    Signing,
    Writing,
    Checking,
    /// Cases are judged again.
    Judging,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Exported {
    /// What was written, absolute.
    pub path: String,
    pub run: RunId,
    pub format: ExportFormat,
    /// SHA-256 of the file; absent for a folder.
    pub sha256: Option<String>,
    #[ts(type = "number")]
    pub bytes: u64,
    pub cases: u32,
    /// The key ids that signed, in the order of the request.
    pub key_ids: Vec<String>,
    /// The salt's file, where contents were withheld.
    pub salt_file: Option<String>,
}

/// A bundle with one more signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Signed {
    /// What was written, absolute.
    pub path: String,
    pub sha256: String,
    #[ts(type = "number")]
    pub bytes: u64,
    pub key_id: String,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct VerifyRequest {
    pub file: String,
    /// A file with the public keys that are trusted; then one of them must have signed.
    pub trust_file: Option<String>,
    /// Judge the conformance vectors again with the present model.
    pub rerun: bool,
    /// Judge again even with another model than the bundle's.
    pub any_model: bool,
    /// The suite and the salt of a bundle whose contents were withheld.
    pub withheld: Option<WithheldRequest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct WithheldRequest {
    pub suite_file: String,
    pub salt_file: String,
}

/// What a bundle says, and whether it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BundleReport {
    pub file: String,
    /// Nothing was found against it.
    pub verified: bool,
    /// Why not; each names the place. Empty exactly when it is verified.
    pub problems: Vec<String>,
    /// Absent when the file could not be read as a bundle at all.
    pub summary: Option<BundleSummary>,
    /// Empty for an unsigned bundle.
    pub signatures: Vec<SignatureView>,
    /// Whether a list of trusted keys was given.
    pub trust_given: bool,
    /// Whether the given suite is, case by case, the one that was withheld; absent where
    /// nothing was withheld or no suite was given.
    pub suite_matches: Option<bool>,
    pub rerun: Option<RerunReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BundleSummary {
    pub policy: String,
    pub title: String,
    pub revision: RevisionId,
    pub content: BundleContent,
    pub cases: u32,
    pub vectors: u32,
    pub model_name: String,
    pub model_digest: String,
    pub demonstration: bool,
    pub settings: Settings,
    pub metrics: domain::flip::Metrics,
    /// What the run made of its policy's gates; empty where none was set.
    pub gates: Vec<domain::gate::GateResult>,
    #[ts(type = "number | null")]
    pub not_before_ms: Option<i64>,
    #[ts(type = "number | null")]
    pub expires_at_ms: Option<i64>,
    /// SHA-256 of manifest.json: names the bundle, whoever signs it.
    pub manifest_sha256: String,
    pub files: Vec<BundleFile>,
    pub change_log: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BundleFile {
    pub path: String,
    pub sha256: String,
    #[ts(type = "number")]
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SignatureView {
    pub name: String,
    pub role: String,
    pub statement: String,
    /// SHA-256 of the public key's SPKI encoding.
    pub key_id: String,
    #[ts(type = "number | null")]
    pub signed_at_ms: Option<i64>,
    /// The signature is this key's, over this bundle.
    pub valid: bool,
    pub trust: KeyTrust,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[ts(export)]
pub enum KeyTrust {
    /// No list of trusted keys was given.
    Unknown,
    /// Under this name in the list, if it has one there.
    Trusted {
        name: Option<String>,
    },
    NotTrusted,
}

/// The conformance vectors, judged again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RerunReport {
    pub model_name: String,
    pub model_digest: String,
    pub same_model: bool,
    pub vectors: u32,
    pub equal: u32,
    pub divergences: Vec<Divergence>,
}

/// A vector whose verdict or label came out otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Divergence {
    pub case: String,
    pub recorded: Judgement,
    pub now: Judgement,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Judgement {
    pub verdict: Verdict,
    pub label: Option<String>,
    pub margin: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ImportRequest {
    pub file: String,
    pub trust_file: Option<String>,
    /// The policy's name here; absent for its name in the bundle.
    pub name: Option<String>,
    /// The suite and the salt of a bundle whose contents were withheld.
    pub withheld: Option<WithheldRequest>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Imported {
    pub policy: String,
    pub run: RunId,
    pub policy_file: String,
    pub suite_file: String,
    pub cases: u32,
    pub report: BundleReport,
}
