//! The layout of an Open Policy Agent bundle: `.manifest` with its root, data.json, and a
//! policy.rego that decides on what a model answered.

use super::Source;
use crate::manifest::pretty;
use domain::verdict::Expected;
use serde_json::json;
use std::collections::BTreeMap;

pub(super) fn files(source: &Source<'_>) -> BTreeMap<String, Vec<u8>> {
    let name = source.identifier();
    let policy = source.policy;
    let clauses: Vec<_> = policy
        .clauses
        .iter()
        .map(|clause| json!({"id": clause.id, "text": clause.text}))
        .collect();
    let manifest = json!({
        "revision": source.revision(),
        "roots": [format!("touchstone/{name}")],
        "rego_version": 1,
        "metadata": {
            "policy": source.contents.policy_name,
            "model": source.contents.run.model_name,
            "model_digest": source.contents.run.model_digest,
        },
    });
    let data = json!({
        "policy": {
            "name": source.contents.policy_name,
            "title": policy.title,
            "revision": source.revision(),
            "text": policy.body,
        },
        "contract": {
            "kind": policy.output.kind,
            "violating": policy.output.labels_of(Expected::Violates),
            "safe": policy.output.labels_of(Expected::Safe),
        },
        "clauses": clauses,
        "vectors": source.contents.vectors(),
    });
    BTreeMap::from([
        (".manifest".to_owned(), pretty(&manifest)),
        (format!("touchstone/{name}/data.json"), pretty(&data)),
        (
            format!("touchstone/{name}/policy.rego"),
            REGO.replace("NAME", &name).into_bytes(),
        ),
    ])
}

const REGO: &str = r#"# Decides on one judged piece of content:
# input = {"verdict": "violates" | "safe" | "unparsed", "label": …, "rules": […]}
package touchstone.NAME

import rego.v1

# What could not be read is neither allowed nor denied; it goes to a person.
default decision := "review"

decision := "deny" if input.verdict == "violates"

decision := "allow" if input.verdict == "safe"

# Rules that the answer names and the policy does not have.
unknown_rules contains rule if {
	some rule in input.rules
	not rule in {clause.id | some clause in data.touchstone.NAME.clauses}
}

# Vectors whose label lies on the other side than their verdict; none in a sound release.
contradictory contains vector["case"] if {
	some vector in data.touchstone.NAME.vectors
	vector.verdict == "safe"
	vector.label in data.touchstone.NAME.contract.violating
}

contradictory contains vector["case"] if {
	some vector in data.touchstone.NAME.vectors
	vector.verdict == "violates"
	vector.label in data.touchstone.NAME.contract.safe
}
"#;
