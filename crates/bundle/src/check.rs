//! Writing a bundle, and reading one as if an enemy had sent it.
//!
//! `read` refuses whatever is not whole and unchanged; what it returns is safe to look at.
//! Whether it also holds together, is in force and is signed by whom, `Bundle` tells after.

use crate::attest::{self, Checked, Envelope};
use crate::contents::{
    CHANGE_LOG, CLAUSES, CONTRACT, Contents, METRICS, OUTCOMES, POLICY, PROMPT, VECTORS, Vector,
    parse_json_lines,
};
use crate::manifest::{ATTESTATIONS, GateOutcome, MANIFEST, Manifest, Versions, pretty};
use crate::refusal::Refusal;
use crate::{archive, sha256};
use domain::prompt;
use domain::verdict::{Verdict, read as read_answer};
use std::collections::{BTreeMap, HashSet};

/// A bundle that was read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    pub manifest: Manifest,
    pub contents: Contents,
    pub attestations: Vec<Envelope>,
    /// Names the bundle, whoever signs it.
    pub manifest_sha256: String,
    files: BTreeMap<String, Vec<u8>>,
}

/// The manifest of some contents (for signing), and with attestations the archive's bytes.
pub fn write(
    contents: &Contents,
    attest: impl FnOnce(&Manifest) -> Vec<Envelope>,
) -> Result<Vec<u8>, Refusal> {
    let (manifest, files) = contents.to_files()?;
    let attestations = attest(&manifest);
    pack(&manifest, &attestations, &files)
}

