//! The reports, over results of every kind, with names that would be markup.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use serde_json::{Value, json};

fn run(number: i64) -> Value {
    let metrics = domain::flip::metrics([]);
    json!({
        "run": number, "policy": "a|b_<c>", "revision": "c57d4a158af1".repeat(6),
        "model_name": "pebble", "model_digest": "5e".repeat(32), "demonstration": true,
        "state": "finished", "started_at_ms": 0, "finished_at_ms": 5, "metrics": metrics,
        "is_baseline": false,
        "settings": {"effort": "low", "template_version": 1, "sampling": {"kind": "greedy"}, "tokens_max": 100},
    })
}

fn result(metric: &str, side: &str, bound: f64, line: u32, more: Value) -> Value {
    let mut result = json!({
        "gate": {
            "policy": null, "scope": {"kind": "suite"}, "metric": metric, "side": side,
            "bound": bound, "line": line,
        },
        "state": "passed", "value": 0.95, "gap": null, "cases": [], "message": format!("{metric}: it is so."),
    });
    for (key, value) in more.as_object().unwrap() {
        result[key] = value.clone();
    }
    result
}

fn reports() -> Vec<GateReport> {
    let many: Vec<String> = (1..=23).map(|at| format!("case-{at}")).collect();
    let report = json!({
        "policy": "a|b_<c>", "run": run(12), "baseline": run(9), "passed": false,
        "results": [
            result("recall", "at_least", 0.9, 4, json!({"cases": ["m-1"]})),
            result("unparsed", "at_most", 0.0, 5, json!({"state": "failed", "value": 23.0, "cases": many})),
            result("regressions", "at_most", 0.0, 6, json!({"state": "unmeasured", "value": null, "gap": "no_baseline"})),
        ],
    });
    vec![serde_json::from_value(report).unwrap()]
}

#[test]
fn a_terminal_reads_one_line_a_gate() {
    insta::assert_snapshot!(text(&reports(), Style::Plain));
}

#[test]
fn a_job_s_page_reads_markdown_without_markup_from_names() {
    insta::assert_snapshot!(markdown(&reports()));
}

#[test]
fn a_build_server_reads_junit() {
    let xml = junit(&reports()).unwrap();
    insta::assert_snapshot!(xml);
    // Its own reader takes it back.
    let read = Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((read.tests, read.failures, read.errors), (3, 1, 1));
}
