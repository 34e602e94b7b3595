//! Touchstone asks `touchstone serve`: the verdicts of the local run, all of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Enough for several batches, few enough for a debug build.
const CASES: usize = 24;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    command
        .args(args)
        .current_dir(folder)
        .env("TOUCHSTONE_PEBBLE", repository().join("fixtures/pebble"));
    command
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let output = command(folder, args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Ends with the test, however that ends.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server, and the base of its interface as it tells it.
fn serve(folder: &Path) -> (Serving, String) {
    let mut child = command(
        folder,
        &[
            "serve", "--policy", "tobacco", "--model", "pebble", "--port", "0",
        ],
    )
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let serving = Serving(child);
    for line in lines {
        let line = line.unwrap();
        if let Some(at) = line.find("http://") {
            let address = line[at..].split_whitespace().next().unwrap();
            return (serving, address.trim_end_matches('.').to_owned());
        }
    }
    panic!("the server ended before it listened");
}

#[test]
fn a_run_by_our_own_server_is_the_local_run() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["policies", "fixtures"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let policy = repository().join("policies/tobacco.md");
    std::fs::copy(policy, folder.path().join("policies/tobacco.md")).unwrap();
    let suite = std::fs::read_to_string(repository().join("fixtures/tobacco.jsonl")).unwrap();
    let cases: Vec<&str> = suite
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let step = (cases.len() / CASES).max(1);
    let some: Vec<&str> = cases.into_iter().step_by(step).collect();
    std::fs::write(
        folder.path().join("fixtures/tobacco.jsonl"),
        some.join("\n"),
    )
    .unwrap();

    let local = json(
        folder.path(),
        &["run", "--policy", "tobacco", "--model", "pebble", "--json"],
    );
    let (_serving, address) = serve(folder.path());
    let asked = json(
        folder.path(),
        &["run", "--policy", "tobacco", "--model", &address, "--json"],
    );

    assert_eq!(asked["settings"]["server"]["software"], "touchstone serve");
    assert_eq!(asked["settings"]["server"]["repeats"], true);
    assert_ne!(asked["model"]["digest"], local["model"]["digest"]);
    let outcomes = |run: &Value| run["outcomes"].as_array().unwrap().clone();
    let (local, asked) = (outcomes(&local), outcomes(&asked));
    assert_eq!(asked.len(), some.len());
    for (local, asked) in local.iter().zip(&asked) {
        for field in ["case", "verdict", "label", "rules", "trace"] {
            assert_eq!(asked[field], local[field], "{field}");
        }
        match (local["margin"].as_f64(), asked["margin"].as_f64()) {
            (Some(local), Some(asked)) => assert!((local - asked).abs() < 1e-6, "{local} {asked}"),
            (local, asked) => assert_eq!(local, asked),
        }
    }
}
