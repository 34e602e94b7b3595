//! The invariants of docs/ARCHITECTURE.md, each as a test.

use acceptance::{Source, code, has_word, places, root, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn manifest(folder: &str) -> toml::Table {
    let path = root().join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&path).expect("the manifest is readable");
    text.parse().expect("the manifest is TOML")
}

/// Names under `[dependencies]`, not those for tests or builds.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = manifest(folder);
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

fn crates() -> Vec<String> {
    let entries = fs::read_dir(root().join("crates")).expect("crates/ exists");
    let names = entries
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned());
    let found: Vec<String> = names.collect();
    assert!(found.len() >= 5, "the crates were not found");
    found
}

fn none(problems: &[String], rule: &str) {
    assert!(problems.is_empty(), "{rule}:\n{}", problems.join("\n"));
}

/// Lines of code (no comments, no test modules) that hold one of `words`.
fn uses(files: &[Source], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        found.extend(places(&file.path, &code(&file.text), |line| {
            words.iter().any(|word| has_word(line, word))
        }));
    }
    found
}

// 1. `domain` does no I/O and knows no clock, model, database or window.

#[test]
fn domain_is_pure() {
    let files = sources("crates/domain/src", &[".rs"]);
    assert!(files.len() >= 8, "domain's files were not found");
    let outside = [
        "tokio",
        "sqlx",
        "candle_core",
        "candle_nn",
        "tauri",
        "engine",
        "store",
        "studio",
        "rand",
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant",
        "println",
        "eprintln",
    ];
    none(
        &uses(&files, &outside),
        "domain takes texts, bytes, times and ids as arguments",
    );

    let allowed = [
        "serde",
        "serde_json",
        "serde_yaml_ng",
        "sha2",
        "similar",
        "thiserror",
        "toml",
        "ts-rs",
    ];
    // Seeds are arguments: no generator here asks the system for randomness.
    let pure = [
        "rand_chacha",
        "rand_distr",
        "regex",
        "statrs",
        "unicode-normalization",
        "unicode-segmentation",
    ];
    for name in dependencies("crates/domain") {
        assert!(
            allowed.contains(&name.as_str()) || pure.contains(&name.as_str()),
            "domain depends on {name}; if it does no I/O, say so here"
        );
    }
}

/// The bundle's format is fuzzed and read by strangers' tools: bytes in, bytes out.
#[test]
fn the_bundle_format_does_no_io() {
    let files = sources("crates/bundle/src", &[".rs"]);
    assert!(!files.is_empty(), "crates/bundle was not found");
    let outside = [
        "std::fs",
        "std::net",
        "std::env",
        "SystemTime",
        "Instant",
        "rand",
        "tokio",
    ];
    none(
        &uses(&files, &outside),
        "the studio brings files, the clock and random numbers",
    );
}

#[test]
fn the_search_for_words_finds_them() {
    let bad = Source {
        path: "x.rs".into(),
        text: "use std::fs;\n// tokio\nuse sqlx::Row;".into(),
    };
    assert_eq!(uses(&[bad], &["std::fs", "tokio", "sqlx"]).len(), 2);
}

// 2. `engine` knows messages and tokens, never policies; `store` alone holds SQL; only
//    `studio` sees both.

