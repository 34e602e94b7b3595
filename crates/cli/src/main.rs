//! The `touchstone` command: what the window can do, for terminals and for CI.
//!
//! With `--json` a command prints one JSON document on standard output (`watch`: one a
//! line for each run); logs and progress go to standard error. Exit status: 0 success
//! (wrong verdicts are a result, not a failure), 1 a gate or verification failed, 2 a
//! usage or input error, 130 interrupted.

mod args;
mod bench;
mod bundle;
mod check;
mod fmt;
mod history;
mod import;
mod insight;
mod json;
mod logits;
mod model;
mod place;
mod progress;
mod release;
mod report;
mod run;
mod search;
mod serve;
mod server;
mod stats;
mod table;
mod watch;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;
use studio::view::{Code, Failure};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("TOUCHSTONE_LOG")
                // That the processor computes in place of a GPU is said in any case.
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off,engine::backend=warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    if let Some(device) = cli.device {
        place::set_device(device.into());
    }
    match answer(cli.command).await {
        Ok(Ending::Success) => ExitCode::SUCCESS,
        Ok(Ending::NotMet) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("error: {failure}");
            match failure.code {
                Code::Cancelled => ExitCode::from(130),
                Code::GatesNotMet => ExitCode::from(1),
                Code::Conflict
                | Code::Input
                | Code::Model
                | Code::Consent
                | Code::Store
                | Code::BadDatabase
                | Code::Internal => ExitCode::from(2),
            }
        }
    }
}

/// How a command ended that went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Success,
    /// A gate was not met, or a verification failed.
    NotMet,
}

async fn answer(command: Command) -> Result<Ending, Failure> {
    match command {
        Command::Run(args) => run::run(args).await?,
        Command::Watch(args) => watch::watch(args).await?,
        Command::Check(args) => return check::check(args).await,
        Command::Release(args) => release::release(args).await?,
        Command::Releases(args) => release::releases(args).await?,
        Command::SignOff(args) => release::sign_off(args).await?,
        Command::Bundle(command) => return bundle::bundle(command).await,
        Command::Key(command) => bundle::key(command)?,
        Command::Fmt(args) => return fmt::fmt(args).await,
        Command::Schema(args) => print!("{}", fmt::schema(args.of).text()),
        Command::Diff(args) => insight::diff(args).await?,
        Command::Attribute(args) => insight::attribute(args).await?,
        Command::Ablate(args) => insight::ablate(args).await?,
        Command::Stats(args) => stats::stats(args).await?,
        Command::Coverage(args) => insight::coverage(args).await?,
        Command::Import(args) => import::import(args)?,
        Command::Search(args) => search::search(args).await?,
        Command::Runs(args) => history::runs(args).await?,
        Command::Baseline(args) => history::baseline(args).await?,
        Command::Restore(args) => history::restore(args).await?,
        Command::Serve(args) => serve::serve(args).await?,
        Command::Server(command) => server::server(command).await?,
        Command::Models(args) => history::models(args).await?,
        Command::Model(args) => return model::model(args.command).await,
        Command::Bench(args) => bench::bench(args.command).await?,
        Command::Repair(args) => history::repair(args).await?,
        Command::Logits(args) => logits::logits(&args)?,
    }
    Ok(Ending::Success)
}

/// A usage or input error of the command line's own.
fn input(message: impl Into<String>) -> Failure {
    Failure {
        code: Code::Input,
        message: message.into(),
    }
}
