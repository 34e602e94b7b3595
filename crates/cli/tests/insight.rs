//! Statistics, coverage and import as programs see them: exit status, JSON, messages. What
//! the demonstration model decides is not asserted.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const POLICY: &str = "---\nid: ads\ntitle: Ads\nlabels:\n  VIOLATES: violates\n  SAFE: safe\n---\n# Ads\n\n## Instruction\nJudge one message. Answer VIOLATES or SAFE with the rule that decides.\n\n## Violates\nT1 Offers to sell tobacco.\nT2 Promotes smoking.\n\n## Safe\nT3 History of tobacco.\n";

const SUITE: &str = r#"{"id": "a", "content": "Two cartons of cigarettes for sale.", "expected": "violates", "rules": ["T1"]}
{"id": "b", "content": "The museum shows pipes from 1700.", "expected": "safe"}
{"id": "c", "content": [{"role": "user", "text": "Are cigars cool?"}, {"role": "assistant", "text": "All the stars smoke."}], "kind": "conversation", "expected": "violates"}
{"id": "d", "content": "No label here."}
"#;

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

fn touchstone(folder: &TempDir, args: &[&str]) -> Output {
    let pebble: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pebble");
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    command.args(args).current_dir(folder.path());
    command.env("TOUCHSTONE_PEBBLE", pebble).output().unwrap()
}