#[test]
fn engine_and_store_do_not_know_each_other() {
    let ours = [
        "domain", "bundle", "engine", "store", "remote", "studio", "cli",
    ];
    let of = |folder: &str| -> Vec<String> {
        dependencies(folder)
            .into_iter()
            .filter(|name| ours.contains(&name.as_str()))
            .collect()
    };
    assert_eq!(of("crates/domain"), Vec::<String>::new());
    assert_eq!(of("crates/engine"), Vec::<String>::new());
    assert_eq!(of("crates/store"), ["domain"]);
    assert_eq!(of("crates/bundle"), ["domain"]);
    assert_eq!(of("crates/remote"), Vec::<String>::new());
    assert_eq!(
        of("crates/studio"),
        ["bundle", "domain", "engine", "remote", "store"]
    );
    let hosts_use_store = dependencies("crates/cli").contains("store");
    assert!(
        !hosts_use_store && !dependencies(".").contains("store"),
        "hosts go through studio"
    );
    assert!(
        !dependencies(".").contains("engine"),
        "the window goes through studio"
    );

    let mut judges = sources("crates/engine/src", &[".rs"]);
    judges.extend(sources("crates/remote/src", &[".rs"]));
    let policy_words = [
        "Policy",
        "Clause",
        "Verdict",
        "Suite",
        "Flip",
        "policy_category",
    ];
    let mut found = uses(&judges, &policy_words);
    // The HTTP library's name for what to do with redirects.
    found.retain(|place| !place.contains("redirect::Policy::none()"));
    none(
        &found,
        "engine and remote know messages and tokens, never policies",
    );
}

#[test]
fn only_store_holds_sql() {
    for name in crates() {
        let has_sqlx = dependencies(&format!("crates/{name}")).contains("sqlx");
        assert_eq!(has_sqlx, name == "store", "sqlx in {name}");
    }
    let statement = |line: &str| {
        [
            "SELECT ",
            "INSERT INTO ",
            "DELETE FROM ",
            "CREATE TABLE ",
            "PRAGMA ",
        ]
        .iter()
        .any(|sql| line.contains(&format!("\"{sql}")) || line.trim_start().starts_with(sql))
    };
    let mut found = Vec::new();
    for folder in ["crates", "src-tauri"] {
        for file in sources(folder, &[".rs"]) {
            if !file.path.starts_with("crates/store/") {
                found.extend(places(&file.path, &code(&file.text), statement));
            }
        }
        for file in sources(folder, &[".sql"]) {
            assert!(file.path.starts_with("crates/store/"), "{}", file.path);
        }
    }
    none(
        &found,
        "SQL belongs in crates/store, in the file of its table",
    );
}

// 3. Only src-tauri names tauri; only ui/src/api.ts imports @tauri-apps; the window
//    computes no verdict, difference or metric.

#[test]
fn only_the_shell_names_tauri() {
    for name in crates() {
        for dependency in dependencies(&format!("crates/{name}")) {
            assert!(
                !dependency.starts_with("tauri"),
                "{name} depends on {dependency}"
            );
        }
    }
    let files = sources("crates", &[".rs"]);
    none(&uses(&files, &["tauri"]), "only src-tauri names tauri");
}

#[test]
fn only_api_ts_imports_tauri() {
    let files = sources("ui/src", &[".ts", ".svelte", ".js"]);
    assert!(
        files.iter().any(|file| file.path == "ui/src/api.ts"),
        "ui/src/api.ts is missing"
    );
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path != "ui/src/api.ts") {
        found.extend(places(&file.path, &code(&file.text), |line| {
            line.contains("@tauri-apps")
        }));
    }
    none(&found, "only ui/src/api.ts imports @tauri-apps");
}

/// A heuristic: the names that verdicts and metrics have in the generated types, in an
/// expression that would derive a new figure from them.
fn derives_a_figure(line: &str) -> bool {
    let counts = [
        "true_positives",
        "false_positives",
        "true_negatives",
        "false_negatives",
    ];
    let rates = [
        "precision",
        "recall",
        "f1",
        "false_positive_rate",
        "accuracy",
        "mcnemar_p",
    ];
    let computes = |name: &str| {
        line.match_indices(name).any(|(at, _)| {
            let before = line[..at].trim_end();
            let after = line[at + name.len()..].trim_start();
            let after = after.strip_prefix(".value").unwrap_or(after).trim_start();
            let operator = |c: Option<char>| matches!(c, Some('+' | '*' | '/'));
            let subject = before.rsplit([' ', '(']).next().unwrap_or("");
            let before = before[..before.len() - subject.len()].trim_end();
            operator(after.chars().next()) && !after.starts_with("/>")
                || operator(before.chars().next_back())
        })
    };
    let compares = line.contains("verdict ===") || line.contains("verdict !==");
    let with_the_other = line.contains(".expected") || line.contains("before.verdict");
    counts.iter().chain(&rates).any(|name| computes(name)) || compares && with_the_other
}

