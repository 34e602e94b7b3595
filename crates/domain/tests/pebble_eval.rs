//! The demonstration model's held-out evaluation: 50 policies in many code styles and
//! two languages, with the traces and answers that are right for them. Whatever the
//! model is trained to write must be understood here.
#![expect(clippy::unwrap_used, reason = "tests")]

use domain::policy::{self, OutputContract, OutputKind};
use domain::verdict::{self, Expected, Verdict};
use domain::{citation, verdict::Reading};
use serde_json::Value;
use std::path::Path;

fn rows() -> Vec<Value> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pebble-eval/heldout.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn contract(row: &Value) -> OutputContract {
    let kind = match row["contract"].as_str().unwrap() {
        "binary" => OutputKind::Binary,
        "json" => OutputKind::Json,
        _ => OutputKind::Label,
    };
    let labels = row["labels"].as_object().unwrap();
    OutputContract {
        kind,
        labels: labels
            .iter()
            .map(|(label, side)| (label.clone(), expected(side)))
            .collect(),
    }
}

fn expected(side: &Value) -> Expected {
    match side.as_str().unwrap() {
        "violates" => Expected::Violates,
        _ => Expected::Safe,
    }
}

#[test]
fn every_clause_of_a_trace_is_found_and_cited() {
    for row in rows() {
        let clauses = policy::clauses(row["policy"].as_str().unwrap());
        let trace = row["trace"].as_str().unwrap();
        let citations = citation::find(trace, &clauses);
        let invented: Vec<_> = citations
            .iter()
            .filter(|citation| citation.clause.is_none())
            .collect();
        assert!(invented.is_empty(), "{}: {invented:?}\n{row:#}", row["id"]);
        for rule in row["rules"].as_array().unwrap() {
            let rule = rule.as_str();
            assert!(
                clauses
                    .iter()
                    .any(|clause| Some(clause.id.as_str()) == rule),
                "{}: {rule:?} is no clause\n{row:#}",
                row["id"]
            );
            assert!(
                citations
                    .iter()
                    .any(|citation| citation.clause.as_deref() == rule),
                "{}: {rule:?} is not cited\n{row:#}",
                row["id"]
            );
        }
    }
}

#[test]
fn every_right_answer_is_read() {
    for row in rows() {
        let contract = contract(&row);
        let Reading {
            verdict,
            label,
            rules,
            ..
        } = verdict::read(&contract, row["final"].as_str().unwrap());
        assert_eq!(
            verdict,
            Verdict::from(expected(&row["expected"])),
            "{row:#}"
        );
        if contract.kind == OutputKind::Label {
            assert_eq!(label.as_deref(), row["label"].as_str(), "{row:#}");
        }
        let known: Vec<&str> = row["rules"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(
            rules.iter().all(|rule| known.contains(&rule.as_str())),
            "{rules:?} {row:#}"
        );
    }
}
