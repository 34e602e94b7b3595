//! Statistics as people read them: measures with intervals, groups, annotators, coverage.

use super::{GREEN, RED, Style, percent, verdict_word};
use domain::coverage::Coverage;
use domain::diff::DiffOp;
use domain::stats::agreement::Agreement;
use domain::stats::paired::{Difference, Finding, NoRegression};
use domain::stats::{Estimate, Interval, Measure};
use domain::verdict::Verdict;
use studio::view::{AnnotatorView, Comparison, PolicyStatistics, Statistics, TraceView};

/// Lines of a group's or a clause's name.
const NAME_CHARS_MAX: usize = 36;

fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::Accuracy => "accuracy",
        Measure::Precision => "precision",
        Measure::Recall => "recall",
        Measure::F1 => "F1",
        Measure::FalsePositiveRate => "false positive rate",
        Measure::FalseNegativeRate => "false negative rate",
        Measure::BalancedAccuracy => "balanced accuracy",
        Measure::Mcc => "MCC",
        Measure::Kappa => "Cohen's κ",
    }
}

/// Shares as percentages; correlations, which are none, as numbers.
fn value(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Mcc | Measure::Kappa => format!("{value:.3}"),
        _ => percent(value),
    }
}

fn ends(measure: Measure, interval: Option<Interval>) -> String {
    interval.map_or_else(String::new, |ends| {
        format!(
            "  [{} … {}]",
            value(measure, ends.low),
            value(measure, ends.high)
        )
    })
}

fn p_value(p: f64) -> String {
    if p < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {p:.3}")
    }
}

