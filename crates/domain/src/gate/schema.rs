//! The JSON Schema of `touchstone.toml`, for editors. The gates in it are made from the
//! table that the parser reads by; which policies, labels and tags exist no schema can say.

use super::Metric;
use serde_json::{Map, Value, json};

/// JSON Schema, draft 2020-12. Tables of other parts are admitted.
pub fn config_schema() -> Value {
    let metrics = || -> Map<String, Value> {
        Metric::ALL
            .into_iter()
            .map(|metric| (metric.key().to_owned(), bound(metric)))
            .collect()
    };
    let table = |inner: &[&str]| {
        let mut properties = metrics();
        for name in inner {
            let of = if *name == "policies" {
                "policy"
            } else {
                "scope"
            };
            properties.insert(
                (*name).to_owned(),
                json!({
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"$ref": format!("#/$defs/{of}")},
                }),
            );
        }
        json!({
            "type": "object",
            "minProperties": 1,
            "properties": properties,
            "additionalProperties": false,
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "touchstone.toml",
        "description": "The settings of a Touchstone workspace.",
        "type": "object",
        "properties": {
            "model": {
                "type": "string",
                "description": "pebble, or a checkpoint's folder relative to the workspace.",
            },
            "numerics": {
                "enum": ["exact", "fast"],
                "description": "How a model on disk computes: in f32, or faster in 8 bits.",
            },
            "device": {
                "enum": ["auto", "cpu", "cuda"],
                "description": "Where a model on disk computes: cpu unless this says otherwise. \
                                An NVIDIA GPU (cuda) is experimental.",
            },
            "debounce_ms": {
                "type": "integer",
                "minimum": 0,
                "maximum": u32::MAX,
                "description": "How long typing must pause before the policy is judged anew.",
            },
            "gates": {"$ref": "#/$defs/gates"},
        },
        "$defs": {
            "gates": table(&["policies", "labels", "tags"]),
            "policy": table(&["labels", "tags"]),
            "scope": table(&[]),
        },
    })
}

fn bound(metric: Metric) -> Value {
    let (low, high, whole) = metric.range();
    let description = format!(
        "{} of {}.",
        match metric.side() {
            super::Side::AtLeast => "The least value",
            super::Side::AtMost => "The greatest value",
        },
        metric.name()
    );
    match whole {
        true => json!({
            "type": "integer",
            "minimum": low as u64,
            "maximum": high as u64,
            "description": description,
        }),
        false => json!({
            "type": "number",
            "minimum": low,
            "maximum": high,
            "description": description,
        }),
    }
}
