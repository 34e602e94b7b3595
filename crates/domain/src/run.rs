//! Runs and outcomes: a revision judged over a suite by one model with one set of settings.

use crate::policy::Effort;
use crate::verdict::{Expected, Verdict};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The number of a run, unique in a workspace's database and shown to people ("run 31").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[ts(export, type = "number")]
pub struct RunId(pub i64);

/// Everything besides policy, case and model that a verdict depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Settings {
    pub effort: Effort,
    /// Changes whenever the rendered prompt changes for the same policy and case.
    pub template_version: u32,
    pub sampling: Sampling,
    /// Bound on generated tokens a case.
    pub tokens_max: u32,
    /// Of a model in this program's own memory; absent where they are exact.
    #[serde(default, skip_serializing_if = "Numerics::is_exact")]
    #[ts(optional, as = "Option<Numerics>")]
    pub numerics: Numerics,
    /// The server that judged; absent where the model was in this program's own memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub server: Option<Server>,
}

/// How the engine multiplies: a model says slightly different things under the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Numerics {
    /// In f32, with weights as they are.
    #[default]
    Exact,
    /// Activations in 8 bits, and all weights but the experts' too.
    Fast,
}

impl Numerics {
    pub fn name(self) -> &'static str {
        match self {
            Numerics::Exact => "exact",
            Numerics::Fast => "fast",
        }
    }

    fn is_exact(&self) -> bool {
        *self == Numerics::Exact
    }
}

/// What a server said of itself and of its model when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Server {
    /// The base of its interface, without any key.
    pub url: String,
    pub model: String,
    /// As its makers write it: `vLLM`, `llama-server`, …
    pub software: String,
    pub version: Option<String>,
    pub fingerprint: Option<String>,
    pub quantization: Option<String>,
    /// `chat`, or `completions` with our own prompt.
    pub api: String,
    /// Whether the same question is promised the same answer.
    pub repeats: bool,
}

impl Settings {
    /// Whether a second run would say the same, word for word.
    pub fn is_repeatable(&self) -> bool {
        let server_repeats = self.server.as_ref().is_none_or(|server| server.repeats);
        self.sampling == Sampling::Greedy && server_repeats
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[ts(export)]
pub enum Sampling {
    Greedy,
    Seeded {
        #[ts(type = "number")]
        seed: u64,
        temperature: f64,
        top_p: f64,
    },
}

/// What the model said about one case. Whether it is correct depends on the suite
/// and is never stored here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Outcome {
    /// The case's id.
    pub case: String,
    pub verdict: Verdict,
    /// Why the reply could not be read, when the verdict is `Unparsed`.
    pub unparsed_reason: Option<String>,
    pub label: Option<String>,
    /// Rule ids in the answer, as written.
    pub rules: Vec<String>,
    /// Log-odds of the deciding token, violating over safe; absent when nothing decided.
    pub margin: Option<f64>,
    /// The analysis channel, whole, as generated.
    pub trace: String,
    /// The final message, as generated.
    pub answer: String,
    pub tokens: TokenCounts,
    /// From the case's first token in the engine to its last.
    pub latency_ms: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TokenCounts {
    pub prompt: u32,
    /// Prompt tokens whose keys and values were already computed.
    pub reused: u32,
    pub generated: u32,
    pub drafted: u32,
    pub accepted: u32,
}

/// A span of a trace that names a clause. Offsets are UTF-16 code units, as the
/// window's text positions are; `clause` is absent when the policy has no such clause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Citation {
    pub start: u32,
    pub end: u32,
    pub text: String,
    pub clause: Option<String>,
}

/// An outcome beside what its case expects: the input of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    pub verdict: Verdict,
    pub expected: Option<Expected>,
}

impl Outcome {
    /// Whether the verdict is the expected one; absent where nothing is expected.
    pub fn correct(&self, expected: Option<Expected>) -> Option<bool> {
        expected.map(|expected| self.verdict.is(expected))
    }
}
