//! Where a table's columns have their names, and which of its rows are cases: files begin
//! with notices, have no header, or are spreadsheets whose labels stand in rows of their own.

use super::source::Raw;
use std::collections::{HashMap, HashSet};

/// Rows above a header that are looked at.
const PREAMBLE_MAX: usize = 5;
/// A header cell longer than this is content.
const NAME_CHARS_MAX: usize = 60;

/// The name that a spreadsheet's section rows give to the column they stand for.
pub(crate) const SECTION: &str = "section";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub columns: Vec<String>,
    /// Whether the names come from the file.
    pub header: bool,
    /// Columns that the header leaves without a name.
    unnamed: Vec<bool>,
    /// Rows before the first case.
    skip: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    /// Rows with the first cell alone (`SP2`) name what follows; cases are numbered under them.
    Sections,
    Objects,
}

/// A row of the table, aligned with the columns.
pub(crate) type Row = Vec<String>;

impl Layout {
    /// From the file's first rows.
    pub(crate) fn of(sample: &[Raw], header: Option<bool>) -> Layout {
        let cells: Vec<&Vec<String>> = sample
            .iter()
            .filter_map(|raw| match raw {
                Raw::Cells(cells) => Some(cells),
                Raw::Fields(_) => None,
            })
            .collect();
        if cells.is_empty() {
            return objects(sample);
        }
        let width = cells.iter().map(|row| row.len()).max().unwrap_or_default();
        if header.is_none() && has_sections(&cells) {
            return sections(&cells, width);
        }
        let top = top(&cells);
        let header = header.unwrap_or_else(|| is_header(&cells[top..]));
        if !header {
            return Layout {
                columns: (1..=width)
                    .map(|number| format!("column {number}"))
                    .collect(),
                header,
                unnamed: vec![false; width],
                skip: top,
                kind: Kind::Table,
            };
        }
        // Cells beyond the header belong to rows that fell apart.
        let (columns, unnamed) = names(cells[top]);
        Layout {
            columns,
            header,
            unnamed,
            skip: top + 1,
            kind: Kind::Table,
        }
    }

    pub(crate) fn reader(&self) -> LayoutReader<'_> {
        LayoutReader {
            layout: self,
            read: 0,
            section: String::new(),
        }
    }
}

/// Reads the rows of a file in order.
pub(crate) struct LayoutReader<'a> {
    layout: &'a Layout,
    read: usize,
    section: String,
}

impl LayoutReader<'_> {
    /// Nothing for what is no row of the table: blank ones, the header and what is above
    /// it, section rows.
    pub(crate) fn row(&mut self, raw: Raw) -> Option<Result<Row, String>> {
        let position = self.read;
        self.read += 1;
        let mut cells = match raw {
            Raw::Fields(fields) => return Some(Ok(self.align(fields))),
            Raw::Cells(cells) => cells,
        };
        if position < self.layout.skip || cells.iter().all(|cell| cell.trim().is_empty()) {
            return None;
        }
        if self.layout.kind == Kind::Sections {
            return self.in_section(cells);
        }
        let width = self.layout.columns.len();
        if cells.iter().skip(width).any(|cell| !cell.trim().is_empty()) {
            return Some(Err(format!(
                "it has {} cells where the header has {width}; a cell is probably not quoted",
                cells.len()
            )));
        }
        cells.resize(width, String::new());
        Some(Ok(cells))
    }

    /// The first column without a name that holds text all the same.
    pub(crate) fn spilled(&self, row: &[String], after: usize) -> Option<usize> {
        (after + 1..row.len())
            .find(|column| self.layout.unnamed[*column] && !row[*column].trim().is_empty())
    }

    fn align(&self, fields: Vec<(String, String)>) -> Row {
        let mut fields: HashMap<String, String> = fields.into_iter().collect();
        self.layout
            .columns
            .iter()
            .map(|column| fields.remove(column).unwrap_or_default())
            .collect()
    }

    fn in_section(&mut self, mut cells: Vec<String>) -> Option<Result<Row, String>> {
        if let Some(name) = section_name(&cells) {
            self.section = name.to_owned();
            return None;
        }
        if !is_numbered(&cells) {
            let shown: Vec<&str> = cells
                .iter()
                .map(|cell| cell.trim())
                .filter(|cell| !cell.is_empty())
                .take(3)
                .collect();
            return Some(Err(format!(
                "it is neither a section nor a numbered case: {}",
                shown.join(" · ")
            )));
        }
        cells.resize(self.layout.columns.len() - 1, String::new());
        cells.push(self.section.clone());
        Some(Ok(cells))
    }
}

