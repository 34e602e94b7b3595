//! A promptfoo configuration: the policy and each case as variables, one assertion.
//!
//! promptfoo renders texts as templates and reads variables that begin with `file://` from
//! the disk. Both touch texts at the top level only, so ours lie one level deeper, where they
//! stay what they are: content is never a template here.

use super::{Source, answers};
use crate::contents::json_lines;
use crate::manifest::pretty;
use domain::policy::{Effort, OutputKind};
use domain::prompt;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn files(source: &Source<'_>) -> BTreeMap<String, Vec<u8>> {
    let tests: Vec<Value> = source
        .cases
        .iter()
        .filter_map(|case| {
            let answers = answers(&source.policy.output, case)?;
            Some(json!({
                "description": case.id,
                "vars": {"case": {"id": case.id, "content": prompt::user(case), "answers": answers}},
                "metadata": {"tags": case.tags.join(" "), "language": case.language},
            }))
        })
        .collect();
    let chat = json!([
        {"role": "developer", "content": "{{ policy.prompt }}"},
        {"role": "user", "content": "{{ case.content }}"},
    ]);
    let effort = match source.policy.effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
    };
    let config = json!({
        "description": format!("{}, revision {}", source.policy.title, &source.revision()[..12]),
        "prompts": ["file://prompt.json"],
        "providers": [{
            "id": format!("openai:chat:{}", source.contents.run.model_name),
            "config": {
                // `touchstone serve` listens there unless told otherwise.
                "apiBaseUrl": "http://127.0.0.1:8765/v1",
                "temperature": 0,
                "reasoning_effort": effort,
            },
        }],
        "defaultTest": {
            "vars": {"policy": {"prompt": source.policy.body}},
            "assert": [{"type": "javascript", "value": "file://answer.js"}],
        },
        "tests": "file://tests.jsonl",
    });
    let yaml = serde_yaml_ng::to_string(&config).expect("JSON values are YAML");
    let kind = match source.policy.output.kind {
        OutputKind::Json => "json",
        OutputKind::Label | OutputKind::Binary => "text",
    };
    BTreeMap::from([
        ("promptfooconfig.yaml".to_owned(), yaml.into_bytes()),
        ("prompt.json".to_owned(), pretty(&chat)),
        ("tests.jsonl".to_owned(), json_lines(&tests)),
        (
            "answer.js".to_owned(),
            ANSWER.replace("KIND", kind).into_bytes(),
        ),
    ])
}

const ANSWER: &str = r#"// Whether an answer is one of those that the case expects.
const kind = 'KIND';

function answerOf(output) {
  const text = (typeof output === 'string' ? output : JSON.stringify(output))
    .trim()
    .replace(/^```\w*\s*/, '')
    .replace(/\s*```$/, '');
  if (kind === 'json') return String(Number(JSON.parse(text).violation));
  return text;
}

module.exports = (output, context) => {
  const expected = context.vars.case.answers;
  let answer;
  try {
    answer = answerOf(output);
  } catch (error) {
    return { pass: false, score: 0, reason: `The answer cannot be read: ${error.message}` };
  }
  // The longest first, so that SP2 is not taken for SP.
  const pass = expected.some((wanted) => {
    const rest = answer.slice(wanted.length);
    return answer.toLowerCase().startsWith(wanted.toLowerCase()) && !/^[\p{L}\p{N}_]/u.test(rest);
  });
  const reason = `expected ${expected.join(' or ')}, got ${answer.slice(0, 80)}`;
  return { pass, score: pass ? 1 : 0, reason };
};
"#;
