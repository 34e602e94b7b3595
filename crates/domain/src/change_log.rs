//! The draft of a release's change log: what changed in the text since the last release,
//! and which verdicts changed with it. People edit it; nothing reads it back.

use crate::diff::{ChangeKind, changed_lines};
use crate::flip::{Certainty, Flip, FlipKind, Metrics};
use crate::policy::{Clause, clauses};
use crate::verdict::Verdict;

/// The release before: its text, its figures, and what flipped since.
#[derive(Debug, Clone, Copy)]
pub struct Since<'a> {
    pub version: &'a str,
    pub file_text: &'a str,
    pub metrics: &'a Metrics,
    /// Over the cases judged in both runs.
    pub flips: &'a [Flip],
    pub unchanged: u32,
    /// Exact McNemar over the same cases.
    pub mcnemar_p: f64,
}

/// More cases than this are counted instead of listed.
const LISTED_MAX: usize = 30;

/// A draft in Markdown.
pub fn draft(since: Option<&Since<'_>>, file_text: &str, metrics: &Metrics) -> String {
    let Some(since) = since else {
        return format!(
            "First release: {}, {}.\n\n{}",
            many(clauses(file_text).len(), "clause"),
            many(metrics.cases as usize, "case"),
            figures(metrics, None)
        );
    };
    format!(
        "Changes since {}.\n\n## Text\n\n{}\n## Verdicts\n\n{}\n## Figures\n\n{}",
        since.version,
        text(since.file_text, file_text),
        verdicts(since),
        figures(metrics, Some(since.metrics))
    )
}

fn text(before: &str, now: &str) -> String {
    let (old, new) = (clauses(before), clauses(now));
    let find = |list: &[Clause], id: &str| -> Option<String> {
        let clause = list.iter().find(|clause| clause.id == id);
        clause.map(|clause| one_line(&clause.text))
    };
    let mut out = String::new();
    for clause in &new {
        let now = one_line(&clause.text);
        match find(&old, &clause.id) {
            None => out += &format!("- Added {}: {now}\n", clause.id),
            Some(was) if was != now => {
                out += &format!("- Changed {}: {now} (before: {was})\n", clause.id);
            }
            Some(_) => {}
        }
    }
    for clause in &old {
        if find(&new, &clause.id).is_none() {
            out += &format!("- Removed {}: {}\n", clause.id, one_line(&clause.text));
        }
    }
    let others = lines_outside_clauses(before, now, &new);
    if others > 0 {
        out += &format!("- {} outside the clauses.\n", many(others, "changed line"));
    }
    if out.is_empty() {
        out += "- No change of the text.\n";
    }
    out
}

/// Lines added or changed that belong to no clause.
fn lines_outside_clauses(before: &str, now: &str, clauses: &[Clause]) -> usize {
    let inside = |line: u32| {
        clauses
            .iter()
            .any(|clause| (clause.line_start..=clause.line_end).contains(&line))
    };
    changed_lines(before, now)
        .into_iter()
        .filter(|change| change.kind != ChangeKind::Removed)
        .flat_map(|change| change.start..=change.end)
        .filter(|line| !inside(*line))
        .count()
}

fn verdicts(since: &Since<'_>) -> String {
    let count = |kind| since.flips.iter().filter(|flip| flip.kind == kind).count();
    let judged = since.flips.len() + since.unchanged as usize;
    if judged == 0 {
        return "No case was judged in both releases.\n".to_owned();
    }
    if since.flips.is_empty() {
        return format!(
            "None changed over {} judged in both.\n",
            many(judged, "case")
        );
    }
    let mut out = format!(
        "Over {} judged in both: {} fixed, {} broken, {} changed (McNemar p = {:.3}).\n\n",
        many(judged, "case"),
        count(FlipKind::Fixed),
        count(FlipKind::Broken),
        count(FlipKind::Changed),
        since.mcnemar_p
    );
    let order = [FlipKind::Broken, FlipKind::Fixed, FlipKind::Changed];
    let sorted = order
        .into_iter()
        .flat_map(|kind| since.flips.iter().filter(move |flip| flip.kind == kind));
    for flip in sorted.take(LISTED_MAX) {
        let certainty = match flip.certainty {
            Certainty::Real => "",
            Certainty::Noise => ", noise",
            Certainty::Undecided => ", undecided",
        };
        let kind = match flip.kind {
            FlipKind::Fixed => "fixed",
            FlipKind::Broken => "broken",
            FlipKind::Changed => "changed",
        };
        let (from, to) = (word(flip.from), word(flip.to));
        out += &format!("- {}: {kind}, {from} → {to}{certainty}\n", flip.case);
    }
    if since.flips.len() > LISTED_MAX {
        out += &format!("- and {} more\n", since.flips.len() - LISTED_MAX);
    }
    out
}

