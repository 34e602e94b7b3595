//! What a bundle says, as values: made from a run, turned into files, read back from files.
//!
//! Everything that can be derived (prompt, clauses, contract, metrics, vectors) is a file of
//! its own all the same, so that others can use it without our code; reading checks that it
//! still follows from the rest.

use crate::manifest::{
    self, FORMAT, FORMAT_VERSION, GateOutcome, Manifest, Validity, Versions, pretty,
};
use crate::refusal::Refusal;
use domain::case::{Case, CaseKind, parse_suite, to_line};
use domain::flip::{Metrics, metrics};
use domain::gate::GateResult;
use domain::policy::{self, Policy};
use domain::prompt;
use domain::run::{Judged, Outcome, Settings};
use domain::verdict::{Expected, Verdict};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) const POLICY: &str = "policy/policy.md";
pub(crate) const PROMPT: &str = "policy/prompt.txt";
pub(crate) const CLAUSES: &str = "policy/clauses.json";
pub(crate) const CONTRACT: &str = "policy/contract.json";
pub(crate) const CASES: &str = "suite/cases.jsonl";
pub(crate) const RUN: &str = "run/run.json";
pub(crate) const OUTCOMES: &str = "run/outcomes.jsonl";
pub(crate) const METRICS: &str = "run/metrics.json";
pub(crate) const VECTORS: &str = "conformance/vectors.jsonl";
pub(crate) const CHANGE_LOG: &str = "changelog.md";
pub(crate) const GATES: &str = "gates.json";
pub(crate) const RELEASE: &str = "release.json";

/// A policy's revision with everything that speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The policy's file name without `.md`.
    pub policy_name: String,
    /// The file, front matter included.
    pub policy_text: String,
    pub suite: CaseSet,
    pub run: RunRecord,
    /// One for each case, in the suite's order.
    pub outcomes: Vec<Outcome>,
    /// Markdown; empty where none was written.
    pub change_log: String,
    /// What the run made of its gates: at its release, or without one at the export. Empty
    /// where none was set.
    pub gates: Vec<GateResult>,
    /// Absent for a run that was not released.
    pub release: Option<ReleaseRecord>,
    pub validity: Validity,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CaseSet {
    Full(Vec<Case>),
    Withheld(Vec<WithheldCase>),
}

/// A case whose content stays with its owner: what metrics need, and a salted hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithheldCase {
    pub id: String,
    pub kind: CaseKind,
    pub expected: Option<Expected>,
    pub label: Option<String>,
    pub rules: Vec<String>,
    pub tags: Vec<String>,
    pub language: Option<String>,
    /// HMAC-SHA-256 of the case's canonical line under the salt.
    pub hmac_sha256: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    pub model_name: String,
    pub model_digest: String,
    pub demonstration: bool,
    pub settings: Settings,
    pub started_at_ms: i64,
    pub finished_at_ms: i64,
}

/// Under which version the run was released, and who signed it off in the workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRecord {
    pub version: Option<String>,
    pub released_at_ms: Option<i64>,
    pub sign_offs: Vec<SignOffRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOffRecord {
    pub name: String,
    pub role: String,
    pub key: Option<String>,
    pub statement: String,
    pub signed_at_ms: i64,
}

/// One conformance vector: whoever runs the bundle's prompt on this case must get this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub case: String,
    /// Names what the model reads of the case; absent where contents are withheld.
    pub fingerprint: Option<String>,
    pub verdict: Verdict,
    pub label: Option<String>,
    pub margin: Option<f64>,
}

impl Contents {
    /// The cases, where they are not withheld.
    pub fn cases(&self) -> Option<&[Case]> {
        match &self.suite {
            CaseSet::Full(cases) => Some(cases),
            CaseSet::Withheld(_) => None,
        }
    }

    /// What is expected of each case: id, verdict, label.
    pub(crate) fn expectations(&self) -> Vec<(&str, Option<Expected>)> {
        match &self.suite {
            CaseSet::Full(cases) => cases
                .iter()
                .map(|case| (case.id.as_str(), case.expected))
                .collect(),
            CaseSet::Withheld(cases) => cases
                .iter()
                .map(|case| (case.id.as_str(), case.expected))
                .collect(),
        }
    }

    pub fn metrics(&self) -> Metrics {
        let expectations = self.expectations();
        metrics(
            self.outcomes
                .iter()
                .zip(expectations)
                .map(|(outcome, (_, expected))| Judged {
                    verdict: outcome.verdict,
                    expected,
                }),
        )
    }

    pub fn vectors(&self) -> Vec<Vector> {
        let cases = self.cases();
        let vector = |(at, outcome): (usize, &Outcome)| Vector {
            case: outcome.case.clone(),
            fingerprint: cases
                .and_then(|cases| cases.get(at))
                .map(domain::case::fingerprint),
            verdict: outcome.verdict,
            label: outcome.label.clone(),
            margin: outcome.margin,
        };
        self.outcomes.iter().enumerate().map(vector).collect()
    }

