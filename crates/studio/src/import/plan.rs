//! What is asked of an import and what it answers: plain data that crosses to the hosts.

use domain::case::Case;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How to read a file, where its bytes do not say it well enough.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export, rename = "ImportReading")]
pub struct Reading {
    /// A WHATWG label, such as `windows-1252`; UTF-8 otherwise.
    pub encoding: Option<String>,
    /// One character, or `tab`.
    pub delimiter: Option<String>,
    /// Whether quotes enclose cells.
    pub quoting: Option<bool>,
    /// Whether the first row has the columns' names.
    pub header: Option<bool>,
    /// Of a workbook; its first otherwise.
    pub sheet: Option<String>,
}

/// Which column is what, and what its values mean.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export, rename = "ImportPlan")]
pub struct Plan {
    pub mapping: Vec<Assignment>,
    /// Values that mean a violation, besides the common words.
    pub violates: Vec<String>,
    pub safe: Vec<String>,
    /// A mark that stands for a line break in the text, such as `|LBR|`.
    pub line_break: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, rename = "ImportAssignment")]
pub struct Assignment {
    pub field: Field,
    /// The column's name, or `#3` for the third.
    pub column: String,
}

/// A field of a case that a column can give.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export, rename = "ImportField")]
pub enum Field {
    Id,
    Content,
    /// The user's turn of a conversation.
    User,
    Assistant,
    Expected,
    Label,
    /// A category of 0 and 1; several of them make the verdict.
    Flag,
    Rules,
    Tags,
    Language,
    Kind,
    Note,
    Owner,
    /// What this annotator or system said.
    Annotation(String),
}

impl Field {
    /// As it is written on the command line: `content`, `annotation:anna`.
    pub fn parse(text: &str) -> Option<Field> {
        if let Some(name) = text.strip_prefix("annotation:") {
            return (!name.is_empty()).then(|| Field::Annotation(name.to_owned()));
        }
        serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
    }
}

/// The beginning of a file, as it would be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ImportPreview {
    /// For people: `CSV with ;, windows-1252`.
    pub format: String,
    pub header: bool,
    pub columns: Vec<ColumnView>,
    pub plan: Plan,
    /// The plan is one that was used for such a file before.
    pub remembered: bool,
    pub cases: Vec<Case>,
    /// Rows of the beginning that would be left out.
    pub skipped: Vec<SkippedRow>,
    pub warnings: Vec<String>,
    /// Why the plan cannot be used as it stands.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export, rename = "ImportColumn")]
pub struct ColumnView {
    pub name: String,
    /// A few of its values, each cut short.
    pub examples: Vec<String>,
    /// Rows of the beginning in which it is filled.
    pub filled: u32,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ImportReport {
    /// Rows of the table, blank ones and the header not counted.
    pub rows: u32,
    pub imported: u32,
    /// Of those imported: with an expected verdict, by side.
    pub violates: u32,
    pub safe: u32,
    pub unlabelled: u32,
    /// Rows left out, at most 1,000 of them named.
    pub skipped: Vec<SkippedRow>,
    pub skipped_total: u32,
    /// Imported cases whose content stands in an earlier case as well.
    pub duplicates: u32,
    pub warnings: Vec<String>,
    /// Relative to the workspace.
    pub suite: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SkippedRow {
    /// The line of a text file, the row of a sheet, or the place in a JSON list.
    #[ts(type = "number")]
    pub line: u64,
    pub reason: String,
}

/// What to do where the suite exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export, rename = "ExistingSuite")]
pub enum Existing {
    #[default]
    Refuse,
    Append,
    Replace,
}
