//! `touchstone server`: models on servers, their keys, and the hosts that content may be
//! sent to. A key is read from standard input alone: arguments are seen by others.

use crate::args::{
    AddServerArgs, HostArgs, KeyArgs, Place, ReachServerArgs, ServerArgs, ServerCommand,
};
use crate::input;
use crate::place::{self, Choice};
use serde_json::{Value, json};
use std::io::{IsTerminal, Read};
use studio::Studio;
use studio::view::{Failure, ServerOptions, ServerView};

/// No server's key is longer.
const KEY_BYTES_MAX: u64 = 16 << 10;

pub async fn server(command: ServerCommand) -> Result<(), Failure> {
    match command {
        ServerCommand::List(args) => {
            let studio = place::open(&args.place, Choice::default()).await?;
            let (document, text) = list(&studio);
            finish(studio, &args.place, Ok((document, text))).await
        }
        ServerCommand::Add(args) => {
            let studio = place::open(&args.server.place, Choice::default()).await?;
            let added = studio
                .add_server(&args.server.address, &options(&args))
                .await;
            let said = added.map(|view| {
                (
                    json!({"server": view}),
                    format!("Added.\n{}", describe(&view)),
                )
            });
            finish(studio, &args.server.place, said).await
        }
        ServerCommand::Remove(ServerArgs { address, place }) => {
            let studio = place::open(&place, Choice::default()).await?;
            let removed = studio.remove_server(&address).await;
            let said =
                removed.map(|()| (json!({"removed": address}), format!("Removed {address}.")));
            finish(studio, &place, said).await
        }
        ServerCommand::Models(args) => models(&args).await,
        ServerCommand::Test(args) => test(&args).await,
        ServerCommand::Key(args) => key(&args).await,
        ServerCommand::Allow(args) => decide(&args, true).await,
        ServerCommand::Forbid(args) => decide(&args, false).await,
    }
}

/// Prints what was found, and closes the database in good order either way.
async fn finish(
    studio: Studio,
    place: &Place,
    said: Result<(Value, String), Failure>,
) -> Result<(), Failure> {
    studio.close().await;
    let (document, text) = said?;
    if place.json {
        println!("{document}");
    } else {
        println!("{}", text.trim_end());
    }
    Ok(())
}

fn list(studio: &Studio) -> (Value, String) {
    let servers = studio.server_list();
    let hosts = studio.allowed_hosts();
    let mut text = String::new();
    for (view, _) in &servers {
        text.push_str(&describe(view));
        text.push('\n');
    }
    if servers.is_empty() {
        text.push_str(
            "No model on a server. Add one: touchstone server add http://HOST:PORT/v1#MODEL\n",
        );
    }
    for host in &hosts {
        let http = if host.plain_http {
            ", also without encryption"
        } else {
            ""
        };
        text.push_str(&format!(
            "Content may leave this machine for {}{http}.\n",
            host.host
        ));
    }
    let entries: Vec<Value> = servers
        .iter()
        .map(|(view, options)| json!({"server": view, "options": options}))
        .collect();
    (json!({"servers": entries, "hosts": hosts}), text)
}

fn describe(view: &ServerView) -> String {
    let model = view.model.as_deref().unwrap_or_default();
    let mut line = format!("{}#{model}", view.url);
    let said = [&view.software, &view.version, &view.quantization];
    for part in said.into_iter().flatten() {
        line.push_str(&format!(" · {part}"));
    }
    line.push_str(match (view.leaves_machine, view.allowed) {
        (false, _) => " · stays on this machine",
        (true, true) => " · leaves this machine",
        (true, false) => " · would leave this machine, not allowed yet",
    });
    line
}

fn options(args: &AddServerArgs) -> ServerOptions {
    let priced = args.price_in.or(args.price_out).is_some();
    ServerOptions {
        raw: args.raw,
        responses: args.responses,
        concurrency: args.concurrency,
        price_prompt: args.price_in,
        price_generated: args.price_out,
        currency: priced.then(|| args.currency.clone()),
    }
}

async fn models(args: &ReachServerArgs) -> Result<(), Failure> {
    let studio = place::open_outside(&args.server.place, &args.outside).await?;
    let found = studio.server_models(&args.server.address).await;
    let said = found.map(|models| {
        let lines: Vec<&str> = models.iter().map(|model| model.address.as_str()).collect();
        let text = if lines.is_empty() {
            "The server lists no model.".to_owned()
        } else {
            lines.join("\n")
        };
        (json!({"models": models}), text)
    });
    finish(studio, &args.server.place, said).await
}

async fn test(args: &ReachServerArgs) -> Result<(), Failure> {
    let studio = place::open_outside(&args.server.place, &args.outside).await?;
    let tested = studio.test_server(&args.server.address).await;
    let said = tested.map(|check| {
        let repeats = if check.server.repeats {
            "It promises the same answer to the same question."
        } else {
            "It does not promise the same answer twice: a flip is undecided until repeats confirm it."
        };
        let text = format!(
            "{}\nAnswered in {:.0} ms. {repeats}",
            describe(&check.server),
            check.elapsed_ms
        );
        (json!(check), text)
    });
    finish(studio, &args.server.place, said).await
}

async fn key(args: &KeyArgs) -> Result<(), Failure> {
    let text = if args.remove { None } else { Some(read_key()?) };
    let studio = place::open(&args.server.place, Choice::default()).await?;
    let stored = studio
        .set_server_key(&args.server.address, text.as_deref())
        .await;
    let said = stored.map(|said| (json!({"said": said}), said.clone()));
    finish(studio, &args.server.place, said).await
}

fn read_key() -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("Paste the key and end with Enter and Ctrl-D. It will be visible here.");
    }
    let mut text = String::new();
    stdin
        .lock()
        .take(KEY_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| input(format!("The key cannot be read: {error}.")))?;
    Ok(text)
}

async fn decide(args: &HostArgs, allowed: bool) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let decided = studio
        .decide_host(&args.host, allowed, args.plain_http)
        .await;
    let said = decided.map(|()| {
        let text = match (allowed, args.plain_http) {
            (true, false) => format!("Policies and cases of this workspace may be sent to {}.", args.host),
            (true, true) => format!(
                "Policies and cases of this workspace may be sent to {}, also without encryption: \
                 anyone on the way can read and change them.",
                args.host
            ),
            (false, _) => format!("Nothing of this workspace is sent to {} any more.", args.host),
        };
        (json!({"host": args.host, "allowed": allowed, "plain_http": allowed && args.plain_http}), text)
    });
    finish(studio, &args.place, said).await
}
