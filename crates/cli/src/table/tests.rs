//! The tables, over views as the studio gives them.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use serde_json::{Value, json};

fn metrics(tp: u32, fp: u32, tn: u32, fn_: u32, unparsed: u32) -> Value {
    use domain::run::Judged;
    use domain::verdict::{Expected::*, Verdict};
    let all = [
        (tp, Verdict::Violates, Violates),
        (fp, Verdict::Violates, Safe),
        (tn, Verdict::Safe, Safe),
        (fn_, Verdict::Safe, Violates),
        (unparsed, Verdict::Unparsed, Safe),
    ];
    let judged = all.iter().flat_map(|(count, verdict, expected)| {
        (0..*count).map(|_| Judged {
            verdict: *verdict,
            expected: Some(*expected),
        })
    });
    serde_json::to_value(domain::flip::metrics(judged)).unwrap()
}

fn summary(run: i64, metrics: &Value) -> Value {
    json!({
        "run": run, "policy": "tobacco", "revision": "c57d4a158af1".repeat(6), "model_name": "pebble",
        "model_digest": "d", "demonstration": true, "state": "finished", "started_at_ms": 0,
        "finished_at_ms": 5, "metrics": metrics, "is_baseline": run == 11,
        "settings": {"effort": "low", "template_version": 1, "sampling": {"kind": "greedy"}, "tokens_max": 100},
    })
}

fn row(case: &str, verdict: &str, expected: Value, more: Value) -> Value {
    let mut row = json!({
        "case": case, "excerpt": format!("Content of {case}"), "kind": "user_input", "tags": [], "language": null,
        "expected": expected, "expected_label": null, "verdict": verdict, "label": null, "unparsed_reason": null,
        "rules": [], "margin": null, "correct": expected.as_str().map(|wanted| wanted == verdict), "cached": false,
        "before": null, "flip": null, "certainty": null,
    });
    for (key, value) in more.as_object().unwrap() {
        row[key] = value.clone();
    }
    row
}

fn view(baseline: bool) -> RunView {
    let now = metrics(6, 1, 9, 2, 1);
    let before = |verdict: &str| json!({"verdict": verdict, "label": null, "margin": null});
    let flips = if baseline {
        [
            json!({"flip": "broken", "certainty": "real", "before": before("safe")}),
            json!({"flip": "fixed", "certainty": "undecided", "before": before("unparsed")}),
        ]
    } else {
        [json!({}), json!({})]
    };
    let [broken, fixed] = flips;
    serde_json::from_value(json!({
        "summary": summary(12, &now),
        "baseline": baseline.then(|| summary(11, &now)),
        "rows": [
            row("a-right", "safe", json!("safe"), json!({})),
            row("b-wrong", "safe", json!("violates"), json!({})),
            row("c-unlabelled", "violates", Value::Null, json!({})),
            row("d-unparsed", "unparsed", json!("safe"), json!({"unparsed_reason": "The model gave an empty answer."})),
            row("e-broken", "violates", json!("safe"), broken),
            row("赌博-1", "violates", json!("violates"), fixed),
        ],
        "figures": {
            "metrics": now, "baseline": null, "mcnemar_p": baseline.then_some(0.75), "clauses": [],
            "estimates": [{"measure": "f1", "value": 0.8, "interval": {"low": 0.55, "high": 0.96, "method": "bootstrap"}}],
            "delta": baseline.then(|| json!({"precision": 0.05, "recall": -0.125, "f1": 0.0, "false_positive_rate": null, "accuracy": 0.0526})),
            "flips": {"fixed": 1, "broken": 1, "changed": 0},
        },
    }))
    .unwrap()
}

#[test]
fn flips_stand_first_then_wrong_cases() {
    insta::assert_snapshot!(run(&view(true), Style::Plain));
}

#[test]
fn a_first_run_has_no_deltas() {
    insta::assert_snapshot!(run(&view(false), Style::Plain));
}

#[test]
fn a_watch_prints_flips_only() {
    insta::assert_snapshot!(flips(&view(true), Style::Plain));
    assert!(flips(&view(false), Style::Plain).ends_with("\nNo case flipped.\n"));
}

#[test]
fn colours_are_only_where_asked_for() {
    assert!(!run(&view(true), Style::Plain).contains('\x1b'));
    assert!(run(&view(true), Style::Coloured).contains("\x1b[31m"));
}

#[test]
fn a_comparison_shows_broken_cases_first_and_the_edit() {
    let comparison: Comparison = serde_json::from_value(json!({
        "a": 11, "b": 12, "unchanged": 58, "mcnemar_p": 1.0,
        "measures": [
            {"measure": "accuracy", "before": 0.9, "now": 0.85, "difference": -0.05, "interval": {"low": -0.1, "high": 0.01, "method": "bootstrap"}},
            {"measure": "mcc", "before": 0.7, "now": 0.7, "difference": 0.0, "interval": null},
        ],
        "no_regression": [{"measure": "accuracy", "margin": 0.05, "difference": -0.05, "cases": 61, "p_no_regression": 0.4, "p_equivalent": 0.4, "finding": "inconclusive"}],
        "flips": [
            {"case": "one", "from": "unparsed", "to": "safe", "kind": "changed", "certainty": "undecided"},
            {"case": "two", "from": "safe", "to": "violates", "kind": "fixed", "certainty": "real"},
            {"case": "three", "from": "safe", "to": "violates", "kind": "broken", "certainty": "real"},
        ],
        "estimates_a": [], "estimates_b": [], "hunks": [],
        "confusion_a": {"violates": [30, 2, 1], "safe": [4, 24, 0]},
        "confusion_b": {"violates": [31, 2, 0], "safe": [6, 22, 0]},
        "overlap": {"both": 61, "only_a": 0, "only_b": 2, "edited": 1},
        "policy_diff": "--- tobacco (run 11)\n+++ tobacco (run 12)\n@@ -1 +1 @@\n-T1 Offers.\n+T1 Sells.\n",
    }))
    .unwrap();
    insta::assert_snapshot!(super::comparison(&comparison, Style::Plain));
}

#[test]
fn the_history_is_a_list() {
    let list: Vec<RunSummary> = serde_json::from_value(json!([
        summary(12, &metrics(6, 1, 9, 2, 1)),
        summary(11, &metrics(0, 0, 0, 0, 0))
    ]))
    .unwrap();
    insta::assert_snapshot!(runs(&list));
    assert_eq!(runs(&[]), "No runs yet.\n");
}
