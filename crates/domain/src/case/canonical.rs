//! One way to write a suite, so that it diffs cleanly: one case a line, the fields in one
//! order, unknown ones behind them as they were, LF line breaks, one at the end.

use super::{Case, FIELDS, LineProblem, parse_line, parse_suite, spaced_json, to_map};
use serde_json::{Map, Value};

/// The suite in canonical form. A suite with a line that cannot be read is not touched:
/// the problems name the lines.
pub fn format_suite(bytes: &[u8]) -> Result<String, Vec<LineProblem>> {
    let (_, problems) = parse_suite(bytes);
    let broken: Vec<LineProblem> = problems
        .into_iter()
        .filter(|problem| problem.skipped)
        .collect();
    if !broken.is_empty() {
        return Err(broken);
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut out = String::with_capacity(text.len());
    for line in text
        .split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        out += &format_line(line);
        out.push('\n');
    }
    Ok(out)
}

/// A readable line in canonical form.
fn format_line(line: &str) -> String {
    match parse_line(line) {
        Ok((case, _)) => with_unknown_fields(line, &case),
        Err(_) => line.to_owned(),
    }
}

/// The case's canonical line, with the unknown fields that `old_line` has.
pub(super) fn with_unknown_fields(old_line: &str, case: &Case) -> String {
    let mut fields = to_map(case);
    let old: Map<String, Value> = serde_json::from_str(old_line.trim()).unwrap_or_default();
    for (key, value) in old {
        if FIELDS.contains(&key.as_str()) {
            continue;
        }
        if !is_kept_exactly(&value, old_line) {
            return old_line.trim().to_owned();
        }
        fields.insert(key, value);
    }
    spaced_json(&fields)
}

/// A number of more digits than a double holds would be written as another number.
fn is_kept_exactly(value: &Value, line: &str) -> bool {
    match value {
        Value::Number(number) => !number.is_f64() || line.contains(&number.to_string()),
        Value::Array(values) => values.iter().all(|value| is_kept_exactly(value, line)),
        Value::Object(fields) => fields.values().all(|value| is_kept_exactly(value, line)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_have_one_order_and_cases_a_line_each() {
        let text = "\u{feff}{\"expected\":\"safe\",\"content\":\"a \\u00e9\",\"id\":7,\"queue\":{\"b\":1,\"a\":2},\"tags\":[],\"note\":null}\r\n\r\n  {\"id\":\"b\",\"tags\":[\"x\",\"y\"],\"content\":[{\"text\":\"hi\",\"role\":\"user\"}]}";
        insta::assert_snapshot!(format_suite(text.as_bytes()).unwrap(), @r#"
        {"id": "7", "content": "a é", "kind": "user_input", "expected": "safe", "queue": {"b": 1, "a": 2}}
        {"id": "b", "content": [{"role": "user", "text": "hi"}], "kind": "conversation", "tags": ["x", "y"]}
        "#);
    }

    #[test]
    fn a_suite_with_a_broken_line_is_not_touched() {
        let problems =
            format_suite(b"{\"id\": 1}\n{\"id\": 2, \"content\": \"x\"}\nbroken").unwrap_err();
        let lines: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 3]);
    }

    #[test]
    fn a_number_that_would_change_keeps_its_line() {
        let line = "{\"hash\": 123456789012345678901234567890, \"id\": \"a\", \"content\": \"x\"}";
        assert_eq!(format_suite(line.as_bytes()).unwrap(), format!("{line}\n"));
        let plain = "{\"score\": 0.25, \"id\": \"a\", \"content\": \"x\"}";
        assert!(
            format_suite(plain.as_bytes())
                .unwrap()
                .starts_with("{\"id\"")
        );
    }

    #[test]
    fn an_empty_suite_stays_empty() {
        assert_eq!(format_suite(b"").unwrap(), "");
        assert_eq!(format_suite(b"\r\n\n").unwrap(), "");
    }

    proptest! {
        /// Formatting again changes nothing, and no case changes by it.
        #[test]
        fn formatting_keeps_every_case(
            contents in proptest::collection::vec("\\PC*[a-z]", 0..6),
            odd in any::<bool>(),
        ) {
            let lines: Vec<String> = contents
                .iter()
                .enumerate()
                .map(|(at, content)| {
                    let content = serde_json::json!(content);
                    format!("{{\"content\":{content},\"more\":[1,{{\"z\":null}}],\"id\":\"{at}\"}}")
                })
                .collect();
            let text = lines.join(if odd { "\r\n\n" } else { "\n" });
            let once = format_suite(text.as_bytes()).unwrap();
            prop_assert_eq!(format_suite(once.as_bytes()).unwrap(), once.clone());
            prop_assert_eq!(parse_suite(once.as_bytes()).0, parse_suite(text.as_bytes()).0);
            let more = once.matches("\"more\": [1, {\"z\": null}]").count();
            prop_assert_eq!(more, contents.len());
        }
    }
}
