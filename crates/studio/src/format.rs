//! Policies and suites in canonical form, so that they diff cleanly in git. A file that
//! cannot be read is named and not touched.

use crate::files;
use crate::studio::Studio;
use crate::view::{Failure, FormatState, FormattedFile, Problem, Severity};
use crate::workspace::{self, FIXTURES, policy_path, shown};
use std::path::{Path, PathBuf};

/// Whether files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formatting {
    Write,
    /// Only look; nothing is written.
    Check,
}

impl Studio {
    /// Formats these files, or every policy and suite of the workspace where none is named.
    pub fn format(
        &self,
        only: &[PathBuf],
        formatting: Formatting,
    ) -> Result<Vec<FormattedFile>, Failure> {
        let files = match only {
            [] => self.formattable()?,
            named => named.to_vec(),
        };
        files
            .iter()
            .map(|path| self.format_file(path, formatting))
            .collect()
    }

    /// All policies, then all suites.
    fn formattable(&self) -> Result<Vec<PathBuf>, Failure> {
        let (names, _) = workspace::names(self.root());
        let mut found: Vec<PathBuf> = names
            .iter()
            .map(|name| policy_path(self.root(), name))
            .collect();
        let folder = self.root().join(FIXTURES);
        if folder.is_dir() {
            let entries = std::fs::read_dir(&folder)
                .map_err(|error| Failure::file(&folder, "read", &error))?;
            let mut suites: Vec<PathBuf> = entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
                .filter(|path| {
                    let name = path.file_name().map(|name| name.to_string_lossy());
                    path.is_file() && !name.is_some_and(|name| name.starts_with('.'))
                })
                .collect();
            suites.sort();
            found.extend(suites);
        }
        Ok(found)
    }

    fn format_file(&self, path: &Path, formatting: Formatting) -> Result<FormattedFile, Failure> {
        let file = shown(self.root(), path);
        let before = files::read(path)?
            .ok_or_else(|| Failure::input(format!("{file} does not exist. Check its name.")))?;
        let result = |state, problems| FormattedFile {
            file: file.clone(),
            state,
            problems,
        };
        let after = match canonical(&file, path, &before)? {
            Ok(text) => text,
            Err(problems) => return Ok(result(FormatState::Refused, problems)),
        };
        if after.as_bytes() == before {
            return Ok(result(FormatState::Canonical, Vec::new()));
        }
        if formatting == Formatting::Write
            && self
                .replace(path, after.as_bytes(), &files::hash(&before))?
                .is_err()
        {
            return Err(Failure::input(format!(
                "{file} was changed meanwhile and is not written. Try again."
            )));
        }
        Ok(result(FormatState::Changed, Vec::new()))
    }
}

fn canonical(
    file: &str,
    path: &Path,
    bytes: &[u8],
) -> Result<Result<String, Vec<Problem>>, Failure> {
    let problem = |line, message| Problem {
        severity: Severity::Error,
        file: file.to_owned(),
        line,
        message,
    };
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending {
        Some("md") => {
            Ok(domain::policy::format(bytes)
                .map_err(|error| vec![problem(error.line, error.message)]))
        }
        Some("jsonl") => Ok(domain::case::format_suite(bytes).map_err(|problems| {
            let told = problems
                .into_iter()
                .map(|found| problem(Some(found.line), found.message));
            told.collect()
        })),
        _ => Err(Failure::input(format!(
            "{file} is neither a policy (.md) nor a suite (.jsonl). Name one of those."
        ))),
    }
}
