//! `touchstone bundle` and `key`: what leaves the workspace, and what comes in.

use crate::args::{
    BundleCommand, BundleImportArgs, BundleVerifyArgs, ExportArgs, KeyCommand, SignArgs,
    SignerArgs, WithheldArgs,
};
use crate::place::{self, Choice};
use crate::progress::Line;
use crate::{Ending, input, json, table};
use domain::run::{Numerics, RunId};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use studio::view::{
    BundleContent, BundleProgress, BundleReport, BundleStep, ExportRequest, Failure, ImportRequest,
    SignerRequest, VerifyRequest, WithheldRequest,
};
use studio::{Options, Studio};

pub async fn bundle(command: BundleCommand) -> Result<Ending, Failure> {
    match command {
        BundleCommand::Export(args) => export(args).await?,
        BundleCommand::Verify(args) => return verify(args).await,
        BundleCommand::Sign(args) => sign(args).await?,
        BundleCommand::Import(args) => import(args).await?,
        BundleCommand::Schema => println!("{:#}", studio::manifest_schema()),
    }
    Ok(Ending::Success)
}

pub fn key(command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::New { name, json } => {
            let key = studio::new_key(&name)?;
            if json {
                println!("{}", json::line(&key));
            } else {
                println!("key id   {}", key.key_id);
                println!("private  {} (keep it secret)", key.private_file.display());
                println!("public   {}", key.public_file.display());
            }
        }
        KeyCommand::Show { file, json } => {
            let key = studio::show_key(&file)?;
            if json {
                println!("{}", json::line(&key));
            } else {
                print!("# key id {}\n{}", key.key_id, key.public_key);
            }
        }
    }
    Ok(())
}

async fn export(args: ExportArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let exported = export_from(&studio, &args).await;
    studio.close().await;
    let exported = exported?;
    if args.place.json {
        println!("{}", json::line(&exported));
    } else {
        print!("{}", table::exported(&exported));
    }
    Ok(())
}

async fn export_from(
    studio: &Studio,
    args: &ExportArgs,
) -> Result<studio::view::Exported, Failure> {
    let (policy, _) = place::policy_file(studio.root(), &args.policy)?;
    let change_log = match &args.change_log {
        None => None,
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            input(format!(
                "{} cannot be read: {error}. Give a UTF-8 text.",
                path.display()
            ))
        })?),
    };
    let request = ExportRequest {
        policy,
        run: args.run.map(RunId),
        format: args.format.into(),
        out: text(&absolute(&args.output)?),
        overwrite: args.force,
        content: if args.withhold_content {
            BundleContent::Withheld
        } else {
            BundleContent::Full
        },
        signers: signers(&args.signers)?,
        allow_unmet_gates: args.allow_unmet_gates,
        not_before_ms: args.not_before,
        expires_at_ms: args.expires,
        change_log,
    };
    studio.export_bundle(request, |_| {}).await
}

async fn verify(args: BundleVerifyArgs) -> Result<Ending, Failure> {
    let here = absolute(Path::new("."))?;
    let request = VerifyRequest {
        file: text(&absolute(&args.file)?),
        trust_file: optional(args.trust.as_deref())?,
        rerun: args.rerun,
        any_model: args.any_model,
        withheld: withheld(&args.withheld)?,
    };
    let mut line = Line::new();
    let mut report = if args.rerun {
        rerun(&args, request, &mut line).await?
    } else {
        studio::verify_bundle(&here, &request, |_| {}).await?
    };
    line.clear();
    report.file = args.file.display().to_string();
    if args.json {
        println!("{}", json::line(&report));
    } else {
        print!("{}", table::bundle_report(&report));
    }
    Ok(if report.verified {
        Ending::Success
    } else {
        Ending::NotMet
    })
}

/// A model judges in a workspace; where none is given, in an empty one that is gone after.
async fn rerun(
    args: &BundleVerifyArgs,
    request: VerifyRequest,
    line: &mut Line,
) -> Result<BundleReport, Failure> {
    let scratch = tempfile::tempdir()
        .map_err(|error| input(format!("No temporary folder can be made: {error}.")))?;
    let root = args.workspace.as_deref().unwrap_or(scratch.path());
    let options = Options {
        model: args.model.clone(),
        numerics: args.numerics.map(Numerics::from),
        device: place::device(),
        ..Options::default()
    };
    let studio = Studio::open(root, options).await?;
    let report = studio
        .verify_bundle(request, |progress| show(line, progress))
        .await;
    studio.close().await;
    report
}

fn show(line: &mut Line, progress: BundleProgress) {
    if progress.step == BundleStep::Judging {
        line.show(&format!(
            "{} of {} judged again",
            progress.done, progress.total
        ));
    }
}

async fn sign(args: SignArgs) -> Result<(), Failure> {
    let here = absolute(Path::new("."))?;
    let request = SignerRequest {
        name: args.name,
        role: args.role,
        statement: args.statement,
        key_file: text(&absolute(&args.key)?),
        signed_at_ms: Some(now_ms()),
    };
    let file = text(&absolute(&args.file)?);
    let (out, overwrite) = match &args.output {
        None => (file.clone(), true),
        Some(out) => (text(&absolute(out)?), false),
    };
    let signed = studio::sign_bundle(&here, &file, &out, &request, overwrite).await?;
    if args.json {
        println!("{}", json::line(&signed));
    } else {
        println!("Signed {} with key {}.", signed.path, signed.key_id);
    }
    Ok(())
}

async fn import(args: BundleImportArgs) -> Result<(), Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let request = ImportRequest {
        file: text(&absolute(&args.file)?),
        trust_file: optional(args.trust.as_deref())?,
        name: args.name.clone(),
        withheld: withheld(&args.withheld)?,
    };
    let imported = studio.import_bundle(request, |_| {}).await;
    studio.close().await;
    let imported = imported?;
    if args.place.json {
        println!("{}", json::line(&imported));
    } else {
        print!("{}", table::imported(&imported));
    }
    Ok(())
}

fn signers(args: &SignerArgs) -> Result<Vec<SignerRequest>, Failure> {
    let counts = [args.name.len(), args.role.len(), args.statement.len()];
    if counts.iter().any(|count| *count != args.key.len()) {
        return Err(input(
            "Each --key needs one --name, one --role and one --statement, in the same order.",
        ));
    }
    let mut signers = Vec::new();
    for (at, key) in args.key.iter().enumerate() {
        signers.push(SignerRequest {
            name: args.name[at].clone(),
            role: args.role[at].clone(),
            statement: args.statement[at].clone(),
            key_file: text(&absolute(key)?),
            // `bundle sign` states the time; an export always gives the same bytes.
            signed_at_ms: None,
        });
    }
    Ok(signers)
}

fn withheld(args: &WithheldArgs) -> Result<Option<WithheldRequest>, Failure> {
    let (Some(suite), Some(salt)) = (&args.suite, &args.salt) else {
        return Ok(None);
    };
    Ok(Some(WithheldRequest {
        suite_file: text(&absolute(suite)?),
        salt_file: text(&absolute(salt)?),
    }))
}

fn optional(path: Option<&Path>) -> Result<Option<String>, Failure> {
    path.map(|path| absolute(path).map(|path| text(&path)))
        .transpose()
}

/// The studio reads relative paths from the workspace; a terminal means the current folder.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| input(format!("{} cannot be found: {error}.", path.display())))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_millis() as i64)
}
