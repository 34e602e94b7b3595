//! What people read: metrics, then a table with the flips on top.

mod bundle;
mod insight;

pub use bundle::{exported, imported, report as bundle_report};
use domain::flip::{Certainty, Flip, FlipKind, Rate};
use domain::policy::{Effort, RevisionId};
use domain::stats::Measure;
use domain::verdict::{Expected, Verdict};
pub use insight::{ablation, attribution};
use std::io::IsTerminal;
use studio::view::{
    CaseRow, Comparison, ModelView, Release, RunState, RunSummary, RunView, SignOff,
};

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

impl Style {
    pub fn of_stdout() -> Style {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match wanted && std::io::stdout().is_terminal() {
            true => Style::Coloured,
            false => Style::Plain,
        }
    }

    pub fn paint(self, text: &str, code: u8) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

const RED: u8 = 31;
const GREEN: u8 = 32;
const FAINT: u8 = 2;
const EXCERPT_CHARS_MAX: usize = 56;

/// A whole run: heading, metrics, every case; flips first, then wrong ones, then the rest.
pub fn run(view: &RunView, style: Style) -> String {
    let mut out = heading(view);
    out += &metrics(view);
    out += &usage(view);
    out.push('\n');
    let mut rows: Vec<&CaseRow> = view
        .rows
        .iter()
        .filter(|row| row.verdict.is_some())
        .collect();
    rows.sort_by_key(|row| (row.flip.is_none(), row.correct != Some(false)));
    out += &cases(&rows, style);
    out
}

/// What a save changed: metrics and flips alone.
pub fn flips(view: &RunView, style: Style) -> String {
    let mut out = heading(view);
    out += &metrics(view);
    let rows: Vec<&CaseRow> = view.rows.iter().filter(|row| row.flip.is_some()).collect();
    if rows.is_empty() {
        out += "\nNo case flipped.\n";
    } else {
        out.push('\n');
        out += &cases(&rows, style);
    }
    out
}

fn heading(view: &RunView) -> String {
    let summary = &view.summary;
    let demonstration = if summary.demonstration {
        " (demonstration model)"
    } else {
        ""
    };
    let against = match &view.baseline {
        Some(baseline) => format!(" against run {}", baseline.run.0),
        None => String::new(),
    };
    format!(
        "{} · run {}{against} · {}{demonstration} · {} effort · revision {}\n",
        summary.policy,
        summary.run.0,
        summary.model_name,
        effort_word(summary.settings.effort),
        short(&summary.revision),
    )
}

/// What a server counted, and what it promises; nothing for a model in memory.
fn usage(view: &RunView) -> String {
    let (Some(usage), Some(server)) = (&view.usage, &view.summary.settings.server) else {
        return String::new();
    };
    let currency = usage.currency.as_deref().unwrap_or_default();
    let cost = usage
        .cost
        .map_or_else(String::new, |cost| format!(", cost {cost:.4} {currency}"));
    let promise = if server.repeats {
        ""
    } else {
        "\n  the server does not promise the same answer twice: flips are undecided until repeated"
    };
    format!(
        "  {} at {}: {} tokens read ({} in its cache), {} written{cost}{promise}\n",
        server.software,
        server.url,
        usage.prompt_tokens,
        usage.reused_tokens,
        usage.generated_tokens,
    )
}

fn metrics(view: &RunView) -> String {
    let now = &view.figures.metrics;
    let delta = view.figures.delta.as_ref();
    let line = |name: &str, rate: Option<Rate>, delta: Option<f64>| {
        let value = rate.map_or_else(|| "–".to_owned(), |rate| percent(rate.value));
        let interval = rate.map_or_else(String::new, |rate| {
            format!("  [{} … {}]", percent(rate.low), percent(rate.high))
        });
        let line = format!("  {name:<20} {value:>7} {:>8}{interval}", change(delta));
        line.trim_end().to_owned() + "\n"
    };
    let mut out = String::new();
    out += &line(
        "accuracy",
        now.accuracy,
        delta.and_then(|delta| delta.accuracy),
    );
    out += &line(
        "precision",
        now.precision,
        delta.and_then(|delta| delta.precision),
    );
    out += &line("recall", now.recall, delta.and_then(|delta| delta.recall));
    // The bootstrap gives F1 its interval; a share of cases has Wilson's.
    let f1 = view
        .figures
        .estimates
        .iter()
        .find(|estimate| estimate.measure == Measure::F1);
    let name = format!(
        "  {:<20} {:>7} {:>8}",
        "F1",
        now.f1.map_or_else(|| "–".to_owned(), percent),
        change(delta.and_then(|delta| delta.f1))
    );
    let interval = f1.and_then(|estimate| estimate.interval);
    let interval = interval.map_or_else(String::new, |ends| {
        format!("  [{} … {}]", percent(ends.low), percent(ends.high))
    });
    out += format!("{name}{interval}").trim_end();
    out.push('\n');
    let fpr = delta.and_then(|delta| delta.false_positive_rate);
    out += &line("false positive rate", now.false_positive_rate, fpr);
    let wrong = now.judged - now.true_positives - now.true_negatives;
    out += &format!(
        "  {} cases, {wrong} wrong, {} unparsed",
        now.cases, now.unparsed
    );
    if view.baseline.is_some() {
        let flips = view.figures.flips;
        out += &format!(
            "; {} fixed, {} broken, {} changed",
            flips.fixed, flips.broken, flips.changed
        );
        if let Some(p) = view.figures.mcnemar_p {
            out += &format!(" (McNemar p = {p:.3})");
        }
    }
    out.push('\n');
    out
}

fn cases(rows: &[&CaseRow], style: Style) -> String {
    let width = rows
        .iter()
        .map(|row| columns(&row.case))
        .max()
        .unwrap_or(4)
        .clamp(4, 32);
    let head = format!(
        "  {:<9} {:<9} {:<23} {:<width$} content\n",
        "verdict", "expected", "flip", "case"
    );
    let mut out = style.paint(head.trim_end(), FAINT) + "\n";
    for row in rows {
        let expected = row.expected.map_or("–", expected_word);
        let flip = row.flip.map_or_else(String::new, |kind| {
            let before = row
                .before
                .as_ref()
                .map_or("", |before| verdict_word(before.verdict));
            let certainty = match row.certainty {
                Some(Certainty::Undecided) => "?",
                Some(Certainty::Noise) => "~",
                Some(Certainty::Real) | None => "",
            };
            format!("{}{certainty} (was {before})", flip_word(kind))
        });
        let mark = match row.correct {
            Some(false) => "✗",
            Some(true) => " ",
            None => "·",
        };
        let colour = match (row.correct, row.flip) {
            (Some(false), _) => Some(RED),
            (_, Some(FlipKind::Fixed)) => Some(GREEN),
            _ => None,
        };
        let verdict = row.verdict.map_or("–", verdict_word);
        let start = format!("{mark} {verdict:<9} {expected:<9} {flip:<23}");
        let padding = " ".repeat(width.saturating_sub(columns(&row.case)));
        let excerpt: String = row.excerpt.chars().take(EXCERPT_CHARS_MAX).collect();
        let start = colour.map_or(start.clone(), |colour| style.paint(&start, colour));
        out += format!("{start} {}{padding} {excerpt}", row.case).trim_end();
        out.push('\n');
        if let Some(reason) = &row.unparsed_reason {
            out += &format!("            {reason}\n");
        }
    }
    out
}

pub fn comparison(comparison: &Comparison, style: Style) -> String {
    let mut out = format!(
        "run {} → run {}: {} flipped, {} unchanged (McNemar p = {:.3})\n",
        comparison.a.0,
        comparison.b.0,
        comparison.flips.len(),
        comparison.unchanged,
        comparison.mcnemar_p
    );
    out += &statistics::compared(comparison);
    let mut flips: Vec<&Flip> = comparison.flips.iter().collect();
    flips.sort_by_key(|flip| match flip.kind {
        FlipKind::Broken => 0,
        FlipKind::Fixed => 1,
        FlipKind::Changed => 2,
    });
    for flip in flips {
        let colour = match flip.kind {
            FlipKind::Broken => RED,
            FlipKind::Fixed => GREEN,
            FlipKind::Changed => FAINT,
        };
        let turn = format!("{} → {}", verdict_word(flip.from), verdict_word(flip.to));
        let certainty = match flip.certainty {
            Certainty::Real => "real",
            Certainty::Noise => "noise",
            Certainty::Undecided => "undecided",
        };
        let start = format!("  {:<8} {turn:<20} {certainty:<9}", flip_word(flip.kind));
        let why = flip.evidence.as_ref().map_or_else(String::new, |found| {
            style.paint(&format!("  ({})", insight::evidence(found)), FAINT)
        });
        out += &format!("{} {}{why}\n", style.paint(&start, colour), flip.case);
    }
    if !comparison.policy_diff.is_empty() {
        out.push('\n');
        for line in comparison.policy_diff.lines() {
            let painted = match line.chars().next() {
                Some('+') => style.paint(line, GREEN),
                Some('-') => style.paint(line, RED),
                _ => line.to_owned(),
            };
            out += &painted;
            out.push('\n');
        }
    }
    out
}

pub fn runs(runs: &[RunSummary]) -> String {
    if runs.is_empty() {
        return "No runs yet.\n".to_owned();
    }
    let mut out = format!(
        "{:>5}  {:<20} {:<12} {:>5} {:>9} {:<6} {:<11} model\n",
        "run", "policy", "revision", "cases", "accuracy", "effort", "state"
    );
    for run in runs {
        let state = match run.state {
            RunState::Running => "running",
            RunState::Finished if run.is_baseline => "baseline",
            RunState::Finished => "finished",
            RunState::Interrupted => "interrupted",
        };
        let accuracy = run.metrics.accuracy;
        out += &format!(
            "{:>5}  {:<20} {:<12} {:>5} {:>9} {:<6} {state:<11} {}{}\n",
            run.run.0,
            run.policy,
            short(&run.revision),
            run.metrics.cases,
            accuracy.map_or_else(|| "–".to_owned(), |rate| percent(rate.value)),
            effort_word(run.settings.effort),
            run.model_name,
            if run.demonstration {
                " (demonstration)"
            } else {
                ""
            },
        );
    }
    out
}

pub fn models(models: &[ModelView]) -> String {
    if models.is_empty() {
        return "No model was found. Give a checkpoint's folder with --model DIR.\n".to_owned();
    }
    let mut out = String::new();
    for model in models {
        let demonstration = if model.demonstration {
            ", demonstration model"
        } else {
            ""
        };
        let trouble = model
            .problem
            .as_ref()
            .map_or_else(String::new, |problem| format!("\n    {problem}"));
        if let Some(server) = &model.server {
            let place = if server.leaves_machine {
                "leaves this machine"
            } else {
                "stays on this machine"
            };
            out += &format!(
                "{} ({}, {place})\n    {}{trouble}\n",
                model.name, model.device, model.id
            );
            continue;
        }
        out += &format!(
            "{} ({}{demonstration})\n    {:.1} MB, context of {} tokens, {}{trouble}\n",
            model.name,
            model.device,
            model.bytes as f64 / 1e6,
            model.context_tokens,
            model.path,
        );
    }
    out
}

/// A paragraph for each release, with who vouches for it.
pub fn releases(releases: &[Release]) -> String {
    if releases.is_empty() {
        return "No releases yet. Record one with `touchstone release --policy NAME`.\n".to_owned();
    }
    let mut out = String::new();
    for release in releases {
        out += &format!(
            "{} {} · run {} · revision {} · {} gates met\n",
            release.policy,
            release.version,
            release.run.0,
            short(&release.revision),
            release.gates.len()
        );
        for by in &release.sign_offs {
            out += &format!("  {}\n", sign_off(by));
        }
    }
    out
}

pub fn sign_off(by: &SignOff) -> String {
    let key = by
        .key
        .as_ref()
        .map_or_else(String::new, |key| format!(" [{key}]"));
    format!("{}, {}{key}: {}", by.name, by.role, by.statement)
}

fn percent(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

fn change(delta: Option<f64>) -> String {
    match delta {
        Some(delta) if delta.abs() >= 0.000_5 => format!("{:+.1}", delta * 100.0),
        Some(_) => "±0.0".to_owned(),
        None => String::new(),
    }
}

/// As much of a revision as tells revisions apart by eye.
fn short(revision: &RevisionId) -> &str {
    revision.0.get(..12).unwrap_or(&revision.0)
}

fn effort_word(effort: Effort) -> &'static str {
    match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
    }
}

pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Violates => "violates",
        Verdict::Safe => "safe",
        Verdict::Unparsed => "unparsed",
    }
}

fn expected_word(expected: Expected) -> &'static str {
    match expected {
        Expected::Violates => "violates",
        Expected::Safe => "safe",
    }
}

fn flip_word(kind: FlipKind) -> &'static str {
    match kind {
        FlipKind::Fixed => "fixed",
        FlipKind::Broken => "broken",
        FlipKind::Changed => "changed",
    }
}

/// Columns in a terminal: Han, kana, hangul and emoji take two.
fn columns(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xff00..=0xff60
            | 0x1f300..=0x1faff => 2,
            _ => 1,
        })
        .sum()
}

mod statistics;
pub use statistics::{coverage, statistics, traces};

#[cfg(test)]
mod tests;