fn objects(sample: &[Raw]) -> Layout {
    let mut columns: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for raw in sample {
        if let Raw::Fields(fields) = raw {
            for (name, _) in fields {
                if seen.insert(name) {
                    columns.push(name.clone());
                }
            }
        }
    }
    Layout {
        unnamed: vec![false; columns.len()],
        columns,
        header: true,
        skip: 0,
        kind: Kind::Objects,
    }
}

/// Where the table begins: notices above it fill one cell where its rows fill several.
fn top(rows: &[&Vec<String>]) -> usize {
    let filled = |row: &Vec<String>| row.iter().filter(|cell| !cell.trim().is_empty()).count();
    let usual = rows
        .iter()
        .skip(1)
        .map(|row| filled(row))
        .max()
        .unwrap_or(1);
    rows.iter()
        .take(PREAMBLE_MAX)
        .position(|row| filled(row) >= usual.min(2))
        .unwrap_or_default()
}

/// Names are short, distinct, and none of them is a value of its own column.
fn is_header(rows: &[&Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else {
        return false;
    };
    let mut seen = HashSet::new();
    let names: Vec<(usize, &str)> = first
        .iter()
        .enumerate()
        .map(|(column, cell)| (column, cell.trim()))
        .filter(|(_, cell)| !cell.is_empty())
        .collect();
    !names.is_empty()
        && names.iter().all(|(column, name)| {
            name.chars().count() <= NAME_CHARS_MAX
                && name.parse::<f64>().is_err()
                && seen.insert(name.to_lowercase())
                && rest
                    .iter()
                    .filter_map(|row| row.get(*column))
                    .all(|cell| cell.trim() != *name)
        })
}

/// Unique names; those that are missing or taken are numbered.
fn names(header: &[String]) -> (Vec<String>, Vec<bool>) {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut unnamed = Vec::new();
    let columns = header
        .iter()
        .zip(1..)
        .map(|(cell, number)| {
            let name = cell.trim();
            unnamed.push(name.is_empty());
            let name = match name {
                "" => format!("column {number}"),
                name => name.to_owned(),
            };
            let times = seen.entry(name.clone()).or_default();
            *times += 1;
            if *times == 1 {
                name
            } else {
                format!("{name} ({times})")
            }
        })
        .collect();
    (columns, unnamed)
}

fn has_sections(rows: &[&Vec<String>]) -> bool {
    let sections = rows
        .iter()
        .filter(|row| section_name(row).is_some())
        .count();
    let numbered = rows.iter().filter(|row| is_numbered(row)).count();
    // Numbers that go on counting are ids of one list.
    let restarts = rows
        .iter()
        .filter(|row| is_numbered(row) && row[0].trim() == "1")
        .count();
    let filled = rows
        .iter()
        .filter(|row| row.iter().any(|cell| !cell.trim().is_empty()))
        .count();
    sections >= 2 && restarts >= 2 && numbered * 2 >= filled
}

fn section_name(row: &[String]) -> Option<&str> {
    let (first, rest) = row.split_first()?;
    let name = first.trim();
    let alone = rest.iter().all(|cell| cell.trim().is_empty());
    let short = !name.is_empty() && name.chars().count() <= 40 && name.parse::<f64>().is_err();
    (alone && short).then_some(name)
}

fn is_numbered(row: &[String]) -> bool {
    row.len() > 1 && row[0].trim().parse::<u32>().is_ok() && !row[1].trim().is_empty()
}

fn sections(rows: &[&Vec<String>], width: usize) -> Layout {
    let first = rows[0];
    let named = section_name(first).is_none() && !is_numbered(first);
    let mut header = if named { first.clone() } else { Vec::new() };
    header.resize(width, String::new());
    let (mut columns, mut unnamed) = names(&header);
    columns.push(SECTION.to_owned());
    unnamed.push(false);
    Layout {
        columns,
        header: named,
        unnamed,
        skip: usize::from(named),
        kind: Kind::Sections,
    }
}
