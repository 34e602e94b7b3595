//! Answers that are a JSON object, alone or inside prose.

use super::{Reading, answers, parsed, quote};
use crate::policy::OutputContract;
use crate::verdict::Expected;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// An answer under the `json` contract: every object that has `violation` must agree.
pub(super) fn read(contract: &OutputContract, text: &str) -> Result<Reading, String> {
    let objects = objects(text);
    let answers: Vec<&Fields> = objects
        .iter()
        .filter(|fields| fields.all("violation").next().is_some())
        .collect();
    let Some(first) = answers.first() else {
        return Err(match (objects.is_empty(), text.contains('{')) {
            (false, _) => format!("The JSON answer has no \"violation\": {}.", quote(text)),
            (true, true) => format!("The answer is not valid JSON: {}.", quote(text)),
            (true, false) => format!("The answer holds no JSON object: {}.", quote(text)),
        });
    };
    let mut side: Option<Expected> = None;
    for value in answers.iter().flat_map(|fields| fields.all("violation")) {
        let this = violation(value)?;
        if side.is_some_and(|other| other != this) {
            return Err(
                "The answer contradicts itself: it gives \"violation\" as 0 and as 1.".to_owned(),
            );
        }
        side = Some(this);
    }
    let side = side.ok_or_else(|| "The JSON answer has no \"violation\".".to_owned())?;
    let category = first.text("policy_category");
    check_category(contract, side, category.as_deref())?;
    let mut rules = first.texts("rule_ids");
    if rules.is_empty() {
        rules.extend(category.clone());
    }
    Ok(parsed(side, category, rules))
}

/// An object given although the contract asks for a label or a digit: read if it names
/// one in a field made for it.
pub(super) fn read_as_label(contract: &OutputContract, text: &str) -> Result<Reading, String> {
    let objects = objects(text);
    let refusal = || {
        format!(
            "The answer is an object that names no allowed answer: {}.",
            quote(text)
        )
    };
    let [fields] = objects.as_slice() else {
        return Err(refusal());
    };
    let mut named = Vec::new();
    for name in [
        "label",
        "verdict",
        "answer",
        "classification",
        "output",
        "violation",
    ] {
        for value in fields.all(name) {
            let written = scalar(value).ok_or_else(refusal)?;
            let choice = answers(contract)
                .into_iter()
                .find(|(choice, _)| choice.to_lowercase() == written.trim().to_lowercase())
                .ok_or_else(refusal)?;
            named.push(choice);
        }
    }
    let (label, side) = *named.first().ok_or_else(refusal)?;
    if named.iter().any(|(_, other)| *other != side) {
        return Err(format!("The answer contradicts itself: {}.", quote(text)));
    }
    let label = (!contract.labels.is_empty()).then(|| label.to_owned());
    Ok(parsed(side, label, fields.texts("rule_ids")))
}

fn violation(value: &Value) -> Result<Expected, String> {
    let said = match value {
        Value::Bool(said) => Some(*said),
        Value::Number(number) => match number.as_f64() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match said {
        Some(true) => Ok(Expected::Violates),
        Some(false) => Ok(Expected::Safe),
        None => Err(format!("\"violation\" is {value}; it must be 0 or 1.")),
    }
}

/// A category that the labels place on the other side contradicts the verdict.
fn check_category(
    contract: &OutputContract,
    side: Expected,
    category: Option<&str>,
) -> Result<(), String> {
    let Some(category) = category else {
        return Ok(());
    };
    let means = contract
        .labels
        .iter()
        .find(|(label, _)| label.eq_ignore_ascii_case(category))
        .map(|(_, means)| *means);
    if means.is_some_and(|means| means != side) {
        return Err(format!(
            "The answer contradicts itself: \"violation\" and the category {category} say different things."
        ));
    }
    Ok(())
}

/// An object's fields in order, repeated names included: the last of two must not win unseen.
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.all(name)
            .next()
            .and_then(scalar)
            .filter(|text| !text.is_empty())
    }

    fn texts(&self, name: &str) -> Vec<String> {
        match self.all(name).next() {
            Some(Value::Array(items)) => items.iter().filter_map(scalar).collect(),
            Some(value) => scalar(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Fields;

            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    fields.push(pair);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// The outermost JSON objects of a text, in order; what is not JSON is passed over.
fn objects(text: &str) -> Vec<Fields> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('{') {
        let start = at + open;
        let mut stream = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Fields>();
        match stream.next() {
            Some(Ok(fields)) => {
                at = start + stream.byte_offset();
                found.push(fields);
            }
            _ => at = start + 1,
        }
    }
    found
}
