//! Which cases are judged first: those that the edit most likely turns.
//!
//! First the cases that the baseline decided by a clause which the edit touches: its answer
//! names one, or it is the last that the trace cites. Then those that the baseline doesn't
//! know. Then the others, by what their old traces say of the touched clauses: where a trace
//! says of them what hardly any other says, the clause mattered; next by the words that the
//! case shares with the changed lines, the smaller margin, the longer trace. Equals keep the
//! suite's order. Of those that are begun together, the engine's previews say who is written
//! first.

use crate::compare::{Entry, Table};
use domain::citation;
use domain::edit::{EditHunk, hunks};
use domain::outlook::{FlipsLeft, Group, flips_left};
use domain::policy::{Clause, clauses};
use domain::prompt;
use domain::run::{Citation, Outcome};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const GROUPS: usize = 3;

/// Cases that have no outcome yet, in the order to judge them.
pub(crate) struct Queue {
    pub positions: Vec<usize>,
    /// Of each of them, as the module says.
    groups: Vec<usize>,
}

impl Queue {
    /// How many flips are to be expected among the cases that are left.
    pub(crate) fn flips_left(&self, table: &Table) -> Option<FlipsLeft> {
        table.base.as_ref()?;
        let mut groups = [Group::default(); GROUPS];
        for (position, group) in self.positions.iter().zip(&self.groups) {
            let entry = &table.entries[*position];
            let group = &mut groups[*group];
            // A case without a past cannot flip.
            if table.before(entry).is_none() {
                continue;
            }
            match &entry.outcome {
                Some(_) => {
                    group.judged += 1;
                    group.flipped += u32::from(table.has_flipped(entry));
                }
                None => group.left += 1,
            }
        }
        flips_left(&groups)
    }
}

pub(crate) fn pending(table: &Table) -> Queue {
    let mut positions: Vec<usize> = (0..table.entries.len())
        .filter(|position| table.entries[*position].outcome.is_none())
        .collect();
    let signals = Signals::new(table);
    let ranks: HashMap<usize, Rank> = positions
        .iter()
        .map(|position| (*position, signals.rank(table, *position)))
        .collect();
    positions.sort_by(|a, b| {
        let (a, b) = (&ranks[a], &ranks[b]);
        a.group
            .cmp(&b.group)
            .then(b.speaks.total_cmp(&a.speaks))
            .then(a.margin.total_cmp(&b.margin))
            .then(b.tokens.cmp(&a.tokens))
    });
    Queue {
        groups: positions
            .iter()
            .map(|position| ranks[position].group)
            .collect(),
        positions,
    }
}

struct Rank {
    group: usize,
    /// How much of the case speaks for a flip, from 0 to 2.
    speaks: f64,
    margin: f64,
    tokens: u32,
}

/// What the edit is about, and what old traces say of it.
struct Signals {
    touched: BTreeSet<String>,
    /// By position, the old trace's sentences about the touched clauses.
    sentences: HashMap<usize, String>,
    /// How many traces say the same.
    alike: HashMap<String, usize>,
    /// The changed words with their weight: the rarer among the cases, the more.
    words: BTreeMap<String, f64>,
}

impl Signals {
    fn new(table: &Table) -> Signals {
        let Some(base) = &table.base else {
            return Signals {
                touched: BTreeSet::new(),
                sentences: HashMap::new(),
                alike: HashMap::new(),
                words: BTreeMap::new(),
            };
        };
        let old = clauses(&base.file_text);
        let hunks = hunks(&base.file_text, &table.file_text);
        let touched = touched(&hunks, &old, &table.clauses);
        let mut sentences = HashMap::new();
        let mut alike: HashMap<String, usize> = HashMap::new();
        for (position, entry) in table.entries.iter().enumerate() {
            if let Some(before) = table.before(entry) {
                let said = about(before, &old, &touched);
                *alike.entry(said.clone()).or_default() += 1;
                sentences.insert(position, said);
            }
        }
        Signals {
            words: weights(table, &hunks),
            touched,
            sentences,
            alike,
        }
    }

