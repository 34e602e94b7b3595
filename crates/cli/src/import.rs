//! `touchstone import`: a file of someone else's making becomes a suite.

use crate::args::ImportArgs;
use crate::{input, json, place};
use domain::case::excerpt;
use std::path::{Path, PathBuf};
use studio::import::{
    Assignment, Existing, Field, ImportPreview, ImportReport, Plan, Reading, import as write,
    preview,
};
use studio::view::Failure;

const EXCERPT_CHARS_MAX: usize = 60;
/// Rows left out that are printed; `--json` has them all.
const SKIPPED_SHOWN: usize = 20;

pub fn import(args: ImportArgs) -> Result<(), Failure> {
    let root = place::workspace(&args.place, None)?;
    let reading = Reading {
        encoding: args.encoding.clone(),
        delimiter: args.delimiter.clone(),
        quoting: args.quoting,
        header: args.header,
        sheet: args.sheet.clone(),
    };
    let guessed = preview(&root, &args.file, &reading, None)?;
    let plan = plan(&args, guessed.plan)?;
    if args.preview {
        let found = preview(&root, &args.file, &reading, Some(plan))?;
        if args.place.json {
            println!("{}", json::line(&found));
        } else {
            print!("{}", shown_preview(&found));
        }
        return Ok(());
    }
    let suite = suite(&root, &args)?;
    let existing = match (args.append, args.replace) {
        (true, _) => Existing::Append,
        (_, true) => Existing::Replace,
        _ => Existing::Refuse,
    };
    let report = write(&root, &args.file, &reading, &plan, &suite, existing)?;
    if args.place.json {
        println!("{}", json::line(&report));
    } else {
        print!("{}", shown(&report, &plan));
    }
    Ok(())
}

/// The guess, or what is remembered, with what was said on the command line.
fn plan(args: &ImportArgs, guessed: Plan) -> Result<Plan, Failure> {
    let mut said = Vec::new();
    for text in &args.map {
        let parts = text.split_once('=');
        let field = parts.and_then(|(field, _)| Field::parse(field.trim()));
        let (Some(field), Some((_, column))) = (field, parts) else {
            return Err(input(format!(
                "--map {text} is not FIELD=COLUMN. Fields are id, content, user, assistant, expected, label, flag, rules, tags, language, kind, note, owner and annotation:NAME."
            )));
        };
        said.push((field, column.trim().to_owned()));
    }
    let mut plan = guessed;
    let one_text = |field: &Field| matches!(field, Field::Content);
    let turns = |field: &Field| matches!(field, Field::User | Field::Assistant);
    let says = |test: &dyn Fn(&Field) -> bool| said.iter().any(|(field, _)| test(field));
    let (says_text, says_turns) = (says(&one_text), says(&turns));
    plan.mapping.retain(|old| {
        let replaced = said
            .iter()
            .any(|(field, column)| *field == old.field || *column == old.column);
        let other_shape = (says_text && turns(&old.field)) || (says_turns && one_text(&old.field));
        !replaced && !other_shape
    });
    let given = said.into_iter().filter(|(_, column)| !column.is_empty());
    plan.mapping
        .extend(given.map(|(field, column)| Assignment { field, column }));
    plan.violates.extend(args.violates.iter().cloned());
    plan.safe.extend(args.safe.iter().cloned());
    if let Some(mark) = &args.line_break {
        plan.line_break = Some(mark.clone());
    }
    Ok(plan)
}

/// A name stands for a suite of the workspace; what looks like a path is one.
fn suite(root: &Path, args: &ImportArgs) -> Result<PathBuf, Failure> {
    let given = args.output.as_deref().unwrap_or_default();
    if given.contains(['/', '\\']) || given.ends_with(".jsonl") {
        return Ok(PathBuf::from(given));
    }
    if given.is_empty() || given.starts_with('.') || given.contains(':') {
        return Err(input(format!("The suite name \"{given}\" cannot be used.")));
    }
    Ok(root.join("fixtures").join(format!("{given}.jsonl")))
}

fn field_name(field: &Field) -> String {
    match field {
        Field::Annotation(name) => format!("annotation:{name}"),
        plain => json::line(plain).trim_matches('"').to_owned(),
    }
}

fn mapping(plan: &Plan) -> String {
    plan.mapping
        .iter()
        .map(|assignment| {
            format!(
                "  {:<24} {}\n",
                field_name(&assignment.field),
                assignment.column
            )
        })
        .collect()
}

fn shown_preview(preview: &ImportPreview) -> String {
    let from = if preview.remembered {
        ", mapping as last time"
    } else {
        ""
    };
    let mut out = format!("{}{from}\n{}", preview.format, mapping(&preview.plan));
    if let Some(problem) = &preview.problem {
        out += &format!("{problem}\n");
    }
    out.push('\n');
    for case in &preview.cases {
        let expected = case.expected.map_or("–", |expected| match expected {
            domain::verdict::Expected::Violates => "violates",
            domain::verdict::Expected::Safe => "safe",
        });
        out += &format!(
            "  {:<20} {expected:<9} {}\n",
            case.id,
            excerpt(&case.content, EXCERPT_CHARS_MAX)
        );
    }
    out += &notes(&preview.skipped, preview.skipped.len(), &preview.warnings);
    out
}

fn shown(report: &ImportReport, plan: &Plan) -> String {
    let mut out = format!(
        "{}: {} of {} rows imported: {} violate, {} are safe, {} expect nothing\n{}",
        report.suite,
        report.imported,
        report.rows,
        report.violates,
        report.safe,
        report.unlabelled,
        mapping(plan)
    );
    if report.duplicates > 0 {
        out += &format!(
            "  {} cases have the content of an earlier one\n",
            report.duplicates
        );
    }
    out += &notes(
        &report.skipped,
        report.skipped_total as usize,
        &report.warnings,
    );
    out
}

fn notes(skipped: &[studio::import::SkippedRow], total: usize, warnings: &[String]) -> String {
    let mut out: String = warnings
        .iter()
        .map(|warning| format!("  {warning}\n"))
        .collect();
    for row in skipped.iter().take(SKIPPED_SHOWN) {
        out += &format!("  line {} is left out: {}\n", row.line, row.reason);
    }
    if total > SKIPPED_SHOWN {
        out += &format!("  and {} more rows are left out\n", total - SKIPPED_SHOWN);
    }
    out
}
