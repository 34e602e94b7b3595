//! `touchstone stats` and `coverage`: what runs are worth, and what they reach.

use crate::args::{CoverageArgs, GroupArg, StatsArgs};
use crate::history::print_csv;
use crate::{json, place, table};
use domain::run::RunId;
use domain::stats::groups::GroupBy;
use studio::view::{CsvTable, Failure};

pub async fn stats(args: StatsArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, None).await?;
    let by = args.by.map(|by| match by {
        GroupArg::Label => GroupBy::Label,
        GroupArg::Tag => GroupBy::Tag,
        GroupArg::Language => GroupBy::Language,
        GroupArg::Kind => GroupBy::Kind,
    });
    let runs: Vec<RunId> = args.runs.into_iter().map(RunId).collect();
    let statistics = studio.statistics(&runs, by).await;
    studio.close().await;
    let statistics = statistics?;
    if args.place.json {
        println!("{}", json::line(&statistics));
    } else {
        print!("{}", table::statistics(&statistics));
    }
    Ok(())
}

pub async fn coverage(args: CoverageArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, None).await?;
    if args.csv {
        let run = RunId(args.run);
        return print_csv(studio, &CsvTable::Coverage { run }).await;
    }
    let coverage = studio.coverage(RunId(args.run)).await;
    studio.close().await;
    let coverage = coverage?;
    if args.place.json {
        println!("{}", json::line(&coverage));
    } else {
        print!("{}", table::coverage(&coverage));
    }
    Ok(())
}