    fn rank(&self, table: &Table, position: usize) -> Rank {
        let entry = &table.entries[position];
        let Some(before) = table.before(entry) else {
            return Rank {
                group: 1,
                speaks: 0.0,
                margin: f64::INFINITY,
                tokens: 0,
            };
        };
        let old = table.base.as_ref().map(|base| clauses(&base.file_text));
        let decided = deciding(before, &old.unwrap_or_default())
            .iter()
            .any(|id| self.touched.contains(id));
        let said = self.sentences.get(&position);
        let alike = said.and_then(|said| self.alike.get(said)).copied();
        let rare = alike.map_or(0.0, |alike| {
            1.0 - alike as f64 / self.sentences.len() as f64
        });
        let shared: f64 = words(&content(entry))
            .iter()
            .filter_map(|word| self.words.get(word))
            .sum();
        let all: f64 = self.words.values().sum();
        Rank {
            group: if decided { 0 } else { 2 },
            speaks: rare + if all > 0.0 { shared / all } else { 0.0 },
            margin: before.margin.map_or(f64::INFINITY, f64::abs),
            tokens: before.tokens.generated,
        }
    }
}

/// The clauses whose lines a hunk takes away or brings, and those that its lines name.
fn touched(hunks: &[EditHunk], old: &[Clause], new: &[Clause]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let within = |clauses: &[Clause], start: u32, count: u32, found: &mut BTreeSet<String>| {
        let hit = clauses
            .iter()
            .filter(|clause| clause.line_start < start + count && start <= clause.line_end);
        found.extend(hit.map(|clause| clause.id.clone()));
    };
    for hunk in hunks {
        within(old, hunk.before_start, hunk.before_count, &mut found);
        within(new, hunk.after_start, hunk.after_count, &mut found);
        for (text, clauses) in [(&hunk.removed, old), (&hunk.added, new)] {
            let named = citation::find(text, clauses);
            found.extend(named.into_iter().filter_map(|citation| citation.clause));
        }
    }
    found
}

/// The clauses that an answer names, else the last one that its trace cites.
fn deciding(outcome: &Outcome, clauses: &[Clause]) -> Vec<String> {
    let named: Vec<String> = clauses
        .iter()
        .filter(|clause| {
            let mut rules = outcome.rules.iter();
            rules.any(|rule| rule.eq_ignore_ascii_case(&clause.id))
        })
        .map(|clause| clause.id.clone())
        .collect();
    if !named.is_empty() {
        return named;
    }
    let mut cited = citation::find(&outcome.trace, clauses).into_iter().rev();
    Vec::from_iter(cited.find_map(|citation| citation.clause))
}

/// The sentences of a trace that name one of the clauses.
fn about(outcome: &Outcome, clauses: &[Clause], wanted: &BTreeSet<String>) -> String {
    let names = |citation: &Citation| {
        let clause = citation.clause.as_ref();
        clause.is_some_and(|clause| wanted.contains(clause))
    };
    outcome
        .trace
        .split_inclusive(['\n', '。'])
        .filter(|sentence| citation::find(sentence, clauses).iter().any(names))
        .collect()
}

/// The changed lines' words that cases have, by inverse document frequency.
fn weights(table: &Table, hunks: &[EditHunk]) -> BTreeMap<String, f64> {
    let changed: BTreeSet<String> = hunks
        .iter()
        .flat_map(|hunk| words(&format!("{} {}", hunk.removed, hunk.added)))
        .collect();
    let mut having: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &table.entries {
        for word in words(&content(entry))
            .into_iter()
            .filter(|word| changed.contains(word))
        {
            *having.entry(word).or_default() += 1;
        }
    }
    let all = table.entries.len() as f64;
    having
        .into_iter()
        .map(|(word, cases)| (word, (all / cases as f64).ln()))
        .collect()
}

fn content(entry: &Entry) -> String {
    prompt::user(&entry.case)
}

/// Words cut to a stem's length, so that `stories` meets `story`; Han by character pairs.
fn words(text: &str) -> BTreeSet<String> {
    const STEM_CHARS: usize = 5;
    let lower = text.to_lowercase();
    let mut found = BTreeSet::new();
    for word in lower.split(|c: char| !c.is_alphanumeric()) {
        let chars: Vec<char> = word.chars().collect();
        if word.is_ascii() {
            if chars.len() > 3 {
                found.insert(chars.iter().take(STEM_CHARS).collect());
            }
        } else {
            found.extend(chars.windows(2).map(|pair| pair.iter().collect::<String>()));
        }
    }
    found
}
