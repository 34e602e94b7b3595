//! `check`, `release`, `sign-off`, `fmt`, `baseline` and `restore` as programs: exit status,
//! files and messages, with the demonstration model judging. The gates are such that they
//! pass or fail whatever it says.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const POLICY: &str = "---\nid: ads\ntitle: Ads\nlabels:\n  VIOLATES: violates\n  SAFE: safe\n---\n# Ads\n\n## Instruction\nJudge one message. Answer VIOLATES or SAFE with the rule that decides.\n\n## Violates\nT1 Offers to sell tobacco.\nT2 Promotes smoking.\n\n## Safe\nT3 History of tobacco.\n";

const SUITE: &str = "{\"id\": \"a\", \"content\": \"Two cartons of cigarettes for sale.\", \"kind\": \"user_input\", \"expected\": \"violates\"}\n{\"id\": \"b\", \"content\": \"The museum shows pipes from 1700.\", \"kind\": \"user_input\", \"expected\": \"safe\"}\n";

const MET: &str = "[gates]\nrecall_min = 0\nunparsed_max = 2\ncases_per_label_min = 1\n";
const NOT_MET: &str = "[gates]\nrecall_min = 0\ncases_per_label_min = 100\n";

fn workspace(gates: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "policies/ads.md", POLICY);
    write(&folder, "fixtures/ads.jsonl", SUITE);
    write(&folder, "touchstone.toml", gates);
    folder
}