#[test]
fn the_window_computes_no_figure() {
    // The simulated backend stands in for the studio in development and in UI tests.
    let own = |path: &str| {
        !path.contains("/types/") && !path.contains("simulat") && !path.contains(".test.")
    };
    let mut found = Vec::new();
    for file in sources("ui/src", &[".ts", ".svelte"])
        .iter()
        .filter(|file| own(&file.path))
    {
        found.extend(places(&file.path, &code(&file.text), derives_a_figure));
    }
    none(
        &found,
        "compute verdicts, differences and metrics in crates/domain",
    );
}

#[test]
fn the_search_for_figures_finds_them() {
    assert!(derives_a_figure(
        "const p = m.true_positives / (m.true_positives + m.false_positives);"
    ));
    assert!(derives_a_figure(
        "const f1 = 2 * precision.value * recall.value;"
    ));
    assert!(derives_a_figure(
        "const wrong = row.verdict !== row.expected;"
    ));
    assert!(derives_a_figure(
        "flipped = row.verdict !== row.before.verdict"
    ));
    assert!(!derives_a_figure(
        "<Metric name={t('precision')} rate={metrics.precision} />"
    ));
    assert!(!derives_a_figure("format(metrics.f1, delta.f1)"));
}

// 4. A finished run and a revision are never updated.

#[test]
fn finished_runs_and_revisions_are_never_updated() {
    let files = sources("crates/store", &[".rs", ".sql"]);
    assert!(
        files.iter().any(|file| file.path.ends_with(".sql")),
        "migrations were not found"
    );
    let mut found = Vec::new();
    for file in &files {
        // The tests of the store try just this, to see it refused.
        let text = if file.path.ends_with(".rs") {
            code(&file.text)
        } else {
            file.text.clone()
        };
        if file.path.contains("/tests/") {
            continue;
        }
        let upper = text.to_uppercase();
        found.extend(places(&file.path, &upper, |line| {
            ["REVISION", "OUTCOME"].iter().any(|table| {
                line.contains(&format!("\"UPDATE {table}"))
                    || line.contains(&format!("DELETE FROM {table}"))
                    || line.trim_start().starts_with(&format!("UPDATE {table}"))
            })
        }));
    }
    none(&found, "revisions and outcomes are only ever inserted");
    // And SQLite itself refuses; the store's tests try it.
    let migrations: String = sources("crates/store/migrations", &[".sql"])
        .into_iter()
        .map(|file| file.text)
        .collect();
    for refusal in [
        "revisions_never_updated",
        "runs_finished_never_updated",
        "outcomes_never_updated",
    ] {
        assert!(
            migrations.contains(&format!("CREATE TRIGGER {refusal} ")),
            "{refusal} is missing"
        );
    }
}

// 5. The command line can do all that the window can; nothing in the loop needs a display.

