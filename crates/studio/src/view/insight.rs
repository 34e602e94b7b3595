//! What is found by asking the model about texts that nobody wrote: whether flips are
//! real, what a verdict rests on, which hunk of an edit caused a flip.

use domain::certainty::{Evidence, PAIRS_MAX};
use domain::edit::EditHunk;
use domain::run::RunId;
use domain::verdict::Verdict;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How flips are confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConfirmRequest {
    pub a: RunId,
    pub b: RunId,
    /// Pairs of samples that a flip may take; it takes fewer where they decide.
    pub pairs_max: u32,
    /// For policies in which the order of rules decides: samples differ by their seed
    /// alone, and a new order is an edit like any other.
    pub keep_order: bool,
    /// These flips alone; all of them where it is empty.
    pub cases: Vec<String>,
}

impl ConfirmRequest {
    pub fn new(a: RunId, b: RunId) -> ConfirmRequest {
        ConfirmRequest {
            a,
            b,
            pairs_max: PAIRS_MAX,
            keep_order: false,
            cases: Vec::new(),
        }
    }
}

/// What confirming found; the flips carry it from now on wherever they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Confirmed {
    pub flips: u32,
    pub real: u32,
    pub noise: u32,
    pub undecided: u32,
    pub effort: ProbeCounts,
}

/// How far confirming, attribution or ablation has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Probing {
    pub effort: ProbeCounts,
    /// Steps done, of those that are needed at most.
    pub done: u32,
    pub total: u32,
    /// What was found about flips since the last time.
    pub tested: Vec<Tested>,
}

/// What was found about a flip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Tested {
    pub case: String,
    pub evidence: Evidence,
}

/// What a search cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProbeCounts {
    /// Judgements that the model was asked for.
    pub asked: u32,
    /// Judgements that were known.
    pub known: u32,
}

/// Which clauses the verdict of a case rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Ablation {
    pub run: RunId,
    pub case: String,
    pub verdict: Verdict,
    pub label: Option<String>,
    /// The policy without each clause in turn.
    pub without: Vec<Without>,
    /// Clauses without any one of which the verdict is another.
    pub decisive: Vec<String>,
    /// A set of clauses whose removal changes the verdict, and of which none may stay: one
    /// decisive clause where there is one, otherwise several that can stand in for each
    /// other. Empty where the verdict stays even without any clause.
    pub smallest: Vec<String>,
    pub cited: Vec<String>,
    /// The share of cited clauses that belong to a set whose removal changes the verdict;
    /// absent where the trace cites none.
    pub faithfulness: Option<f64>,
    pub effort: ProbeCounts,
}

/// A case judged without a clause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Without {
    pub clause: String,
    pub line: u32,
    pub verdict: Verdict,
    pub label: Option<String>,
    pub margin: Option<f64>,
    pub cited: bool,
    pub decisive: bool,
}

/// Which hunks of an edit caused which flips, of those that were asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Attribution {
    pub a: RunId,
    pub b: RunId,
    pub hunks: Vec<AttributedHunk>,
    pub flips: Vec<FlipCause>,
    pub effort: ProbeCounts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct AttributedHunk {
    pub hunk: EditHunk,
    /// Its lines in the two policy files: absent where it only adds, or only removes, lines.
    pub before: Option<FileLines>,
    pub after: Option<FileLines>,
    /// Where it stands in the later file: its first line there, else the line that now stands
    /// where its lines were.
    pub line: u32,
    /// The hunk of `Comparison::hunks` that holds it.
    pub shown_in: Option<u32>,
    /// Clauses of either text that the hunk touches.
    pub clauses: Vec<String>,
    /// Flips that it causes, alone or with others.
    pub flips: u32,
}

/// Lines of a policy file, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FileLines {
    pub first: u32,
    pub last: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FlipCause {
    pub case: String,
    pub from: Verdict,
    pub to: Verdict,
    pub cause: Cause,
    /// Places in `Attribution::hunks`, from 0.
    pub hunks: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Cause {
    /// One hunk: alone it makes the flip, and the edit without it doesn't.
    One,
    /// Any of these hunks makes the flip alone.
    Either,
    /// An interaction: these hunks make the flip together, and none of them can be left out.
    Together,
    /// What is not text did: the output contract that the front matter declares.
    Contract,
}
