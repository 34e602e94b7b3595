//! An edit of a policy in hunks: the lines that changed, with some that did not around
//! them, numbered on both sides. It does not say what a hunk caused.

use crate::diff::DiffOp;
use crate::policy::Clause;
use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp as Step, capture_diff_slices, group_diff_ops};
use std::collections::BTreeSet;
use ts_rs::TS;

/// Unchanged lines shown on each side of a change.
const CONTEXT_LINES: usize = 2;

/// Changes that lie near each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DiffHunk {
    pub lines: Vec<DiffHunkLine>,
}

/// A line with its 1-based number on each side that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DiffHunkLine {
    pub op: DiffOp,
    pub before: Option<u32>,
    pub after: Option<u32>,
    pub text: String,
}

/// The hunks from `before` to `after`, in order; none where the lines are the same.
pub fn hunks(before: &str, after: &str) -> Vec<DiffHunk> {
    let before: Vec<&str> = before.lines().collect();
    let after: Vec<&str> = after.lines().collect();
    let steps = capture_diff_slices(Algorithm::Myers, &before, &after);
    group_diff_ops(steps, CONTEXT_LINES)
        .iter()
        .map(|steps| DiffHunk {
            lines: steps
                .iter()
                .flat_map(|step| lines(step, &before, &after))
                .collect(),
        })
        .filter(|hunk| !hunk.lines.is_empty())
        .collect()
}

fn lines(step: &Step, before: &[&str], after: &[&str]) -> Vec<DiffHunkLine> {
    let number = |index: usize| u32::try_from(index + 1).ok();
    let (old, new) = (step.old_range(), step.new_range());
    if matches!(step, Step::Equal { .. }) {
        return old
            .zip(new)
            .map(|(old, new)| DiffHunkLine {
                op: DiffOp::Equal,
                before: number(old),
                after: number(new),
                text: after[new].to_owned(),
            })
            .collect();
    }
    let removed = old.map(|index| DiffHunkLine {
        op: DiffOp::Delete,
        before: number(index),
        after: None,
        text: before[index].to_owned(),
    });
    let added = new.map(|index| DiffHunkLine {
        op: DiffOp::Insert,
        before: None,
        after: number(index),
        text: after[index].to_owned(),
    });
    removed.chain(added).collect()
}

impl DiffHunk {
    /// The clauses that lose or gain a line in this hunk: those of the text before and those
    /// of the text after, in the policy's order, each once.
    pub fn clauses(&self, before: &[Clause], after: &[Clause]) -> Vec<String> {
        let holds = |clause: &Clause, line: Option<u32>| {
            line.is_some_and(|line| (clause.line_start..=clause.line_end).contains(&line))
        };
        let mut seen = BTreeSet::new();
        let mut named = Vec::new();
        for (clauses, op) in [(after, DiffOp::Insert), (before, DiffOp::Delete)] {
            for clause in clauses {
                let touched = self.lines.iter().filter(|line| line.op == op).any(|line| {
                    holds(
                        clause,
                        if op == DiffOp::Insert {
                            line.after
                        } else {
                            line.before
                        },
                    )
                });
                if touched && seen.insert(clause.id.clone()) {
                    named.push(clause.id.clone());
                }
            }
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy;
    use proptest::prelude::*;

    const BEFORE: &str =
        "# P\n\nA1 One.\nA2 Two.\nA3 Three.\nA4 Four.\nA5 Five.\nA6 Six.\nA7 Seven.\nA8 Eight.\n";

    fn show(hunks: &[DiffHunk]) -> Vec<String> {
        let number = |line: Option<u32>| line.map_or("-".to_owned(), |line| line.to_string());
        hunks
            .iter()
            .map(|hunk| {
                let lines = hunk.lines.iter().map(|line| {
                    let mark = match line.op {
                        DiffOp::Equal => ' ',
                        DiffOp::Insert => '+',
                        DiffOp::Delete => '-',
                    };
                    let (before, after) = (number(line.before), number(line.after));
                    format!("{mark}{before}/{after} {}", line.text)
                });
                lines.collect::<Vec<_>>().join("|")
            })
            .collect()
    }

    #[test]
    fn changes_far_apart_are_two_hunks_numbered_on_both_sides() {
        let after = BEFORE
            .replace("A1 One.\n", "A1 One, or more.\n")
            .replace("A8 Eight.\n", "A8 Eight.\nA9 Nine.\n");
        assert_eq!(
            show(&hunks(BEFORE, &after)),
            [
                " 1/1 # P| 2/2 |-3/- A1 One.|+-/3 A1 One, or more.| 4/4 A2 Two.| 5/5 A3 Three.",
                " 9/9 A7 Seven.| 10/10 A8 Eight.|+-/11 A9 Nine.",
            ]
        );
        assert_eq!(hunks(BEFORE, BEFORE), []);
    }

    #[test]
    fn a_hunk_names_the_clauses_it_changes_and_no_neighbour() {
        let after = BEFORE.replace("A4 Four.\n", "").replace("Six", "6");
        let (old, new) = (policy::clauses(BEFORE), policy::clauses(&after));
        let found = hunks(BEFORE, &after);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].clauses(&old, &new), ["A6", "A4"]);
    }

    proptest! {
        #[test]
        fn hunks_hold_every_changed_line_once(before in "([abc]\n){0,16}", after in "([abc]\n){0,16}") {
            let found = hunks(&before, &after);
            let lines: Vec<&DiffHunkLine> = found.iter().flat_map(|hunk| &hunk.lines).collect();
            let removed = lines.iter().filter(|line| line.op == DiffOp::Delete).count();
            let added = lines.iter().filter(|line| line.op == DiffOp::Insert).count();
            prop_assert_eq!(before.lines().count() + added, after.lines().count() + removed);
            let numbers: Vec<u32> = lines.iter().filter_map(|line| line.after).collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
            for line in lines {
                let (old, new) = (before.lines().collect::<Vec<_>>(), after.lines().collect::<Vec<_>>());
                let at = |side: &[&str], number: Option<u32>| number.map(|n| side[n as usize - 1].to_owned());
                for text in [at(&old, line.before), at(&new, line.after)].into_iter().flatten() {
                    prop_assert_eq!(&text, &line.text);
                }
            }
        }
    }
}