fn figures(now: &Metrics, before: Option<&Metrics>) -> String {
    let rate = |metrics: &Metrics, of: fn(&Metrics) -> Option<f64>| {
        of(metrics).map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
    };
    type Figure = fn(&Metrics) -> Option<f64>;
    let rows: [(&str, Figure); 5] = [
        ("precision", |m| m.precision.map(|rate| rate.value)),
        ("recall", |m| m.recall.map(|rate| rate.value)),
        ("F1", |m| m.f1),
        ("false positive rate", |m| {
            m.false_positive_rate.map(|rate| rate.value)
        }),
        ("accuracy", |m| m.accuracy.map(|rate| rate.value)),
    ];
    rows.into_iter()
        .map(|(name, of)| match before {
            Some(before) => format!("- {name}: {} → {}\n", rate(before, of), rate(now, of)),
            None => format!("- {name}: {}\n", rate(now, of)),
        })
        .collect()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Violates => "violates",
        Verdict::Safe => "safe",
        Verdict::Unparsed => "unparsed",
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn many(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flip::metrics;
    use crate::run::Judged;
    use crate::verdict::Expected;

    const BEFORE: &str = "# Tobacco\n\nAnswer 1 or 0.\n\n- **T1** Offers to sell tobacco.\n- **T2** Praise\n  of smoking.\n- **S1** Other talk.\n";

    fn judged(verdict: Verdict, expected: Expected, times: usize) -> Vec<Judged> {
        let expected = Some(expected);
        vec![Judged { verdict, expected }; times]
    }

    fn figures_of(right: usize) -> Metrics {
        let all = [
            judged(Verdict::Violates, Expected::Violates, right),
            judged(Verdict::Safe, Expected::Violates, 10 - right),
            judged(Verdict::Safe, Expected::Safe, 10),
        ];
        metrics(all.concat())
    }

    fn flip(case: &str, from: Verdict, to: Verdict, kind: FlipKind) -> Flip {
        Flip {
            case: case.to_owned(),
            from,
            to,
            kind,
            certainty: Certainty::Real,
            evidence: None,
        }
    }

    #[test]
    fn the_first_release_tells_what_it_holds() {
        insta::assert_snapshot!(draft(None, BEFORE, &figures_of(8)));
    }

    #[test]
    fn a_later_release_tells_clauses_verdicts_and_figures() {
        let now = "# Tobacco products\n\nAnswer 1 or 0.\n\n- **T1** Offers to sell or ship tobacco.\n- **S1** Other talk.\n- **S2** Museum pieces.\n";
        let (violates, safe) = (Verdict::Violates, Verdict::Safe);
        let mut noise = flip("d", violates, Verdict::Unparsed, FlipKind::Changed);
        noise.certainty = Certainty::Undecided;
        let flips = [
            flip("a", violates, safe, FlipKind::Fixed),
            noise,
            flip("b", safe, violates, FlipKind::Broken),
        ];
        let since = Since {
            version: "3",
            file_text: BEFORE,
            metrics: &figures_of(8),
            flips: &flips,
            unchanged: 17,
            mcnemar_p: 1.0,
        };
        insta::assert_snapshot!(draft(Some(&since), now, &figures_of(9)));
    }

    #[test]
    fn the_same_again_says_so() {
        let since = Since {
            version: "2026-11",
            file_text: BEFORE,
            metrics: &figures_of(8),
            flips: &[],
            unchanged: 20,
            mcnemar_p: 1.0,
        };
        let told = draft(Some(&since), BEFORE, &figures_of(8));
        assert!(told.contains("- No change of the text.\n"), "{told}");
        assert!(
            told.contains("None changed over 20 cases judged in both.\n"),
            "{told}"
        );
    }
}
