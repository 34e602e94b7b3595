//! YAML front matter: id, title, output contract, effort.

use super::{Effort, OutputContract, OutputKind, PolicyError};
use crate::verdict::Expected;
use serde_yaml_ng::{Mapping, Value};

/// What the front matter says; absent where it says nothing.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    pub id: Option<String>,
    pub title: Option<String>,
    pub output: Option<OutputContract>,
    pub effort: Option<Effort>,
    pub warnings: Vec<(u32, String)>,
    /// The body's first line, 0-based.
    pub body_start: usize,
}

/// The body's first line, 0-based, as far as it can be told.
pub(super) fn body_start(text: &str) -> usize {
    match bounds(text) {
        Some((_, Some(end))) => end + 1,
        Some((_, None)) | None => 0,
    }
}

pub(super) fn read(text: &str) -> Result<FrontMatter, PolicyError> {
    let Some((marker, end)) = bounds(text) else {
        return Ok(FrontMatter::default());
    };
    let Some(end) = end else {
        return Err(error(
            1,
            format!(
                "The front matter that {marker} opens in line 1 is never closed. Add a line {marker} below it."
            ),
        ));
    };
    let mut front = FrontMatter {
        body_start: end + 1,
        ..FrontMatter::default()
    };
    if marker == "+++" {
        front.warnings.push((
            1,
            "TOML front matter is not read. Write it as YAML between --- lines.".to_owned(),
        ));
        return Ok(front);
    }
    let lines: Vec<&str> = super::body::lines(text).take(end).skip(1).collect();
    let fields = parse_yaml(&lines)?;
    read_fields(&fields, &lines, &mut front)?;
    Ok(front)
}

/// The marker of a front matter that opens in the first line, and the line, 0-based,
/// that closes it.
fn bounds(text: &str) -> Option<(&'static str, Option<usize>)> {
    let mut lines = super::body::lines(text);
    let marker = match lines.next()?.trim_end() {
        "---" => "---",
        "+++" => "+++",
        _ => return None,
    };
    let end = lines
        .position(|line| {
            let line = line.trim_end();
            line == marker || (marker == "---" && line == "...")
        })
        .map(|index| index + 1);
    Some((marker, end))
}

fn parse_yaml(lines: &[&str]) -> Result<Mapping, PolicyError> {
    let value: Value = serde_yaml_ng::from_str(&lines.join("\n")).map_err(|cause| {
        // Line 1 of the YAML is line 2 of the file. YAML ends lines at U+0085, U+2028 and U+2029
        // too, which editors do not, and so may count beyond the marker that closes it.
        let line = cause.location().map_or(1, |at| at.line() + 1);
        let line = line.min(lines.len() + 2);
        let what = cause.to_string();
        let what = what.split(" at line ").next().unwrap_or(&what).to_owned();
        PolicyError {
            line: u32::try_from(line).ok(),
            message: format!(
                "The front matter is not valid YAML near line {line}: {what}. Correct that line, or put texts with : or # in quotes."
            ),
        }
    })?;
    match value {
        Value::Mapping(fields) => Ok(fields),
        Value::Null => Ok(Mapping::new()),
        Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Sequence(_)
        | Value::Tagged(_) => Err(error(
            2,
            "The front matter must hold `key: value` lines. If --- is meant as a line across the page, put an empty line above it."
                .to_owned(),
        )),
    }
}

fn read_fields(
    fields: &Mapping,
    lines: &[&str],
    front: &mut FrontMatter,
) -> Result<(), PolicyError> {
    let mut kind = None;
    let mut labels = Vec::new();
    for (key, value) in fields {
        let name = scalar(key).unwrap_or_default();
        let line = line_of(lines, &name);
        match name.as_str() {
            "id" => front.id = text(value, "id", line)?,
            "title" => front.title = text(value, "title", line)?,
            "effort" => front.effort = Some(effort(value, line)?),
            "output" => kind = Some((output_kind(value, line)?, line)),
            "labels" => labels = read_labels(value, line, lines)?,
            _ => front.warnings.push((
                line,
                format!(
                    "The front matter's key `{name}` is unknown and ignored. Known are id, title, output, labels and effort."
                ),
            )),
        }
    }
    let labels_line = line_of(lines, "labels");
    front.output = match (kind, labels.is_empty()) {
        (None, true) => None,
        (None, false) => Some((OutputKind::Label, labels_line)),
        (Some(kind), _) => Some(kind),
    }
    .map(|(kind, line)| contract(kind, labels, line))
    .transpose()?;
    Ok(())
}

