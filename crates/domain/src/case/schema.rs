//! The JSON Schema of a suite's line, for editors and other tools. It admits what
//! `parse_suite` admits, line by line; that ids are unique no schema can say.

use super::FIELDS;
use serde_json::{Value, json};

/// JSON Schema, draft 2020-12.
pub fn line_schema() -> Value {
    let text = |description: &str| json!({"type": ["string", "null"], "description": description});
    let texts = |description: &str| {
        json!({
            "type": ["array", "null"],
            "items": {"type": "string"},
            "description": description,
        })
    };
    let mut properties = json!({
        "id": {
            "anyOf": [{"type": "string", "pattern": "\\S"}, {"type": "number"}],
            "description": "Unique within its suite.",
        },
        "content": {
            "description": "What is judged: a text, or the turns of a conversation.",
            "anyOf": [
                {"type": "string", "pattern": "\\S"},
                {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/turn"}},
            ],
        },
        "kind": {
            "enum": ["user_input", "model_output", "conversation", null],
            "description": "Left out, a text is user_input and turns are a conversation.",
        },
        "expected": {
            "enum": ["violates", "safe", null],
            "description": "The verdict that the case should get.",
        },
        "label": text("The label that it should get, where the policy has several of a side."),
        "rules": texts("The clauses that should decide."),
        "tags": texts("Whatever groups cases; gates can hold for a tag."),
        "language": text("BCP 47, such as en or zh-Hans."),
        "note": text("For people."),
        "owner": text("Who answers for the case."),
        "annotations": {
            "type": ["object", "null"],
            "additionalProperties": {"type": "string"},
            "description": "What each annotator, or an older system, said: a verdict or a label, by name.",
        },
    });
    debug_assert!(
        properties
            .as_object()
            .is_some_and(|known| FIELDS.iter().eq(known.keys())),
        "each field of a case is described, in order"
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of a Touchstone suite",
        "description": "One labelled case. Unknown fields are kept in the file and not read.",
        "type": "object",
        "required": ["id", "content"],
        "properties": properties.take(),
        "$defs": {
            "turn": {
                "type": "object",
                "required": ["role", "text"],
                "properties": {
                    "role": {"enum": ["user", "assistant"]},
                    "text": {"type": "string"},
                },
            },
        },
    })
}
