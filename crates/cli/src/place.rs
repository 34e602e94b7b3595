//! Where things are: the workspace, the policy and the suite that the arguments name.

use crate::args::{NumericsArg, OutsideArgs, Place, Subject};
use crate::input;
use domain::policy::{self, Effort, Policy};
use domain::run::Numerics;
use engine::Device;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use studio::view::{EvaluateRequest, Failure};
use studio::{Options, Outside, Studio};

/// What `--device` said; it holds for whatever this process loads.
static DEVICE: OnceLock<Device> = OnceLock::new();

pub fn set_device(device: Device) {
    DEVICE.get_or_init(|| device);
}

pub fn device() -> Option<Device> {
    DEVICE.get().copied()
}

/// An opened workspace with the policy to judge by.
pub struct Opened {
    pub studio: Studio,
    /// The policy's file, wherever it lies.
    pub policy_file: PathBuf,
    pub policy: String,
    pub suite_file: PathBuf,
}

/// The model that the arguments name, and how it is computed.
#[derive(Clone, Copy, Default)]
pub struct Choice<'a> {
    model: Option<&'a str>,
    numerics: Option<NumericsArg>,
}

impl Choice<'_> {
    pub fn of(model: &Option<String>, numerics: Option<NumericsArg>) -> Choice<'_> {
        Choice {
            model: model.as_deref(),
            numerics,
        }
    }
}

pub async fn open(place: &Place, model: Choice<'_>) -> Result<Studio, Failure> {
    open_at(&workspace(place, None)?, model, Outside::default()).await
}

/// As `open`, with leave for some hosts.
pub async fn open_outside(place: &Place, outside: &OutsideArgs) -> Result<Studio, Failure> {
    open_at(&workspace(place, None)?, Choice::default(), leave(outside)).await
}

pub fn leave(outside: &OutsideArgs) -> Outside {
    Outside {
        hosts: outside.allow_host.clone(),
        plain_http: outside.plain_http,
        ..Outside::default()
    }
}

/// The workspace's folder, not opened.
pub fn root(place: &Place) -> Result<PathBuf, Failure> {
    workspace(place, None)
}

/// Where models are looked for: the workspace, or the current folder where there is none.
pub fn root_or_here(place: &Place) -> Result<PathBuf, Failure> {
    match (workspace(place, None), &place.workspace) {
        (Ok(root), _) => Ok(root),
        (Err(failure), Some(_)) => Err(failure),
        (Err(_), None) => Ok(PathBuf::from(".")),
    }
}

pub async fn open_subject(place: &Place, subject: &Subject) -> Result<Opened, Failure> {
    let named_file = Path::new(&subject.policy);
    let root = workspace(place, Some(named_file).filter(|path| path.is_file()))?;
    let (policy, policy_file) = policy_file(&root, &subject.policy)?;
    let suite_file = suite_file(&root, &policy, subject.suite.as_deref())?;
    Ok(Opened {
        studio: open_at(
            &root,
            Choice::of(&subject.model, subject.numerics),
            leave(&subject.outside),
        )
        .await?,
        policy_file,
        policy,
        suite_file,
    })
}

/// What to ask of the studio; reads the policy's file anew each time. Warnings go to
/// standard error.
pub fn request(opened: &Opened, subject: &Subject) -> Result<EvaluateRequest, Failure> {
    let shown = shown(opened.studio.root(), &opened.policy_file);
    let bytes = std::fs::read(&opened.policy_file)
        .map_err(|error| input(format!("{shown} cannot be read: {error}.")))?;
    let read = parse_policy(&shown, &bytes)?;
    let effort = subject.effort.map_or(read.effort, Effort::from);
    Ok(EvaluateRequest {
        policy: opened.policy.clone(),
        text: String::from_utf8(bytes).map_err(|_| input(format!("{shown} is not UTF-8.")))?,
        effort,
        baseline: subject.baseline.map(domain::run::RunId),
        delay_ms: 0,
        only: Vec::new(),
    })
}

/// A policy file, read. Warnings go to standard error.
pub fn read_policy(shown: &str, file: &Path) -> Result<Policy, Failure> {
    let bytes =
        std::fs::read(file).map_err(|error| input(format!("{shown} cannot be read: {error}.")))?;
    parse_policy(shown, &bytes)
}