/// A contract that can tell violating from safe, or why it cannot.
fn contract(
    kind: OutputKind,
    labels: Vec<(String, Expected)>,
    line: u32,
) -> Result<OutputContract, PolicyError> {
    let has = |side| labels.iter().any(|(_, means)| *means == side);
    match kind {
        OutputKind::Label if labels.is_empty() => Err(error(
            line,
            "`output: label` needs `labels:`, a map from each label to violates or safe.".to_owned(),
        )),
        OutputKind::Label if !has(Expected::Violates) || !has(Expected::Safe) => Err(error(
            line,
            "The labels cannot tell violating from safe: at least one must mean violates and one safe."
                .to_owned(),
        )),
        OutputKind::Binary if labels.iter().any(|label| !is_binary_answer(label)) => Err(error(
            line,
            "`output: binary` means 1 violates and 0 safe. For other labels write `output: label`."
                .to_owned(),
        )),
        OutputKind::Binary => Ok(OutputContract {
            kind,
            labels: Vec::new(),
        }),
        OutputKind::Label | OutputKind::Json => Ok(OutputContract { kind, labels }),
    }
}

fn is_binary_answer((label, means): &(String, Expected)) -> bool {
    matches!(
        (label.as_str(), means),
        ("1", Expected::Violates) | ("0", Expected::Safe)
    )
}

fn read_labels(
    value: &Value,
    line: u32,
    lines: &[&str],
) -> Result<Vec<(String, Expected)>, PolicyError> {
    let map = value.as_mapping().ok_or_else(|| {
        error(
            line,
            "`labels` must map each label to violates or safe, such as `INVALID: violates`."
                .to_owned(),
        )
    })?;
    let mut labels: Vec<(String, Expected)> = Vec::new();
    for (key, means) in map {
        let label = scalar(key).unwrap_or_default().trim().to_owned();
        let line = line_of(lines, &label).max(line);
        if label.is_empty() {
            return Err(error(line, "A label is empty. Give it a text.".to_owned()));
        }
        let side = match scalar(means)
            .map(|text| text.trim().to_lowercase())
            .as_deref()
        {
            Some("violates") => Expected::Violates,
            Some("safe") => Expected::Safe,
            _ => {
                return Err(error(
                    line,
                    format!("The label `{label}` must mean violates or safe."),
                ));
            }
        };
        if let Some((other, _)) = labels
            .iter()
            .find(|(other, _)| other.to_lowercase() == label.to_lowercase())
        {
            return Err(error(
                line,
                format!(
                    "The labels `{other}` and `{label}` differ in letter case only, which answers are read without. Rename one."
                ),
            ));
        }
        labels.push((label, side));
    }
    Ok(labels)
}

fn effort(value: &Value, line: u32) -> Result<Effort, PolicyError> {
    match scalar(value).map(|text| text.to_lowercase()).as_deref() {
        Some("low") => Ok(Effort::Low),
        Some("medium") => Ok(Effort::Medium),
        Some("high") => Ok(Effort::High),
        _ => Err(error(
            line,
            "`effort` must be low, medium or high.".to_owned(),
        )),
    }
}

fn output_kind(value: &Value, line: u32) -> Result<OutputKind, PolicyError> {
    match scalar(value).map(|text| text.to_lowercase()).as_deref() {
        Some("label") => Ok(OutputKind::Label),
        Some("binary") => Ok(OutputKind::Binary),
        Some("json") => Ok(OutputKind::Json),
        _ => Err(error(
            line,
            "`output` must be label, binary or json.".to_owned(),
        )),
    }
}

fn text(value: &Value, name: &str, line: u32) -> Result<Option<String>, PolicyError> {
    match value {
        Value::Null => Ok(None),
        value => match scalar(value) {
            Some(text) if text.trim().is_empty() => Ok(None),
            Some(text) => Ok(Some(text.trim().to_owned())),
            None => Err(error(line, format!("`{name}` must be a text."))),
        },
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

/// The file's line in which a key stands; 1 where it cannot be told.
fn line_of(lines: &[&str], key: &str) -> u32 {
    let index = lines.iter().position(|line| {
        let line = line.trim_start().trim_start_matches(['{', '"', '\'']);
        line.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    });
    index.map_or(1, |index| u32::try_from(index + 2).unwrap_or(1))
}

fn error(line: u32, message: String) -> PolicyError {
    PolicyError {
        line: Some(line),
        message,
    }
}
