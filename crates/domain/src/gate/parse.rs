//! Reads the `[gates]` table of `touchstone.toml`, every value with its place. The other
//! tables belong to other parts and are left to them.

use super::{Gate, GateProblem, Gates, Metric, Scope};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads the gates; each error names the line, the key and the remedy.
///
/// ```toml
/// [gates]                            # every policy
/// recall_min = 0.9
/// [gates.policies.spam]              # one policy; it overrides the general gate
/// recall_min = 0.8
/// [gates.policies.spam.labels.SP4]   # that label against all others
/// precision_min = 0.95
/// [gates.tags.hard]                  # the cases with that tag
/// unparsed_max = 0
/// ```
pub fn parse(text: &str) -> Result<Gates, Vec<GateProblem>> {
    let file = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        let message = error.message().trim_end_matches('.');
        vec![GateProblem {
            line,
            message: format!("This is not TOML: {message}. Correct that line."),
        }]
    })?;
    let mut reader = Reader {
        text,
        gates: Vec::new(),
        problems: Vec::new(),
    };
    if let Some((key, value)) = file
        .get_ref()
        .iter()
        .find(|(key, _)| key.as_ref() == "gates")
        && let Some(table) = reader.table(key.span().start, "[gates]", value)
    {
        reader.top(table);
    }
    if reader.problems.is_empty() {
        reader.gates.sort_by_key(|gate| gate.line);
        Ok(Gates { all: reader.gates })
    } else {
        reader.problems.sort_by_key(|problem| problem.line);
        Err(reader.problems)
    }
}

/// A key as TOML wants it in a table's heading.
pub(super) fn quoted(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare {
        key.to_owned()
    } else {
        serde_json::Value::from(key).to_string()
    }
}

struct Reader<'t> {
    text: &'t str,
    gates: Vec<Gate>,
    problems: Vec<GateProblem>,
}

/// Where one table's gates hold, and which tables may stand in it.
struct Place<'p> {
    policy: Option<&'p str>,
    scope: Scope,
    heading: &'p str,
    inner: &'static [&'static str],
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        let place = Place {
            policy: None,
            scope: Scope::Suite,
            heading: "gates",
            inner: &["policies", "labels", "tags"],
        };
        self.read(table, &place);
        for (name, value) in self.tables(table, "gates", "policies") {
            let heading = format!("gates.policies.{}", quoted(name.get_ref()));
            let shown = format!("[{heading}]");
            if let Some(table) = self.table(name.span().start, &shown, value) {
                self.read(
                    table,
                    &Place {
                        policy: Some(name.get_ref()),
                        scope: Scope::Suite,
                        heading: &heading,
                        inner: &["labels", "tags"],
                    },
                );
            }
        }
    }

    /// The gates of one table, then those of its labels and tags.
    fn read(&mut self, table: &DeTable<'_>, place: &Place<'_>) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let metric = Metric::ALL.into_iter().find(|metric| metric.key() == name);
            match metric {
                Some(metric) => self.gate(metric, key, value, place),
                None if place.inner.contains(&name) => {}
                None => self.unknown(key.span().start, name, place),
            }
        }
        if place.inner.is_empty() {
            return;
        }
        for kind in ["labels", "tags"] {
            for (name, value) in self.tables(table, place.heading, kind) {
                let heading = format!("{}.{kind}.{}", place.heading, quoted(name.get_ref()));
                let scope = match kind {
                    "labels" => Scope::Label {
                        label: name.get_ref().to_string(),
                    },
                    _ => Scope::Tag {
                        tag: name.get_ref().to_string(),
                    },
                };
                let shown = format!("[{heading}]");
                if let Some(table) = self.table(name.span().start, &shown, value) {
                    self.read(
                        table,
                        &Place {
                            policy: place.policy,
                            scope,
                            heading: &heading,
                            inner: &[],
                        },
                    );
                }
            }
        }
    }

    fn gate(
        &mut self,
        metric: Metric,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        place: &Place<'_>,
    ) {
        let at = key.span().start;
        let (low, high, whole) = metric.range();
        let shown = format!("[{}] {}", place.heading, metric.key());
        let Some(bound) = number(value.get_ref()) else {
            let what = value.get_ref().type_str();
            self.problem(
                at,
                format!("{shown} is no number ({what}). Write one in decimal digits, such as 0.9."),
            );
            return;
        };
        if !(low..=high).contains(&bound) || whole && bound.fract() != 0.0 {
            let wanted = match (whole, low == 1.0) {
                (true, true) => "it must be a whole number, 1 or more".to_owned(),
                (true, false) => "it must be a whole number, 0 or more".to_owned(),
                (false, _) => format!("it must lie between {low} and {high}"),
            };
            let percent = !whole && low == 0.0 && bound > 1.0 && bound <= 100.0;
            let remedy = match percent {
                true => format!(". For {bound} % write {}", bound / 100.0),
                false => String::new(),
            };
            self.problem(at, format!("{shown} is {bound}; {wanted}{remedy}."));
            return;
        }
        let line = line_at(self.text, at);
        self.gates.push(Gate {
            policy: place.policy.map(str::to_owned),
            scope: place.scope.clone(),
            metric,
            side: metric.side(),
            bound,
            line,
        });
    }

    fn unknown(&mut self, at: usize, name: &str, place: &Place<'_>) {
        let known: Vec<&str> = Metric::ALL
            .iter()
            .map(|metric| metric.key())
            .chain(place.inner.iter().copied())
            .collect();
        let near = similar::get_close_matches(name, &known, 1, 0.6);
        let remedy = match near.first() {
            Some(near) => format!("Did you mean {near}?"),
            None => format!("Known are {}.", known.join(", ")),
        };
        self.problem(
            at,
            format!("[{}] has an unknown key {name}. {remedy}", place.heading),
        );
    }

    /// The tables under `kind`, where there are any.
    fn tables<'v, 'i>(
        &mut self,
        table: &'v DeTable<'i>,
        heading: &str,
        kind: &str,
    ) -> Vec<(
        &'v Spanned<std::borrow::Cow<'i, str>>,
        &'v Spanned<DeValue<'i>>,
    )> {
        let Some((key, value)) = table.iter().find(|(key, _)| key.as_ref() == kind) else {
            return Vec::new();
        };
        let shown = format!("[{heading}.{kind}]");
        match self.table(key.span().start, &shown, value) {
            Some(inner) => inner.iter().collect(),
            None => Vec::new(),
        }
    }

    /// The value as a table that says something.
    fn table<'v, 'i>(
        &mut self,
        at: usize,
        shown: &str,
        value: &'v Spanned<DeValue<'i>>,
    ) -> Option<&'v DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) if table.is_empty() => {
                self.problem(
                    at,
                    format!(
                        "{shown} sets no gate. Add one, such as recall_min = 0.9, or remove the table."
                    ),
                );
                None
            }
            DeValue::Table(table) => Some(table),
            other => {
                let what = other.type_str();
                self.problem(
                    at,
                    format!("{shown} must be a table; here it is of type {what}."),
                );
                None
            }
        }
    }

    fn problem(&mut self, at: usize, message: String) {
        let line = line_at(self.text, at);
        self.problems.push(GateProblem { line, message });
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    let text = match value {
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
        DeValue::Float(float) => float.as_str(),
        _ => return None,
    };
    text.parse::<f64>().ok().filter(|bound| bound.is_finite())
}

fn line_at(text: &str, at: usize) -> u32 {
    let lines = text.as_bytes()[..at.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count();
    u32::try_from(lines + 1).unwrap_or(u32::MAX)
}
