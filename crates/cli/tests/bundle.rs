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

/// The sample's tobacco policy with its first cases, and a gate that any run meets.
fn workspace(cases: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["policies", "fixtures"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let policy = std::fs::read(repository().join("policies/tobacco.md")).unwrap();
    std::fs::write(folder.path().join("policies/tobacco.md"), policy).unwrap();
    let suite = std::fs::read_to_string(repository().join("fixtures/tobacco.jsonl")).unwrap();
    let first: String = suite.split_inclusive('\n').take(cases).collect();
    std::fs::write(folder.path().join("fixtures/tobacco.jsonl"), first).unwrap();
    gated(&folder, "unparsed_max = 1000");
    folder
}

fn gated(folder: &TempDir, gate: &str) {
    let config = format!("[gates]\n{gate}\n");
    std::fs::write(folder.path().join("touchstone.toml"), config).unwrap();
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

/// A workspace with a run over few cases, a key pair, and the bundle that the key signed.
fn released() -> TempDir {
    released_with(6)
}

fn released_with(cases: usize) -> TempDir {
    let folder = workspace(cases);
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

/// The whole suite of the sample: every verdict again on a machine that has the bundle alone,
/// and the same bytes when it is exported again.
#[test]
fn a_clean_machine_gets_the_same_verdicts_over_the_whole_suite() {
    let here = released_with(usize::MAX);
    let suite = std::fs::read_to_string(here.path().join("fixtures/tobacco.jsonl")).unwrap();
    let cases = suite.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(cases > 50, "the sample's suite is no small one");
    export_again(&here);

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
    assert_eq!(report["rerun"]["vectors"], cases);
    assert_eq!(report["rerun"]["equal"], cases, "{}", report["rerun"]);
    assert_eq!(report["rerun"]["divergences"], Value::Array(vec![]));
    assert_eq!(report["rerun"]["same_model"], true);
    assert_eq!(report["signatures"][0]["name"], "Ada");
    assert_eq!(report["signatures"][0]["trust"]["kind"], "trusted");
    let left: Vec<_> = std::fs::read_dir(clean.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "verification writes nothing: {left:?}");
}

/// And the whole way round: imported, judged here, and nothing differs.
#[test]
fn an_imported_run_is_judged_alike_here() {
    let here = released();
    let clean = tempfile::tempdir().unwrap();
    let bundle = clean.path().join("tobacco.tar.gz");
    std::fs::copy(here.path().join("tobacco.tar.gz"), bundle).unwrap();
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

fn export_again(folder: &TempDir) {
    let mut args = vec![
        "bundle",
        "export",
        "--policy",
        "tobacco",
        "-o",
        "again.tar.gz",
    ];
    args.extend(SIGNED);
    told(folder, &args, 0);
    let [first, second] = ["tobacco.tar.gz", "again.tar.gz"]
        .map(|name| std::fs::read(folder.path().join(name)).unwrap());
    assert!(first == second, "two exports differ");
}

/// A revision that does not meet its gates stays, unless it is said that it leaves all the
/// same; then all that leaves says so.
#[test]
fn what_does_not_meet_its_gates_is_refused_or_marked() {
    let folder = released();
    gated(&folder, "cases_per_label_min = 1000");
    let export = ["bundle", "export", "--policy", "tobacco", "-o"];
    let with = |rest: &[&'static str]| [&export[..], rest].concat();
    for as_what in [
        &["x.tar.gz"][..],
        &["x", "--as", "opa"],
        &["x", "--as", "report"],
    ] {
        let refused = touchstone(&folder, &with(as_what));
        assert_eq!(refused.status.code(), Some(1), "{as_what:?}");
        let reason = stderr(&refused);
        assert!(
            reason.contains("does not meet its gates") && reason.contains("1000"),
            "{reason}"
        );
        assert!(!folder.path().join(as_what[0]).exists());
    }
    let allowed = "--allow-unmet-gates";
    told(&folder, &with(&["x.tar.gz", allowed]), 0);
    let holds = told(&folder, &["bundle", "verify", "x.tar.gz"], 0);
    assert!(holds.contains("gates    NOT MET: 1 of 1"), "{holds}");
    told(&folder, &with(&["x.html", "--as", "report", allowed]), 0);
    let page = std::fs::read_to_string(folder.path().join("x.html")).unwrap();
    assert!(page.contains("Not every release gate is met."));
    told(&folder, &with(&["x", "--as", "opa", allowed]), 0);
    assert!(folder.path().join("x/GATES-NOT-MET.md").is_file());

    std::fs::remove_file(folder.path().join("touchstone.toml")).unwrap();
    let refused = touchstone(&folder, &with(&["y.tar.gz"]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("sets no gate"),
        "{}",
        stderr(&refused)
    );
    told(&folder, &with(&["y.tar.gz", allowed]), 0);
    let holds = told(&folder, &["bundle", "verify", "y.tar.gz"], 0);
    assert!(holds.contains("gates    none was set"), "{holds}");

    // A broken file is nobody's permission.
    gated(&folder, "recall_mim = 0.9");
    let broken = touchstone(&folder, &with(&["z.tar.gz", allowed]));
    assert_eq!(broken.status.code(), Some(2), "{}", stderr(&broken));
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