fn stdout(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(folder: &TempDir, args: &[&str]) -> Value {
    serde_json::from_str(&stdout(&touchstone(folder, args))).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    let fields = value.as_object().unwrap();
    fields.keys().map(String::as_str).collect()
}

fn refusal(folder: &TempDir, args: &[&str]) -> String {
    let output = touchstone(folder, args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn stats_and_coverage_tell_of_a_run() {
    let folder = workspace();
    let annotated = SUITE.replace(
        r#""expected": "safe"}"#,
        r#""expected": "safe", "annotations": {"anna": "safe", "old": "violates"}}"#,
    );
    write(&folder, "fixtures/ads.jsonl", annotated.as_bytes());
    let run = json(&folder, &["run", "--policy", "ads", "--json"]);
    let id = run["run"].to_string();
    let stats = json(&folder, &["stats", &id, "--by", "kind", "--json"]);
    let policy = &stats["policies"][0];
    assert_eq!(policy["cases"], 4);
    assert_eq!(policy["judgements"], 3);
    assert_eq!(policy["estimates"], run["estimates"]);
    let groups = policy["groups"].as_array().unwrap();
    let shown: Vec<(&str, u64)> = groups
        .iter()
        .map(|group| {
            (
                group["value"].as_str().unwrap(),
                group["cases"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(shown, [("user_input", 2), ("conversation", 1)]);
    let names: Vec<&str> = policy["annotators"]
        .as_array()
        .unwrap()
        .iter()
        .map(|annotator| annotator["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["anna", "old"]);
    assert_eq!(policy["annotators"][0]["estimates"][0]["value"], 1.0);
    assert_eq!(policy["annotators"][1]["estimates"][0]["value"], 0.0);
    assert!(stdout(&touchstone(&folder, &["stats", &id])).contains("accuracy"));

    let coverage = json(&folder, &["coverage", &id, "--json"]);
    assert_eq!(
        keys(&coverage),
        ["clauses", "cells", "invented", "conflicts", "ablated"]
    );
    let clauses: Vec<&str> = coverage["clauses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|clause| clause["clause"].as_str().unwrap())
        .collect();
    assert!(clauses.starts_with(&["T1", "T2", "T3"]), "{clauses:?}");
    let cited: u64 = coverage["clauses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|clause| clause["cited"].as_u64().unwrap())
        .sum();
    assert_eq!(cited, coverage["cells"].as_array().unwrap().len() as u64);
    assert!(stdout(&touchstone(&folder, &["coverage", &id])).contains("clauses cited"));
    assert!(refusal(&folder, &["stats", "99"]).contains("99"));
}

#[test]
fn import_makes_a_suite_that_runs_and_says_what_it_left_out() {
    let folder = workspace();
    let table = "id,message,label\n1,Two cartons for sale,spam\n2,,ham\n3,The museum opens,ham\n4,What is it,unsure\n";
    write(&folder, "labelled.csv", table.as_bytes());
    let preview = json(&folder, &["import", "labelled.csv", "--preview", "--json"]);
    assert_eq!(preview["cases"].as_array().unwrap().len(), 3);
    assert!(!folder.path().join("fixtures/new.jsonl").exists());
    let args = ["import", "labelled.csv", "-o", "new", "--json"];
    let report = json(&folder, &args);
    for (key, wanted) in [
        ("rows", 4),
        ("imported", 3),
        ("violates", 1),
        ("safe", 1),
        ("duplicates", 0),
    ] {
        assert_eq!(report[key], wanted, "{key}");
    }
    assert_eq!(report["skipped"][0]["line"], 3);
    assert!(
        report["warnings"][0]
            .as_str()
            .unwrap()
            .contains("unsure (1)")
    );
    let again = refusal(&folder, &args);
    assert!(again.contains("exists already"), "{again}");
    let said = [
        "import",
        "labelled.csv",
        "-o",
        "new",
        "--replace",
        "--safe",
        "unsure",
        "--map",
        "note=label",
    ];
    let shown = stdout(&touchstone(&folder, &said));
    assert!(
        shown.contains("3 of 4 rows imported: 0 violate, 0 are safe, 3 expect nothing"),
        "{shown}"
    );
    let wrong = refusal(
        &folder,
        &["import", "labelled.csv", "-o", "x", "--map", "colour=label"],
    );
    assert!(wrong.contains("is not FIELD=COLUMN"), "{wrong}");
    let wrong = refusal(
        &folder,
        &["import", "labelled.csv", "-o", "x", "--map", "note=nothing"],
    );
    assert!(wrong.contains("no column \"nothing\""), "{wrong}");
    let run = json(
        &folder,
        &["run", "--policy", "ads", "--suite", "new", "--json"],
    );
    assert_eq!(run["metrics"]["cases"], 3);
}

/// Two runs of one text are repeats; a run by another text is none.
#[test]
fn runs_of_one_revision_are_repeats_and_diff_tells_of_regressions() {
    let folder = workspace();
    let run = || json(&folder, &["run", "--policy", "ads", "--json"])["run"].to_string();
    let a = run();
    // Another label of the suite makes another run of the same revision.
    let suite = SUITE.replace("\"rules\": [\"T1\"]", "\"tags\": [\"x\"]");
    write(&folder, "fixtures/ads.jsonl", suite.as_bytes());
    let b = run();
    assert_ne!(a, b);
    let diff = json(&folder, &["diff", &a, &b, "--json"]);
    assert_eq!(diff["mcnemar_p"], 1.0);
    assert_eq!(diff["no_regression"][0]["margin"], 0.05);
    assert_eq!(diff["no_regression"][0]["finding"], "inconclusive");
    let wrong = refusal(&folder, &["diff", &a, &b, "--margin", "5"]);
    assert!(wrong.contains("no share of cases"), "{wrong}");
    let stats = json(&folder, &["stats", &a, &b, "--json"]);
    assert_eq!(stats["policies"][0]["judgements"], 6);
    assert_eq!(stats["policies"][0]["cases"], 4);
    write(
        &folder,
        "policies/ads.md",
        POLICY.replace("Promotes", "Praises").as_bytes(),
    );
    let c = run();
    let wrong = refusal(&folder, &["stats", &a, &c]);
    assert!(wrong.contains("Compare them with diff"), "{wrong}");
}

/// What was answered is found again, and two runs are compared case by case, as tables.
#[test]
fn traces_are_searched_and_tables_leave_as_csv() {
    let folder = workspace();
    let run = || json(&folder, &["run", "--policy", "ads", "--json"]);
    let first = run();
    let trace = first["outcomes"][0]["trace"].as_str().unwrap();
    let word = trace
        .split(|c: char| !c.is_alphanumeric())
        .find(|word| word.len() >= 4)
        .unwrap();
    let found = json(&folder, &["search", word, "--json"]);
    assert_eq!(keys(&found), ["hits", "more"]);
    let mut hits = found["hits"].as_array().unwrap().iter();
    assert!(hits.any(|hit| hit["case"] == "a" && hit["run"] == first["run"]));
    let shown = stdout(&touchstone(&folder, &["search", word]));
    assert!(shown.contains("ads · run 1 · a"), "{shown}");
    let none = stdout(&touchstone(&folder, &["search", "no such words at all"]));
    assert_eq!(none, "No trace says that.\n");
    assert!(refusal(&folder, &["search", " "]).contains("nothing to look for"));

    let edited = POLICY.replace("Promotes", "Praises");
    write(&folder, "policies/ads.md", edited.as_bytes());
    run();
    let diff = json(&folder, &["diff", "1", "2", "--json"]);
    assert_eq!(diff["overlap"]["both"], 4);
    assert_eq!(diff["hunks"][0]["clauses"], serde_json::json!(["T2"]));
    let expected = |side: &str| {
        let counts = diff[side]["violates"].as_array().unwrap().iter();
        counts.map(|count| count.as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((expected("confusion_a"), expected("confusion_b")), (2, 2));
    let flips = stdout(&touchstone(&folder, &["diff", "1", "2", "--csv"]));
    assert_eq!(
        flips.lines().count(),
        1 + diff["flips"].as_array().unwrap().len()
    );
    let words = stdout(&touchstone(&folder, &["diff", "1", "2", "--case", "a"]));
    assert!(words.starts_with("a: ") && words.contains(" → "), "{words}");
    let runs = stdout(&touchstone(&folder, &["runs", "--policy", "ads", "--csv"]));
    assert_eq!(runs.lines().count(), 3);
    let cells = stdout(&touchstone(&folder, &["coverage", "1", "--csv"]));
    assert!(cells.starts_with("clause,case,verdict"), "{cells}");
}

/// What the model makes of the edit is not asserted; that both documents tell of the same
/// flips is, and that nothing is asked twice.
#[test]
fn an_edit_is_confirmed_attributed_and_ablated() {
    let folder = workspace();
    let a = json(&folder, &["run", "--policy", "ads", "--json"])["run"].to_string();
    write(
        &folder,
        "policies/ads.md",
        POLICY
            .replace("T1 Offers to sell tobacco.\n", "")
            .replace("T3 History of tobacco.", "T3 The history of tobacco.")
            .as_bytes(),
    );
    let run = json(
        &folder,
        &["run", "--policy", "ads", "--repeat", "8", "--json"],
    );
    let b = run["run"].to_string();
    let diff = json(
        &folder,
        &["diff", &a, &b, "--samples", "8", "--attribute", "--json"],
    );
    assert_eq!(run["flips"], diff["flips"]);
    let flips = diff["flips"].as_array().unwrap();
    for flip in flips {
        let evidence = &flip["evidence"];
        assert_eq!(evidence["test"], "samples");
        assert!(evidence["shown"].as_u64() <= evidence["pairs"].as_u64());
    }
    let attribution = &diff["attribution"];
    assert_eq!(attribution["hunks"].as_array().unwrap().len(), 2);
    assert_eq!(attribution["hunks"][0]["clauses"][0], "T1");
    assert_eq!(attribution["flips"].as_array().unwrap().len(), flips.len());
    let again = json(&folder, &["attribute", &a, &b, "--json"]);
    assert_eq!(again["effort"]["asked"], 0);
    assert_eq!(again["flips"], attribution["flips"]);
    let shown = stdout(&touchstone(&folder, &["attribute", &a, &b]));
    assert!(shown.contains("hunk 1 · T1"), "{shown}");
    assert!(shown.contains("-T1 Offers to sell tobacco."), "{shown}");

    let ablation = json(&folder, &["ablate", &a, "a", "--json"]);
    let clauses: Vec<&str> = ablation["without"]
        .as_array()
        .unwrap()
        .iter()
        .map(|without| without["clause"].as_str().unwrap())
        .collect();
    assert!(clauses.starts_with(&["T1", "T2", "T3"]), "{clauses:?}");
    let shown = stdout(&touchstone(&folder, &["ablate", &a, "a"]));
    assert!(shown.contains("without"), "{shown}");
    assert!(refusal(&folder, &["ablate", &a, "nothing"]).contains("no case nothing"));
    assert!(refusal(&folder, &["diff", &a, &b, "--samples", "0"]).contains("1 to 256"));

    let coverage = json(&folder, &["coverage", &a, "--ablate", "--json"]);
    assert_eq!(coverage["ablated"], true);
    let t1 = &coverage["clauses"][0];
    assert_eq!(t1["dead"], t1["decisive"] == 0);
    let shown = stdout(&touchstone(&folder, &["coverage", &a, "--ablate"]));
    assert!(shown.contains("decide no case"), "{shown}");
}
