//! Opens what people have: CSV, TSV, JSON, JSON Lines, any of them gzipped, and XLSX
//! workbooks; gives their rows one by one. What a file is, its bytes say, not its name.
//!
//! No file is held whole (a workbook's shared texts and a JSON object that wraps its rows
//! excepted, both bounded). Text is UTF-8, or UTF-16 with a byte order mark; any other
//! encoding has to be declared, because guessing one turns names into rubbish unnoticed.

use super::Reading;
use crate::view::Failure;
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::ops::ControlFlow;
use std::path::Path;

mod json;
mod sheet;

/// A row as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raw {
    Cells(Vec<String>),
    /// An object's fields, nested ones by their path: `policy.severity`, `turns.0.text`.
    Fields(Vec<(String, String)>),
}

/// What is told of each row: the line (or the sheet's row, or the position in a JSON array)
/// and the row, or why it cannot be read.
pub(crate) type OnRow<'a> = dyn FnMut(u64, Result<Raw, String>) -> ControlFlow<()> + 'a;

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub format: Format,
    pub encoding: &'static Encoding,
    /// Whether lines end in CRLF.
    crlf: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    Delimited {
        delimiter: u8,
        quoting: bool,
    },
    JsonLines,
    JsonArray,
    /// An object that holds its rows in one array.
    JsonObject,
    Workbook,
}

/// One row longer than this is no case but a file misread, most often for a quote that is
/// never closed; and no more of a file is ever in memory.
pub(crate) const ROW_BYTES_MAX: u64 = 8 << 20;
/// For the parts of a format that cannot be streamed.
const WHOLE_BYTES_MAX: u64 = 256 << 20;
const SNIFF_BYTES: u64 = 1 << 20;

impl Source {
    /// Looks at the file's beginning.
    pub(crate) fn sniff(path: &Path, reading: &Reading) -> Result<Source, Failure> {
        let declared = declared_encoding(reading)?;
        let mut head = Vec::new();
        raw(path)?
            .take(SNIFF_BYTES)
            .read_to_end(&mut head)
            .map_err(|error| fault(path, &error))?;
        if head.starts_with(b"PK\x03\x04") {
            return Ok(Source {
                format: Format::Workbook,
                encoding: UTF_8,
                crlf: false,
            });
        }
        refuse_binary(path, &head)?;
        let marked = Encoding::for_bom(&head).map(|(encoding, _)| encoding);
        let encoding = marked.or(declared).unwrap_or(UTF_8);
        let (text, _, _) = encoding.decode(&head);
        let whole_lines = text.rfind('\n').map_or(&*text, |end| &text[..=end]);
        Ok(Source {
            format: format(path, &text, whole_lines, reading)?,
            encoding,
            crlf: whole_lines
                .find('\n')
                .is_some_and(|end| whole_lines[..end].ends_with('\r')),
        })
    }

    /// Calls `on_row` for each row until it breaks.
    pub(crate) fn each(
        &self,
        path: &Path,
        reading: &Reading,
        on_row: &mut OnRow<'_>,
    ) -> Result<(), Failure> {
        if self.format == Format::Workbook {
            return sheet::each(path, reading.sheet.as_deref(), on_row);
        }
        let text = Decoded::new(raw(path)?, self.encoding);
        match &self.format {
            Format::Delimited { delimiter, quoting } => {
                // The reader stands between CR and LF when a record ends, one line behind.
                let behind = u64::from(self.crlf);
                let mut at = |line, row| on_row(if line == 1 { 1 } else { line + behind }, row);
                delimited(path, text, *delimiter, *quoting, &mut at)
            }
            Format::JsonLines => json::lines(path, BufReader::new(text), on_row),
            Format::JsonArray => {
                let budget = text.budget.clone();
                json::array(path, BufReader::new(text), &mut |line, row| {
                    budget.set(ROW_BYTES_MAX);
                    on_row(line, row)
                })
            }
            Format::JsonObject => json::object(path, text.take(WHOLE_BYTES_MAX), on_row),
            Format::Workbook => unreachable!("answered above"),
        }
    }
}

