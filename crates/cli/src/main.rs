//! The `touchstone` command: what the window can do, for terminals and for CI.
//!
//! With `--json` a command prints one JSON document on standard output (`watch`: one a
//! line for each run); logs and progress go to standard error. Exit status: 0 success
//! (wrong verdicts are a result, not a failure), 1 a gate or verification failed, 2 a
//! usage or input error, 130 interrupted.

mod args;
mod history;
mod import;
mod json;
mod logits;
mod place;
mod progress;
mod run;
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
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off")),
        )
        .with_writer(std::io::stderr)
        .init();
    let result = match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Watch(args) => watch::watch(args).await,
        Command::Diff(args) => history::diff(args).await,
        Command::Stats(args) => stats::stats(args).await,
        Command::Coverage(args) => stats::coverage(args).await,
        Command::Import(args) => import::import(args),
        Command::Runs(args) => history::runs(args).await,
        Command::Models(args) => history::models(args).await,
        Command::Repair(args) => history::repair(args).await,
        Command::Logits(args) => logits::logits(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            match failure.code {
                Code::Cancelled => ExitCode::from(130),
                Code::Conflict
                | Code::Input
                | Code::Model
                | Code::Store
                | Code::BadDatabase
                | Code::Internal => ExitCode::from(2),
            }
        }
    }
}

/// A usage or input error of the command line's own.
fn input(message: impl Into<String>) -> Failure {
    Failure {
        code: Code::Input,
        message: message.into(),
    }
}
