//! `touchstone release`, `releases` and `sign-off`: what left the workspace, and who
//! vouches for it.

use crate::args::{ReleaseArgs, ReleasesArgs, SignOffArgs};
use crate::place::{self, Choice, Opened};
use crate::run::{Job, evaluate};
use crate::{check, input, json, table};
use domain::run::RunId;
use studio::Studio;
use studio::view::{Failure, Release, SignOffRequest};

pub async fn release(args: ReleaseArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::of(&args.model, None)).await?;
    let result = record(&args, &studio).await;
    studio.close().await;
    match result? {
        Recorded::Draft(text) if args.place.json => println!("{}", json::draft(&text)),
        Recorded::Draft(text) => print!("{text}"),
        Recorded::Release(release) if args.place.json => println!("{}", json::line(&release)),
        Recorded::Release(release) => print!("{}", table::releases(&[*release])),
    }
    Ok(())
}

enum Recorded {
    Draft(String),
    Release(Box<Release>),
}

async fn record(args: &ReleaseArgs, studio: &Studio) -> Result<Recorded, Failure> {
    let root = studio.root();
    let (policy, _) = place::policy_file(root, &args.policy)?;
    let policy_file = root.join("policies").join(format!("{policy}.md"));
    let opened = Opened {
        suite_file: place::suite_file(root, &policy, None)?,
        policy_file,
        policy,
        studio: studio.clone(),
    };
    // What lies on disk is judged first; outcomes that are known are not judged again.
    let request = check::request(&opened, &opened.policy_file, None)?;
    evaluate(&opened, Job::Evaluate(Box::new(request))).await?;
    let view = studio.release_view(&opened.policy).await?;
    if args.draft {
        return Ok(Recorded::Draft(view.change_log));
    }
    let change_log = match &args.change_log {
        None => view.change_log,
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            input(format!(
                "{} cannot be read: {error}. Give a UTF-8 text.",
                path.display()
            ))
        })?,
    };
    let version = args.version.clone().unwrap_or(view.next_version);
    let release = studio
        .release(&opened.policy, &version, &change_log)
        .await?;
    Ok(Recorded::Release(Box::new(release)))
}

pub async fn releases(args: ReleasesArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let names: Vec<String> = match &args.policy {
        Some(policy) => vec![place::policy_file(studio.root(), policy)?.0],
        None => {
            let policies = studio.workspace().await?.policies;
            policies.into_iter().map(|policy| policy.name).collect()
        }
    };
    let mut releases: Vec<Release> = Vec::new();
    for name in names {
        releases.extend(studio.releases(&name).await?);
    }
    studio.close().await;
    releases.sort_by_key(|release| std::cmp::Reverse(release.released_at_ms));
    if args.place.json {
        println!("{}", json::line(&releases));
    } else {
        print!("{}", table::releases(&releases));
    }
    Ok(())
}

pub async fn sign_off(args: SignOffArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let request = SignOffRequest {
        run: RunId(args.run),
        name: args.name,
        role: args.role,
        key: args.key,
        statement: args.statement,
    };
    let sign_offs = studio.sign_off(request).await;
    studio.close().await;
    let sign_offs = sign_offs?;
    if args.place.json {
        println!("{}", json::line(&sign_offs));
    } else {
        for sign_off in &sign_offs {
            println!("{}", table::sign_off(sign_off));
        }
    }
    Ok(())
}
