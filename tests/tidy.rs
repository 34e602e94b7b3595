//! Habits of docs/ARCHITECTURE.md that a machine can see: files that say what they own,
//! stay short, leave no unfinished work and name no one's machine.

use acceptance::{Source, code, places, sources};

fn rust() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["crates", "src-tauri", "tests"] {
        found.extend(sources(folder, &[".rs"]));
    }
    assert!(found.len() > 10, "the Rust sources were not found");
    found
}

fn window() -> Vec<Source> {
    sources("ui/src", &[".ts", ".svelte"])
}

fn none(problems: &[String], rule: &str) {
    assert!(problems.is_empty(), "{rule}:\n{}", problems.join("\n"));
}

#[test]
fn every_rust_file_opens_with_what_it_owns() {
    let silent: Vec<String> = rust()
        .into_iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.path)
        .collect();
    none(
        &silent,
        "open these files with a `//!` comment that says what they own",
    );
}

#[test]
fn files_stay_short() {
    // Tests in the file are not counted, and neither are styles.
    let long = |file: &Source, lines_max: usize| {
        let text = code(&file.text);
        let lines = text.split("<style>").next().unwrap_or("").lines().count();
        (lines > lines_max).then(|| format!("{}: {lines} lines, at most {lines_max}", file.path))
    };
    let mut found: Vec<String> = rust().iter().filter_map(|file| long(file, 550)).collect();
    for file in window() {
        if file.path.contains("/types/") {
            continue;
        }
        let lines_max = if file.path.ends_with(".svelte") {
            250
        } else {
            550
        };
        found.extend(long(&file, lines_max));
    }
    none(&found, "split these files");
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    // Written in two parts, so that this file does not find itself.
    let allow = concat!("#[al", "low(");
    let allow_inner = concat!("#![al", "low(");
    let mut found = Vec::new();
    for file in rust() {
        found.extend(places(&file.path, &file.text, |line| {
            line.contains(allow) || line.contains(allow_inner)
        }));
    }
    none(&found, "use #[expect(lint, reason = \"…\")]");
}

#[test]
fn no_unfinished_work_is_left() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("dbg", "!("),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    let mut found = Vec::new();
    for file in rust()
        .into_iter()
        .chain(window())
        .chain(sources("scripts", &[".sh", ".py"]))
    {
        found.extend(places(&file.path, &file.text, |line| {
            marks.iter().any(|mark| line.contains(mark))
        }));
    }
    none(
        &found,
        "finish these, or file an issue and say it in a full sentence",
    );
}

#[test]
fn no_file_names_a_machine() {
    let homes = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
    ];
    let mut found = Vec::new();
    let endings = [
        ".rs", ".ts", ".svelte", ".sh", ".py", ".md", ".toml", ".json", ".mjs", ".sql",
    ];
    for folder in [
        "crates",
        "src-tauri",
        "tests",
        "ui",
        "scripts",
        "docs",
        "policies",
        ".ci",
    ] {
        for file in sources(folder, &endings) {
            found.extend(places(&file.path, &file.text, |line| {
                homes.iter().any(|home| line.contains(home))
            }));
        }
    }
    none(
        &found,
        "name files relative to the repository, or by a variable",
    );
}

#[test]
fn the_shell_stays_thin() {
    for file in sources("src-tauri/src", &[".rs"]) {
        // Each command has its test: those may grow.
        if file.path.ends_with("/tests.rs") {
            continue;
        }
        let lines = code(&file.text).lines().count();
        assert!(
            lines < 320,
            "{} holds {lines} lines; logic belongs in crates/studio",
            file.path
        );
    }
}
