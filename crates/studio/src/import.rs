//! Import: other people's labelled files become suites. What a file holds is guessed, shown
//! and then read as the analyst says; no row is lost without being named, no label is
//! invented, and nothing is written unless all of it can be.
//!
//! A file is read twice, its beginning for the guess and the preview, then all of it, row by
//! row into a file beside the suite: memory holds one row and a few bytes for each id.

mod cases;
mod guess;
mod layout;
mod memory;
mod source;
mod values;

use crate::view::Failure;
use crate::{files, workspace};
use cases::{Converter, Notice};
use domain::case::{Case, fingerprint, parse_suite, to_line};
use layout::{Layout, Row};
use serde::{Deserialize, Serialize};
use source::{Format, Raw, Source};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;
use ts_rs::TS;

/// Rows that the guess looks at.
const SAMPLE_ROWS: usize = 2_000;
const PREVIEW_CASES: usize = 20;
/// Rows that are named one by one among what was left out; the count is always whole.
const SKIPPED_MAX: usize = 1_000;

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

/// Reads the file's beginning. Without a plan, the one remembered for such a file is used,
/// else a guess.
pub fn preview(
    root: &Path,
    file: &Path,
    reading: &Reading,
    plan: Option<Plan>,
) -> Result<ImportPreview, Failure> {
    let opened = Opened::new(file, reading)?;
    let remembered = match plan {
        Some(_) => None,
        None => memory::recall(root, &opened.layout.columns),
    };
    let is_remembered = remembered.is_some();
    let plan = plan.or(remembered).unwrap_or_else(|| Plan {
        mapping: guess::mapping(&opened.columns),
        ..Plan::default()
    });
    let mut tally = Tally::default();
    let mut cases = Vec::new();
    let problem = match opened.converter(&plan) {
        Err(message) => Some(message),
        Ok(converter) => {
            opened.each(file, reading, &converter, &mut |line, case| {
                if let Some(case) = tally.take(line, case)
                    && cases.len() < PREVIEW_CASES
                {
                    cases.push(case);
                }
                match tally.rows < SAMPLE_ROWS as u32 {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
            None
        }
    };
    let warnings = tally.warnings();
    Ok(ImportPreview {
        format: opened.source.describe(),
        header: opened.layout.header,
        columns: opened.views(),
        remembered: is_remembered,
        cases,
        skipped: tally.skipped,
        warnings,
        problem,
        plan,
    })
}

/// Imports the whole file into a suite and remembers the plan for files of this shape.
pub fn import(
    root: &Path,
    file: &Path,
    reading: &Reading,
    plan: &Plan,
    suite: &Path,
    existing: Existing,
) -> Result<ImportReport, Failure> {
    let opened = Opened::new(file, reading)?;
    let converter = opened.converter(plan).map_err(Failure::input)?;
    let mut tally = Tally::default();
    let before = earlier(root, suite, existing, &mut tally)?;
    if let Some(folder) = suite.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::file(folder, "created", &error))?;
    }
    let mut out = files::Beside::create(suite)?;
    out.write(&before)?;
    let mut written: Result<(), Failure> = Ok(());
    opened.each(file, reading, &converter, &mut |line, case| {
        if let Some(case) = tally.take(line, case) {
            let mut text = to_line(&case);
            text.push('\n');
            written = out.write(text.as_bytes());
        }
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    written?;
    if tally.imported == 0 {
        return Err(Failure::input(format!(
            "{} gives no case: {}. Nothing was written.",
            file.display(),
            match tally.skipped.first() {
                Some(row) => format!("line {}: {}", row.line, row.reason),
                None => "it has no rows".to_owned(),
            }
        )));
    }
    out.persist()?;
    memory::remember(root, &opened.layout.columns, plan)?;
    let warnings = tally.warnings();
    Ok(ImportReport {
        rows: tally.rows,
        imported: tally.imported,
        violates: tally.violates,
        safe: tally.safe,
        unlabelled: tally.imported - tally.violates - tally.safe,
        skipped: tally.skipped,
        skipped_total: tally.skipped_total,
        duplicates: tally.duplicates,
        warnings,
        suite: workspace::shown(root, suite),
    })
}

/// What stands in the suite already and stays: its bytes, its ids and contents.
fn earlier(
    root: &Path,
    suite: &Path,
    existing: Existing,
    tally: &mut Tally,
) -> Result<Vec<u8>, Failure> {
    let bytes = files::read(suite)?;
    match (existing, bytes) {
        (_, None) | (Existing::Replace, Some(_)) => Ok(Vec::new()),
        (Existing::Refuse, Some(_)) => Err(Failure::input(format!(
            "{} exists already. Append to it, replace it, or name another suite.",
            workspace::shown(root, suite)
        ))),
        (Existing::Append, Some(mut bytes)) => {
            for case in parse_suite(&bytes).0 {
                tally.known(&case);
            }
            if bytes.last().is_some_and(|byte| *byte != b'\n') {
                bytes.push(b'\n');
            }
            Ok(bytes)
        }
    }
}

/// A file whose shape is known.
struct Opened {
    source: Source,
    layout: Layout,
    columns: Vec<guess::Column>,
    sample: Vec<Row>,
    stem: String,
}

impl Opened {
    fn new(file: &Path, reading: &Reading) -> Result<Opened, Failure> {
        let source = Source::sniff(file, reading)?;
        let mut raws: Vec<Raw> = Vec::new();
        source.each(file, reading, &mut |_, raw| {
            raws.extend(raw.ok());
            match raws.len() < SAMPLE_ROWS {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        let layout = Layout::of(&raws, reading.header);
        let mut reader = layout.reader();
        let sample: Vec<Row> = raws
            .into_iter()
            .filter_map(|raw| reader.row(raw)?.ok())
            .collect();
        let columns = guess::columns(&layout.columns, &sample);
        Ok(Opened {
            source,
            columns,
            layout,
            sample,
            stem: stem(file),
        })
    }

    fn converter(&self, plan: &Plan) -> Result<Converter, String> {
        let values: BTreeMap<String, BTreeSet<String>> = self
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.values.clone()))
            .collect();
        Converter::new(plan, &self.layout.columns, &values, &self.stem)
    }

    /// Every row of the table as a case, or the reason why it is none.
    fn each(
        &self,
        file: &Path,
        reading: &Reading,
        converter: &Converter,
        on_case: &mut dyn FnMut(u64, Result<(Case, Vec<Notice>), String>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let mut reader = self.layout.reader();
        let mut number = 0;
        self.source.each(file, reading, &mut |line, raw| {
            let row = match raw {
                Err(reason) => Some(Err(reason)),
                Ok(raw) => reader.row(raw),
            };
            let Some(row) = row else {
                return ControlFlow::Continue(());
            };
            number += 1;
            let case = row.and_then(|row| match reader.spilled(&row, converter.content_column) {
                Some(column) => Err(format!(
                    "its text goes on in {}, which has no name: a quote is misplaced in this row",
                    self.layout.columns[column]
                )),
                None => converter.case(&row, number),
            });
            on_case(line, case)
        })
    }

    fn views(&self) -> Vec<ColumnView> {
        const EXAMPLE_CHARS_MAX: usize = 60;
        self.columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let mut examples: Vec<String> = Vec::new();
                for row in &self.sample {
                    let text: String = row[index].trim().chars().take(EXAMPLE_CHARS_MAX).collect();
                    if !text.is_empty() && !examples.contains(&text) {
                        examples.push(text);
                    }
                    if examples.len() == 3 {
                        break;
                    }
                }
                ColumnView {
                    name: column.name.clone(),
                    examples,
                    filled: column.filled as u32,
                }
            })
            .collect()
    }
}

/// The file's name as far as its first dot, for ids.
fn stem(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').find(|part| !part.is_empty());
    stem.unwrap_or("row").to_owned()
}

impl Source {
    fn describe(&self) -> String {
        let name = match &self.format {
            Format::Workbook => return "XLSX".to_owned(),
            Format::Delimited {
                delimiter: b'\t',
                quoting: true,
            } => "TSV".to_owned(),
            Format::Delimited {
                delimiter: b'\t',
                quoting: false,
            } => "TSV without quoting".to_owned(),
            Format::Delimited {
                delimiter: b',', ..
            } => "CSV".to_owned(),
            Format::Delimited { delimiter, .. } => format!("CSV with {}", char::from(*delimiter)),
            Format::JsonLines => "JSON Lines".to_owned(),
            Format::JsonArray => "JSON".to_owned(),
            Format::JsonObject => "JSON with the cases in a list".to_owned(),
        };
        format!("{name}, {}", self.encoding.name())
    }
}

/// Counts, and what keeps ids apart.
#[derive(Default)]
struct Tally {
    rows: u32,
    imported: u32,
    violates: u32,
    safe: u32,
    skipped: Vec<SkippedRow>,
    skipped_total: u32,
    duplicates: u32,
    renamed: u32,
    /// How often each id was asked for.
    ids: HashMap<String, u32>,
    contents: HashSet<[u8; 16]>,
    unknown: BTreeMap<Notice, u32>,
}

impl Tally {
    fn take(&mut self, line: u64, case: Result<(Case, Vec<Notice>), String>) -> Option<Case> {
        self.rows += 1;
        let (mut case, notices) = match case {
            Ok(case) => case,
            Err(reason) => {
                self.skipped_total += 1;
                if self.skipped.len() < SKIPPED_MAX {
                    self.skipped.push(SkippedRow { line, reason });
                }
                return None;
            }
        };
        for notice in notices {
            *self.unknown.entry(notice).or_default() += 1;
        }
        self.name(&mut case);
        self.duplicates += u32::from(!self.contents.insert(content_key(&case)));
        self.imported += 1;
        match case.expected {
            Some(domain::verdict::Expected::Violates) => self.violates += 1,
            Some(domain::verdict::Expected::Safe) => self.safe += 1,
            None => {}
        }
        Some(case)
    }

    /// An id that is taken gets a number behind it: `7`, `7-2`, `7-3`.
    fn name(&mut self, case: &mut Case) {
        let wanted = case.id.clone();
        let mut times = self.ids.get(&wanted).copied().unwrap_or_default() + 1;
        if times > 1 {
            self.renamed += 1;
            while self.ids.contains_key(&format!("{wanted}-{times}")) {
                times += 1;
            }
            case.id = format!("{wanted}-{times}");
            self.ids.insert(case.id.clone(), 1);
        }
        self.ids.insert(wanted, times);
    }

    fn known(&mut self, case: &Case) {
        self.ids.insert(case.id.clone(), 1);
        self.contents.insert(content_key(case));
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = Vec::new();
        if self.renamed > 0 {
            warnings.push(format!(
                "{} ids were taken and got a number behind them.",
                self.renamed
            ));
        }
        let unknown: Vec<String> = self
            .unknown
            .iter()
            .filter_map(|(notice, times)| match notice {
                Notice::UnknownLabel(text) => Some(format!("{text} ({times})")),
                Notice::UnknownKind(_) => None,
            })
            .take(12)
            .collect();
        if !unknown.is_empty() {
            warnings.push(format!(
                "These labels are on neither side, so their cases expect no verdict: {}. Say which \
                 mean a violation, and which are safe.",
                unknown.join(", ")
            ));
        }
        let kinds: u32 = self
            .unknown
            .iter()
            .filter(|(notice, _)| matches!(notice, Notice::UnknownKind(_)))
            .map(|(_, times)| times)
            .sum();
        if kinds > 0 {
            warnings.push(format!(
                "{kinds} cases have a kind that is unknown; it was read off their content. Kinds \
                 are user_input, model_output and conversation."
            ));
        }
        warnings
    }
}

/// Half of a SHA-256: enough to tell the contents of one file apart.
fn content_key(case: &Case) -> [u8; 16] {
    let digest = fingerprint(case);
    let mut key = [0; 16];
    key.copy_from_slice(&digest.as_bytes()[..16]);
    key
}
