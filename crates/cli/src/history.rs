//! `touchstone runs`, `baseline`, `restore`, `models` and `repair`: what is there
//! already.

use crate::args::{BaselineArgs, ModelsArgs, RepairArgs, RestoreArgs, RunsArgs};
use crate::place::{self, Choice};
use crate::{input, json, table};
use domain::run::RunId;
use studio::view::{CsvTable, Failure, RunSummary};
use studio::{BadDatabase, Options, Studio};

pub async fn runs(args: RunsArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let names: Vec<String> = studio
        .workspace()
        .await?
        .policies
        .into_iter()
        .map(|policy| policy.name)
        .filter(|name| args.policy.as_ref().is_none_or(|wanted| wanted == name))
        .collect();
    if let (Some(wanted), true) = (&args.policy, names.is_empty()) {
        return Err(input(format!("The workspace has no policy {wanted}.")));
    }
    if let (true, Some(policy)) = (args.csv, args.policy) {
        return print_csv(studio, &CsvTable::Runs { policy }).await;
    }
    let mut runs: Vec<RunSummary> = Vec::new();
    for name in names {
        runs.extend(studio.runs(&name).await?);
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.run));
    studio.close().await;
    if args.place.json {
        println!("{}", json::line(&runs));
    } else {
        print!("{}", table::runs(&runs));
    }
    Ok(())
}

/// Prints a table as CSV, and closes the studio.
pub async fn print_csv(studio: Studio, of: &CsvTable) -> Result<(), Failure> {
    let csv = studio.csv(of).await;
    studio.close().await;
    print!("{}", csv?);
    Ok(())
}

pub async fn baseline(args: BaselineArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let (policy, _) = place::policy_file(studio.root(), &args.policy)?;
    if args.clear || args.run.is_some() {
        studio.set_baseline(&policy, args.run.map(RunId)).await?;
    }
    let runs = studio.runs(&policy).await?;
    studio.close().await;
    let baseline = runs.iter().find(|run| run.is_baseline);
    if args.place.json {
        println!("{}", json::line(&baseline));
        return Ok(());
    }
    match baseline {
        Some(run) => print!("{}", table::runs(std::slice::from_ref(run))),
        None => println!("{policy} has no finished run to compare with."),
    }
    Ok(())
}

pub async fn restore(args: RestoreArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let text = studio.restore(RunId(args.run)).await;
    studio.close().await;
    let text = text?;
    if let Some(path) = &args.output {
        studio::write_whole(path, &text)?;
    }
    if args.place.json {
        println!("{}", json::restored(args.run, &text));
    } else if args.output.is_none() {
        print!("{text}");
    }
    Ok(())
}

pub async fn models(args: ModelsArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let models = studio.models();
    studio.close().await;
    if args.place.json {
        println!("{}", json::line(&models));
    } else {
        print!("{}", table::models(&models));
    }
    Ok(())
}

pub async fn repair(args: RepairArgs) -> Result<(), Failure> {
    let options = Options {
        bad_database: BadDatabase::MoveAside,
        ..Options::default()
    };
    let studio = Studio::open(&place::root(&args.place)?, options).await?;
    let problems = studio.workspace().await.map(|view| view.problems);
    studio.close().await;
    // Other problems of the workspace are not what was asked about.
    let mut kept = problems?;
    kept.retain(|problem| problem.file.ends_with(".db"));
    if args.place.json {
        println!("{}", json::line(&kept));
    } else if kept.is_empty() {
        println!("The database is sound; nothing was moved.");
    } else {
        for problem in kept {
            println!("{}: {}", problem.file, problem.message);
        }
    }
    Ok(())
}
