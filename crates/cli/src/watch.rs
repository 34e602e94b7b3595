//! `touchstone watch`: judge again on every save, print what flipped.

use crate::args::WatchArgs;
use crate::place::{self, Opened};
use crate::run::{Job, device, evaluate};
use crate::{json, table};
use domain::run::RunId;
use studio::Timing;
use studio::view::{Code, Failure, RunView, WorkspaceEvent};
use tokio::sync::mpsc;

/// Saves that wait while one is being looked at; more of them say nothing new.
const WAITING_MAX: usize = 16;

pub async fn watch(args: WatchArgs) -> Result<(), Failure> {
    let opened = place::open_subject(&args.place, &args.subject).await?;
    let result = until_interrupted(&args, &opened).await;
    opened.studio.close().await;
    match result {
        // Leaving a watch is how it ends.
        Err(failure) if failure.code == Code::Cancelled => Ok(()),
        result => result,
    }
}

async fn until_interrupted(args: &WatchArgs, opened: &Opened) -> Result<(), Failure> {
    let (saved, mut saves) = mpsc::channel(WAITING_MAX);
    let policy = opened.policy.clone();
    let suite = opened
        .suite_file
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    let _watch = opened.studio.watch(move |event| {
        let ours = match &event {
            WorkspaceEvent::PolicyChanged { name, .. } => *name == policy,
            WorkspaceEvent::SuiteChanged { name, .. } => suite.as_ref() == Some(name),
            WorkspaceEvent::PoliciesChanged => false,
        };
        if ours {
            // A full queue already holds a save that will be looked at.
            let _ = saved.try_send(());
        }
    })?;
    let mut baseline = args.subject.baseline.map(RunId);
    let mut first = true;
    loop {
        match once(args, opened, baseline).await {
            Ok((view, timing)) => {
                print(args, opened, &view, timing, first).await?;
                // What follows is compared with where the watch began.
                baseline = baseline.or(Some(view.summary.run));
                first = false;
            }
            // A text half written is no reason to leave; the next save may be whole.
            Err(failure) if failure.code == Code::Input && !first => eprintln!("error: {failure}"),
            Err(failure) => return Err(failure),
        }
        eprintln!(
            "waiting for a save of {} (Ctrl-C ends)",
            place::shown(opened.studio.root(), &opened.policy_file)
        );
        tokio::select! {
            save = saves.recv() => if save.is_none() { return Ok(()) },
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        while saves.try_recv().is_ok() {}
    }
}

async fn once(
    args: &WatchArgs,
    opened: &Opened,
    baseline: Option<RunId>,
) -> Result<(RunView, Timing), Failure> {
    place::check_suite(opened)?;
    let mut request = place::request(opened, &args.subject)?;
    request.baseline = baseline;
    evaluate(opened, Job::Evaluate(Box::new(request))).await
}

async fn print(
    args: &WatchArgs,
    opened: &Opened,
    view: &RunView,
    timing: Timing,
    first: bool,
) -> Result<(), Failure> {
    if args.place.json {
        let baseline = view.baseline.as_ref().map(|run| run.run);
        let record = opened.studio.record(view.summary.run, baseline).await?;
        let suite = place::shown(opened.studio.root(), &opened.suite_file);
        println!(
            "{}",
            json::run(&record, None, &suite, &device(opened), timing)
        );
    } else if first {
        print!("{}", table::run(view, table::Style::of_stdout()));
    } else {
        print!("{}", table::flips(view, table::Style::of_stdout()));
    }
    Ok(())
}