fn write(folder: &TempDir, file: &str, text: &str) {
    let path = folder.path().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn read(folder: &TempDir, file: &str) -> String {
    std::fs::read_to_string(folder.path().join(file)).unwrap()
}

fn touchstone(folder: &TempDir, args: &[&str]) -> Output {
    let pebble = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pebble");
    Command::new(env!("CARGO_BIN_EXE_touchstone"))
        .args(args)
        .current_dir(folder.path())
        .env("TOUCHSTONE_PEBBLE", pebble)
        .output()
        .unwrap()
}

/// Standard output and standard error of a command that ends with this status.
fn ended(folder: &TempDir, status: i32, args: &[&str]) -> (String, String) {
    let output = touchstone(folder, args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{args:?}: {out}{err}");
    (out, err)
}

fn json(folder: &TempDir, status: i32, args: &[&str]) -> Value {
    serde_json::from_str(&ended(folder, status, args).0).unwrap()
}

#[test]
fn gates_that_are_met_end_with_0_and_leave_their_reports() {
    let folder = workspace(MET);
    let args = ["check", "--junit", "out.xml", "--summary", "out.md"];
    let (out, _) = ended(&folder, 0, &args);
    assert!(out.contains("\nall 3 gates passed\n"), "{out}");
    assert!(
        out.contains("✓ unparsed replies at most 2: it is "),
        "{out}"
    );
    let junit = read(&folder, "out.xml");
    assert!(
        junit.contains(
            "<testsuite name=\"ads\" tests=\"3\" skipped=\"0\" errors=\"0\" failures=\"0\">"
        ),
        "{junit}"
    );
    assert!(junit.contains("classname=\"touchstone.ads\""), "{junit}");
    let summary = read(&folder, "out.md");
    assert!(
        summary.starts_with("## Touchstone: all 3 gates passed\n\n### ads\n"),
        "{summary}"
    );
    assert_eq!(summary.matches("| ✅ |").count(), 3, "{summary}");
    // The outcomes are known now: the same again takes them over.
    let again = json(
        &folder,
        0,
        &["check", "--policy", "policies/ads.md", "--json"],
    );
    assert_eq!(again["passed"], true);
    let keys: Vec<&str> = again["policies"][0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "policy",
            "passed",
            "run",
            "revision",
            "baseline",
            "model_name",
            "model_digest",
            "metrics",
            "gates"
        ]
    );
    assert_eq!(
        again["policies"][0]["gates"][0]["gate"],
        "[gates] recall_min"
    );
    let runs = json(&folder, 0, &["runs", "--json"]);
    assert_eq!(runs.as_array().unwrap().len(), 1);
}

#[test]
fn a_gate_that_is_not_met_ends_with_1_and_says_which() {
    let folder = workspace(NOT_MET);
    let (out, _) = ended(
        &folder,
        1,
        &["check", "--junit", "out.xml", "--summary", "out.md"],
    );
    assert!(
        out.contains("✗ cases per label at least 100: it is 1: VIOLATES has 1, SAFE has 1."),
        "{out}"
    );
    assert!(out.contains("\n1 of 2 gates not met\n"), "{out}");
    let junit = read(&folder, "out.xml");
    assert!(junit.contains("failures=\"1\""), "{junit}");
    assert!(junit.contains("type=\"cases_per_label_min\""), "{junit}");
    assert!(
        junit.contains("touchstone.toml:3 [gates] cases_per_label_min"),
        "{junit}"
    );
    assert!(read(&folder, "out.md").contains("(`touchstone.toml`, line 3)"));
    let found = json(&folder, 1, &["check", "--json"]);
    assert_eq!(found["policies"][0]["gates"][1]["state"], "failed");
}

#[test]
fn what_cannot_be_checked_ends_with_2_and_leaves_no_report() {
    let folder = workspace("[gates]\nrecal_min = 0.9\n");
    let refused = |args: &[&str]| ended(&folder, 2, args).1;
    let args = ["check", "--junit", "out.xml", "--summary", "out.md"];
    assert_eq!(
        refused(&args),
        "error: touchstone.toml:2: [gates] has an unknown key recal_min. Did you mean recall_min?\n"
    );
    assert!(!folder.path().join("out.xml").exists() && !folder.path().join("out.md").exists());
    std::fs::remove_file(folder.path().join("touchstone.toml")).unwrap();
    assert!(refused(&args).contains("touchstone.toml sets no gate"));
    write(
        &folder,
        "touchstone.toml",
        "[gates.policies.other]\nrecall_min = 1\n",
    );
    write(&folder, "policies/other.md", POLICY);
    assert!(refused(&["check", "--policy", "ads"]).contains("sets no gate for ads"));
    assert!(refused(&["check"]).contains("The policy other has no suite"));
    write(&folder, "touchstone.toml", MET);
    write(&folder, "fixtures/ads.jsonl", &format!("{SUITE}broken\n"));
    assert!(refused(&["check", "--policy", "ads"]).contains("fixtures/ads.jsonl:3: "));
    assert!(refused(&["check", "--policy", "nope"]).contains("There is no policy nope"));
    write(&folder, "fixtures/ads.jsonl", SUITE);
    assert!(
        refused(&["check", "--policy", "ads", "--against", "nope"])
            .contains("nope is no workspace")
    );
}

#[test]
fn regressions_are_looked_for_against_another_checkout() {
    let folder = workspace("[gates]\nregressions_max = 2\n");
    // Alone, a first run has nothing before it, which is not a pass.
    let (out, _) = ended(&folder, 1, &["check"]);
    assert!(out.contains("it cannot be measured"), "{out}");
    let base = workspace("");
    let against = base.path().to_string_lossy().into_owned();
    let same = json(&folder, 0, &["check", "--against", &against, "--json"]);
    assert_eq!(same["policies"][0]["gates"][0]["value"], 0.0);
    assert_eq!(same["policies"][0]["baseline"], same["policies"][0]["run"]);
    write(
        &base,
        "policies/ads.md",
        &POLICY.replace("T1 Offers to sell tobacco.\n", ""),
    );
    let other = json(&folder, 0, &["check", "--against", &against, "--json"]);
    assert!(other["policies"][0]["gates"][0]["value"].is_number());
    assert_ne!(
        other["policies"][0]["baseline"],
        other["policies"][0]["run"]
    );
    let revision = |report: &Value| report["policies"][0]["revision"].clone();
    assert_eq!(revision(&other), revision(&same));
    std::fs::remove_file(base.path().join("policies/ads.md")).unwrap();
    let (_, err) = ended(&folder, 0, &["check", "--against", &against]);
    assert!(
        err.contains("ads is new and has nothing to regress from"),
        "{err}"
    );
}

#[test]
fn a_release_is_recorded_signed_off_and_listed() {
    let folder = workspace(NOT_MET);
    let (_, err) = ended(&folder, 2, &["release", "--policy", "ads"]);
    assert!(
        err.contains("Not every gate is met: cases per label"),
        "{err}"
    );
    write(&folder, "touchstone.toml", MET);
    let (draft, _) = ended(&folder, 0, &["release", "--policy", "ads", "--draft"]);
    assert!(
        draft.starts_with("First release: 3 clauses, 2 cases."),
        "{draft}"
    );
    write(&folder, "log.md", "Everything is new.\n");
    let release = json(
        &folder,
        0,
        &[
            "release",
            "--policy",
            "ads",
            "--version",
            "2026-11",
            "--change-log",
            "log.md",
            "--json",
        ],
    );
    assert_eq!(
        (&release["version"], &release["change_log"]),
        (&"2026-11".into(), &"Everything is new.".into())
    );
    let run = release["run"].to_string();
    let by = [
        "sign-off",
        &run,
        "--name",
        "Mara",
        "--role",
        "policy owner",
        "--statement",
        "I have read it.",
    ];
    assert_eq!(
        ended(&folder, 0, &by).0,
        "Mara, policy owner: I have read it.\n"
    );
    let (listed, _) = ended(&folder, 0, &["releases"]);
    assert!(
        listed.starts_with("ads 2026-11 · run 1 · revision "),
        "{listed}"
    );
    assert!(
        listed.contains("  Mara, policy owner: I have read it.\n"),
        "{listed}"
    );
    let (_, err) = ended(&folder, 2, &["release", "--policy", "ads"]);
    assert!(err.contains("is release 2026-11 already"), "{err}");
    let (_, err) = ended(
        &folder,
        2,
        &[
            "sign-off",
            "9",
            "--name",
            "x",
            "--role",
            "y",
            "--statement",
            "z",
        ],
    );
    assert!(err.contains("no run 9"), "{err}");
}

#[test]
fn files_are_written_in_their_canonical_form() {
    let folder = workspace(MET);
    write(
        &folder,
        "policies/ads.md",
        &POLICY.replace("id: ads\ntitle: Ads\n", "title: Ads\nid: ads\n"),
    );
    write(
        &folder,
        "fixtures/ads.jsonl",
        SUITE.replace("\": ", "\":").trim_end(),
    );
    let (out, err) = ended(&folder, 1, &["fmt", "--check"]);
    assert_eq!(
        (out.as_str(), err.as_str()),
        (
            "policies/ads.md\nfixtures/ads.jsonl\n",
            "2 of 2 files not in canonical form\n"
        )
    );
    ended(&folder, 0, &["fmt", "fixtures/ads.jsonl"]);
    assert_eq!(read(&folder, "fixtures/ads.jsonl"), SUITE);
    ended(&folder, 0, &["fmt"]);
    assert_eq!(read(&folder, "policies/ads.md"), POLICY);
    ended(&folder, 0, &["fmt", "--check"]);
    write(&folder, "fixtures/ads.jsonl", "{}\n");
    let (_, err) = ended(&folder, 2, &["fmt"]);
    assert!(
        err.contains("error: fixtures/ads.jsonl:1: The field \"content\" is missing"),
        "{err}"
    );
}

#[test]
fn a_baseline_is_chosen_and_a_text_is_restored() {
    let folder = workspace(MET);
    ended(&folder, 0, &["run", "--policy", "ads"]);
    write(
        &folder,
        "policies/ads.md",
        &POLICY.replace("T2 Promotes", "T2 Praises"),
    );
    ended(&folder, 0, &["run", "--policy", "ads"]);
    assert_eq!(
        json(&folder, 0, &["baseline", "--policy", "ads", "--json"])["run"],
        1
    );
    assert_eq!(
        json(&folder, 0, &["baseline", "--policy", "ads", "2", "--json"])["run"],
        2
    );
    assert_eq!(
        json(
            &folder,
            0,
            &["baseline", "--policy", "ads", "--clear", "--json"]
        )["run"],
        1
    );
    let (_, err) = ended(&folder, 2, &["baseline", "--policy", "ads", "7"]);
    assert!(err.contains("no run 7"), "{err}");
    assert_eq!(ended(&folder, 0, &["restore", "1"]).0, POLICY);
    ended(&folder, 0, &["restore", "1", "-o", "policies/ads.md"]);
    assert_eq!(read(&folder, "policies/ads.md"), POLICY);
}
