//! The parts of an edit: its hunks, any of which can be applied without the others, and
//! minimal sets of parts that have an effect (delta debugging).
//!
//! Whether a set has the effect is the caller's to find out, a level of sets at a time.

use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::ops::Range;
use ts_rs::TS;

/// Lines of the earlier text that stand otherwise in the later one. Lines count from 1 in
/// what the model reads; `start + count - 1` is the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EditHunk {
    pub before_start: u32,
    pub before_count: u32,
    pub after_start: u32,
    pub after_count: u32,
    pub removed: String,
    pub added: String,
}

/// The hunks from one text to another, in order. Neighbouring lines that each changed into
/// one other are hunks of their own: rules stand on lines.
pub fn hunks(before: &str, after: &str) -> Vec<EditHunk> {
    let old: Vec<&str> = before.split('\n').collect();
    let new: Vec<&str> = after.split('\n').collect();
    capture_diff_slices(Algorithm::Patience, &old, &new)
        .into_iter()
        .flat_map(|op| parts(&op, &old, &new))
        .map(|(was, is)| EditHunk {
            before_start: line(was.start),
            before_count: was.len() as u32,
            after_start: line(is.start),
            after_count: is.len() as u32,
            removed: old[was].join("\n"),
            added: new[is].join("\n"),
        })
        .collect()
}

/// `before` with the chosen hunks of its edit applied; all of them give the later text.
pub fn apply(before: &str, hunks: &[EditHunk], chosen: &[usize]) -> String {
    let old: Vec<&str> = before.split('\n').collect();
    let mut lines: Vec<&str> = Vec::new();
    let mut at = 0;
    for (index, hunk) in hunks.iter().enumerate() {
        let start = hunk.before_start as usize - 1;
        let end = start + hunk.before_count as usize;
        lines.extend(&old[at..start]);
        if chosen.contains(&index) {
            if hunk.after_count > 0 {
                lines.extend(hunk.added.split('\n'));
            }
        } else {
            lines.extend(&old[start..end]);
        }
        at = end;
    }
    lines.extend(&old[at..]);
    lines.join("\n")
}

fn parts(op: &DiffOp, old: &[&str], new: &[&str]) -> Vec<(Range<usize>, Range<usize>)> {
    let (was, is) = (op.old_range(), op.new_range());
    match op {
        DiffOp::Equal { .. } => Vec::new(),
        DiffOp::Replace { .. } if was.len() == is.len() => was
            .zip(is)
            .map(|(was, is)| (was..was + 1, is..is + 1))
            .collect(),
        DiffOp::Replace { .. } => vec![(was, is)],
        DiffOp::Delete { .. } => by_rule(was, old)
            .into_iter()
            .map(|lines| (lines, is.start..is.start))
            .collect(),
        DiffOp::Insert { .. } => by_rule(is, new)
            .into_iter()
            .map(|lines| (was.start..was.start, lines))
            .collect(),
    }
}

/// Lines cut before each that opens something of its own: not blank, not further indented
/// than the first, and not a heading's first rule, which would be nothing without it.
fn by_rule(range: Range<usize>, lines: &[&str]) -> Vec<Range<usize>> {
    let mut cuts = vec![range.start];
    let indent = |at: usize| lines[at].len() - lines[at].trim_start().len();
    let mut holds_text = false;
    for at in range.clone() {
        let text = lines[at].trim();
        let opens = !text.is_empty() && indent(at) <= indent(cuts[cuts.len() - 1]);
        if opens && holds_text {
            cuts.push(at);
        }
        holds_text = (holds_text && !opens) || (opens && !text.starts_with('#'));
    }
    let ends = cuts.iter().skip(1).copied().chain([range.end]);
    cuts.iter().copied().zip(ends).map(|(a, b)| a..b).collect()
}

