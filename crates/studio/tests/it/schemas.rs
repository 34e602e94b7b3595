//! The published JSON Schemas: in step with the code that makes them, and of one mind with
//! the code that reads the files.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;
use studio::Schema;

fn published(schema: Schema) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas")
        .join(schema.file());
    std::fs::read_to_string(&path).unwrap_or_default()
}

fn validator(schema: Schema) -> jsonschema::Validator {
    let published: Value = serde_json::from_str(&published(schema)).unwrap();
    jsonschema::meta::validate(&published).unwrap();
    jsonschema::validator_for(&published).unwrap()
}

#[test]
fn the_published_schemas_are_those_of_the_code() {
    for schema in Schema::ALL {
        assert!(
            published(schema) == schema.text(),
            "docs/schemas/{} is stale: write it anew with `touchstone schema`",
            schema.file()
        );
    }
}

fn line_is_read(line: &Value) -> bool {
    let (cases, _) = domain::case::parse_suite(line.to_string().as_bytes());
    cases.len() == 1
}

#[test]
fn every_line_of_the_sample_suites_is_valid() {
    let validator = validator(Schema::SuiteLine);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut lines = 0;
    for entry in std::fs::read_dir(fixtures).unwrap().flatten() {
        if entry
            .path()
            .extension()
            .is_none_or(|ending| ending != "jsonl")
        {
            continue;
        }
        for line in std::fs::read_to_string(entry.path()).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert!(validator.is_valid(&line), "{line}");
            lines += 1;
        }
    }
    assert!(lines >= 160, "{lines}");
}

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_sample_workspace_is_canonical_and_its_gates_are_valid() {
    let gates = text("touchstone.toml");
    assert!(domain::gate::parse(&gates).is_ok());
    let value: Value = toml::from_str(&gates).unwrap();
    assert!(validator(Schema::Config).is_valid(&value));
    for name in ["tobacco", "spam", "harassment", "赌博"] {
        let policy = text(&format!("policies/{name}.md"));
        assert_eq!(domain::policy::format(policy.as_bytes()).unwrap(), policy);
        let suite = text(&format!("fixtures/{name}.jsonl"));
        assert_eq!(domain::case::format_suite(suite.as_bytes()).unwrap(), suite);
    }
}

/// Values that a field may be given, rightly or wrongly.
fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(7)),
        Just(json!("")),
        Just(json!(" \t")),
        Just(json!("text")),
        Just(json!("violates")),
        Just(json!("safe")),
        Just(json!("conversation")),
        Just(json!("user_input")),
        Just(json!([])),
        Just(json!(["a", "b"])),
        Just(json!(["a", 1])),
        Just(json!([{"role": "user", "text": "hi"}])),
        Just(json!([{"role": "user", "text": "hi", "more": 1}, {"role": "assistant", "text": ""}])),
        Just(json!([{"role": "system", "text": "hi"}])),
        Just(json!([{"role": "user"}])),
        Just(json!({"a": 1})),
    ]
}

const FIELDS: [&str; 11] = [
    "id", "content", "kind", "expected", "label", "rules", "tags", "language", "note", "owner",
    "more",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_schema_and_the_reader_of_suites_are_of_one_mind(
        fields in proptest::collection::vec((0..FIELDS.len(), odd_value()), 0..5),
        whole in any::<bool>(),
    ) {
        let mut line = if whole { json!({"id": "a", "content": "x"}) } else { json!({}) };
        for (field, value) in fields {
            line[FIELDS[field]] = value;
        }
        let valid = validator(Schema::SuiteLine).is_valid(&line);
        prop_assert_eq!(valid, line_is_read(&line), "{}", line);
    }

    #[test]
    fn the_schema_and_the_reader_of_gates_are_of_one_mind(
        entries in proptest::collection::vec((0..13usize, 0..8usize, 0..10usize), 1..4),
    ) {
        let keys = [
            "precision_min", "recall_min", "f1_min", "fpr_max", "fnr_max", "kappa_min", "mcc_min",
            "regressions_max", "unparsed_max", "cases_per_label_min", "recall_max", "tags", "policies",
        ];
        let values = ["0", "1", "0.5", "-0.5", "1.5", "9", "-1", "true", "\"x\"", "{}"];
        let headings = [
            "gates", "gates.policies.a", "gates.labels.\"b c\"", "gates.tags.d",
            "gates.policies.a.labels.e", "gates.policies.a.tags.f", "gates.policies.a.policies.g",
            "gates.tags.d.labels.h",
        ];
        let mut text = String::new();
        for (key, heading, value) in entries {
            text += &format!("[{}]\n{} = {}\n", headings[heading], keys[key], values[value]);
        }
        // Two tables of one name are no TOML at all.
        let Ok(value) = toml::from_str::<Value>(&text) else { return Ok(()) };
        let valid = validator(Schema::Config).is_valid(&value);
        prop_assert_eq!(valid, domain::gate::parse(&text).is_ok(), "{}", text);
    }
}
