//! `touchstone fmt`: policies and suites in the one form that diffs cleanly; and `schema`,
//! which says what form the files have.

use crate::args::{FmtArgs, SchemaArg};
use crate::place::{self, Choice};
use crate::{Ending, input, json};
use studio::view::{Failure, FormatState, FormattedFile};
use studio::{Formatting, Schema};

pub async fn fmt(args: FmtArgs) -> Result<Ending, Failure> {
    let studio = place::open(&args.place, Choice::default()).await?;
    let formatting = match args.check {
        true => Formatting::Check,
        false => Formatting::Write,
    };
    let here: Vec<_> = args
        .files
        .iter()
        .map(|file| file.canonicalize().unwrap_or_else(|_| file.clone()))
        .collect();
    let files = studio.format(&here, formatting);
    studio.close().await;
    let files = files?;
    if args.place.json {
        println!("{}", json::line(&files));
    } else {
        print(&files, formatting);
    }
    let refused = |file: &&FormattedFile| file.state == FormatState::Refused;
    if files.iter().any(|file| refused(&file)) {
        let lines: Vec<String> = files
            .iter()
            .filter(refused)
            .flat_map(|file| &file.problems)
            .map(|problem| {
                let line = problem
                    .line
                    .map_or_else(String::new, |line| format!(":{line}"));
                format!("{}{line}: {}", problem.file, problem.message)
            })
            .collect();
        return Err(input(lines.join("\n")));
    }
    let changed = files.iter().any(|file| file.state == FormatState::Changed);
    Ok(match changed && args.check {
        true => Ending::NotMet,
        false => Ending::Success,
    })
}

fn print(files: &[FormattedFile], formatting: Formatting) {
    let mut changed = 0;
    for file in files
        .iter()
        .filter(|file| file.state == FormatState::Changed)
    {
        changed += 1;
        println!("{}", file.file);
    }
    let what = match formatting {
        Formatting::Write => "written anew",
        Formatting::Check => "not in canonical form",
    };
    eprintln!("{changed} of {} files {what}", files.len());
}

pub fn schema(of: SchemaArg) -> Schema {
    match of {
        SchemaArg::Suite => Schema::SuiteLine,
        SchemaArg::Config => Schema::Config,
        SchemaArg::Manifest => Schema::Manifest,
    }
}