/// What the command line offers for each command of the window.
const COMMANDS: &[(&str, &str)] = &[
    ("workspace", "--workspace"),
    ("open_workspace", "--workspace"),
    ("move_database_aside", "repair"),
    ("open_policy", "run"),
    ("create_policy", "any editor: a policy is a file"),
    ("analyze", "run"),
    ("save_policy", "any editor: a policy is a file"),
    ("edit_suite", "any editor: a suite is a file"),
    ("evaluate", "run"),
    ("resume", "run --resume"),
    ("cancel", "Ctrl-C"),
    ("runs", "runs"),
    ("run_view", "runs"),
    ("trace", "run --json"),
    ("watch_trace", "run"),
    ("set_baseline", "baseline"),
    ("restore", "restore"),
    ("select_model", "run --model"),
    ("release_view", "release --draft"),
    ("release", "release"),
    ("sign_off", "sign-off"),
    ("export_bundle", "bundle export"),
    ("verify_bundle", "bundle verify"),
    ("import_bundle", "bundle import"),
    ("watch", "watch"),
    ("pick_folder", "the shell's own paths"),
    ("pick_file", "the shell's own paths"),
    ("pick_target", "the shell's own paths"),
    ("drops", "import"),
    ("add_server", "server add"),
    ("remove_server", "server remove"),
    ("server_models", "server models"),
    ("test_server", "server test"),
    ("set_server_key", "server key"),
    ("decide_host", "server allow"),
    ("import_preview", "import --preview"),
    ("import_suite", "import"),
    ("confirm", "diff --samples"),
    ("attribute", "attribute"),
    ("attribution", "attribute"),
    ("ablate", "ablate"),
    ("ablation", "ablate"),
    ("cancel_probes", "Ctrl-C"),
    ("compare", "diff"),
    ("coverage", "coverage"),
    ("statistics", "stats --by"),
    ("search", "search"),
    ("export_csv", "runs --csv"),
    ("export_svg", "any plotting program, from runs --csv"),
    ("models", "model list"),
    ("model_info", "model info"),
    ("fetch_model", "model fetch --endpoint"),
    ("verify_model", "model verify"),
    ("speed_test", "bench decode --model"),
    ("cancel_model_task", "Ctrl-C"),
];

#[test]
fn every_command_of_the_window_has_its_way_in_the_terminal() {
    let listed: BTreeMap<&str, &str> = COMMANDS.iter().copied().collect();
    let mut commands = 0;
    for file in sources("src-tauri/src", &[".rs"]) {
        let lines: Vec<&str> = file.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if !line.trim_start().starts_with("#[tauri::command") {
                continue;
            }
            let signature = lines[at + 1..].iter().find(|line| line.contains("fn "));
            let signature = signature.expect("a command is a function");
            let name = signature.split("fn ").nth(1).unwrap_or("");
            let name = name.split(['(', '<']).next().unwrap_or("");
            assert!(
                listed.contains_key(name),
                "{name}: how does the command line do this?"
            );
            commands += 1;
        }
    }
    assert_eq!(
        commands,
        COMMANDS.len(),
        "each command of the window is listed once"
    );
    let arguments: String = sources("crates/cli/src", &[".rs"])
        .into_iter()
        .filter(|file| file.path.contains("/args"))
        .map(|file| file.text)
        .collect();
    for (_, way) in COMMANDS {
        let known = |part: &str| arguments.to_lowercase().contains(&format!("{part}:"));
        let option = way.split(' ').find_map(|word| word.strip_prefix("--"));
        assert!(
            option.is_none_or(known),
            "{way}: the command line has no such option"
        );
    }
}

#[test]
fn the_loop_needs_no_display() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is readable");
    let lock: toml::Table = lock.parse().expect("Cargo.lock is TOML");
    let packages = lock["package"]
        .as_array()
        .expect("Cargo.lock lists packages");
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or("");
        let list = package.get("dependencies").and_then(toml::Value::as_array);
        let names = list.into_iter().flatten().filter_map(toml::Value::as_str);
        // "name", or "name version" where several versions are locked.
        let names = names.map(|entry| entry.split(' ').next().unwrap_or(entry));
        needs.entry(name).or_default().extend(names);
    }
    let mut reached = BTreeSet::new();
    let mut next = vec!["cli"];
    while let Some(name) = next.pop() {
        if reached.insert(name) {
            next.extend(needs.get(name).into_iter().flatten());
        }
    }
    assert!(
        reached.contains("studio") && reached.contains("engine"),
        "the closure was not walked"
    );
    for window in ["tauri", "gtk", "webkit2gtk", "wry", "tao"] {
        assert!(
            !reached.contains(window),
            "the command line depends on {window}"
        );
    }
}
