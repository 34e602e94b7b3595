//! `touchstone serve`: the policy behind HTTP until Ctrl-C or SIGTERM, which finish what
//! was accepted; a second one ends at once.

use crate::args::ServeArgs;
use crate::place::{self, Choice};
use crate::{input, json};
use domain::policy;
use serde::Serialize;
use serve::{Limits, Place, Server, Stop};
use std::net::SocketAddr;
use std::time::Duration;
use studio::Classifier;
use studio::view::{Code, Failure};

#[derive(Serialize)]
struct Ready<'a> {
    url: String,
    policy: &'a str,
    revision: &'a str,
    model: &'a str,
    digest: &'a str,
}

pub async fn serve(args: ServeArgs) -> Result<(), Failure> {
    let tokens = match &args.token_file {
        Some(path) => serve::read_token_file(path).map_err(input)?,
        None => Vec::new(),
    };
    let named_file = std::path::Path::new(&args.policy);
    let beside = Some(named_file).filter(|path| path.is_file());
    let root = place::workspace(&args.place, beside)?;
    let (_, file) = place::policy_file(&root, &args.policy)?;
    let shown = place::shown(&root, &file);
    let policy = place::read_policy(&shown, &file)?;
    let choice = Choice::of(&args.model, args.numerics);
    let studio = place::open_at(&root, choice, place::leave(&args.outside)).await?;
    let classifier = classifier(&args, &studio, &shown, policy).await;
    // Serving records nothing, so the database is closed before it begins.
    studio.close().await;
    let classifier = classifier?;
    let place = Place {
        address: args.bind,
        port: args.port,
        tokens,
    };
    let server = Server::bind(
        &place,
        limits(&args),
        shown,
        classifier.clone(),
        args.any_policy,
    )
    .await
    .map_err(|error| input(error.to_string()))?;
    announce(&args, server.address(), &classifier);
    let signals = tokio::spawn(stop_on_signals(server.stopper()));
    server.run().await;
    signals.abort();
    Ok(())
}

async fn classifier(
    args: &ServeArgs,
    studio: &studio::Studio,
    shown: &str,
    policy: policy::Policy,
) -> Result<Classifier, Failure> {
    let effort = args.effort.map_or(policy.effort, policy::Effort::from);
    studio.classifier(shown, policy, effort).await
}

fn limits(args: &ServeArgs) -> Limits {
    Limits {
        body_bytes_max: args.body_max,
        queue_max: args.queue as usize,
        connections_max: args.connections as usize,
        rate_per_s: (args.rate > 0).then_some(args.rate),
        request_time: Duration::from_secs(args.timeout.into()),
    }
}

fn announce(args: &ServeArgs, address: SocketAddr, classifier: &Classifier) {
    let info = classifier.judge().info();
    let policy = classifier.policy();
    let url = format!("http://{address}");
    if args.place.json {
        let ready = Ready {
            url,
            policy: &policy.id,
            revision: &policy.revision.0,
            model: &info.name,
            digest: &info.digest,
        };
        println!("{}", json::line(&ready));
        return;
    }
    let demonstration = match classifier.demonstration() {
        true => " (a demonstration model)",
        false => "",
    };
    eprintln!(
        "Serving {} (revision {}) with {}{demonstration} on {url}/v1. Ctrl-C stops.",
        policy.id,
        &policy.revision.0[..12],
        info.name
    );
}

async fn stop_on_signals(stop: Stop) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure {
        code: Code::Internal,
        message: format!("Signals cannot be received: {error}."),
    };
    #[cfg(unix)]
    let mut terminate = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).map_err(failed)?
    };
    for asked_before in [false, true] {
        #[cfg(unix)]
        tokio::select! {
            ended = tokio::signal::ctrl_c() => ended.map_err(failed)?,
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await.map_err(failed)?;
        if asked_before {
            stop.abort();
        } else {
            eprintln!("Stopping: what was accepted is finished. Once more to end at once.");
            stop.stop();
        }
    }
    Ok(())
}