fn pack(
    manifest: &Manifest,
    attestations: &[Envelope],
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>, Refusal> {
    let manifest = manifest.to_bytes();
    let attestations = attest::to_lines(attestations);
    let mut all: Vec<(&str, &[u8])> = vec![(MANIFEST, &manifest)];
    if !attestations.is_empty() {
        all.push((ATTESTATIONS, &attestations));
    }
    all.extend(
        files
            .iter()
            .map(|(path, bytes)| (path.as_str(), &bytes[..])),
    );
    for (path, bytes) in &all {
        if bytes.len() as u64 > archive::FILE_BYTES_MAX {
            return Err(Refusal::Oversized {
                what: format!("\"{path}\" in the bundle"),
                max: archive::FILE_BYTES_MAX,
            });
        }
    }
    archive::pack(all).map_err(|error| Refusal::malformed("the archive", error))
}

/// Reads a bundle's bytes.
pub fn read(packed: &[u8]) -> Result<Bundle, Refusal> {
    let mut entries = archive::unpack(packed)?.into_iter();
    let manifest_bytes = match entries.next() {
        Some((path, bytes)) if path == MANIFEST => bytes,
        _ => return Err(Refusal::Missing(MANIFEST.to_owned())),
    };
    let manifest = Manifest::parse(&manifest_bytes)?;
    let mut entries = entries.peekable();
    let attestations = match entries.next_if(|(path, _)| path == ATTESTATIONS) {
        Some((_, bytes)) => attest::parse_lines(&bytes)?,
        None => Vec::new(),
    };
    let order: Vec<(String, Vec<u8>)> = entries.collect();
    let files = matched(&manifest, order)?;
    let contents = Contents::from_files(&manifest, &files)?;
    consistent(&manifest, &contents)?;
    Ok(Bundle {
        manifest_sha256: sha256(&manifest_bytes),
        manifest,
        contents,
        attestations,
        files,
    })
}

/// The files, each found to be the one that the manifest lists, and none besides.
fn matched(
    manifest: &Manifest,
    entries: Vec<(String, Vec<u8>)>,
) -> Result<BTreeMap<String, Vec<u8>>, Refusal> {
    let in_order = entries.is_sorted_by(|a, b| a.0 < b.0);
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let listed: HashSet<&str> = manifest
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    for (path, bytes) in entries {
        if !listed.contains(path.as_str()) {
            return Err(Refusal::Extra(path));
        }
        files.insert(path, bytes);
    }
    for file in &manifest.files {
        let bytes = files
            .get(&file.path)
            .ok_or_else(|| Refusal::Missing(file.path.clone()))?;
        let tampered = |detail: String| Refusal::Tampered {
            path: file.path.clone(),
            detail,
        };
        if bytes.len() as u64 != file.bytes {
            return Err(tampered(format!(
                "{} bytes instead of {}",
                bytes.len(),
                file.bytes
            )));
        }
        let found = sha256(bytes);
        if found != file.sha256 {
            return Err(tampered(format!(
                "SHA-256 {found} instead of {}",
                file.sha256
            )));
        }
    }
    if !in_order {
        return Err(Refusal::NotCanonical("the order of its files".to_owned()));
    }
    Ok(files)
}

/// What every later step relies on: one outcome a case, and a manifest that says what the
/// files say.
fn consistent(manifest: &Manifest, contents: &Contents) -> Result<(), Refusal> {
    let expectations = contents.expectations();
    let outcomes = &contents.outcomes;
    let pairs = expectations.iter().zip(outcomes);
    if expectations.len() != outcomes.len()
        || pairs
            .clone()
            .any(|((case, _), outcome)| *case != outcome.case)
    {
        let detail = "its outcomes are not those of the suite's cases, one for one";
        return Err(Refusal::malformed(OUTCOMES, detail));
    }
    let unique: HashSet<&str> = expectations.iter().map(|(case, _)| *case).collect();
    if unique.len() != expectations.len() {
        return Err(Refusal::malformed(
            "suite/cases.jsonl",
            "a case stands twice",
        ));
    }
    if let Some(outcome) = outcomes
        .iter()
        .find(|outcome| (outcome.verdict == Verdict::Unparsed) != outcome.unparsed_reason.is_some())
    {
        let detail = format!("case {}: unparsed and its reason go together", outcome.case);
        return Err(Refusal::malformed(OUTCOMES, detail));
    }
    if manifest.suite.cases as usize != expectations.len() {
        return Err(Refusal::malformed(
            MANIFEST,
            "it counts other cases than there are",
        ));
    }
    if manifest.gates != GateOutcome::of(&contents.gates) {
        let detail = "it says otherwise of the gates than \"gates.json\"";
        return Err(Refusal::malformed(MANIFEST, detail));
    }
    let (model, run) = (&manifest.model, &contents.run);
    if model.name != run.model_name
        || model.digest != run.model_digest
        || model.demonstration != run.demonstration
    {
        return Err(Refusal::malformed(
            MANIFEST,
            "it names another model than the run",
        ));
    }
    Ok(())
}

impl Bundle {
    /// Puts a new attestation beside those there are.
    pub fn add(&mut self, attestation: Envelope) {
        self.attestations.push(attestation);
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, Refusal> {
        pack(&self.manifest, &self.attestations, &self.files)
    }

    /// The word of each signer.
    pub fn signers(&self) -> Result<Vec<Checked>, Refusal> {
        self.attestations
            .iter()
            .map(|envelope| attest::check(envelope, &self.manifest))
            .collect()
    }

    /// Why it is not in force at a time.
    pub fn out_of_force(&self, now_ms: i64) -> Option<String> {
        let validity = &self.manifest.validity;
        if validity.not_before_ms.is_some_and(|from| now_ms < from) {
            return Some("The bundle is not valid yet.".to_owned());
        }
        if validity.expires_at_ms.is_some_and(|end| now_ms >= end) {
            return Some("The bundle has expired. Ask for a newer one.".to_owned());
        }
        None
    }

    /// What in the bundle contradicts the rest of it. Derived texts are compared only
    /// where the version that derived them is ours: a later one may find other clauses.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let policy = match self.contents.policy() {
            Ok(policy) => policy,
            Err(refusal) => return vec![refusal.to_string()],
        };
        let (stated, ours) = (&self.manifest.versions, Versions::current());
        if stated.revision == ours.revision && policy.revision.0 != self.manifest.policy.revision {
            found.push(format!(
                "\"{POLICY}\" is another revision ({}…) than the manifest names ({}…).",
                &policy.revision.0[..12],
                self.manifest
                    .policy
                    .revision
                    .chars()
                    .take(12)
                    .collect::<String>()
            ));
        }
        if stated.touchstone == ours.touchstone && policy.title != self.manifest.policy.title {
            found.push(format!(
                "\"{MANIFEST}\" gives another title than the policy."
            ));
        }
        let mut compare = |path: &str, expected: &[u8], source: &str| {
            if self.files.get(path).is_none_or(|bytes| bytes != expected) {
                found.push(format!("\"{path}\" does not follow from {source}."));
            }
        };
        if stated.prompt_template == ours.prompt_template {
            compare(PROMPT, prompt::developer(&policy).as_bytes(), "the policy");
        }
        if stated.touchstone == ours.touchstone {
            compare(CLAUSES, &pretty(&policy.clauses), "the policy");
            compare(CONTRACT, &pretty(&policy.output), "the policy");
        }
        compare(METRICS, &pretty(&self.contents.metrics()), "the outcomes");
        if stated.fingerprint == ours.fingerprint {
            match parse_json_lines::<Vector>(VECTORS, &self.files[VECTORS]) {
                Err(refusal) => found.push(refusal.to_string()),
                Ok(vectors) if vectors != self.contents.vectors() => {
                    found.push(format!("\"{VECTORS}\" does not follow from the outcomes."));
                }
                Ok(_) => {}
            }
        }
        if stated.touchstone == ours.touchstone && !self.manifest.suite.withheld {
            found.extend(self.misread(&policy));
        }
        found
    }

    /// Verdicts that the recorded answers do not give.
    fn misread(&self, policy: &domain::policy::Policy) -> Vec<String> {
        const NAMED_MAX: usize = 5;
        let misread: Vec<&str> = self
            .contents
            .outcomes
            .iter()
            .filter(|outcome| outcome.verdict != Verdict::Unparsed)
            .filter(|outcome| {
                let reading = read_answer(&policy.output, &outcome.answer);
                reading.verdict != outcome.verdict
                    || reading.label != outcome.label
                    || reading.rules != outcome.rules
            })
            .map(|outcome| outcome.case.as_str())
            .collect();
        if misread.is_empty() {
            return Vec::new();
        }
        let named = misread[..misread.len().min(NAMED_MAX)].join(", ");
        vec![format!(
            "The verdicts of {} cases in \"{OUTCOMES}\" are not what their answers say: {named}.",
            misread.len()
        )]
    }

    pub fn change_log(&self) -> String {
        String::from_utf8_lossy(&self.files[CHANGE_LOG]).into_owned()
    }
}
