//! `touchstone diff`, `attribute`, `ablate` and `coverage`: what an edit did, what a verdict
//! rests on, and what a suite reaches.

use crate::args::{AblateArgs, AskingArgs, AttributeArgs, CoverageArgs, DiffArgs, Place};
use crate::history::print_csv;
use crate::place::{self, Choice};
use crate::{json, progress, table};
use domain::run::RunId;
use studio::Studio;
use studio::view::{ConfirmRequest, CsvTable, Failure, Probing};

pub async fn diff(args: DiffArgs) -> Result<(), Failure> {
    let studio = open(&args.place, &args.asking).await?;
    let result = compared(&studio, &args).await;
    studio.close().await;
    print!("{}", result?);
    Ok(())
}

async fn compared(studio: &Studio, args: &DiffArgs) -> Result<String, Failure> {
    let (a, b) = (RunId(args.a), RunId(args.b));
    if let Some(pairs_max) = args.samples {
        let request = ConfirmRequest {
            pairs_max,
            keep_order: args.keep_order,
            cases: Vec::from_iter(args.case.clone()),
            ..ConfirmRequest::new(a, b)
        };
        asking(studio, |on_probe| studio.confirm(request, on_probe)).await?;
    }
    if let Some(case) = &args.case {
        let trace = studio.trace(b, case, Some(a)).await?;
        return Ok(match args.place.json {
            true => json::line(&trace) + "\n",
            false => table::traces(&trace, table::Style::of_stdout()),
        });
    }
    if args.csv {
        return studio.csv(&CsvTable::Flips { a, b }).await;
    }
    let comparison = studio.compare_within(a, b, args.margin).await?;
    let attribution = match args.attribute {
        true => Some(asking(studio, |on_probe| studio.attribute(a, b, &[], on_probe)).await?),
        false => None,
    };
    if args.place.json {
        return Ok(json::comparison(&comparison, attribution.as_ref()) + "\n");
    }
    let style = table::Style::of_stdout();
    let mut out = table::comparison(&comparison, style);
    if let Some(attribution) = &attribution {
        out.push('\n');
        out += &table::attribution(attribution, style);
    }
    Ok(out)
}

pub async fn attribute(args: AttributeArgs) -> Result<(), Failure> {
    let studio = open(&args.place, &args.asking).await?;
    let (a, b) = (RunId(args.a), RunId(args.b));
    let found = asking(&studio, |on_probe| {
        studio.attribute(a, b, &args.cases, on_probe)
    })
    .await;
    studio.close().await;
    let found = found?;
    if args.place.json {
        println!("{}", json::line(&found));
    } else {
        print!("{}", table::attribution(&found, table::Style::of_stdout()));
    }
    Ok(())
}

pub async fn ablate(args: AblateArgs) -> Result<(), Failure> {
    let studio = open(&args.place, &args.asking).await?;
    let run = RunId(args.run);
    let found = asking(&studio, |on_probe| studio.ablate(run, &args.case, on_probe)).await;
    studio.close().await;
    let found = found?;
    if args.place.json {
        println!("{}", json::line(&found));
    } else {
        print!("{}", table::ablation(&found));
    }
    Ok(())
}

pub async fn coverage(args: CoverageArgs) -> Result<(), Failure> {
    let studio = open(&args.place, &args.asking).await?;
    let run = RunId(args.run);
    if args.csv {
        return print_csv(studio, &CsvTable::Coverage { run }).await;
    }
    let coverage = match args.ablate {
        true => asking(&studio, |on_probe| studio.coverage_ablated(run, on_probe)).await,
        false => studio.coverage(run).await,
    };
    studio.close().await;
    let coverage = coverage?;
    if args.place.json {
        println!("{}", json::line(&coverage));
    } else {
        print!("{}", table::coverage(&coverage));
    }
    Ok(())
}

async fn open(place: &Place, asking: &AskingArgs) -> Result<Studio, Failure> {
    let root = place::root(place)?;
    place::open_at(
        &root,
        Choice::of(&asking.model, asking.numerics),
        place::leave(&asking.outside),
    )
    .await
}

/// Work that asks the model, with progress; Ctrl-C ends it.
pub async fn asking<T, F>(
    studio: &Studio,
    work: impl FnOnce(Box<dyn FnMut(Probing) + Send>) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut line = progress::Line::new();
    let told = Box::new(move |news: Probing| {
        line.show(&format!(
            "asked the model {} times, {} answers were known ({} of {} steps at most)",
            news.effort.asked, news.effort.known, news.done, news.total
        ));
    });
    let interrupt = {
        let studio = studio.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                studio.cancel();
            }
        })
    };
    let result = work(told).await;
    interrupt.abort();
    progress::Line::new().end();
    result
}
