//! What `touchstone check` writes: for a terminal, as JUnit XML for build servers, and as
//! Markdown for a job's page. Cases are named by their ids; their contents may be
//! confidential and stay out.

use crate::input;
use crate::table::Style;
use domain::gate::{GateResult, GateState};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use studio::view::{Failure, GateReport};

/// More ids than this help nobody on a page; the whole list is in the JSON document.
const CASES_SHOWN_MAX: usize = 20;

const RED: u8 = 31;
const GREEN: u8 = 32;

/// One paragraph a policy, one line a gate.
pub fn text(reports: &[GateReport], style: Style) -> String {
    let mut out = String::new();
    for report in reports {
        if !out.is_empty() {
            out.push('\n');
        }
        out += &heading(report);
        out.push('\n');
        for result in &report.results {
            let mark = match result.state {
                GateState::Passed => style.paint("✓", GREEN),
                GateState::Failed | GateState::Unmeasured => style.paint("✗", RED),
            };
            out += &format!("  {mark} {}\n", result.message);
            if result.state != GateState::Passed && !result.cases.is_empty() {
                out += &format!("      {}\n", cases(result));
            }
        }
    }
    out.push('\n');
    out += &verdict(reports);
    out.push('\n');
    out
}

/// A test suite for each policy, a test for each gate.
pub fn junit(reports: &[GateReport]) -> Result<String, Failure> {
    let mut document = Report::new("touchstone check");
    for report in reports {
        let mut suite = TestSuite::new(report.policy.as_str());
        let run = &report.run;
        suite.add_property(("run", run.run.0.to_string().as_str()));
        suite.add_property(("revision", run.revision.0.as_str()));
        suite.add_property(("model", run.model_name.as_str()));
        suite.add_property(("model_digest", run.model_digest.as_str()));
        if let Some(baseline) = &report.baseline {
            suite.add_property(("baseline_revision", baseline.revision.0.as_str()));
        }
        for result in &report.results {
            let mut test = TestCase::new(result.gate.title(), status(result));
            test.set_classname(format!("touchstone.{}", report.policy));
            suite.add_test_case(test);
        }
        document.add_test_suite(suite);
    }
    document
        .to_string()
        .map_err(|error| input(format!("The JUnit report cannot be written: {error}.")))
}

fn status(result: &GateResult) -> TestCaseStatus {
    let kind = match result.state {
        GateState::Passed => return TestCaseStatus::success(),
        GateState::Failed => NonSuccessKind::Failure,
        GateState::Unmeasured => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(result.message.as_str());
    status.set_type(result.gate.metric.key());
    let place = format!("touchstone.toml:{}", result.gate.line);
    status.set_description(match result.cases.is_empty() {
        true => format!("{place} {}", result.gate.place()),
        false => format!(
            "{place} {}\n{}",
            result.gate.place(),
            result.cases.join("\n")
        ),
    });
    status
}

/// A heading, a table for each policy, and the cases behind what did not pass.
pub fn markdown(reports: &[GateReport]) -> String {
    let mut out = format!("## Touchstone: {}\n", verdict(reports));
    for report in reports {
        out += &format!("\n### {}\n\n", plain(&report.policy));
        out += &format!("{}\n\n", plain(&facts(report)));
        out += "| | gate | value | cases |\n| --- | --- | ---: | ---: |\n";
        for result in &report.results {
            let mark = match result.state {
                GateState::Passed => "✅",
                GateState::Failed | GateState::Unmeasured => "❌",
            };
            let value = result
                .value
                .map_or_else(|| "–".to_owned(), |value| result.gate.metric.show(value));
            out += &format!(
                "| {mark} | {} | {value} | {} |\n",
                plain(&result.gate.title()),
                result.cases.len()
            );
        }
        let failing: Vec<&GateResult> = report
            .results
            .iter()
            .filter(|result| result.state != GateState::Passed)
            .collect();
        if !failing.is_empty() {
            out.push('\n');
        }
        for result in failing {
            out += &format!("- {}", plain(&result.message));
            if !result.cases.is_empty() {
                out += &format!(" {}", plain(&cases(result)));
            }
            out += &format!(" (`touchstone.toml`, line {})\n", result.gate.line);
        }
    }
    out
}

fn verdict(reports: &[GateReport]) -> String {
    let results = || reports.iter().flat_map(|report| &report.results);
    let all = results().count();
    let missed = results()
        .filter(|result| result.state != GateState::Passed)
        .count();
    match missed {
        0 if all == 1 => "the gate passed".to_owned(),
        0 => format!("all {all} gates passed"),
        _ => format!("{missed} of {all} gates not met"),
    }
}

fn heading(report: &GateReport) -> String {
    format!("{} · {}", report.policy, facts(report))
}

/// What was held against the gates.
fn facts(report: &GateReport) -> String {
    let run = &report.run;
    let demonstration = match run.demonstration {
        true => " (demonstration model)",
        false => "",
    };
    let against = report
        .baseline
        .as_ref()
        .map_or_else(String::new, |baseline| {
            format!(" against run {}", baseline.run.0)
        });
    format!(
        "run {}{against} · {} cases · {}{demonstration} · revision {}",
        run.run.0,
        run.metrics.cases,
        run.model_name,
        run.revision.0.get(..12).unwrap_or(&run.revision.0)
    )
}

fn cases(result: &GateResult) -> String {
    let shown = result.cases.len().min(CASES_SHOWN_MAX);
    let more = match result.cases.len() - shown {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", result.cases[..shown].join(", "))
}

/// A text as Markdown shows it, in a table as well as outside: names come from files.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
