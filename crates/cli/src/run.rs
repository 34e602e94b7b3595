//! `touchstone run`: one evaluation, from a policy file to a table or a JSON document.

use crate::args::{Only, RunArgs};
use crate::place::{self, Opened};
use crate::{input, insight, json, progress, table};
use domain::flip::Flip;
use domain::run::RunId;
use studio::Timing;
use studio::view::{Code, ConfirmRequest, Failure, RunEvent, RunState, RunView};

pub async fn run(args: RunArgs) -> Result<(), Failure> {
    let opened = place::open_subject(&args.place, &args.subject).await?;
    let result = judge(&args, &opened).await;
    // The database is closed in good order however the run ended.
    let printed = match result {
        Ok((view, timing)) => finish(&opened, &args, view, timing).await,
        Err(failure) => Err(failure),
    };
    opened.studio.close().await;
    printed
}

async fn judge(args: &RunArgs, opened: &Opened) -> Result<(RunView, Timing), Failure> {
    if let Some(run) = args.resume {
        return evaluate(opened, Job::Resume(RunId(run))).await;
    }
    place::check_suite(opened)?;
    let mut request = place::request(opened, &args.subject)?;
    if let Some(only) = args.only {
        request.only = cases_of_last_run(opened, only, request.baseline).await?;
    }
    evaluate(opened, Job::Evaluate(Box::new(request))).await
}

pub enum Job {
    Evaluate(Box<studio::view::EvaluateRequest>),
    Resume(RunId),
}

/// Runs a job with progress; Ctrl-C cancels it and says how to go on.
pub async fn evaluate(opened: &Opened, job: Job) -> Result<(RunView, Timing), Failure> {
    let mut line = progress::Line::new();
    let mut end: Option<RunEvent> = None;
    let on_event = |event: RunEvent| {
        line.event(&event);
        match event {
            RunEvent::Started { .. }
            | RunEvent::Outcomes { .. }
            | RunEvent::Progress { .. }
            | RunEvent::TraceText { .. } => {}
            last => end = Some(last),
        }
    };
    let interrupt = {
        let studio = opened.studio.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                studio.cancel();
            }
        })
    };
    let result = match job {
        Job::Evaluate(request) => {
            let suite = &opened.suite_file;
            opened
                .studio
                .evaluate_suite(*request, suite, on_event)
                .await
        }
        Job::Resume(run) => opened.studio.resume(run, on_event).await,
    };
    interrupt.abort();
    line.clear();
    let timing = result?;
    match end {
        Some(RunEvent::Finished { view } | RunEvent::Unchanged { view }) => Ok((view, timing)),
        Some(RunEvent::Failed { failure }) => Err(failure),
        Some(RunEvent::Cancelled { run }) => Err(Failure {
            code: Code::Cancelled,
            message: match run {
                Some(RunId(run)) => {
                    format!("Cancelled. What was judged is kept; go on with --resume {run}.")
                }
                None => "Cancelled before anything was judged.".to_owned(),
            },
        }),
        _ => Err(Failure {
            code: Code::Internal,
            message: "The run ended without saying how.".to_owned(),
        }),
    }
}

/// The cases that were wrong, or that flipped, in the policy's last finished run.
async fn cases_of_last_run(
    opened: &Opened,
    only: Only,
    baseline: Option<RunId>,
) -> Result<Vec<String>, Failure> {
    let runs = opened.studio.runs(&opened.policy).await?;
    let last = runs.iter().find(|run| run.state == RunState::Finished);
    let last = last.ok_or_else(|| {
        input(format!(
            "{} has no finished run yet, so --only has nothing to go by. Run without it first.",
            opened.policy
        ))
    })?;
    let view = opened.studio.run_view(last.run, baseline).await?;
    let wanted = |row: &&studio::view::CaseRow| match only {
        Only::Failed => row.correct == Some(false),
        Only::Changed => row.flip.is_some(),
    };
    let cases: Vec<String> = view
        .rows
        .iter()
        .filter(wanted)
        .map(|row| row.case.clone())
        .collect();
    if cases.is_empty() {
        let what = match only {
            Only::Failed => "was wrong",
            Only::Changed => "flipped",
        };
        return Err(input(format!(
            "No case {what} in run {}; there is nothing to run.",
            last.run.0
        )));
    }
    Ok(cases)
}

/// Tests the flips where that was asked for, and prints.
async fn finish(
    opened: &Opened,
    args: &RunArgs,
    view: RunView,
    timing: Timing,
) -> Result<(), Failure> {
    let studio = &opened.studio;
    let run = view.summary.run;
    let (Some(pairs_max), Some(baseline)) = (args.repeat, view.baseline.as_ref()) else {
        return print(opened, args, &view, None, timing).await;
    };
    let baseline = baseline.run;
    let request = ConfirmRequest {
        pairs_max,
        ..ConfirmRequest::new(baseline, run)
    };
    insight::asking(studio, |on_probe| studio.confirm(request, on_probe)).await?;
    let view = studio.run_view(run, Some(baseline)).await?;
    let flips = studio.compare(baseline, run).await?.flips;
    print(opened, args, &view, Some(&flips), timing).await
}

async fn print(
    opened: &Opened,
    args: &RunArgs,
    view: &RunView,
    flips: Option<&[Flip]>,
    timing: Timing,
) -> Result<(), Failure> {
    if args.place.json {
        let baseline = view.baseline.as_ref().map(|run| run.run);
        let record = opened.studio.record(view.summary.run, baseline).await?;
        let suite = place::shown(opened.studio.root(), &opened.suite_file);
        println!(
            "{}",
            json::run(&record, flips, &suite, &device(opened), timing)
        );
    } else {
        print!("{}", table::run(view, table::Style::of_stdout()));
    }
    Ok(())
}

pub fn device(opened: &Opened) -> String {
    let models = opened.studio.models();
    let loaded = models.iter().find(|model| model.digest.is_some());
    loaded.map_or_else(|| "cpu".to_owned(), |model| model.device.clone())
}
