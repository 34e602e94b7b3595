//! Attribution and ablation as people read them.

use super::{FAINT, GREEN, RED, Style, percent, verdict_word};
use domain::certainty::{CertaintyTest, Evidence};
use domain::verdict::Verdict;
use studio::view::{Ablation, Attribution, Cause, FlipCause};

pub fn attribution(found: &Attribution, style: Style) -> String {
    let mut out = format!(
        "{} flips from run {} to run {}, by the hunk that caused them\n",
        found.flips.len(),
        found.a.0,
        found.b.0
    );
    for (hunk, index) in found.hunks.iter().zip(0u32..) {
        let clauses = match hunk.clauses.is_empty() {
            true => String::new(),
            false => format!(" · {}", hunk.clauses.join(", ")),
        };
        out += &format!("\nhunk {}{clauses} · {} flips\n", index + 1, hunk.flips);
        for line in hunk
            .hunk
            .removed
            .lines()
            .filter(|_| hunk.hunk.before_count > 0)
        {
            out += &format!("  {}\n", style.paint(&format!("-{line}"), RED));
        }
        for line in hunk
            .hunk
            .added
            .lines()
            .filter(|_| hunk.hunk.after_count > 0)
        {
            out += &format!("  {}\n", style.paint(&format!("+{line}"), GREEN));
        }
        for flip in found
            .flips
            .iter()
            .filter(|flip| flip.hunks.contains(&index))
        {
            out += &format!(
                "    {}{}\n",
                turn(flip),
                style.paint(&shared(flip, index), FAINT)
            );
        }
    }
    let contract: Vec<&FlipCause> = found
        .flips
        .iter()
        .filter(|flip| flip.cause == Cause::Contract)
        .collect();
    if !contract.is_empty() {
        out += "\nthe output contract\n";
        for flip in contract {
            out += &format!("    {}\n", turn(flip));
        }
    }
    out + &format!(
        "\n{} judgements asked, {} known\n",
        found.effort.asked, found.effort.known
    )
}

fn turn(flip: &FlipCause) -> String {
    let turn = format!("{} → {}", verdict_word(flip.from), verdict_word(flip.to));
    format!("{turn:<20} {}", flip.case)
}

/// The other hunks that have part in a flip.
fn shared(flip: &FlipCause, index: u32) -> String {
    let others: Vec<String> = flip
        .hunks
        .iter()
        .filter(|other| **other != index)
        .map(|other| (other + 1).to_string())
        .collect();
    let others = others.join(", ");
    match flip.cause {
        Cause::One | Cause::Contract => String::new(),
        Cause::Either => format!("  (so would hunk {others} alone)"),
        Cause::Together => format!("  (together with hunk {others})"),
    }
}

pub fn ablation(found: &Ablation) -> String {
    let mut out = format!(
        "{} in run {}: {}\n\n",
        found.case,
        found.run.0,
        named(found.verdict, found.label.as_deref())
    );
    out += &format!("  {:<24} {:<22} cited\n", "without", "it is");
    for without in &found.without {
        let mark = if without.decisive { "▸" } else { " " };
        let cited = if without.cited { "cited" } else { "" };
        let said = named(without.verdict, without.label.as_deref());
        let line = format!("{mark} {:<24} {said:<22} {cited}", without.clause);
        out += line.trim_end();
        out.push('\n');
    }
    out.push('\n');
    out += &match (found.decisive.len(), found.smallest.len()) {
        (0, 0) => "The verdict stays even without any clause.\n".to_owned(),
        (0, _) => format!(
            "No clause alone decides; without {} together the verdict is another.\n",
            found.smallest.join(", ")
        ),
        (_, _) => format!("Decisive: {}.\n", found.decisive.join(", ")),
    };
    if let Some(share) = found.faithfulness {
        out += &format!(
            "{} of the {} cited clauses decide (faithfulness).\n",
            percent(share),
            found.cited.len()
        );
    }
    out
}

fn named(verdict: Verdict, label: Option<&str>) -> String {
    let word = verdict_word(verdict);
    label.map_or_else(|| word.to_owned(), |label| format!("{word} ({label})"))
}

/// By what a flip is real or noise.
pub fn evidence(found: &Evidence) -> String {
    match found.test {
        CertaintyTest::Form => "the texts differ in form alone".to_owned(),
        CertaintyTest::Samples => format!("{} of {} pairs show it", found.shown, found.pairs),
    }
}
