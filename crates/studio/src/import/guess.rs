//! Which column is what, by its name and its values. A guess is shown before it is used,
//! and anything can be said otherwise.

use super::layout::{Row, SECTION};
use super::values::{Values, are_plain};
use super::{Assignment, Field};
use std::collections::BTreeSet;

/// Values kept of a column; one with more is no label.
const VALUES_MAX: usize = 50;

/// What a column holds, over the sample.
pub(crate) struct Column {
    pub name: String,
    key: String,
    pub filled: usize,
    chars: usize,
    /// At most one more than `VALUES_MAX`.
    pub values: BTreeSet<String>,
}

pub(crate) fn columns(names: &[String], rows: &[Row]) -> Vec<Column> {
    names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let mut column = Column {
                name: name.clone(),
                key: key(name),
                filled: 0,
                chars: 0,
                values: BTreeSet::new(),
            };
            for cell in rows.iter().filter_map(|row| row.get(index)) {
                let cell = cell.trim();
                column.filled += usize::from(!cell.is_empty());
                column.chars += cell.chars().count();
                if !cell.is_empty() && column.values.len() <= VALUES_MAX {
                    column.values.insert(cell.to_owned());
                }
            }
            column
        })
        .collect()
}

impl Column {
    fn few_values(&self) -> bool {
        (1..=VALUES_MAX).contains(&self.values.len())
    }

    fn mean_chars(&self) -> usize {
        self.chars / self.filled.max(1)
    }
}

fn key(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

const USER: &[&str] = &[
    "prompt",
    "user",
    "userprompt",
    "question",
    "originalscenario",
    "scenario",
    "instruction",
    "input",
];
const ASSISTANT: &[&str] = &[
    "assistant",
    "completion",
    "response",
    "airesponse",
    "modelresponse",
    "modeloutput",
    "answer",
    "reply",
    "output",
];
const CONTENT: &[&str] = &[
    "content",
    "messages",
    "conversation",
    "text",
    "testcase",
    "prompt",
    "prompttext",
    "message",
    "scenario",
    "originalscenario",
    "input",
    "example",
    "comment",
    "post",
    "body",
    "tweet",
    "sentence",
    "question",
    "文本",
    "内容",
];
const ID: &[&str] = &[
    "id",
    "caseid",
    "mhccaseid",
    "promptid",
    "releasepromptid",
    "scenarioid",
    "exampleid",
    "messageid",
    "postid",
    "commentid",
    "uuid",
    "guid",
    "key",
];
const EXPECTED: &[&str] = &[
    "expected",
    "labelgold",
    "goldlabel",
    "gold",
    "groundtruth",
    "truth",
    "label",
    "finallabel",
    "verdict",
    "isviolation",
    "violates",
    "violation",
    "classification",
    "class",
    "toxic",
    "ishate",
    "标签",
];
const TAG: &[&str] = &[
    "tags",
    "tag",
    "functionality",
    "category",
    "hazard",
    "type",
    "topic",
    "targetident",
    "persona",
    "subcategory",
    "set",
];
const LANGUAGE: &[&str] = &["language", "lang", "locale", "语言"];

pub(crate) fn mapping(columns: &[Column]) -> Vec<Assignment> {
    let mut guess = Guess {
        columns,
        found: Vec::new(),
    };
    guess.content();
    guess.named(Field::Id, ID, |column| column.filled > 0);
    guess.labels();
    guess.annotations();
    guess.named(Field::Language, LANGUAGE, Column::few_values);
    guess.named(Field::Kind, &["kind"], Column::few_values);
    guess.named(Field::Rules, &["rules", "ruleids"], |_| true);
    guess.named(Field::Note, &["note", "notes", "rationale"], |_| true);
    guess.named(Field::Owner, &["owner"], |_| true);
    for column in columns {
        let plain = column.few_values() || column.key == "tags";
        if plain && TAG.contains(&column.key.as_str()) && !guess.taken(column) {
            guess.assign(Field::Tags, column);
        }
    }
    guess.found
}

struct Guess<'a> {
    columns: &'a [Column],
    found: Vec<Assignment>,
}

impl<'a> Guess<'a> {
    fn assign(&mut self, field: Field, column: &Column) {
        self.found.push(Assignment {
            field,
            column: column.name.clone(),
        });
    }

