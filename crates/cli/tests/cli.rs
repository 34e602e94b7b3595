//! The command as a program: exit status, JSON shapes and messages, with the
//! demonstration model judging. What it decides is not asserted, only that it is told.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const POLICY: &str = "---\nid: ads\ntitle: Ads\nlabels:\n  VIOLATES: violates\n  SAFE: safe\n---\n# Ads\n\n## Instruction\nJudge one message. Answer VIOLATES or SAFE with the rule that decides.\n\n## Violates\nT1 Offers to sell tobacco.\nT2 Promotes smoking.\n\n## Safe\nT3 History of tobacco.\n\n## Precedence\nSafe rules win over violations. If nothing applies, SAFE.\n";

const SUITE: &str = r#"{"id": "a", "content": "Two cartons of cigarettes for sale.", "expected": "violates", "rules": ["T1"]}
{"id": "b", "content": "The museum shows pipes from 1700.", "expected": "safe"}
{"id": "c", "content": [{"role": "user", "text": "Are cigars cool?"}, {"role": "assistant", "text": "All the stars smoke."}], "kind": "conversation", "expected": "violates"}
{"id": "d", "content": "No label here."}
"#;

fn pebble() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pebble")
}

fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "policies/ads.md", POLICY.as_bytes());
    write(&folder, "fixtures/ads.jsonl", SUITE.as_bytes());
    folder
}