fn line(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

/// Zeller's ddmin, a level at a time: from a set that has an effect to one of which no
/// part can be left out.
#[derive(Debug, Clone)]
pub struct Minimal {
    set: Vec<usize>,
    parts: usize,
    done: bool,
}

impl Minimal {
    /// `all` is known to have the effect, and nothing is known not to.
    pub fn new(all: Vec<usize>) -> Minimal {
        Minimal {
            done: all.len() < 2,
            parts: 2,
            set: all,
        }
    }

    /// The smallest set so far; of none of its parts is known that it can be left out.
    pub fn set(&self) -> &[usize] {
        &self.set
    }

    /// The sets to try next; none once the set is minimal.
    pub fn level(&self) -> Vec<Vec<usize>> {
        if self.done {
            return Vec::new();
        }
        let parts = self.chunks();
        let complements = (self.parts > 2).then(|| {
            parts.iter().map(|part| {
                let others = self.set.iter().filter(|item| !part.contains(item));
                others.copied().collect()
            })
        });
        let mut sets = parts.clone();
        sets.extend(complements.into_iter().flatten());
        sets
    }

    /// Which of the level's sets have the effect, in its order.
    pub fn answer(&mut self, has_effect: &[bool]) {
        let level = self.level();
        let first = has_effect.iter().position(|has| *has);
        match first.and_then(|at| Some((at, level.get(at)?.clone()))) {
            Some((at, set)) => {
                self.parts = if at < self.parts {
                    2
                } else {
                    (self.parts - 1).max(2)
                };
                self.set = set;
            }
            None if self.parts < self.set.len() => {
                self.parts = (self.parts * 2).min(self.set.len());
            }
            None => self.done = true,
        }
        self.done |= self.set.len() < 2;
        self.parts = self.parts.min(self.set.len().max(2));
    }

    fn chunks(&self) -> Vec<Vec<usize>> {
        let count = self.parts.min(self.set.len());
        (0..count)
            .map(|part| {
                let from = part * self.set.len() / count;
                let to = (part + 1) * self.set.len() / count;
                self.set[from..to].to_vec()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rules_are_hunks_of_their_own() {
        let before = "# P\n\nT1 One.\nT2 Two.\nT3 Three.\nT4 Four.";
        let after = "# P\n\nT1 One!\nT2 Two!\nT3 Three.\nT5 Five.\n  more of it\nT6 Six.";
        let found = hunks(before, after);
        let show: Vec<(&str, &str)> = found
            .iter()
            .map(|hunk| (hunk.removed.as_str(), hunk.added.as_str()))
            .collect();
        assert_eq!(
            show,
            [
                ("T1 One.", "T1 One!"),
                ("T2 Two.", "T2 Two!"),
                ("T4 Four.", "T5 Five.\n  more of it\nT6 Six."),
            ]
        );
        assert_eq!(apply(before, &found, &[1]), before.replace("Two.", "Two!"));
        let added = hunks(
            "# P\nT1 One.",
            "# P\nT1 One.\nT2 Two.\n\n## Safe\nT3 Three.\nT4 Four.",
        );
        let texts: Vec<&str> = added.iter().map(|hunk| hunk.added.as_str()).collect();
        assert_eq!(texts, ["T2 Two.\n", "## Safe\nT3 Three.", "T4 Four."]);
    }

    /// The minimal set for an effect, and how many sets were tried.
    fn minimal(count: usize, has_effect: impl Fn(&[usize]) -> bool) -> (Vec<usize>, usize) {
        let mut search = Minimal::new((0..count).collect());
        let mut tried = 0;
        loop {
            let level = search.level();
            if level.is_empty() {
                return (search.set().to_vec(), tried);
            }
            tried += level.len();
            let found: Vec<bool> = level.iter().map(|set| has_effect(set)).collect();
            search.answer(&found);
        }
    }

    #[test]
    fn one_cause_among_many_is_found_by_halves() {
        let (set, tried) = minimal(64, |set| set.contains(&41));
        assert_eq!(set, [41]);
        assert!(tried <= 12, "{tried}");
        assert_eq!(minimal(1, |_| true).0, [0]);
    }

    proptest! {
        #[test]
        fn what_acts_together_is_found_together(
            count in 2usize..14,
            needed in proptest::collection::btree_set(0usize..14, 1..4),
        ) {
            let needed: Vec<usize> = needed.into_iter().filter(|item| *item < count).collect();
            prop_assume!(!needed.is_empty());
            let (set, _) = minimal(count, |set| needed.iter().all(|item| set.contains(item)));
            prop_assert_eq!(set, needed);
        }

        #[test]
        fn nothing_can_be_left_out_of_a_minimal_set(effects in proptest::collection::vec(any::<bool>(), 64)) {
            let index = |set: &[usize]| set.iter().fold(0, |bits, item| bits | (1 << item));
            let has_effect = |set: &[usize]| set.len() == 6 || (!set.is_empty() && effects[index(set)]);
            let (set, _) = minimal(6, has_effect);
            prop_assert!(has_effect(&set));
            if set.len() > 1 {
                for item in &set {
                    let others: Vec<usize> = set.iter().copied().filter(|other| other != item).collect();
                    prop_assert!(!has_effect(&others));
                }
            }
        }

        #[test]
        fn all_hunks_give_the_later_text(before in "([ab]\n| c\n|\n){0,9}[ab]?", after in "([ab]\n| c\n|\n){0,9}[ab]?") {
            let found = hunks(&before, &after);
            let all: Vec<usize> = (0..found.len()).collect();
            prop_assert_eq!(apply(&before, &found, &all), after);
            prop_assert_eq!(apply(&before, &found, &[]), before);
        }
    }
}
