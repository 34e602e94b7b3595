//! Inspect: a dataset for `json_dataset`, whose fields are those of its `Sample`, and a task
//! that scores it.

use super::{Source, answers};
use crate::contents::json_lines;
use domain::policy::OutputKind;
use domain::prompt;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn files(source: &Source<'_>) -> BTreeMap<String, Vec<u8>> {
    let samples: Vec<Value> = source
        .cases
        .iter()
        .filter_map(|case| {
            Some(json!({
                "id": case.id,
                "input": [
                    {"role": "system", "content": source.policy.body},
                    {"role": "user", "content": prompt::user(case)},
                ],
                "target": answers(&source.policy.output, case)?,
                "metadata": {
                    "expected": case.expected,
                    "rules": case.rules,
                    "tags": case.tags,
                    "language": case.language,
                },
            }))
        })
        .collect();
    let answer = match source.policy.output.kind {
        OutputKind::Json => r#"r'"violation"\s*:\s*([01])'"#,
        OutputKind::Label | OutputKind::Binary => r"r'^\s*(?:```\w*\s*)?([^\s,.;:]+)'",
    };
    let task = TASK
        .replace("TITLE", &source.policy.title.replace(['"', '\\'], "'"))
        .replace("REVISION", source.revision())
        .replace("ANSWER", answer);
    BTreeMap::from([
        ("dataset.jsonl".to_owned(), json_lines(&samples)),
        ("task.py".to_owned(), task.into_bytes()),
    ])
}

const TASK: &str = r#""""TITLE

Revision REVISION, as Touchstone released it. Run it with: inspect eval task.py --model MODEL
"""

import re
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

PATTERN = re.compile(ANSWER)


@scorer(metrics=[accuracy(), stderr()])
def verdict():
    """Right where the answer is one of the target's, whatever its letter case."""

    async def score(state: TaskState, target: Target) -> Score:
        found = PATTERN.search(state.output.completion)
        answer = found.group(1) if found else ""
        right = answer.lower() in [wanted.lower() for wanted in target]
        return Score(value=CORRECT if right else INCORRECT, answer=answer)

    return score


@task
def release() -> Task:
    path = Path(__file__).parent / "dataset.jsonl"
    return Task(dataset=json_dataset(str(path)), solver=generate(), scorer=verdict())
"#;
