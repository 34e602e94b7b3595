//! Cases and suites: labelled content that a policy is tried on. Suites are edited
//! as text, line by line, because people keep them in git and other tools write them.

mod canonical;
mod schema;

use crate::prompt;
use crate::verdict::Expected;
use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::io;
use ts_rs::TS;

pub use canonical::format_suite;
pub use schema::line_schema;

/// One labelled piece of content; one line of a suite file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Case {
    /// Unique within its suite.
    pub id: String,
    pub content: Content,
    pub kind: CaseKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// The expected label, where the policy has more labels than two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The clauses that should decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// BCP 47, such as `en` or `zh-Hans`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What each annotator, or an older system, called the case: `violates`, `safe`, or a
    /// value of their own scale. Never read by the model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Case {
    /// A case of which nothing is known but what the model reads.
    pub fn new(id: String, content: Content, kind: CaseKind) -> Case {
        Case {
            id,
            content,
            kind,
            expected: None,
            label: None,
            rules: Vec::new(),
            tags: Vec::new(),
            language: None,
            note: None,
            owner: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// A text, or the turns of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(untagged)]
#[ts(export)]
pub enum Content {
    Text(String),
    Turns(Vec<Turn>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Turn {
    pub role: Role,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Role {
    User,
    Assistant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum CaseKind {
    UserInput,
    ModelOutput,
    Conversation,
}

/// A line of a suite that could not be used, or could only in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProblem {
    /// 1-based.
    pub line: u32,
    /// The line was left out (else it was used, and this is a warning).
    pub skipped: bool,
    pub message: String,
}

/// Reads a suite file: JSON Lines, one case a line. Broken lines and duplicate ids
/// are left out and reported; the others stay usable.
pub fn parse_suite(bytes: &[u8]) -> (Vec<Case>, Vec<LineProblem>) {
    let mut cases: Vec<Case> = Vec::new();
    let mut problems = Vec::new();
    let mut line_of_id: HashMap<String, u32> = HashMap::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (line, raw) in (1u32..).zip(bytes.split(|byte| *byte == b'\n')) {
        let mut report = |skipped, message| {
            problems.push(LineProblem {
                line,
                skipped,
                message,
            });
        };
        let text = match std::str::from_utf8(raw) {
            Ok(text) => text.trim(),
            Err(error) => {
                let byte = error.valid_up_to() + 1;
                report(
                    true,
                    format!(
                        "This line is not UTF-8 (byte {byte} of the line). Save the file as UTF-8."
                    ),
                );
                continue;
            }
        };
        if text.is_empty() {
            continue;
        }
        match parse_line(text) {
            Err(message) => report(true, message),
            Ok((case, warnings)) => {
                if let Some(first) = line_of_id.get(&case.id) {
                    report(
                        true,
                        format!(
                            "The id \"{}\" is already used in line {first}. Give this case an id of its own.",
                            case.id
                        ),
                    );
                    continue;
                }
                warnings
                    .into_iter()
                    .for_each(|message| report(false, message));
                line_of_id.insert(case.id.clone(), line);
                cases.push(case);
            }
        }
    }
    (cases, problems)
}

/// One canonical line for a suite file, without the line break.
pub fn to_line(case: &Case) -> String {
    spaced_json(&to_map(case))
}

/// Replaces, removes or appends one case's line in a suite's text and leaves every
/// other byte as it was. `replacement` absent removes; `id` absent appends. A replaced
/// line is canonical and keeps its fields that are unknown here.
pub fn edit_suite(
    text: &str,
    id: Option<&str>,
    replacement: Option<&Case>,
) -> Result<String, String> {
    if let Some(case) = replacement
        && id != Some(case.id.as_str())
        && find_line(text, &case.id).is_some()
    {
        return Err(format!(
            "The id \"{}\" is already used in this suite. Choose another.",
            case.id
        ));
    }
    match (id, replacement) {
        (None, None) => Err("Nothing to do: neither an id nor a case was given.".to_owned()),
        (None, Some(case)) => Ok(append(text, &to_line(case))),
        (Some(id), replacement) => {
            let line = find_line(text, id).ok_or_else(|| {
                format!("The suite has no case \"{id}\". It may have been removed in the file.")
            })?;
            let Some(case) = replacement else {
                return Ok(format!(
                    "{}{}",
                    &text[..line.start],
                    &text[line.end_with_break..]
                ));
            };
            let new = canonical::with_unknown_fields(&text[line.start..line.end], case);
            Ok(format!("{}{new}{}", &text[..line.start], &text[line.end..]))
        }
    }
}

/// Adds a case's line before that of case `before`, or at the end where there is none; every
/// other byte stays as it was. Undoing a removal puts a line back where it stood.
pub fn add_to_suite(text: &str, case: &Case, before: Option<&str>) -> Result<String, String> {
    match before.and_then(|id| find_line(text, id)) {
        Some(next) if find_line(text, &case.id).is_none() => {
            let (head, tail) = text.split_at(next.start);
            Ok(format!("{head}{}{}{tail}", to_line(case), line_break(text)))
        }
        _ => edit_suite(text, None, Some(case)),
    }
}

/// Names what the model reads of a case (content and kind, not labels):
/// 64 lower-case hexadecimal digits.
pub fn fingerprint(case: &Case) -> String {
    let read_by_model = serde_json::json!(["touchstone-case/1", case.kind, case.content]);
    crate::hex_digest(read_by_model.to_string().as_bytes())
}

/// The content's beginning on one line, at most `chars_max` characters.
pub fn excerpt(content: &Content, chars_max: usize) -> String {
    let mut line = String::new();
    let mut add = |text: &str| {
        for word in text.split_whitespace() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    };
    match content {
        Content::Text(text) => add(text),
        Content::Turns(turns) => turns.iter().for_each(|turn| {
            add(&format!("{}: {}", prompt::speaker(turn.role), turn.text));
        }),
    }
    if line.chars().count() <= chars_max {
        return line;
    }
    let kept: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    let ellipsis = if chars_max > 0 { "…" } else { "" };
    format!("{}{ellipsis}", kept.trim_end())
}

const FIELDS: [&str; 11] = [
    "id",
    "content",
    "kind",
    "expected",
    "label",
    "rules",
    "tags",
    "language",
    "note",
    "owner",
    "annotations",
];

/// Reads one line. The errors name the field and the remedy; the caller knows the line.
fn parse_line(text: &str) -> Result<(Case, Vec<String>), String> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        format!(
            "This line is not a JSON object on one line ({}).",
            without_line(&error)
        )
    })?;
    let Value::Object(fields) = value else {
        return Err(
            "This line is JSON, but not an object: expected {\"id\": …, \"content\": …}."
                .to_owned(),
        );
    };
    let content = parse_content(fields.get("content"))?;
    let case = Case {
        id: parse_id(fields.get("id"))?,
        kind: parse_kind(fields.get("kind"), &content)?,
        content,
        expected: parse_expected(fields.get("expected"))?,
        label: optional_text(&fields, "label")?,
        rules: texts(&fields, "rules")?,
        tags: texts(&fields, "tags")?,
        language: optional_text(&fields, "language")?,
        note: optional_text(&fields, "note")?,
        owner: optional_text(&fields, "owner")?,
        annotations: parse_annotations(fields.get("annotations"))?,
    };
    let warnings = fields
        .keys()
        .filter(|key| !FIELDS.contains(&key.as_str()))
        .map(|key| format!("The field \"{key}\" is unknown and ignored; it stays in the file."))
        .collect();
    Ok((case, warnings))
}

/// serde_json names a line within the text it was given, which is always 1 here and
/// would be taken for the file's; only the column helps.
fn without_line(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(at) => format!("{} at column {}", &message[..at], error.column()),
        None => message,
    }
}

fn parse_id(value: Option<&Value>) -> Result<String, String> {
    match value {
        Some(Value::String(id)) if !id.trim().is_empty() => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        None => Err(
            "The field \"id\" is missing. Give each case an id, unique in its suite.".to_owned(),
        ),
        Some(_) => Err("The field \"id\" must be a text that is not empty.".to_owned()),
    }
}

fn parse_content(value: Option<&Value>) -> Result<Content, String> {
    match value {
        None | Some(Value::Null) => Err(
            "The field \"content\" is missing: a text, or a list of {\"role\", \"text\"} turns.".to_owned(),
        ),
        Some(Value::String(text)) if text.trim().is_empty() => {
            Err("The field \"content\" is empty; there is nothing to judge.".to_owned())
        }
        Some(Value::String(text)) => Ok(Content::Text(text.clone())),
        Some(Value::Array(turns)) if !turns.is_empty() => turns
            .iter()
            .zip(1..)
            .map(|(turn, number)| parse_turn(turn, number))
            .collect::<Result<_, _>>()
            .map(Content::Turns),
        Some(_) => Err(
            "The field \"content\" must be a text, or a list of {\"role\", \"text\"} turns that is not empty.".to_owned(),
        ),
    }
}

fn parse_turn(turn: &Value, number: u32) -> Result<Turn, String> {
    let role = match turn.get("role").and_then(Value::as_str) {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => {
            return Err(format!(
                "Turn {number} of \"content\" needs \"role\": \"user\" or \"assistant\"."
            ));
        }
    };
    let text = turn
        .get("text")
        .and_then(Value::as_str)
        .ok_or_else(|| format!("Turn {number} of \"content\" needs \"text\", a text."))?;
    Ok(Turn {
        role,
        text: text.to_owned(),
    })
}

fn parse_kind(value: Option<&Value>, content: &Content) -> Result<CaseKind, String> {
    match value {
        None | Some(Value::Null) => Ok(match content {
            Content::Text(_) => CaseKind::UserInput,
            Content::Turns(_) => CaseKind::Conversation,
        }),
        Some(value) => CaseKind::deserialize(value).map_err(|_| {
            format!("The field \"kind\" is {value}; it must be \"user_input\", \"model_output\" or \"conversation\".")
        }),
    }
}

fn parse_expected(value: Option<&Value>) -> Result<Option<Expected>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Expected::deserialize(value).map(Some).map_err(|_| {
            format!("The field \"expected\" is {value}; it must be \"violates\" or \"safe\", or be left out.")
        }),
    }
}

