//! Bundles as a program makes and checks them, with the demonstration model judging. What it
//! decides is not asserted, only that it decides the same on a clean machine.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The sample's tobacco policy with its first cases.
fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["policies", "fixtures"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let policy = std::fs::read(repository().join("policies/tobacco.md")).unwrap();
    std::fs::write(folder.path().join("policies/tobacco.md"), policy).unwrap();
    let suite = std::fs::read_to_string(repository().join("fixtures/tobacco.jsonl")).unwrap();
    let first: String = suite.split_inclusive('\n').take(6).collect();
    std::fs::write(folder.path().join("fixtures/tobacco.jsonl"), first).unwrap();
    folder
}

fn touchstone(folder: &TempDir, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_touchstone"))
        .args(args)
        .current_dir(folder.path())
        .env("TOUCHSTONE_PEBBLE", repository().join("fixtures/pebble"))
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard output of a command that ends with this status.
fn told(folder: &TempDir, args: &[&str], status: i32) -> String {
    let output = touchstone(folder, args);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{args:?}: {}",
        stderr(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn json(folder: &TempDir, args: &[&str], status: i32) -> Value {
    serde_json::from_str(&told(folder, args, status)).unwrap()
}

const SIGNED: [&str; 8] = [
    "--key",
    "ada.key.pem",
    "--name",
    "Ada",
    "--role",
    "policy owner",
    "--statement",
    "Read.",
];

/// A workspace with a run, a key pair, and the bundle that the key signed.
fn released() -> TempDir {
    let folder = workspace();
    told(
        &folder,
        &["run", "--policy", "tobacco", "--model", "pebble"],
        0,
    );
    told(&folder, &["key", "new", "ada"], 0);
    let mut args = vec![
        "bundle",
        "export",
        "--policy",
        "tobacco",
        "-o",
        "tobacco.tar.gz",
    ];
    args.extend(SIGNED);
    told(&folder, &args, 0);
    folder
}

#[test]
fn a_clean_machine_gets_the_same_verdicts() {
    let here = released();
    let clean = tempfile::tempdir().unwrap();
    for name in ["tobacco.tar.gz", "ada.pub.pem"] {
        std::fs::copy(here.path().join(name), clean.path().join(name)).unwrap();
    }
    let args = [
        "bundle",
        "verify",
        "tobacco.tar.gz",
        "--rerun",
        "--trust",
        "ada.pub.pem",
        "--json",
    ];
    let report = json(&clean, &args, 0);
    assert_eq!(report["verified"], true, "{report}");
    assert_eq!(report["rerun"]["vectors"], 6);
    assert_eq!(report["rerun"]["equal"], 6);
    assert_eq!(report["rerun"]["same_model"], true);
    assert_eq!(report["signatures"][0]["name"], "Ada");
    assert_eq!(report["signatures"][0]["trust"]["kind"], "trusted");
    let left: Vec<_> = std::fs::read_dir(clean.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "verification writes nothing: {left:?}");

    // And the whole way round: imported, judged here, and nothing differs.
    std::fs::create_dir(clean.path().join("policies")).unwrap();
    let imported = json(&clean, &["bundle", "import", "tobacco.tar.gz", "--json"], 0);
    assert_eq!(
        (&imported["policy"], &imported["cases"]),
        (&"tobacco".into(), &6.into())
    );
    let run = json(
        &clean,
        &["run", "--policy", "tobacco", "--model", "pebble", "--json"],
        0,
    );
    let runs = [imported["run"].to_string(), run["run"].to_string()];
    assert_ne!(runs[0], runs[1]);
    let diff = json(&clean, &["diff", &runs[0], &runs[1], "--json"], 0);
    assert_eq!(
        (&diff["flips"], &diff["unchanged"]),
        (&Value::Array(vec![]), &6.into())
    );
}

#[test]
fn two_exports_are_byte_identical() {
    let folder = released();
    let mut args = vec![
        "bundle",
        "export",
        "--policy",
        "tobacco",
        "-o",
        "again.tar.gz",
    ];
    args.extend(SIGNED);
    told(&folder, &args, 0);
    let [first, second] = ["tobacco.tar.gz", "again.tar.gz"]
        .map(|name| std::fs::read(folder.path().join(name)).unwrap());
    assert!(first == second);
}

#[test]
fn the_exit_status_tells_what_happened() {
    let folder = released();
    let mut bytes = std::fs::read(folder.path().join("tobacco.tar.gz")).unwrap();
    let holds = told(&folder, &["bundle", "verify", "tobacco.tar.gz"], 0);
    assert!(
        holds.contains("signed   by Ada, policy owner: \"Read.\""),
        "{holds}"
    );
    assert!(
        holds.contains("no list of trusted keys was given"),
        "{holds}"
    );
    bytes.truncate(bytes.len() / 2);
    std::fs::write(folder.path().join("cut.tar.gz"), bytes).unwrap();
    let cut = told(&folder, &["bundle", "verify", "cut.tar.gz"], 1);
    assert!(
        cut.contains("does not hold") && cut.contains("cut off"),
        "{cut}"
    );
    let none = touchstone(&folder, &["bundle", "verify", "none.tar.gz"]);
    assert_eq!(none.status.code(), Some(2));
    let import = touchstone(&folder, &["bundle", "import", "cut.tar.gz"]);
    assert_eq!(import.status.code(), Some(2));
    assert!(
        stderr(&import).contains("was not imported"),
        "{}",
        stderr(&import)
    );
    told(&folder, &["key", "new", "eve"], 0);
    let stranger = [
        "bundle",
        "verify",
        "tobacco.tar.gz",
        "--trust",
        "eve.pub.pem",
    ];
    assert!(told(&folder, &stranger, 1).contains("None of the trusted keys"));
    let halves = touchstone(
        &folder,
        &[
            "bundle",
            "export",
            "--policy",
            "tobacco",
            "-o",
            "x",
            "--key",
            "ada.key.pem",
        ],
    );
    assert_eq!(halves.status.code(), Some(2));
}

#[test]
fn a_second_person_signs_and_an_unsigned_bundle_is_said_to_be_one() {
    let folder = released();
    told(
        &folder,
        &[
            "bundle",
            "export",
            "--policy",
            "tobacco",
            "-o",
            "plain.tar.gz",
        ],
        0,
    );
    let plain = told(&folder, &["bundle", "verify", "plain.tar.gz"], 0);
    assert!(plain.contains("signed   by nobody"), "{plain}");
    told(&folder, &["key", "new", "bob"], 0);
    let sign = [
        "bundle",
        "sign",
        "tobacco.tar.gz",
        "--key",
        "bob.key.pem",
        "--name",
        "Bob",
        "--role",
        "reviewer",
        "--statement",
        "Gates met.",
    ];
    told(&folder, &sign, 0);
    let report = json(
        &folder,
        &["bundle", "verify", "tobacco.tar.gz", "--json"],
        0,
    );
    let names: Vec<_> = report["signatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|by| &by["name"])
        .collect();
    assert_eq!(names, ["Ada", "Bob"]);
    assert!(report["signatures"][1]["signed_at_ms"].as_i64().unwrap() > 1_700_000_000_000);
}

#[test]
fn every_form_is_written() {
    let folder = released();
    for (format, file) in [
        ("opa", ".manifest"),
        ("promptfoo", "promptfooconfig.yaml"),
        ("evals", "registry/evals/touchstone-tobacco.yaml"),
        ("inspect", "dataset.jsonl"),
        ("roost", "datasets/tobacco.csv"),
    ] {
        let out = format!("out-{format}");
        told(
            &folder,
            &[
                "bundle", "export", "--policy", "tobacco", "--as", format, "-o", &out,
            ],
            0,
        );
        assert!(folder.path().join(&out).join(file).is_file(), "{format}");
    }
    told(
        &folder,
        &[
            "bundle",
            "export",
            "--policy",
            "tobacco",
            "--as",
            "report",
            "-o",
            "report.html",
        ],
        0,
    );
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    let schema = json(&folder, &["bundle", "schema"], 0);
    assert_eq!(schema["title"], "Manifest");
}

/// What scripts read: fields are added, never renamed.
#[test]
fn the_report_has_its_fields() {
    let folder = released();
    let report = json(
        &folder,
        &["bundle", "verify", "tobacco.tar.gz", "--json"],
        0,
    );
    let keys: Vec<_> = report
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "file",
            "verified",
            "problems",
            "summary",
            "signatures",
            "trust_given",
            "suite_matches",
            "rerun"
        ]
    );
}
