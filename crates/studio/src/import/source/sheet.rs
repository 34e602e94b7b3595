//! XLSX workbooks: the values of one sheet, cell by cell. Formulas give the value that was
//! last computed; nothing is computed here.

use super::{OnRow, Raw, WHOLE_BYTES_MAX};
use crate::view::Failure;
use calamine::{DataRef, Reader, Xlsx, open_workbook};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// More columns than this are a sheet whose last cell someone touched by accident.
const COLUMNS_MAX: usize = 1_000;

pub(super) fn each(
    path: &Path,
    sheet: Option<&str>,
    on_row: &mut OnRow<'_>,
) -> Result<(), Failure> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::input(format!(
            "{} is not a workbook that can be read: {error}. Save it as .xlsx or CSV again.",
            path.display()
        ))
    };
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes > WHOLE_BYTES_MAX {
        return Err(Failure::input(format!(
            "{} has {bytes} bytes; a workbook may have {WHOLE_BYTES_MAX}. Save the sheet as CSV.",
            path.display()
        )));
    }
    let mut book: Xlsx<BufReader<File>> = open_workbook(path).map_err(|error| broken(&error))?;
    let names = book.sheet_names();
    let name = match sheet {
        Some(wanted) => names.iter().find(|name| *name == wanted),
        None => names.first(),
    };
    let Some(name) = name.cloned() else {
        return Err(Failure::input(format!(
            "{} has no sheet \"{}\". It has: {}.",
            path.display(),
            sheet.unwrap_or_default(),
            names.join(", ")
        )));
    };
    let mut cells = book
        .worksheet_cells_reader(&name)
        .map_err(|error| broken(&error))?;
    let mut row: Option<(u32, Vec<String>)> = None;
    loop {
        let cell = cells.next_cell().map_err(|error| broken(&error))?;
        let at = cell.as_ref().map(calamine::Cell::get_position);
        if let Some((number, _)) = &row
            && at.is_none_or(|(next, _)| next != *number)
            && let Some((number, values)) = row.take()
            && on_row(u64::from(number) + 1, Ok(Raw::Cells(values))).is_break()
        {
            return Ok(());
        }
        let (Some(cell), Some((number, column))) = (cell, at) else {
            return Ok(());
        };
        let (_, values) = row.get_or_insert_with(|| (number, Vec::new()));
        let column = column as usize;
        let text = text(cell.get_value());
        if column < COLUMNS_MAX && !text.is_empty() {
            values.resize(values.len().max(column + 1), String::new());
            values[column] = text;
        }
    }
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty | DataRef::Error(_) => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::Int(value) => value.to_string(),
        // Excel keeps every number as a float; `1` is meant where it shows 1.
        DataRef::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
            format!("{value:.0}")
        }
        DataRef::Float(value) => value.to_string(),
        DataRef::DateTime(value) => value.as_f64().to_string(),
    }
}
