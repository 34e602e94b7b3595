//! OpenAI evals: samples.jsonl and the registry entry that names it.

use super::{Source, answers};
use crate::contents::json_lines;
use domain::policy::OutputKind;
use domain::prompt;
use domain::verdict::Expected;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) fn files(source: &Source<'_>) -> BTreeMap<String, Vec<u8>> {
    let contract = &source.policy.output;
    let samples: Vec<Value> = source
        .cases
        .iter()
        .filter_map(|case| {
            let ideal = match (contract.kind, case.expected?) {
                // `Includes` looks for the text anywhere in the answer.
                (OutputKind::Json, Expected::Violates) => {
                    vec!["\"violation\": 1".to_owned(), "\"violation\":1".to_owned()]
                }
                (OutputKind::Json, Expected::Safe) => {
                    vec!["\"violation\": 0".to_owned(), "\"violation\":0".to_owned()]
                }
                (OutputKind::Label | OutputKind::Binary, _) => answers(contract, case)?,
            };
            Some(json!({
                "input": [
                    {"role": "system", "content": source.policy.body},
                    {"role": "user", "content": prompt::user(case)},
                ],
                "ideal": ideal,
                "metadata": {"case": case.id, "tags": case.tags, "language": case.language},
            }))
        })
        .collect();
    let name = format!("touchstone-{}", source.identifier().replace('_', "-"));
    let version = format!("{name}.release.{}", &source.revision()[..12]);
    let class = match contract.kind {
        OutputKind::Json => "evals.elsuite.basic.includes:Includes",
        // `Match` asks whether the answer begins with an ideal one.
        OutputKind::Label | OutputKind::Binary => "evals.elsuite.basic.match:Match",
    };
    let samples_path = format!("{name}/samples.jsonl");
    let mut registry = Map::new();
    registry.insert(
        name.clone(),
        json!({"id": version, "description": source.policy.title, "metrics": ["accuracy"]}),
    );
    registry.insert(
        version,
        json!({"class": class, "args": {"samples_jsonl": samples_path}}),
    );
    let yaml = serde_yaml_ng::to_string(&registry).expect("JSON values are YAML");
    BTreeMap::from([
        (format!("registry/evals/{name}.yaml"), yaml.into_bytes()),
        (
            format!("registry/data/{samples_path}"),
            json_lines(&samples),
        ),
    ])
}
