//! JSON in its three habits: one object a line, one array of objects, one object around
//! such an array.

use super::{ErrorKind, OnRow, ROW_BYTES_MAX, Raw, stopped};
use crate::view::Failure;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::Path;

/// Deeper values stay JSON text in one cell.
const DEPTH_MAX: u32 = 4;

pub(super) fn lines(
    path: &Path,
    mut text: impl BufRead,
    on_row: &mut OnRow<'_>,
) -> Result<(), Failure> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut text)
            .take(ROW_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .map_err(|error| stopped(path, number, &error))?;
        if read == 0 {
            break;
        }
        if read as u64 == ROW_BYTES_MAX {
            return Err(stopped(path, number, &ErrorKind::FileTooLarge.into()));
        }
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() {
            continue;
        }
        let row = match serde_json::from_slice(trimmed) {
            Ok(value) => object_row(value),
            Err(error) => Err(format!(
                "this line is not JSON (column {}: {})",
                error.column(),
                bare(&error)
            )),
        };
        if on_row(number, row).is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) fn array(path: &Path, text: impl Read, on_row: &mut OnRow<'_>) -> Result<(), Failure> {
    let mut done = false;
    let mut each = Each {
        on_row,
        done: &mut done,
    };
    let mut json = serde_json::Deserializer::from_reader(text);
    let result = json.deserialize_seq(&mut each);
    match result {
        Err(error) if !done => Err(broken(path, &error)),
        _ => Ok(()),
    }
}

/// The rows are the elements of the object's only array of objects.
pub(super) fn object(path: &Path, text: impl Read, on_row: &mut OnRow<'_>) -> Result<(), Failure> {
    let value: Value =
        serde_json::from_reader(io::BufReader::new(text)).map_err(|error| broken(path, &error))?;
    let Value::Object(fields) = value else {
        return Err(Failure::input(format!(
            "{} holds no object.",
            path.display()
        )));
    };
    let is_rows = |value: &Value| {
        value
            .as_array()
            .is_some_and(|items| items.iter().any(Value::is_object))
    };
    let mut arrays: Vec<(String, Value)> = fields
        .into_iter()
        .filter(|(_, value)| is_rows(value))
        .collect();
    let (Some((_, Value::Array(rows))), true) = (arrays.pop(), arrays.is_empty()) else {
        return Err(Failure::input(format!(
            "{} is one JSON object, and it is not plain which of its lists holds the cases. Keep \
             that list alone, or write one object a line.",
            path.display()
        )));
    };
    for (row, number) in rows.into_iter().zip(1..) {
        if on_row(number, object_row(row)).is_break() {
            break;
        }
    }
    Ok(())
}

fn broken(path: &Path, error: &serde_json::Error) -> Failure {
    if let Some(kind) = error.io_error_kind() {
        return stopped(path, error.line() as u64, &kind.into());
    }
    Failure::input(format!(
        "{}:{}: the JSON breaks off here, in column {} ({}). Nothing was imported.",
        path.display(),
        error.line(),
        error.column(),
        bare(error)
    ))
}

/// The message without the place, which is told apart.
fn bare(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(at) => message[..at].to_owned(),
        None => message,
    }
}

struct Each<'a, 'b> {
    on_row: &'a mut OnRow<'b>,
    /// The rows were enough; the error that ends the reading is none.
    done: &'a mut bool,
}

impl<'de> Visitor<'de> for &mut Each<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(value) = rows.next_element_seed(AnyValue)? {
            number += 1;
            if (self.on_row)(number, object_row(value)).is_break() {
                *self.done = true;
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

struct AnyValue;

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        serde::Deserialize::deserialize(deserializer)
    }
}

fn object_row(value: Value) -> Result<Raw, String> {
    let Value::Object(object) = value else {
        return Err("this row is JSON, but not an object".to_owned());
    };
    let mut fields = Vec::new();
    for (key, value) in object {
        flatten(key, value, 1, &mut fields);
    }
    Ok(Raw::Fields(fields))
}

fn flatten(path: String, value: Value, depth: u32, into: &mut Vec<(String, String)>) {
    match value {
        Value::Null => into.push((path, String::new())),
        Value::String(text) => into.push((path, text)),
        Value::Bool(_) | Value::Number(_) => into.push((path, value.to_string())),
        Value::Object(object) if depth < DEPTH_MAX => {
            for (key, value) in object {
                flatten(format!("{path}.{key}"), value, depth + 1, into);
            }
        }
        Value::Array(items) if depth < DEPTH_MAX && items.iter().any(is_record) => {
            for (index, value) in items.into_iter().enumerate() {
                flatten(format!("{path}.{index}"), value, depth + 1, into);
            }
        }
        Value::Object(_) | Value::Array(_) => into.push((path, value.to_string())),
    }
}

/// An object that is not a turn of a conversation; turns stay together in one cell.
fn is_record(value: &Value) -> bool {
    value.is_object() && value.get("role").is_none()
}