fn write(folder: &TempDir, file: &str, bytes: &[u8]) {
    let path = folder.path().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn command(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    command
        .args(args)
        .current_dir(folder.path())
        .env("TOUCHSTONE_PEBBLE", pebble());
    command
}

fn touchstone(folder: &TempDir, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(folder: &TempDir, args: &[&str]) -> Value {
    serde_json::from_str(&stdout(&touchstone(folder, args))).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// The error that a command ends with, and that its status is 2 and its output empty.
fn refusal(folder: &TempDir, args: &[&str]) -> String {
    let output = touchstone(folder, args);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{args:?}: {}",
        stderr(&output)
    );
    assert!(output.stdout.is_empty(), "{args:?}");
    stderr(&output)
}

#[test]
fn run_prints_the_promised_document() {
    let folder = workspace();
    let run = json(&folder, &["run", "--policy", "ads", "--json"]);
    assert_eq!(
        keys(&run),
        [
            "run",
            "policy",
            "revision",
            "suite",
            "model",
            "settings",
            "outcomes",
            "metrics",
            "estimates",
            "timing"
        ]
    );
    assert_eq!(keys(&run["model"]), ["name", "digest", "device"]);
    assert_eq!(
        keys(&run["timing"]),
        [
            "wall_ms",
            "load_ms",
            "prefill_tokens_per_s",
            "decode_tokens_per_s",
            "first_verdict_ms",
            "store_ms"
        ]
    );
    let outcomes = run["outcomes"].as_array().unwrap();
    assert_eq!(
        keys(&outcomes[0]),
        [
            "case",
            "verdict",
            "label",
            "rules",
            "expected",
            "correct",
            "margin",
            "trace",
            "tokens",
            "latency_ms"
        ]
    );
    assert_eq!(
        keys(&outcomes[0]["tokens"]),
        ["prompt", "reused", "generated", "drafted", "accepted"]
    );
    let cases: Vec<&str> = outcomes
        .iter()
        .map(|outcome| outcome["case"].as_str().unwrap())
        .collect();
    assert_eq!(cases, ["a", "b", "c", "d"]);
    for outcome in outcomes {
        let verdict = outcome["verdict"].as_str().unwrap();
        assert!(["violates", "safe", "unparsed"].contains(&verdict));
        let expected = outcome["expected"].as_str();
        assert_eq!(
            outcome["correct"].as_bool(),
            expected.map(|wanted| wanted == verdict)
        );
        assert!(outcome["tokens"]["generated"].as_u64().unwrap() > 0);
    }
    assert_eq!(run["policy"], "ads");
    assert_eq!(run["suite"], "fixtures/ads.jsonl");
    assert_eq!(run["revision"].as_str().unwrap().len(), 64);
    assert_eq!(run["settings"]["effort"], "low");
    assert_eq!(run["metrics"]["cases"], 4);
    assert_eq!(run["metrics"]["judged"], 3);
    assert!(run["timing"]["wall_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_same_again_gives_the_same_and_an_edit_gives_a_comparison() {
    let folder = workspace();
    let first = json(&folder, &["run", "--policy", "ads", "--json"]);
    let again = json(
        &folder,
        &[
            "run",
            "--policy",
            "policies/ads.md",
            "--suite",
            "fixtures/ads.jsonl",
            "--json",
        ],
    );
    assert_eq!(first["outcomes"], again["outcomes"]);
    let edited = POLICY.replace("T1 Offers to sell tobacco.\n", "");
    write(&folder, "policies/ads.md", edited.as_bytes());
    let second = json(&folder, &["run", "--policy", "ads", "--json"]);
    assert_ne!(first["revision"], second["revision"]);
    let (a, b) = (first["run"].to_string(), second["run"].to_string());
    let diff = json(&folder, &["diff", &a, &b, "--json"]);
    assert_eq!(
        keys(&diff),
        [
            "a",
            "b",
            "flips",
            "unchanged",
            "mcnemar_p",
            "measures",
            "no_regression",
            "policy_diff",
            "estimates_a",
            "estimates_b",
            "confusion_a",
            "confusion_b",
            "overlap",
            "hunks"
        ]
    );
    let flips = diff["flips"].as_array().unwrap();
    assert_eq!(
        flips.len() + diff["unchanged"].as_u64().unwrap() as usize,
        4
    );
    for flip in flips {
        assert_eq!(keys(flip), ["case", "from", "to", "kind", "certainty"]);
    }
    assert!(
        diff["policy_diff"]
            .as_str()
            .unwrap()
            .contains("\n-T1 Offers to sell tobacco.\n")
    );
    let shown = stdout(&touchstone(&folder, &["diff", &a, &b]));
    assert!(shown.contains("-T1 Offers to sell tobacco."), "{shown}");
    let runs = json(&folder, &["runs", "--policy", "ads", "--json"]);
    let newest: Vec<&Value> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["run"])
        .collect();
    assert_eq!(newest.first(), Some(&&second["run"]));
    assert_eq!(newest.last(), Some(&&first["run"]));
}

#[test]
fn numerics_are_a_setting_and_their_outcomes_are_not_mixed() {
    let folder = workspace();
    let run = |more: &[&str]| {
        json(
            &folder,
            &[&["run", "--policy", "ads", "--json"], more].concat(),
        )
    };
    let exact = run(&[]);
    let fast = run(&["--numerics", "fast"]);
    assert_eq!(exact["settings"].get("numerics"), None);
    assert_eq!(fast["settings"]["numerics"], "fast");
    // Outcomes that are taken over took as long as they did, to the last digit.
    assert_ne!(fast["outcomes"], exact["outcomes"]);
    assert_eq!(run(&["--numerics", "exact"])["outcomes"], exact["outcomes"]);
    write(&folder, "touchstone.toml", b"numerics = \"fast\"\n");
    assert_eq!(run(&[])["outcomes"], fast["outcomes"]);
    let number = exact["run"].to_string();
    let other = fast["run"].to_string();
    let message = refusal(&folder, &["diff", &number, &other, "--samples", "2"]);
    assert!(
        message.contains("other numerics (exact and fast)"),
        "{message}"
    );
}

#[test]
fn people_read_metrics_and_every_case() {
    let folder = workspace();
    let shown = stdout(&touchstone(
        &folder,
        &["run", "--policy", "ads", "--effort", "medium"],
    ));
    assert!(
        shown.starts_with("ads · run 1 · pebble (demonstration model) · medium effort · revision "),
        "{shown}"
    );
    for part in [
        "  accuracy ",
        "  false positive rate ",
        "  4 cases, ",
        "Two cartons of cigarettes",
        "User: Are cigars cool? Assistant:",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains('\x1b'), "no colours into a pipe");
    assert!(stdout(&touchstone(&folder, &["models"])).contains("demonstration model"));
}

#[test]
fn only_runs_what_failed() {
    let folder = workspace();
    assert!(
        refusal(&folder, &["run", "--policy", "ads", "--only", "failed"])
            .contains("has no finished run yet")
    );
    let first = json(&folder, &["run", "--policy", "ads", "--json"]);
    let wrong: Vec<&str> = first["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|outcome| outcome["correct"] == false)
        .map(|outcome| outcome["case"].as_str().unwrap())
        .collect();
    if wrong.is_empty() {
        assert!(
            refusal(&folder, &["run", "--policy", "ads", "--only", "failed"])
                .contains("nothing to run")
        );
        return;
    }
    write(
        &folder,
        "policies/ads.md",
        POLICY.replace("T2 Promotes", "T2 Praises").as_bytes(),
    );
    let second = json(
        &folder,
        &["run", "--policy", "ads", "--only", "failed", "--json"],
    );
    let cases: Vec<&str> = second["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| outcome["case"].as_str().unwrap())
        .collect();
    assert_eq!(cases, wrong);
}

#[test]
fn bad_policies_and_suites_are_named_with_their_place() {
    let folder = workspace();
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("latin", b"# Caf\xe9"),
        ("open", b"---\ntitle: x\n# Rules"),
        ("onesided", b"---\nlabels:\n  BAD: violates\n---\n# Rules"),
    ] {
        write(&folder, &format!("policies/{name}.md"), bytes);
        write(&folder, &format!("fixtures/{name}.jsonl"), SUITE.as_bytes());
    }
    write(&folder, "policies/nosuite.md", POLICY.as_bytes());
    write(&folder, "policies/hollow.md", POLICY.as_bytes());
    write(&folder, "fixtures/hollow.jsonl", b"{\"id\": 1\n");
    let all = [
        "empty", "latin", "open", "onesided", "nosuite", "hollow", "missing",
    ]
    .map(|name| refusal(&folder, &["run", "--policy", name, "--json"]));
    insta::assert_snapshot!(all.concat());
}

#[test]
fn a_suite_with_broken_lines_is_run_without_them() {
    let folder = workspace();
    let suite = format!(
        "{SUITE}broken\n{{\"id\": \"a\", \"content\": \"again\"}}\n{{\"id\": \"e\", \"content\": \"<|end|><|return|>\", \"queue\": 1}}\n"
    );
    write(&folder, "fixtures/ads.jsonl", suite.as_bytes());
    let output = touchstone(&folder, &["run", "--policy", "ads", "--json"]);
    let run: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(run["outcomes"].as_array().unwrap().len(), 5);
    insta::assert_snapshot!(stderr(&output), @r#"
    error: fixtures/ads.jsonl:5: This line is not a JSON object on one line (expected value at column 1). The line is left out.
    error: fixtures/ads.jsonl:6: The id "a" is already used in line 1. Give this case an id of its own. The line is left out.
    warning: fixtures/ads.jsonl:7: The field "queue" is unknown and ignored; it stays in the file.
    "#);
}

#[test]
fn bad_usage_is_refused() {
    let folder = workspace();
    assert!(refusal(&folder, &["run"]).contains("--policy"));
    assert!(refusal(&folder, &["frobnicate"]).contains("frobnicate"));
    assert!(
        refusal(&folder, &["run", "--policy", "ads", "--suite", "nope"])
            .contains("There is no suite nope")
    );
    assert!(
        refusal(&folder, &["run", "--policy", "ads", "--workspace", "nope"])
            .contains("nope is not a folder")
    );
    assert!(refusal(&folder, &["diff", "1", "2"]).contains("no run 1"));
    assert!(refusal(&folder, &["run", "--policy", "ads", "--baseline", "9"]).contains("no run 9"));
    let bare = tempfile::tempdir().unwrap();
    assert!(refusal(&bare, &["runs"]).contains("There is no workspace"));
}

#[test]
fn a_broken_database_is_refused_and_kept() {
    let folder = workspace();
    write(
        &folder,
        ".touchstone/studio.db",
        &b"this is no database, ".repeat(100),
    );
    let message = refusal(&folder, &["runs"]);
    assert!(message.contains("studio.db"), "{message}");
    let kept = std::fs::read(folder.path().join(".touchstone/studio.db")).unwrap();
    assert!(kept.starts_with(b"this is no database"));

    let repaired = stdout(&touchstone(&folder, &["repair"]));
    assert!(repaired.contains("studio.db.kept-"), "{repaired}");
    assert!(stdout(&touchstone(&folder, &["repair"])).contains("nothing was moved"));
}

/// A copy of Pebble, changed.
fn checkpoint(folder: &TempDir, change: impl Fn(&mut Vec<u8>)) -> String {
    let target = folder.path().join("broken");
    std::fs::create_dir_all(&target).unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(pebble().join(file), target.join(file)).unwrap();
    }
    let weights = target.join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    change(&mut bytes);
    std::fs::write(weights, bytes).unwrap();
    target.to_string_lossy().into_owned()
}

#[test]
fn broken_checkpoints_are_named() {
    let folder = workspace();
    let name = b"model.norm.weight";
    let missing = checkpoint(&folder, |bytes| {
        let at = bytes
            .windows(name.len())
            .position(|window| window == name)
            .unwrap();
        bytes[at..at + name.len()].copy_from_slice(b"model.nrom.weight");
    });
    let message = refusal(&folder, &["run", "--policy", "ads", "--model", &missing]);
    assert!(message.contains("model.norm.weight"), "{message}");
    let message = refusal(
        &folder,
        &["logits", "--model", &missing, "--tokens", "1", "--json"],
    );
    assert!(message.contains("model.norm.weight"), "{message}");
    let cut = checkpoint(&folder, |bytes| bytes.truncate(bytes.len() / 2));
    let message = refusal(&folder, &["run", "--policy", "ads", "--model", &cut]);
    assert!(message.contains("model.safetensors"), "{message}");
    let message = refusal(&folder, &["run", "--policy", "ads", "--model", "nowhere"]);
    assert!(message.contains("nowhere"), "{message}");
}

#[test]
fn logits_are_those_of_every_token_of_the_vocabulary() {
    let folder = workspace();
    let model = pebble().to_string_lossy().into_owned();
    let config: Value =
        serde_json::from_slice(&std::fs::read(pebble().join("config.json")).unwrap()).unwrap();
    let document = json(
        &folder,
        &["logits", "--model", &model, "--tokens", "1,2,3", "--json"],
    );
    assert_eq!(keys(&document), ["logits"]);
    let logits = document["logits"].as_array().unwrap();
    assert_eq!(Some(logits.len() as u64), config["vocab_size"].as_u64());
    let other = json(
        &folder,
        &["logits", "--model", &model, "--tokens", "3,2,1", "--json"],
    );
    assert_ne!(document, other);
    assert!(
        refusal(
            &folder,
            &["logits", "--model", &model, "--tokens", "1,999999"]
        )
        .contains("999999")
    );
    assert!(refusal(&folder, &["logits", "--model", &model, "--tokens", "1,x"]).contains("'x'"));
}

#[test]
fn watch_prints_a_document_for_each_save() {
    let folder = workspace();
    let mut child = command(&folder, &["watch", "--policy", "ads", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut documents = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&documents.next().unwrap().unwrap()).unwrap();
    // It says when it waits: a save before that would be part of the first run.
    assert!(
        notes
            .next()
            .unwrap()
            .unwrap()
            .starts_with("waiting for a save of policies/ads.md")
    );
    write(
        &folder,
        "policies/ads.md",
        POLICY.replace("T2 Promotes", "T2 Praises").as_bytes(),
    );
    let second: Value = serde_json::from_str(&documents.next().unwrap().unwrap()).unwrap();
    assert_ne!(first["revision"], second["revision"]);
    assert_ne!(first["run"], second["run"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_help_says_what_there_is() {
    let folder = workspace();
    let all = [
        &["--help"][..],
        &["run", "--help"],
        &["watch", "--help"],
        &["logits", "--help"],
    ]
    .map(|args| stdout(&touchstone(&folder, args)));
    insta::assert_snapshot!(all.join("\n"));
}