/// The file's bytes, unpacked where they are gzipped.
fn raw(path: &Path) -> Result<Box<dyn Read>, Failure> {
    let file = File::open(path).map_err(|error| Failure::file(path, "read", &error))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Failure::input(format!(
            "{} is a folder. Name a file in it.",
            path.display()
        )));
    }
    let mut file = BufReader::with_capacity(1 << 16, file);
    let head = file.fill_buf().map_err(|error| fault(path, &error))?;
    Ok(if head.starts_with(b"\x1f\x8b") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

fn refuse_binary(path: &Path, head: &[u8]) -> Result<(), Failure> {
    let what = if head.starts_with(b"\xd0\xcf\x11\xe0") {
        "an old Excel workbook (.xls). Save it as .xlsx or CSV"
    } else if head.starts_with(b"PAR1") {
        "a Parquet file. Export it as CSV or JSON Lines"
    } else if head.starts_with(b"SQLite format 3") {
        "a database. Export its table as CSV"
    } else if head.starts_with(b"%PDF") {
        "a PDF. Export its table as CSV"
    } else if Encoding::for_bom(head).is_none() && head.iter().take(4096).any(|byte| *byte == 0) {
        "not text. Export it as UTF-8 CSV or JSON Lines; for UTF-16 without a byte order mark, \
         name the encoding"
    } else {
        return Ok(());
    };
    Err(Failure::input(format!("{} is {what}.", path.display())))
}

fn declared_encoding(reading: &Reading) -> Result<Option<&'static Encoding>, Failure> {
    let Some(name) = &reading.encoding else {
        return Ok(None);
    };
    Encoding::for_label(name.as_bytes()).map(Some).ok_or_else(|| {
        Failure::input(format!(
            "There is no encoding \"{name}\". Name one of the WHATWG's, such as utf-8, windows-1252, shift_jis, gb18030 or utf-16le."
        ))
    })
}

fn format(
    path: &Path,
    text: &str,
    whole_lines: &str,
    reading: &Reading,
) -> Result<Format, Failure> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.is_empty() {
        return Err(Failure::input(format!("{} is empty.", path.display())));
    }
    if reading.delimiter.is_none() {
        if start.starts_with('[') && path.extension().is_none_or(|name| name != "csv") {
            return Ok(Format::JsonArray);
        }
        if start.starts_with('{') {
            let first = start.lines().next().unwrap_or_default();
            return Ok(match serde_json::from_str::<serde_json::Value>(first) {
                Ok(_) => Format::JsonLines,
                Err(error) if error.is_eof() => Format::JsonObject,
                // One broken line does not make the others unreadable.
                Err(_) => Format::JsonLines,
            });
        }
    }
    let delimiter = match reading.delimiter.as_deref() {
        None => guessed_delimiter(whole_lines),
        Some("\\t" | "tab") => b'\t',
        Some(one) if one.len() == 1 => one.as_bytes()[0],
        Some(other) => {
            return Err(Failure::input(format!(
                "\"{other}\" is no delimiter. Name one character, or tab."
            )));
        }
    };
    Ok(Format::Delimited {
        delimiter,
        quoting: reading
            .quoting
            .unwrap_or_else(|| delimiter != b'\t' || well_quoted(whole_lines, '\t')),
    })
}

/// The one that cuts most of the rows into equally many cells, and into more than one.
fn guessed_delimiter(text: &str) -> u8 {
    let agreeing = |delimiter: u8| {
        let mut rows = reader(text.as_bytes(), delimiter, delimiter != b'\t');
        let mut counts = std::collections::HashMap::new();
        let mut record = csv::ByteRecord::new();
        let mut all = 0u32;
        while all < 2_000 && rows.read_byte_record(&mut record).is_ok_and(|more| more) {
            *counts.entry(record.len()).or_insert(0u32) += 1;
            all += 1;
        }
        let (cells, times) = counts
            .into_iter()
            .max_by_key(|(cells, times)| (*times, *cells))
            .unwrap_or((1, 0));
        if cells < 2 { 0 } else { times * 1_000 / all }
    };
    // At a tie the first of these wins.
    let mut best = (0, b',');
    for delimiter in *b"\t,;|" {
        let score = agreeing(delimiter);
        if score > best.0 {
            best = (score, delimiter);
        }
    }
    best.1
}

