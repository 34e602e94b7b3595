//! `touchstone bench`: what a model costs on this machine, in figures with their units.

use crate::args::{BenchCommand, BenchCommon, DecodeArgs, PrefillArgs, RerunArgs};
use crate::{input, json, place};
use engine::bench::{Bench, Report, RerunSize, Spread};
use engine::{Cancel, GenerateError, Placement};
use serde::Serialize;
use studio::checkpoints;
use studio::view::{Code, Failure};

pub async fn bench(command: BenchCommand) -> Result<(), Failure> {
    match command {
        BenchCommand::Prefill(args) => prefill(args).await,
        BenchCommand::Decode(args) => decode(args).await,
        BenchCommand::Rerun(args) => rerun(args).await,
    }
}

async fn prefill(args: PrefillArgs) -> Result<(), Failure> {
    let (tokens, repeats) = (args.tokens, args.common.repeats);
    let report = measured(&args.common, move |bench, cancel| {
        bench.prefill(tokens, repeats, cancel)
    });
    show(&args.common, report.await?, |figures| {
        vec![
            ("tokens", figures.tokens.to_string()),
            ("prefill", shown(figures.prefill_ms, "ms")),
            ("", shown(figures.prefill_tokens_per_s, "tokens/s")),
            (
                "products",
                figures.arithmetic.map_or_else(not_counted, |a| {
                    of_bound(a.ops_per_s, a.peak_ops_per_s, a.peak_share, "op/s")
                }),
            ),
        ]
    })
}

async fn decode(args: DecodeArgs) -> Result<(), Failure> {
    let (batch, prefix, reply) = (args.batch, args.prefix_tokens, args.reply_tokens);
    let repeats = args.common.repeats;
    let report = measured(&args.common, move |bench, cancel| {
        bench.decode(batch, prefix, reply, repeats, cancel)
    });
    show(&args.common, report.await?, |figures| {
        vec![
            ("batch", figures.batch.to_string()),
            ("prefix", format!("{} tokens", figures.prefix_tokens)),
            ("replies", format!("{} tokens", figures.reply_tokens)),
            ("step", shown(figures.step_ms, "ms")),
            ("decode", shown(figures.decode_tokens_per_s, "tokens/s")),
            (
                "reading",
                figures.reading.map_or_else(not_counted, |r| {
                    of_bound(
                        r.read_bytes_per_s,
                        r.stream_bytes_per_s,
                        r.stream_share,
                        "B/s",
                    )
                }),
            ),
        ]
    })
}

async fn rerun(args: RerunArgs) -> Result<(), Failure> {
    let size = RerunSize {
        cases: args.cases,
        policy_tokens: args.policy_tokens,
        case_tokens: args.case_tokens,
        reply_tokens: args.reply_tokens,
    };
    let repeats = args.common.repeats;
    let report = measured(&args.common, move |bench, cancel| {
        bench.rerun(size, repeats, cancel)
    });
    show(&args.common, report.await?, |figures| {
        vec![
            ("cases", figures.cases.to_string()),
            ("policy", format!("{} tokens", figures.policy_tokens)),
            (
                "case",
                format!(
                    "{} tokens, {} out",
                    figures.case_tokens, figures.reply_tokens
                ),
            ),
            (
                "reused",
                format!("{} tokens after the edit", figures.edited_reused_tokens),
            ),
            ("cold, first", shown(figures.cold_first_verdict_ms, "ms")),
            ("cold, last", shown(figures.cold_last_verdict_ms, "ms")),
            (
                "edited, first",
                shown(figures.edited_first_verdict_ms, "ms"),
            ),
            ("edited, last", shown(figures.edited_last_verdict_ms, "ms")),
        ]
    })
}

/// Loads the model and measures on a thread of its own; Ctrl-C stops within a step.
async fn measured<F: Send + 'static>(
    common: &BenchCommon,
    work: impl FnOnce(&Bench, &Cancel) -> Result<Report<F>, GenerateError> + Send + 'static,
) -> Result<Report<F>, Failure> {
    let root = place::root_or_here(&common.place)?;
    let folder = checkpoints::folder(&root, &common.model)?;
    let numerics = common.numerics.into();
    let (device, pebble) = (
        place::device().unwrap_or_default(),
        checkpoints::pebble(&root),
    );
    let cancel = Cancel::default();
    let flag = cancel.clone();
    let mut working = tokio::task::spawn_blocking(move || {
        let placement = Placement {
            device,
            pebble: pebble.as_deref(),
            numerics,
            kept: None,
        };
        let bench =
            Bench::load(&folder, placement).map_err(|error| failure(Code::Model, &error))?;
        work(&bench, &flag).map_err(|error| match error {
            GenerateError::Cancelled => failure(Code::Cancelled, &error),
            GenerateError::TooLong(_)
            | GenerateError::Internal(_)
            | GenerateError::Unanswered(_) => failure(Code::Input, &error),
        })
    });
    let ended = tokio::select! {
        ended = &mut working => ended,
        _ = tokio::signal::ctrl_c() => {
            cancel.cancel();
            working.await
        }
    };
    ended.map_err(|error| input(format!("Measuring ended unexpectedly: {error}.")))?
}

fn failure(code: Code, error: &dyn std::error::Error) -> Failure {
    Failure {
        code,
        message: error.to_string(),
    }
}

fn show<F: Serialize>(
    common: &BenchCommon,
    report: Report<F>,
    figures: impl FnOnce(&F) -> Vec<(&'static str, String)>,
) -> Result<(), Failure> {
    if common.place.json {
        println!("{}", json::line(&report));
        return Ok(());
    }
    println!(
        "{} · {}, {} · {} · {} ({}), {} threads; medians of {} [least … most]",
        report.bench,
        report.model.name,
        report.model.numerics,
        report.model.device,
        report.machine.cpu,
        report.machine.instructions,
        report.threads,
        report.repeats
    );
    for (name, value) in figures(&report.figures) {
        println!("  {name:<14} {value}");
    }
    Ok(())
}

fn not_counted() -> String {
    "not counted on a GPU".to_owned()
}

/// A rate beside the one that the machine reaches with nothing else to do.
fn of_bound(reached: f64, bound: f64, share: f64, unit: &str) -> String {
    format!(
        "{:.1} G{unit} of {:.1}, {:.0} %",
        reached / 1e9,
        bound / 1e9,
        share * 100.0
    )
}

fn shown(spread: Spread, unit: &str) -> String {
    let digits = |value: f64| match value {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    format!(
        "{} {unit} [{} … {}]",
        digits(spread.median),
        digits(spread.min),
        digits(spread.max)
    )
}