fn parse_policy(shown: &str, bytes: &[u8]) -> Result<Policy, Failure> {
    let read = policy::parse(bytes).map_err(|error| {
        let line = error
            .line
            .map_or_else(String::new, |line| format!(":{line}"));
        input(format!("{shown}{line}: {error}"))
    })?;
    for (line, message) in &read.warnings {
        eprintln!("warning: {shown}:{line}: {message}");
    }
    Ok(read)
}

/// Says on standard error which lines of the suite cannot be used; no usable case at
/// all is an error.
pub fn check_suite(opened: &Opened) -> Result<(), Failure> {
    let shown = shown(opened.studio.root(), &opened.suite_file);
    let bytes = std::fs::read(&opened.suite_file)
        .map_err(|error| input(format!("{shown} cannot be read: {error}.")))?;
    let (cases, problems) = domain::case::parse_suite(&bytes);
    for problem in &problems {
        let (what, left_out) = if problem.skipped {
            ("error", " The line is left out.")
        } else {
            ("warning", "")
        };
        eprintln!(
            "{what}: {shown}:{}: {}{left_out}",
            problem.line, problem.message
        );
    }
    if cases.is_empty() {
        return Err(input(format!(
            "{shown} holds no usable case. Write one JSON object a line, such as {{\"id\": \"a\", \"content\": \"…\", \"expected\": \"safe\"}}."
        )));
    }
    Ok(())
}

/// A path as people see it: relative to the workspace where it lies inside.
pub fn shown(root: &Path, path: &Path) -> String {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.strip_prefix(&root)
        .unwrap_or(path)
        .display()
        .to_string()
}

pub async fn open_at(root: &Path, model: Choice<'_>, outside: Outside) -> Result<Studio, Failure> {
    let options = Options {
        model: model.model.map(str::to_owned),
        numerics: model.numerics.map(Numerics::from),
        device: device(),
        outside,
        ..Options::default()
    };
    Studio::open(root, options).await
}

/// The folder given, or the nearest one upwards of the policy's file or of the current
/// folder that has policies/.
pub fn workspace(place: &Place, beside: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(root) = &place.workspace {
        if !root.is_dir() {
            return Err(input(format!(
                "{} is not a folder. Give the workspace's folder.",
                root.display()
            )));
        }
        return Ok(root.clone());
    }
    let here = std::env::current_dir()
        .map_err(|error| input(format!("The current folder cannot be read: {error}.")))?;
    let beside = beside.and_then(|path| path.canonicalize().ok());
    let starts = beside.iter().map(PathBuf::as_path).chain([here.as_path()]);
    starts
        .flat_map(Path::ancestors)
        .find(|folder| folder.join("policies").is_dir())
        .map(Path::to_owned)
        .ok_or_else(|| {
            input(format!(
                "There is no workspace at {} or above it: no folder has policies/. Give one with --workspace DIR.",
                here.display()
            ))
        })
}

pub fn policy_file(root: &Path, given: &str) -> Result<(String, PathBuf), Failure> {
    let candidates = [
        PathBuf::from(given),
        root.join(given),
        root.join("policies").join(given),
        root.join("policies").join(format!("{given}.md")),
    ];
    let file = candidates
        .iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            input(format!(
                "There is no policy {given}: neither that file nor policies/{given}.md exists. {}",
                known(root)
            ))
        })?;
    let name = file.file_stem().and_then(|stem| stem.to_str());
    let name = name.ok_or_else(|| input(format!("{given} has no usable file name.")))?;
    Ok((name.to_owned(), file.clone()))
}

fn known(root: &Path) -> String {
    let mut names: Vec<String> = std::fs::read_dir(root.join("policies"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.path().file_stem()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    match names.is_empty() {
        true => "The workspace has no policies.".to_owned(),
        false => format!("The workspace has {}.", names.join(", ")),
    }
}

pub fn suite_file(root: &Path, policy: &str, given: Option<&str>) -> Result<PathBuf, Failure> {
    let own = root.join("fixtures").join(format!("{policy}.jsonl"));
    let Some(given) = given else {
        return match own.is_file() {
            true => Ok(own),
            false => Err(input(format!(
                "The policy {policy} has no suite: fixtures/{policy}.jsonl does not exist. Write it, or give another with --suite."
            ))),
        };
    };
    let candidates = [
        PathBuf::from(given),
        root.join(given),
        root.join("fixtures").join(given),
        root.join("fixtures").join(format!("{given}.jsonl")),
    ];
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            input(format!(
                "There is no suite {given}: neither that file nor fixtures/{given}.jsonl exists."
            ))
        })
}
