//! Tables and pictures that leave the studio as files: CSV, which is made here, and SVG,
//! which the window draws. Neither is written over anything but a file of its own kind.

use crate::files;
use crate::studio::Studio;
use crate::view::{CsvTable, Failure, RunSummary};
use domain::flip::{Certainty, FlipKind, Rate};
use domain::run::RunId;
use domain::verdict::Verdict;
use std::path::{Path, PathBuf};

impl Studio {
    /// The table as CSV with a heading line; times in UTC, shares between 0 and 1.
    pub async fn csv(&self, of: &CsvTable) -> Result<String, Failure> {
        match of {
            CsvTable::Runs { policy } => {
                let mut runs = self.runs(policy).await?;
                runs.reverse();
                Ok(runs_csv(&runs))
            }
            CsvTable::Coverage { run } => self.coverage_csv(*run).await,
            CsvTable::Flips { a, b } => self.flips_csv(*a, *b).await,
        }
    }

    /// Writes a table as a CSV file; returns where it lies.
    pub async fn export_csv(&self, of: &CsvTable, out: &Path) -> Result<PathBuf, Failure> {
        let path = self.target(out, "csv")?;
        let text = self.csv(of).await?;
        files::write(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Writes a picture that the window drew; returns where it lies.
    pub fn export_svg(&self, svg: &str, out: &Path) -> Result<PathBuf, Failure> {
        let path = self.target(out, "svg")?;
        if !svg.trim_start().starts_with("<svg") {
            return Err(Failure::input(
                "What was drawn is no SVG; nothing was written.",
            ));
        }
        files::write(&path, svg.as_bytes())?;
        Ok(path)
    }

    /// A name without its ending gets it; another ending is refused, so that a slip of the
    /// mouse replaces no policy. What is relative lies in the workspace.
    fn target(&self, out: &Path, ending: &str) -> Result<PathBuf, Failure> {
        let path = self.root().join(out);
        match path.extension() {
            None => Ok(path.with_extension(ending)),
            Some(found) if found.eq_ignore_ascii_case(ending) => Ok(path),
            Some(_) => Err(Failure::input(format!(
                "{} does not end in .{ending}. Choose a name that does.",
                path.display()
            ))),
        }
    }

    async fn coverage_csv(&self, run: RunId) -> Result<String, Failure> {
        let coverage = self.coverage(run).await?;
        let head = [
            "clause",
            "case",
            "verdict",
            "answered",
            "near_miss",
            "wrong",
        ];
        let lines = coverage.cells.iter().map(|cell| {
            let flag = |flag: bool| u8::from(flag).to_string();
            vec![
                cell.clause.clone(),
                cell.case.clone(),
                verdict(cell.verdict).to_owned(),
                flag(cell.answered),
                flag(cell.near_miss),
                flag(cell.wrong),
            ]
        });
        Ok(csv_text(&head, lines))
    }

    async fn flips_csv(&self, a: RunId, b: RunId) -> Result<String, Failure> {
        let comparison = self.compare(a, b).await?;
        let head = ["case", "from", "to", "kind", "certainty"];
        let lines = comparison.flips.iter().map(|flip| {
            let kind = match flip.kind {
                FlipKind::Fixed => "fixed",
                FlipKind::Broken => "broken",
                FlipKind::Changed => "changed",
            };
            let certainty = match flip.certainty {
                Certainty::Real => "real",
                Certainty::Noise => "noise",
                Certainty::Undecided => "undecided",
            };
            let words = [verdict(flip.from), verdict(flip.to), kind, certainty];
            let mut line = vec![flip.case.clone()];
            line.extend(words.map(str::to_owned));
            line
        });
        Ok(csv_text(&head, lines))
    }
}

fn runs_csv(runs: &[RunSummary]) -> String {
    let rates = ["precision", "recall", "false_positive_rate", "accuracy"];
    let mut head: Vec<String> = ["run", "started_at", "state", "revision", "model", "effort"]
        .map(str::to_owned)
        .to_vec();
    head.extend(["cases", "judged", "unparsed", "f1"].map(str::to_owned));
    for name in rates {
        head.extend([
            name.to_owned(),
            format!("{name}_low"),
            format!("{name}_high"),
        ]);
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let lines = runs.iter().map(|run| {
        let metrics = &run.metrics;
        let word = |value: serde_json::Result<serde_json::Value>| {
            let value = value.unwrap_or_default();
            value.as_str().unwrap_or_default().to_owned()
        };
        let mut line = vec![
            run.run.0.to_string(),
            bundle::utc(run.started_at_ms),
            word(serde_json::to_value(run.state)),
            run.revision.0.clone(),
            run.model_name.clone(),
            word(serde_json::to_value(run.settings.effort)),
            metrics.cases.to_string(),
            metrics.judged.to_string(),
            metrics.unparsed.to_string(),
            number(metrics.f1),
        ];
        let of = [
            metrics.precision,
            metrics.recall,
            metrics.false_positive_rate,
            metrics.accuracy,
        ];
        line.extend(of.into_iter().flat_map(ends));
        line
    });
    csv_text(&head, lines)
}

fn ends(rate: Option<Rate>) -> [String; 3] {
    [
        number(rate.map(|rate| rate.value)),
        number(rate.map(|rate| rate.low)),
        number(rate.map(|rate| rate.high)),
    ]
}

/// Nothing where a measure is undefined.
fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.6}"))
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Violates => "violates",
        Verdict::Safe => "safe",
        Verdict::Unparsed => "unparsed",
    }
}

/// Names come from suites that anyone may have made: a cell that a spreadsheet would run
/// as a formula is led by an apostrophe, as spreadsheets themselves mark text.
fn csv_text(head: &[&str], lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let text = |cell: String| match cell.starts_with(['=', '+', '@', '\t', '\r'])
        || cell.starts_with('-') && cell.parse::<f64>().is_err()
    {
        true => format!("'{cell}"),
        false => cell,
    };
    // Writing to memory does not fail, and every line has as many cells as the heading.
    let mut write = |cells: Vec<String>| {
        writer.write_record(cells).expect("memory takes every line");
    };
    write(head.iter().map(|name| (*name).to_owned()).collect());
    lines.for_each(|line| write(line.into_iter().map(text).collect()));
    let bytes = writer.into_inner().expect("memory takes every line");
    String::from_utf8(bytes).expect("the cells are text")
}