    fn taken(&self, column: &Column) -> bool {
        self.found
            .iter()
            .any(|assignment| assignment.column == column.name)
    }

    /// The free column whose name stands first in the list.
    fn by_name(&self, names: &[&str], fits: impl Fn(&Column) -> bool) -> Option<&'a Column> {
        names.iter().find_map(|name| {
            self.columns
                .iter()
                .find(|column| column.key == *name && fits(column) && !self.taken(column))
        })
    }

    fn named(&mut self, field: Field, names: &[&str], fits: impl Fn(&Column) -> bool) {
        if let Some(column) = self.by_name(names, fits) {
            self.assign(field, column);
        }
    }

    /// A prompt with its answer is a conversation; else a text by name, or the longest.
    fn content(&mut self) {
        let is_text = |column: &Column| column.mean_chars() > 10;
        let pair = (
            self.by_name(USER, is_text),
            self.by_name(ASSISTANT, is_text),
        );
        if let (Some(user), Some(assistant)) = pair {
            self.assign(Field::User, user);
            self.assign(Field::Assistant, assistant);
            return;
        }
        let named = self.by_name(CONTENT, |column| column.filled > 0);
        let longest = || self.columns.iter().max_by_key(|column| column.mean_chars());
        if let Some(column) = named.or_else(longest) {
            self.assign(Field::Content, column);
        }
    }

    fn labels(&mut self) {
        if let Some(section) = self.columns.iter().find(|column| column.name == SECTION) {
            return self.assign(Field::Label, section);
        }
        self.named(Field::Label, &["expectedlabel"], Column::few_values);
        if let Some(column) = self.by_name(EXPECTED, Column::few_values) {
            let field = if are_plain(&column.values) {
                Field::Expected
            } else {
                Field::Label
            };
            return self.assign(field, column);
        }
        if self.flags() {
            return;
        }
        self.by_values();
    }

    /// Columns of nothing but 0 and 1 with short names: one category each.
    fn flags(&mut self) -> bool {
        let is_flag = |column: &&Column| {
            let binary = column
                .values
                .iter()
                .all(|value| value == "0" || value == "1");
            binary && column.filled > 0 && column.key.len() <= 4
        };
        let flags: Vec<&Column> = self.columns.iter().filter(is_flag).collect();
        if flags.len() < 3 {
            return false;
        }
        for column in flags {
            self.assign(Field::Flag, column);
        }
        true
    }

    /// Without any name to go by: words of two sides are verdicts, and a second column of
    /// few words beside them has the finer labels.
    fn by_values(&mut self) {
        let words = |column: &&Column| {
            let numbers = column
                .values
                .iter()
                .all(|value| value.parse::<f64>().is_ok());
            let nameless = column.key.starts_with("column") || column.key.len() <= 2;
            column.few_values() && !numbers && nameless
        };
        let free: Vec<&Column> = self
            .columns
            .iter()
            .filter(words)
            .filter(|column| !self.taken(column))
            .collect();
        let says = |column: &&&Column| {
            let values = Values::default().in_column(&column.values);
            column
                .values
                .iter()
                .all(|value| values.verdict(value).is_some())
        };
        if let Some(verdicts) = free.iter().find(says) {
            self.assign(Field::Expected, verdicts);
            let finer = free.iter().find(|column| {
                column.name != verdicts.name
                    && column.values.len() <= 20
                    && column.mean_chars() < 20
            });
            if let Some(finer) = finer {
                self.assign(Field::Label, finer);
            }
        }
    }

    /// `label_1` … `label_10`, `annotation_2`, `annotator 3`, lists of labels, and the answers
    /// of another system.
    fn annotations(&mut self) {
        for column in self.columns {
            let stem = column.key.trim_end_matches(|c: char| c.is_ascii_digit());
            let numbered = stem.len() < column.key.len()
                && ["label", "annotation", "annotator", "rater", "coder"].contains(&stem);
            let listed = column.key == "labelannotated";
            let system =
                column.key.ends_with("classification") || column.key.ends_with("violatespolicy");
            if (numbered || listed || system) && column.few_values() && !self.taken(column) {
                let name = column.name.trim().to_owned();
                self.assign(Field::Annotation(name), column);
            }
        }
    }
}
