//! A row becomes a case, or the reason why it does not.

use super::layout::Row;
use super::values::Values;
use super::{Assignment, Field, Plan};
use domain::case::{Case, CaseKind, Content, Role, Turn};
use domain::verdict::Expected;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A text longer than this fits no model's context.
const CONTENT_BYTES_MAX: usize = 1 << 20;
const ID_CHARS_MAX: usize = 200;

/// Columns by position, for a file whose columns are known.
pub(crate) struct Converter {
    fields: Vec<(Field, usize)>,
    /// Where content ends: text beyond, in columns without a name, spilled out of it.
    pub content_column: usize,
    values: BTreeMap<usize, Values>,
    several_tags: bool,
    stem: String,
    line_break: Option<String>,
    names: Vec<String>,
}

/// What was noticed in a row that was used all the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notice {
    /// A label that is on neither side.
    UnknownLabel(String),
    UnknownKind(String),
}

/// A case with what was noticed, or why there is none.
pub(crate) type Converted = Result<(Case, Vec<Notice>), String>;

impl Converter {
    /// The error names a column that the file does not have.
    pub(crate) fn new(
        plan: &Plan,
        columns: &[String],
        values: &BTreeMap<String, BTreeSet<String>>,
        stem: &str,
    ) -> Result<Converter, String> {
        let mut fields = Vec::new();
        let words = Values::new(&plan.violates, &plan.safe);
        let mut by_column = BTreeMap::new();
        for Assignment { field, column } in &plan.mapping {
            let index = position(columns, column).ok_or_else(|| {
                format!(
                    "The file has no column \"{column}\". Its columns are: {}.",
                    columns.join(", ")
                )
            })?;
            let in_column = values
                .get(&columns[index])
                .map_or_else(|| words.clone(), |values| words.in_column(values));
            by_column.insert(index, in_column);
            fields.push((field.clone(), index));
        }
        let content: Vec<usize> = fields
            .iter()
            .filter(|(field, _)| matches!(field, Field::Content | Field::User | Field::Assistant))
            .map(|(_, column)| *column)
            .collect();
        let Some(content_column) = content.iter().copied().max() else {
            return Err(format!(
                "No column gives the text to judge. Map content, or user and assistant, to one of: {}.",
                columns.join(", ")
            ));
        };
        Ok(Converter {
            several_tags: fields
                .iter()
                .filter(|(field, _)| *field == Field::Tags)
                .count()
                > 1,
            fields,
            content_column,
            values: by_column,
            stem: stem.to_owned(),
            line_break: plan.line_break.clone(),
            names: columns.to_vec(),
        })
    }

    /// The case of the `number`th row, its id not yet made unique.
    pub(crate) fn case(&self, row: &Row, number: u64) -> Converted {
        let mut notices = Vec::new();
        let content = self.content(row)?;
        let label = self.first(&Field::Label, row);
        let kind = match self.first(&Field::Kind, row) {
            None => None,
            Some(text) => {
                let kind = kind(text);
                if kind.is_none() {
                    notices.push(Notice::UnknownKind(text.to_owned()));
                }
                kind
            }
        };
        let language = self.first(&Field::Language, row);
        let mut case = Case {
            id: self.id(row, number),
            kind: kind.unwrap_or(match &content {
                Content::Text(_) => CaseKind::UserInput,
                Content::Turns(_) => CaseKind::Conversation,
            }),
            content,
            expected: self.expected(row, &mut notices),
            label: label.map(str::to_owned),
            rules: self.list(&Field::Rules, row),
            tags: self.tags(row),
            language: language.map(|language| language.replace('_', "-")),
            note: self.first(&Field::Note, row).map(str::to_owned),
            owner: self.first(&Field::Owner, row).map(str::to_owned),
            annotations: self.annotations(row),
        };
        self.flags(row, &mut case);
        Ok((case, notices))
    }

