//! The release report: one HTML page without any outside part, for those who must read,
//! print and file it rather than run it.

use crate::attest::Checked;
use crate::contents::Contents;
use crate::manifest::GateOutcome;
use crate::refusal::Refusal;
use domain::case::{Content, excerpt};
use domain::flip::Rate;
use domain::policy::Policy;
use domain::prompt;
use domain::run::Outcome;
use domain::verdict::{Expected, Verdict};
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde::Serialize;
use serde_json::{Value as Json, json};

const TEMPLATE: &str = include_str!("report.html");
const EXCERPT_CHARS_MAX: usize = 240;

#[derive(Serialize)]
struct Line {
    id: String,
    content: String,
    expected: &'static str,
    verdict: &'static str,
    label: String,
    rules: String,
    margin: String,
    /// `right`, `wrong`, or nothing where nothing is expected.
    judged: &'static str,
    note: String,
    trace: String,
}

#[derive(Serialize)]
struct Figure {
    name: &'static str,
    meaning: &'static str,
    value: String,
    interval: String,
}

/// The page. The signers are those of the bundle, where there is one.
pub fn report(contents: &Contents, signers: &[Checked]) -> Result<String, Refusal> {
    let policy = contents.policy()?;
    let metrics = contents.metrics();
    let lines = lines(contents);
    let wrong: Vec<&Line> = lines.iter().filter(|line| line.judged == "wrong").collect();
    let mut environment = Environment::new();
    let fault = |error: minijinja::Error| Refusal::malformed("the report's template", error);
    environment
        .add_template("report.html", TEMPLATE)
        .map_err(fault)?;
    let signers: Vec<Json> = signers
        .iter()
        .map(|checked| {
            json!({
                "name": checked.signer.name,
                "role": checked.signer.role,
                "statement": checked.signer.statement,
                "key_id": checked.key_id,
                "signed_at": checked.signer.signed_at_ms.map(utc),
            })
        })
        .collect();
    let page = environment
        .get_template("report.html")
        .map_err(fault)?
        .render(Value::from(Serde(json!({
            "title": policy.title,
            "name": contents.policy_name,
            "revision": policy.revision.0,
            "run": contents.run,
            "started": utc(contents.run.started_at_ms),
            "finished": utc(contents.run.finished_at_ms),
            "released": contents.release.as_ref().and_then(|release| release.released_at_ms).map(utc),
            "footer": css_text(&format!("{} · {}…", contents.policy_name, &policy.revision.0[..12])),
            "not_before": contents.validity.not_before_ms.map(utc),
            "expires": contents.validity.expires_at_ms.map(utc),
            "withheld": contents.cases().is_none(),
            "metrics": metrics,
            "figures": figures(contents),
            "wrong": wrong,
            "lines": lines,
            "clauses": clauses(&policy),
            "contract": contract(&policy),
            "policy_text": policy.body,
            "change_log": contents.change_log,
            "release": contents.release,
            "sign_offs": sign_offs(contents),
            "gates": contents.gates,
            "gates_outcome": GateOutcome::of(&contents.gates),
            "signers": signers,
        }))))
        .map_err(fault)?;
    Ok(page + "\n")
}

fn figures(contents: &Contents) -> Vec<Figure> {
    let metrics = contents.metrics();
    let rate = |name, meaning, rate: Option<Rate>| Figure {
        name,
        meaning,
        value: rate.map_or_else(|| "–".to_owned(), |rate| percent(rate.value)),
        interval: rate.map_or_else(String::new, |rate| {
            format!("{} to {}", percent(rate.low), percent(rate.high))
        }),
    };
    vec![
        rate(
            "Precision",
            "of the cases judged as violations, how many are",
            metrics.precision,
        ),
        rate(
            "Recall",
            "of the violations, how many were found",
            metrics.recall,
        ),
        Figure {
            name: "F1",
            meaning: "precision and recall in one figure (their harmonic mean)",
            value: metrics.f1.map_or_else(|| "–".to_owned(), percent),
            interval: String::new(),
        },
        rate(
            "False positive rate",
            "of the harmless cases, how many were judged as violations",
            metrics.false_positive_rate,
        ),
        rate(
            "Accuracy",
            "of all cases with an expected verdict, how many were judged so",
            metrics.accuracy,
        ),
    ]
}

fn lines(contents: &Contents) -> Vec<Line> {
    let expectations = contents.expectations();
    let cases = contents.cases();
    let line = |(at, outcome): (usize, &Outcome)| {
        let expected = expectations.get(at).and_then(|(_, expected)| *expected);
        let case = cases.and_then(|cases| cases.get(at));
        Line {
            id: outcome.case.clone(),
            content: case.map_or_else(String::new, |case| {
                excerpt(&Content::Text(prompt::user(case)), EXCERPT_CHARS_MAX)
            }),
            expected: match expected {
                Some(Expected::Violates) => "violates",
                Some(Expected::Safe) => "safe",
                None => "–",
            },
            verdict: match outcome.verdict {
                Verdict::Violates => "violates",
                Verdict::Safe => "safe",
                Verdict::Unparsed => "unreadable",
            },
            label: outcome.label.clone().unwrap_or_default(),
            rules: outcome.rules.join(", "),
            margin: outcome.margin.map_or_else(String::new, |margin| {
                format!("{margin:+.2}").replace('-', "−")
            }),
            judged: match outcome.correct(expected) {
                Some(true) => "right",
                Some(false) => "wrong",
                None => "",
            },
            note: case.and_then(|case| case.note.clone()).unwrap_or_default(),
            trace: outcome.trace.clone(),
        }
    };
    contents.outcomes.iter().enumerate().map(line).collect()
}

fn clauses(policy: &Policy) -> Vec<Json> {
    policy
        .clauses
        .iter()
        .map(|clause| json!({"id": clause.id, "text": clause.text}))
        .collect()
}

fn contract(policy: &Policy) -> Vec<Json> {
    policy
        .output
        .labels
        .iter()
        .map(|(label, side)| {
            let means = match side {
                Expected::Violates => "breaks the policy",
                Expected::Safe => "does not break the policy",
            };
            json!({"label": label, "means": means})
        })
        .collect()
}

fn sign_offs(contents: &Contents) -> Vec<Json> {
    contents
        .release
        .iter()
        .flat_map(|release| &release.sign_offs)
        .map(|sign_off| {
            json!({
                "name": sign_off.name,
                "role": sign_off.role,
                "statement": sign_off.statement,
                "key": sign_off.key,
                "signed_at": utc(sign_off.signed_at_ms),
            })
        })
        .collect()
}

/// The inside of a CSS string: whatever could end it, or the style, is written as its code
/// point.
fn css_text(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " ·…-_.".contains(c);
    text.chars()
        .map(|c| match plain(c) {
            true => c.to_string(),
            false => format!("\\{:x} ", u32::from(c)),
        })
        .collect()
}

fn percent(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

/// A time as `2026-11-24 10:45 UTC`.
/// Civil date from days: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
pub fn utc(at_ms: i64) -> String {
    let minutes = at_ms.div_euclid(60_000);
    let (days, minute) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
        minute / 60,
        minute % 60
    )
}

#[cfg(test)]
mod tests {
    use super::utc;

    /// `date -u -d @SECONDS '+%F %R'`.
    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_795_517_100, "2026-11-24 10:45 UTC"),
            (-1, "1969-12-31 23:59 UTC"),
            (4_107_542_399, "2100-02-28 23:59 UTC"),
        ] {
            assert_eq!(utc(seconds * 1000), expected);
        }
    }
}
