//! The workspace's folder: which policies and suites it has, what touchstone.toml says.

use crate::files;
use crate::view::{Failure, PolicySummary, Problem, Severity};
use domain::case::{Case, parse_suite};
use domain::run::Numerics;
use serde::Deserialize;
use std::path::{Path, PathBuf};

pub(crate) const POLICIES: &str = "policies";
pub(crate) const FIXTURES: &str = "fixtures";
pub(crate) const CONFIG: &str = "touchstone.toml";

/// touchstone.toml; other keys belong to other parts (gates) and are left to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    /// `pebble`, or a folder relative to the workspace.
    pub model: Option<String>,
    pub numerics: Option<Numerics>,
    pub device: Option<DeviceName>,
    pub debounce_ms: Option<u32>,
}

/// Where models on disk compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeviceName {
    Auto,
    Cpu,
    Cuda,
}

impl From<DeviceName> for engine::Device {
    fn from(name: DeviceName) -> engine::Device {
        match name {
            DeviceName::Auto => engine::Device::Auto,
            DeviceName::Cpu => engine::Device::Cpu,
            DeviceName::Cuda => engine::Device::Cuda,
        }
    }
}

/// A file that cannot be read as TOML is a problem, not the end.
pub(crate) fn config(root: &Path) -> (Config, Option<Problem>) {
    let problem = |line, message| Problem {
        severity: Severity::Error,
        file: CONFIG.to_owned(),
        line,
        message,
    };
    let bytes = match files::read(&root.join(CONFIG)) {
        Ok(None) => return (Config::default(), None),
        Ok(Some(bytes)) => bytes,
        Err(failure) => return (Config::default(), Some(problem(None, failure.message))),
    };
    let text = String::from_utf8_lossy(&bytes);
    match toml::from_str(&text) {
        Ok(config) => (config, None),
        Err(error) => {
            let line = error
                .span()
                .map(|span| 1 + text[..span.start].matches('\n').count() as u32);
            let message = format!(
                "{} The defaults are used until this is mended.",
                sentence(error.message())
            );
            (Config::default(), Some(problem(line, message)))
        }
    }
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

/// A name that stands for a file of the workspace and for nothing outside it.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    const CHARS_MAX: usize = 100;
    let trouble = if name.trim().is_empty() {
        "is empty"
    } else if name.chars().count() > CHARS_MAX {
        "is longer than 100 characters"
    } else if name.starts_with('.') {
        "begins with a dot"
    } else if name.contains(['/', '\\', ':', '\0']) || name.chars().any(char::is_control) {
        "has a character that file names cannot have"
    } else {
        return Ok(());
    };
    Err(Failure::input(format!(
        "The policy name \"{}\" {trouble}. Choose another.",
        name.escape_debug()
    )))
}

pub(crate) fn policy_path(root: &Path, name: &str) -> PathBuf {
    root.join(POLICIES).join(format!("{name}.md"))
}

pub(crate) fn suite_path(root: &Path, name: &str) -> PathBuf {
    root.join(FIXTURES).join(format!("{name}.jsonl"))
}

/// The path as people see it: relative to the workspace where it lies inside.
pub(crate) fn shown(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
        .replacen("//", "/", 1)
}

/// The names of all policies, sorted.
pub(crate) fn names(root: &Path) -> (Vec<String>, Vec<Problem>) {
    let mut names = Vec::new();
    let mut problems = Vec::new();
    let Ok(entries) = std::fs::read_dir(root.join(POLICIES)) else {
        return (names, problems);
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        match path.file_stem().and_then(|stem| stem.to_str()) {
            Some(name) if check_name(name).is_ok() => names.push(name.to_owned()),
            // Hidden files are someone's temporary files.
            Some(name) if name.starts_with('.') => {}
            _ => problems.push(Problem {
                severity: Severity::Warning,
                file: shown(root, &path),
                line: None,
                message: "This file's name cannot be used. Rename it.".to_owned(),
            }),
        }
    }
    names.sort();
    (names, problems)
}

/// One line of the policy list, with what is wrong in its files.
pub(crate) fn summary(root: &Path, name: &str) -> (PolicySummary, Vec<Problem>) {
    let path = policy_path(root, name);
    let file = shown(root, &path);
    let mut problems = Vec::new();
    let mut problem = |line, message| {
        problems.push(Problem {
            severity: Severity::Error,
            file: file.clone(),
            line,
            message,
        });
    };
    let mut title = name.to_owned();
    match files::read(&path) {
        Ok(bytes) => match domain::policy::parse(&bytes.unwrap_or_default()) {
            Ok(policy) => title = policy.title,
            Err(error) => problem(error.line, error.message),
        },
        Err(failure) => problem(None, failure.message),
    }
    let suite = suite_path(root, name);
    let cases = match read_suite(root, &suite) {
        Ok(suite) => {
            problems.extend(suite.problems);
            suite.cases.len() as u32
        }
        Err(failure) => {
            problem(None, failure.message);
            0
        }
    };
    let summary = PolicySummary {
        name: name.to_owned(),
        title,
        file,
        suite_file: shown(root, &suite),
        cases,
    };
    (summary, problems)
}

/// A suite file, read: its usable cases and what is wrong with the others.
pub(crate) struct Suite {
    /// Empty where the file does not exist.
    pub hash: String,
    pub bytes: Vec<u8>,
    pub cases: Vec<Case>,
    pub problems: Vec<Problem>,
}

pub(crate) fn read_suite(root: &Path, path: &Path) -> Result<Suite, Failure> {
    let bytes = files::read(path)?;
    let hash = bytes.as_deref().map(files::hash).unwrap_or_default();
    let bytes = bytes.unwrap_or_default();
    let (cases, line_problems) = parse_suite(&bytes);
    let file = shown(root, path);
    let problems = line_problems
        .into_iter()
        .map(|problem| Problem {
            severity: if problem.skipped {
                Severity::Error
            } else {
                Severity::Warning
            },
            file: file.clone(),
            line: Some(problem.line),
            message: problem.message,
        })
        .collect();
    Ok(Suite {
        hash,
        bytes,
        cases,
        problems,
    })
}
