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
mod plan;
mod source;
mod tally;
mod values;

use crate::studio::Studio;
use crate::view::Failure;
use crate::{files, workspace};
use cases::{Converted, Converter};
use domain::case::{parse_suite, to_line};
use layout::{Layout, Row};
use source::{Format, Raw, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tally::Tally;

pub use plan::{
    Assignment, ColumnView, Existing, Field, ImportPreview, ImportReport, Plan, Reading, SkippedRow,
};

/// Rows that the guess looks at.
const SAMPLE_ROWS: usize = 2_000;
const PREVIEW_CASES: usize = 20;

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

impl Studio {
    /// What a file would become; see [`preview`].
    pub async fn import_preview(
        &self,
        file: PathBuf,
        reading: Reading,
        plan: Option<Plan>,
    ) -> Result<ImportPreview, Failure> {
        let root = self.root().to_owned();
        blocking(move || preview(&root, &file, &reading, plan)).await
    }

    /// Imports into a policy's own suite; see [`import`].
    pub async fn import_suite(
        &self,
        file: PathBuf,
        reading: Reading,
        plan: Plan,
        policy: &str,
        existing: Existing,
    ) -> Result<ImportReport, Failure> {
        workspace::check_name(policy)?;
        let root = self.root().to_owned();
        let suite = workspace::suite_path(&root, policy);
        blocking(move || import(&root, &file, &reading, &plan, &suite, existing)).await
    }
}

/// A large file must not hold up the window's other calls.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Failure::internal(format!("The import ended: {error}."))))
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
        on_case: &mut dyn FnMut(u64, Converted) -> ControlFlow<()>,
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