/// Whether quotes at the ends of cells are quoting, and not text: they come in pairs and
/// those within are doubled. Tab-separated files are often written without any quoting.
fn well_quoted(text: &str, delimiter: char) -> bool {
    let mut quoted = 0;
    for cell in text.lines().flat_map(|line| line.split(delimiter)) {
        let Some(rest) = cell.strip_prefix('"') else {
            continue;
        };
        let Some(inner) = rest.strip_suffix('"') else {
            return false;
        };
        if inner.replace("\"\"", "").contains('"') {
            return false;
        }
        quoted += 1;
    }
    quoted > 0
}

fn reader<R: Read>(source: R, delimiter: u8, quoting: bool) -> csv::Reader<R> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quoting(quoting)
        .from_reader(source)
}

fn delimited(
    path: &Path,
    text: Decoded,
    delimiter: u8,
    quoting: bool,
    on_row: &mut OnRow<'_>,
) -> Result<(), Failure> {
    let budget = text.budget.clone();
    let mut rows = reader(text, delimiter, quoting);
    let mut record = csv::StringRecord::new();
    loop {
        budget.set(ROW_BYTES_MAX);
        match rows.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) => {
                let line = rows.position().line();
                return Err(match error.into_kind() {
                    csv::ErrorKind::Io(error) => stopped(path, line, &error),
                    other => Failure::input(format!(
                        "{}:{line}: this row cannot be read ({other:?}).",
                        path.display()
                    )),
                });
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let cells = record.iter().map(str::to_owned).collect();
        if on_row(line, Ok(Raw::Cells(cells))).is_break() {
            return Ok(());
        }
    }
}

/// A failure while reading, with the place as near as it is known.
fn stopped(path: &Path, line: u64, error: &io::Error) -> Failure {
    let place = path.display();
    match error.kind() {
        ErrorKind::InvalidData => Failure::input(format!(
            "{place} is not UTF-8 (first seen behind line {line}). Save it as UTF-8, or name its \
             encoding, such as windows-1252."
        )),
        ErrorKind::FileTooLarge => Failure::input(format!(
            "{place}:{line}: the row that begins here is longer than {} MB; a quote is never \
             closed. Close it, or read the file without quoting.",
            ROW_BYTES_MAX >> 20
        )),
        _ => fault(path, error),
    }
}

fn fault(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::UnexpectedEof | ErrorKind::InvalidData => {
            Failure::input(format!(
                "{} cannot be unpacked: {error}. The file is cut short or damaged; fetch it again.",
                path.display()
            ))
        }
        _ => Failure::file(path, "read", error),
    }
}

/// Text in UTF-8, whatever the file's encoding, and a bound on how much of it may be read
/// for one row.
struct Decoded {
    source: Box<dyn Read>,
    decoder: Decoder,
    bytes: Vec<u8>,
    text: Cursor<Vec<u8>>,
    ended: bool,
    /// Told once the text before it has been read.
    malformed: bool,
    budget: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Decoded {
    fn new(source: Box<dyn Read>, encoding: &'static Encoding) -> Decoded {
        Decoded {
            source,
            decoder: encoding.new_decoder_with_bom_removal(),
            bytes: vec![0; 1 << 16],
            text: Cursor::new(Vec::new()),
            ended: false,
            malformed: false,
            budget: std::rc::Rc::new(std::cell::Cell::new(u64::MAX)),
        }
    }

    /// Decodes the next piece of the file.
    fn fill(&mut self) -> io::Result<()> {
        if self.malformed {
            return Err(ErrorKind::InvalidData.into());
        }
        let read = self.source.read(&mut self.bytes)?;
        self.ended = read == 0;
        let mut text = String::with_capacity(
            self.decoder
                .max_utf8_buffer_length_without_replacement(read)
                .unwrap_or(read * 3 + 16),
        );
        let (result, _) = self.decoder.decode_to_string_without_replacement(
            &self.bytes[..read],
            &mut text,
            self.ended,
        );
        self.text = Cursor::new(text.into_bytes());
        self.malformed = matches!(result, DecoderResult::Malformed(..));
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.text.read(into)?;
            if read > 0 {
                let left = self.budget.get().checked_sub(read as u64);
                self.budget.set(left.ok_or(ErrorKind::FileTooLarge)?);
                return Ok(read);
            }
            if self.ended || into.is_empty() {
                return Ok(0);
            }
            self.fill()?;
        }
    }
}
