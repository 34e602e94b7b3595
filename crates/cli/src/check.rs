//! `touchstone check`: judge what changed, hold the runs against the gates, and say so to
//! people, to a build server and to a job's page.

use crate::args::{CheckArgs, EffortArg};
use crate::place::{self, Choice, Opened};
use crate::run::{Job, evaluate};
use crate::{Ending, input, json, report};
use domain::policy::parse;
use domain::run::RunId;
use std::path::Path;
use studio::Studio;
use studio::view::{EvaluateRequest, Failure, GateReport};

pub async fn check(args: CheckArgs) -> Result<Ending, Failure> {
    let studio = place::open(&args.place, Choice::of(&args.model, args.numerics)).await?;
    let reports = every(&args, &studio).await;
    studio.close().await;
    let reports = reports?;
    if let Some(path) = &args.junit {
        studio::write_whole(path, &report::junit(&reports)?)?;
    }
    if let Some(path) = &args.summary {
        studio::write_whole(path, &report::markdown(&reports))?;
    }
    if args.place.json {
        println!("{}", json::check(&reports));
    } else {
        print!(
            "{}",
            report::text(&reports, crate::table::Style::of_stdout())
        );
    }
    Ok(match reports.iter().all(|report| report.passed) {
        true => Ending::Success,
        false => Ending::NotMet,
    })
}

async fn every(args: &CheckArgs, studio: &Studio) -> Result<Vec<GateReport>, Failure> {
    let (gated, free) = studio.gated_policies()?;
    let policies = match &args.policy {
        Some(policy) => {
            let (name, _) = place::policy_file(studio.root(), policy)?;
            vec![name]
        }
        None if gated.is_empty() => {
            return Err(input(
                "touchstone.toml sets no gate, so there is nothing to check. Add a [gates] table, such as:\n\n[gates]\nrecall_min = 0.9\nunparsed_max = 0\n",
            ));
        }
        None => {
            for name in &free {
                eprintln!("warning: {name} has no gate and is not checked");
            }
            gated
        }
    };
    let mut reports = Vec::new();
    for policy in policies {
        reports.push(one(args, studio, &policy).await?);
    }
    Ok(reports)
}

async fn one(args: &CheckArgs, studio: &Studio, policy: &str) -> Result<GateReport, Failure> {
    let root = studio.root();
    let opened = Opened {
        policy_file: root.join("policies").join(format!("{policy}.md")),
        suite_file: place::suite_file(root, policy, None)?,
        policy: policy.to_owned(),
        studio: studio.clone(),
    };
    studio.check_suite_whole(policy)?;
    let before = match &args.against {
        Some(other) => Some(before(&opened, other, args).await?),
        None => None,
    };
    let request = request(&opened, &opened.policy_file, args.effort)?;
    let (view, _) = evaluate(&opened, Job::Evaluate(Box::new(request))).await?;
    let run = view.summary.run;
    let baseline = match before {
        Some(Some(before)) => Some(before),
        // A policy that is new has nothing to regress from: it is its own baseline.
        Some(None) => Some(run),
        None => args.baseline.map(RunId),
    };
    studio.gate_report(run, baseline).await
}

/// The run of another workspace's text of the policy over this workspace's suite; nothing
/// where that workspace does not have the policy yet.
async fn before(opened: &Opened, other: &Path, args: &CheckArgs) -> Result<Option<RunId>, Failure> {
    if !other.join("policies").is_dir() {
        return Err(input(format!(
            "{} is no workspace: it has no policies/. Give the folder of the state to compare with.",
            other.display()
        )));
    }
    let file = other.join("policies").join(format!("{}.md", opened.policy));
    if !file.is_file() {
        eprintln!(
            "warning: {} does not exist: {} is new and has nothing to regress from",
            file.display(),
            opened.policy
        );
        return Ok(None);
    }
    let request = request(opened, &file, args.effort)?;
    let (view, _) = evaluate(opened, Job::Evaluate(Box::new(request))).await?;
    Ok(Some(view.summary.run))
}

/// What to ask of the studio: this file's text over the opened suite.
pub fn request(
    opened: &Opened,
    file: &Path,
    effort: Option<EffortArg>,
) -> Result<EvaluateRequest, Failure> {
    let shown = place::shown(opened.studio.root(), file);
    let bytes =
        std::fs::read(file).map_err(|error| input(format!("{shown} cannot be read: {error}.")))?;
    let policy = parse(&bytes).map_err(|error| {
        let line = error
            .line
            .map_or_else(String::new, |line| format!(":{line}"));
        input(format!("{shown}{line}: {error}"))
    })?;
    Ok(EvaluateRequest {
        policy: opened.policy.clone(),
        text: String::from_utf8(bytes).map_err(|_| input(format!("{shown} is not UTF-8.")))?,
        effort: effort.map_or(policy.effort, Into::into),
        baseline: None,
        delay_ms: 0,
        only: Vec::new(),
    })
}