/// Measures of two runs, and whether the second is no worse.
pub fn compared(comparison: &Comparison) -> String {
    let mut out: String = comparison.measures.iter().map(difference).collect();
    out.extend(comparison.no_regression.iter().map(no_regression));
    if comparison.overlap.both > 0 {
        out += &confusions(comparison);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Both runs' cases by what was expected and what was given.
fn confusions(comparison: &Comparison) -> String {
    let row = |name: &str, a: [u32; 3], b: [u32; 3]| {
        let cells = |counts: [u32; 3]| counts.map(|count| format!("{count:>9}")).concat();
        format!("  expected {name:<9}{}   {}\n", cells(a), cells(b))
    };
    let (a, b) = (&comparison.confusion_a, &comparison.confusion_b);
    let given = " violates     safe unparsed";
    format!("  {:<18}{given}   {given}\n", "")
        + &row("violates", a.violates, b.violates)
        + &row("safe", a.safe, b.safe)
}

/// What two runs said of one case: the words of the second, with those that only the first
/// had in [- -] and those that only the second has in {+ +}.
pub fn traces(trace: &TraceView, style: Style) -> String {
    let verdict = trace.row.verdict.map_or("not judged", verdict_word);
    let Some(before) = &trace.baseline else {
        return format!("{}: {verdict}\n{}\n", trace.case.id, trace.trace);
    };
    let was = trace.row.before.as_ref();
    let was = was.map_or("not judged", |before| verdict_word(before.verdict));
    let words: String = before
        .diff
        .iter()
        .map(|part| match part.op {
            DiffOp::Equal => part.text.clone(),
            DiffOp::Delete => style.paint(&format!("[-{}-]", part.text), RED),
            DiffOp::Insert => style.paint(&format!("{{+{}+}}", part.text), GREEN),
        })
        .collect();
    format!("{}: {was} → {verdict}\n{words}\n", trace.case.id)
}

fn difference(difference: &Difference) -> String {
    let Difference {
        measure,
        before,
        now,
        ..
    } = *difference;
    let sign = if difference.difference < 0.0 { "" } else { "+" };
    let change = format!("{sign}{}", value(measure, difference.difference));
    let line = format!(
        "  {:<20} {:>7} → {:>7}  {change:>8}{}",
        measure_name(measure),
        value(measure, before),
        value(measure, now),
        ends(measure, difference.interval)
    );
    line + "\n"
}

fn no_regression(test: &NoRegression) -> String {
    let margin = percent(test.margin);
    let name = measure_name(test.measure);
    let p = p_value(test.p_no_regression);
    let says = match test.finding {
        Finding::Equivalent => format!(
            "no change of {margin} or more either way ({})",
            p_value(test.p_equivalent)
        ),
        Finding::NoRegression => format!("no loss of {margin} or more ({p})"),
        Finding::Regression => format!("a loss of more than {margin}"),
        Finding::Inconclusive => format!("a loss of {margin} is not ruled out ({p})"),
    };
    format!("  {name}: {says}, over {} cases\n", test.cases)
}

pub fn statistics(statistics: &Statistics) -> String {
    let mut out: String = statistics.policies.iter().map(policy).collect();
    if let Some(rate) = statistics.exact_match {
        out += &format!(
            "exact match over {} policies: {}  [{} … {}]\n",
            statistics.policies.len(),
            percent(rate.value),
            percent(rate.low),
            percent(rate.high)
        );
    }
    out
}

fn policy(found: &PolicyStatistics) -> String {
    let runs: Vec<String> = found.runs.iter().map(|run| run.0.to_string()).collect();
    let mut out = format!(
        "{} · run {} · {} cases, {} judged against an expectation\n",
        found.policy,
        runs.join(", "),
        found.cases,
        found.judgements
    );
    if runs.len() > 1 {
        out += "  repeats: cases are resampled with all their verdicts\n";
    }
    out.extend(found.estimates.iter().map(estimate));
    for group in &found.groups {
        let name = short(group.value.as_deref().unwrap_or("(none)"));
        out += &format!("\n  {name}, {} cases\n", group.cases);
        out.extend(group.estimates.iter().map(estimate));
    }
    out.extend(found.annotators.iter().map(annotator));
    if let Some(agreement) = &found.agreement {
        out += &format!(
            "\n  Krippendorff's α of all annotations: {}\n",
            agreed(agreement)
        );
    }
    out.push('\n');
    out
}

fn estimate(estimate: &Estimate) -> String {
    let Estimate {
        measure,
        interval,
        value: found,
    } = *estimate;
    format!(
        "  {:<20} {:>7}{}\n",
        measure_name(measure),
        value(measure, found),
        ends(measure, interval)
    )
}

fn annotator(found: &AnnotatorView) -> String {
    let mut out = format!("\n  {}, {} cases", short(&found.name), found.cases);
    if found.unread > 0 {
        out += &format!(" ({} say no verdict of this policy)", found.unread);
    }
    out.push('\n');
    out.extend(found.estimates.iter().map(estimate));
    if let Some(agreement) = &found.agreement_with_expected {
        out += &format!("  κ with the expectation: {}\n", agreed(agreement));
    }
    if let Some(agreement) = &found.agreement_with_run {
        out += &format!("  κ with the run:         {}\n", agreed(agreement));
    }
    if let Some(p) = found.mcnemar_p {
        out += &format!("  against the run:        McNemar {}\n", p_value(p));
    }
    out
}

fn agreed(agreement: &Agreement) -> String {
    let ends = ends(Measure::Kappa, agreement.interval);
    format!("{:.3}{ends}, {} cases", agreement.value, agreement.cases)
}

pub fn coverage(coverage: &Coverage) -> String {
    let covered = coverage.clauses.iter().filter(|clause| clause.covered);
    let both = coverage
        .clauses
        .iter()
        .filter(|clause| clause.both_polarities);
    let mut out = format!(
        "{} of {} clauses cited, {} with both verdicts\n",
        covered.count(),
        coverage.clauses.len(),
        both.count()
    );
    if coverage.ablated {
        let dead = coverage.clauses.iter().filter(|c| c.dead == Some(true));
        out += &format!("{} decide no case\n", dead.count());
    }
    out += format!(
        "  {:<36} {:>5} {:>8} {:>8} {:>5} {:>5} {:>5} {:>8}",
        "clause",
        "cited",
        "answered",
        verdict_word(Verdict::Violates),
        verdict_word(Verdict::Safe),
        "near",
        "wrong",
        if coverage.ablated { "decisive" } else { "" }
    )
    .trim_end();
    out.push('\n');
    for clause in &coverage.clauses {
        let line = format!(
            "  {:<36} {:>5} {:>8} {:>8} {:>5} {:>5} {:>5} {:>8}  {}",
            short(&clause.clause),
            clause.cited,
            clause.answered,
            clause.violates,
            clause.safe,
            clause.near_misses,
            clause.wrong,
            clause
                .decisive
                .map_or_else(String::new, |cases| cases.to_string()),
            match (clause.covered, clause.dead) {
                (false, Some(true)) => "uncovered, dead",
                (false, _) => "uncovered",
                (true, Some(true)) => "dead",
                (true, _) => "",
            }
        );
        out += line.trim_end();
        out.push('\n');
    }
    for conflict in &coverage.conflicts {
        out += &format!(
            "  conflict: {} decides {} cases that cite {}, which decides {} that cite {}\n",
            short(&conflict.violating),
            conflict.violates_cases.len(),
            short(&conflict.safe),
            conflict.safe_cases.len(),
            short(&conflict.violating)
        );
    }
    for invented in &coverage.invented {
        let mut cases = invented
            .cases
            .iter()
            .take(5)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if invented.cases.len() > 5 {
            cases += ", …";
        }
        out += &format!(
            "  no such clause: {} in {} traces ({cases})\n",
            short(&invented.text),
            invented.cases.len()
        );
    }
    out
}

fn short(text: &str) -> String {
    if text.chars().count() <= NAME_CHARS_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(NAME_CHARS_MAX - 1).collect();
    format!("{kept}…")
}