fn optional_text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(value) => Err(format!(
            "The field \"{name}\" is {value}; it must be a text."
        )),
    }
}

fn texts(fields: &Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(value) => Vec::<String>::deserialize(value).map_err(|_| {
            format!("The field \"{name}\" is {value}; it must be a list of texts, such as [\"a\"].")
        }),
    }
}

fn parse_annotations(value: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
    match value {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(value) => BTreeMap::deserialize(value).map_err(|_| {
            format!("The field \"annotations\" is {value}; it must be an object of texts, such as {{\"anna\": \"violates\"}}.")
        }),
    }
}

/// Where a line stands in a text, in bytes: without, and with, its line break.
struct Span {
    start: usize,
    end: usize,
    end_with_break: usize,
}

/// The line that `parse_suite` reads a case from: the first with that id.
fn find_line(text: &str, id: &str) -> Option<Span> {
    let mut start = text.len() - text.trim_start_matches('\u{feff}').len();
    for raw in text[start..].split_inclusive('\n') {
        let line = raw.trim_end_matches(['\r', '\n']);
        if parse_line(line.trim()).is_ok_and(|(case, _)| case.id == id) {
            return Some(Span {
                start,
                end: start + line.len(),
                end_with_break: start + raw.len(),
            });
        }
        start += raw.len();
    }
    None
}

fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn append(text: &str, line: &str) -> String {
    let line_break = line_break(text);
    let joint = if text.is_empty() || text == "\u{feff}" || text.ends_with('\n') {
        ""
    } else {
        line_break
    };
    format!("{text}{joint}{line}{line_break}")
}

fn to_map(case: &Case) -> Map<String, Value> {
    match serde_json::to_value(case) {
        Ok(Value::Object(map)) => map,
        _ => unreachable!("a case is a struct with text keys"),
    }
}

/// JSON on one line with a space after `,` and `:`, as people and Python write it, so
/// that a replaced line differs from the old one only where its fields do.
fn spaced_json(map: &Map<String, Value>) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    map.serialize(&mut serializer)
        .expect("writing JSON values to memory cannot fail");
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[cfg(test)]
mod tests;