    fn all<'a>(&'a self, field: &'a Field, row: &'a Row) -> impl Iterator<Item = (usize, &'a str)> {
        self.fields
            .iter()
            .filter(move |(other, _)| other == field)
            .map(|(_, column)| (*column, row[*column].trim()))
            .filter(|(_, text)| !text.is_empty())
    }

    fn first<'a>(&'a self, field: &'a Field, row: &'a Row) -> Option<&'a str> {
        self.all(field, row).next().map(|(_, text)| text)
    }

    /// The text as it stands: blanks at its ends are what the model is to read as well.
    fn content(&self, row: &Row) -> Result<Content, String> {
        let mut turns = Vec::new();
        for (field, column) in &self.fields {
            let role = match field {
                Field::Content => {
                    let content = self.text(&row[*column])?;
                    return match structured(&content) {
                        Some(turns) => Ok(Content::Turns(turns?)),
                        None if content.trim().is_empty() => {
                            Err("its text is empty; there is nothing to judge".to_owned())
                        }
                        None => Ok(Content::Text(content)),
                    };
                }
                Field::User => Role::User,
                Field::Assistant => Role::Assistant,
                _ => continue,
            };
            let text = self.text(&row[*column])?;
            if !text.trim().is_empty() {
                turns.push(Turn { role, text });
            }
        }
        if turns.is_empty() {
            return Err("its turns are empty; there is nothing to judge".to_owned());
        }
        Ok(Content::Turns(turns))
    }

    fn text(&self, cell: &str) -> Result<String, String> {
        if cell.len() > CONTENT_BYTES_MAX {
            return Err(format!(
                "its text has {} bytes; the limit is {CONTENT_BYTES_MAX}",
                cell.len()
            ));
        }
        Ok(match &self.line_break {
            Some(mark) => cell.replace(mark, "\n"),
            None => cell.to_owned(),
        })
    }

    fn id(&self, row: &Row, number: u64) -> String {
        match self.first(&Field::Id, row) {
            Some(id) => id.chars().take(ID_CHARS_MAX).collect(),
            None => format!("{}-{number}", self.stem),
        }
    }

    /// From the verdict's column, else from the label's, else from categories of 0 and 1.
    fn expected(&self, row: &Row, notices: &mut Vec<Notice>) -> Option<Expected> {
        for field in [Field::Expected, Field::Label] {
            if let Some((column, text)) = self.all(&field, row).next() {
                let expected = self.values[&column].verdict(text);
                if expected.is_none() {
                    notices.push(Notice::UnknownLabel(text.to_owned()));
                }
                return expected;
            }
        }
        let flags: Vec<&str> = self
            .fields
            .iter()
            .filter(|(field, _)| *field == Field::Flag)
            .map(|(_, column)| row[*column].trim())
            .collect();
        if flags.is_empty() {
            return None;
        }
        // A category that nobody looked at may be violated: such a case is not known safe.
        if flags.contains(&"1") {
            Some(Expected::Violates)
        } else if flags.iter().all(|flag| *flag == "0") {
            Some(Expected::Safe)
        } else {
            None
        }
    }

    /// Categories that are set become tags; a single one is the label as well.
    fn flags(&self, row: &Row, case: &mut Case) {
        let set: Vec<&String> = self
            .all(&Field::Flag, row)
            .filter(|(_, text)| *text == "1")
            .map(|(column, _)| &self.names[column])
            .collect();
        if let ([only], None) = (set.as_slice(), &case.label) {
            case.label = Some((*only).clone());
        }
        case.tags.extend(set.into_iter().cloned());
    }

    fn list(&self, field: &Field, row: &Row) -> Vec<String> {
        self.all(field, row)
            .flat_map(|(_, text)| items(text))
            .collect()
    }

    fn tags(&self, row: &Row) -> Vec<String> {
        let mut tags = Vec::new();
        for (column, text) in self.all(&Field::Tags, row) {
            for item in items(text) {
                // Two columns may use one word for two things.
                let tag = match self.several_tags {
                    true => format!("{}:{item}", self.names[column]),
                    false => item,
                };
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
        }
        tags
    }

    fn annotations(&self, row: &Row) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (field, column) in &self.fields {
            let Field::Annotation(name) = field else {
                continue;
            };
            let text = row[*column].trim();
            let said = |value: &str| {
                let plain = super::values::are_plain(&BTreeSet::from([value.to_owned()]));
                let verdict = self.values[column].verdict(value).filter(|_| plain);
                match verdict {
                    Some(Expected::Violates) => "violates".to_owned(),
                    Some(Expected::Safe) => "safe".to_owned(),
                    None => value.to_owned(),
                }
            };
            if text.starts_with('[') {
                for (item, number) in items(text).iter().zip(1..) {
                    found.insert(format!("{name} {number}"), said(item));
                }
            } else if !text.is_empty() {
                found.insert(name.clone(), said(text));
            }
        }
        found
    }
}

/// By its name, or by its number (`#3`).
fn position(columns: &[String], column: &str) -> Option<usize> {
    let named = columns
        .iter()
        .position(|name| name == column.trim() || name == column);
    named.or_else(|| {
        let number: usize = column.strip_prefix('#')?.parse().ok()?;
        (1..=columns.len()).contains(&number).then(|| number - 1)
    })
}

/// A list written in one cell: JSON, Python, or words between commas or semicolons.
fn items(text: &str) -> Vec<String> {
    if let Ok(items) = serde_json::from_str::<Vec<String>>(text) {
        return items;
    }
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    inner
        .split([',', ';'])
        .map(|item| item.trim().trim_matches(['\'', '"']).trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

fn kind(text: &str) -> Option<CaseKind> {
    match text {
        "user_input" => Some(CaseKind::UserInput),
        "model_output" => Some(CaseKind::ModelOutput),
        "conversation" => Some(CaseKind::Conversation),
        _ => None,
    }
}

/// Turns in one cell, as JSON: `[{"role": "user", "text": …}]`, or with `content` for the
/// text as chat APIs have it. A system turn is the application's, not what is judged.
fn structured(text: &str) -> Option<Result<Vec<Turn>, String>> {
    let start = text.trim_start();
    if !start.starts_with('[') || !start.contains("\"role\"") {
        return None;
    }
    let turns: Vec<Value> = serde_json::from_str(start).ok()?;
    let mut read = Vec::new();
    for (turn, number) in turns.iter().zip(1..) {
        let role = match turn.get("role").and_then(Value::as_str) {
            Some("user" | "human") => Role::User,
            Some("assistant" | "model" | "bot") => Role::Assistant,
            Some("system" | "developer") => continue,
            other => {
                return Some(Err(format!(
                    "its turn {number} has the role {}; user and assistant are known",
                    other.unwrap_or("(none)")
                )));
            }
        };
        let text = turn.get("text").or_else(|| turn.get("content"));
        let Some(text) = text.and_then(Value::as_str) else {
            return Some(Err(format!("its turn {number} has no text")));
        };
        read.push(Turn {
            role,
            text: text.to_owned(),
        });
    }
    Some(if read.is_empty() {
        Err("its conversation has no turn".to_owned())
    } else {
        Ok(read)
    })
}