    pub(crate) fn policy(&self) -> Result<Policy, Refusal> {
        policy::parse(self.policy_text.as_bytes())
            .map_err(|error| Refusal::malformed(POLICY, error))
    }

    /// The files, and the manifest that lists them.
    pub(crate) fn to_files(&self) -> Result<(Manifest, BTreeMap<String, Vec<u8>>), Refusal> {
        let policy = self.policy()?;
        let mut files = BTreeMap::new();
        let mut put = |path: &str, bytes: Vec<u8>| files.insert(path.to_owned(), bytes);
        put(POLICY, self.policy_text.clone().into_bytes());
        put(PROMPT, prompt::developer(&policy).into_bytes());
        put(CLAUSES, pretty(&policy.clauses));
        put(CONTRACT, pretty(&policy.output));
        put(
            CASES,
            match &self.suite {
                CaseSet::Full(cases) => text_lines(cases.iter().map(to_line)),
                CaseSet::Withheld(cases) => json_lines(cases),
            },
        );
        put(RUN, pretty(&self.run));
        put(OUTCOMES, json_lines(&self.outcomes));
        put(METRICS, pretty(&self.metrics()));
        put(VECTORS, json_lines(&self.vectors()));
        put(GATES, pretty(&self.gates));
        put(CHANGE_LOG, self.change_log.clone().into_bytes());
        if let Some(release) = &self.release {
            put(RELEASE, pretty(release));
        }
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            policy: manifest::PolicyEntry {
                name: self.policy_name.clone(),
                title: policy.title,
                revision: policy.revision.0,
            },
            suite: manifest::SuiteEntry {
                cases: self.outcomes.len() as u32,
                withheld: self.cases().is_none(),
            },
            model: manifest::ModelEntry {
                name: self.run.model_name.clone(),
                digest: self.run.model_digest.clone(),
                demonstration: self.run.demonstration,
            },
            gates: GateOutcome::of(&self.gates),
            validity: self.validity,
            versions: Versions::current(),
            files: manifest::list(&files),
        };
        Ok((manifest, files))
    }

    /// Reads the files of a manifest; each was found to be what the manifest says.
    pub(crate) fn from_files(
        manifest: &Manifest,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Contents, Refusal> {
        let file = |path: &str| {
            files
                .get(path)
                .ok_or_else(|| Refusal::Missing(path.to_owned()))
        };
        let text = |path: &str| {
            String::from_utf8(file(path)?.clone()).map_err(|error| Refusal::malformed(path, error))
        };
        let known = [
            POLICY, PROMPT, CLAUSES, CONTRACT, CASES, RUN, OUTCOMES, METRICS, VECTORS, GATES,
            CHANGE_LOG,
        ];
        for path in known {
            file(path)?;
        }
        if let Some(extra) = files
            .keys()
            .find(|path| !known.contains(&path.as_str()) && *path != RELEASE)
        {
            let detail = "the manifest lists it, but no bundle of this version has it";
            return Err(Refusal::malformed(extra, detail));
        }
        let suite = if manifest.suite.withheld {
            CaseSet::Withheld(parse_json_lines(CASES, file(CASES)?)?)
        } else {
            CaseSet::Full(parse_cases(file(CASES)?)?)
        };
        let release = match files.get(RELEASE) {
            None => None,
            Some(bytes) => Some(parse_json(RELEASE, bytes)?),
        };
        Ok(Contents {
            policy_name: manifest.policy.name.clone(),
            policy_text: text(POLICY)?,
            suite,
            run: parse_json(RUN, file(RUN)?)?,
            outcomes: parse_json_lines(OUTCOMES, file(OUTCOMES)?)?,
            gates: parse_json(GATES, file(GATES)?)?,
            change_log: text(CHANGE_LOG)?,
            release,
            validity: manifest.validity,
        })
    }
}

fn text_lines(lines: impl Iterator<Item = String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

pub(crate) fn json_lines<T: Serialize>(values: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        serde_json::to_writer(&mut bytes, value)
            .expect("our lines have text keys and are written to memory");
        bytes.push(b'\n');
    }
    bytes
}

fn parse_cases(bytes: &[u8]) -> Result<Vec<Case>, Refusal> {
    let (cases, problems) = parse_suite(bytes);
    match problems.first() {
        None => Ok(cases),
        Some(problem) => Err(Refusal::malformed(
            CASES,
            format!("line {}: {}", problem.line, problem.message),
        )),
    }
}

pub(crate) fn parse_json<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::malformed(path, error))
}

pub(crate) fn parse_json_lines<T: DeserializeOwned>(
    path: &str,
    bytes: &[u8],
) -> Result<Vec<T>, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|error| Refusal::malformed(path, error))?;
    text.lines()
        .zip(1..)
        .map(|(line, number)| {
            serde_json::from_str(line)
                .map_err(|error| Refusal::malformed(path, format!("line {number}: {error}")))
        })
        .collect()
}
