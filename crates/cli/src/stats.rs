//! `touchstone stats`: what runs are worth.

use crate::args::{GroupArg, StatsArgs};
use crate::place::{self, Choice};
use crate::{json, table};
use domain::run::RunId;
use domain::stats::groups::GroupBy;
use studio::view::Failure;

pub async fn stats(args: StatsArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
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
