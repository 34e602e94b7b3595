//! The command with a model on a server: addresses, leave, keys, and runs that go on after
//! the server failed.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../remote/tests/faulty/mod.rs"]
#[expect(dead_code, reason = "the client's own tests use the rest of it")]
mod faulty;

use faulty::{Act, Faulty, MODEL};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const POLICY: &str = "---\nid: ads\ntitle: Ads\nlabels:\n  VIOLATES: violates\n  SAFE: safe\n---\n# Ads\n\nAnswer VIOLATES or SAFE.\n\n## Violates\nT1 Offers to sell tobacco.\n\n## Safe\nT3 Other talk.\n";

const SUITE: &str = r#"{"id": "a", "content": "Cartons for sale.", "expected": "violates"}
{"id": "b", "content": "The museum shows pipes.", "expected": "safe"}
{"id": "c", "content": "Nice weather.", "expected": "safe"}
"#;

fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["policies", "fixtures"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("policies/ads.md"), POLICY).unwrap();
    std::fs::write(folder.path().join("fixtures/ads.jsonl"), SUITE).unwrap();
    folder
}

fn command(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    command
        .args(args)
        .current_dir(folder.path())
        // Of these tests alone, and outside of the workspace.
        .env("TOUCHSTONE_KEYS", folder.path().with_extension("keys"));
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

fn refusal(folder: &TempDir, args: &[&str]) -> String {
    let output = touchstone(folder, args);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{args:?}: {}",
        stderr(&output)
    );
    stderr(&output)
}

fn sensible(user: &str) -> Act {
    if user.contains("sale") {
        Act::Answer("An offer: T1.", "VIOLATES T1")
    } else {
        Act::Answer("Other talk: T3.", "SAFE T3")
    }
}

#[test]
fn a_run_by_a_server_says_who_judged_and_what_was_counted() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Faulty::start(|user, _| sensible(user)));
    let folder = workspace();
    let address = format!("{}#{MODEL}", server.url);
    json(
        &folder,
        &[
            "server",
            "add",
            &address,
            "--price-in",
            "2",
            "--price-out",
            "8",
            "--json",
        ],
    );
    let run = json(
        &folder,
        &["run", "--policy", "ads", "--model", &address, "--json"],
    );
    let verdicts: Vec<&str> = run["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| outcome["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["violates", "safe", "safe"]);
    assert_eq!(run["settings"]["server"]["url"], server.url.as_str());
    assert_eq!(run["settings"]["server"]["repeats"], false);
    assert_eq!(run["usage"]["prompt_tokens"], 60);
    assert_eq!(run["usage"]["currency"], "USD");
    let text = stdout(&touchstone(
        &folder,
        &["run", "--policy", "ads", "--model", &address],
    ));
    assert!(
        text.contains("60 tokens read (48 in its cache), 12 written, cost 0.0002 USD"),
        "{text}"
    );
    assert!(
        text.contains("does not promise the same answer twice"),
        "{text}"
    );
    // touchstone.toml names it as well.
    std::fs::write(
        folder.path().join("touchstone.toml"),
        format!("model = \"{address}\"\n"),
    )
    .unwrap();
    let again = json(&folder, &["run", "--policy", "ads", "--json"]);
    assert_eq!(again["run"], run["run"]);
    let found = json(&folder, &["server", "models", &server.url, "--json"]);
    assert_eq!(found["models"][0]["address"], address.as_str());
    let tested = json(&folder, &["server", "test", &server.url, "--json"]);
    assert_eq!(tested["server"]["model"], MODEL);
}

#[test]
fn content_leaves_the_machine_only_with_leave() {
    let folder = workspace();
    // A name that no resolver answers for.
    const AWAY: &str = "https://gpu.example.invalid/v1#m";
    let run = ["run", "--policy", "ads", "--model", AWAY];
    let refused = refusal(&folder, &run);
    assert!(
        refused.contains("would leave this machine, for gpu.example.invalid"),
        "{refused}"
    );
    assert!(refused.contains("--allow-host"), "{refused}");
    let given = [&run[..], &["--allow-host", "gpu.example.invalid"]].concat();
    let tried = refusal(&folder, &given);
    assert!(tried.contains("cannot be reached"), "{tried}");
    assert!(
        refusal(&folder, &run).contains("would leave this machine"),
        "leave was stored"
    );

    stdout(&touchstone(
        &folder,
        &["server", "allow", "gpu.example.invalid"],
    ));
    assert!(refusal(&folder, &run).contains("cannot be reached"));
    let plain = [
        "run",
        "--policy",
        "ads",
        "--model",
        "http://gpu.example.invalid/v1#m",
    ];
    assert!(refusal(&folder, &plain).contains("not encrypted"));
    let listed = json(&folder, &["server", "list", "--json"]);
    assert_eq!(listed["hosts"][0]["host"], "gpu.example.invalid");
    stdout(&touchstone(
        &folder,
        &["server", "forbid", "gpu.example.invalid"],
    ));
    assert!(refusal(&folder, &run).contains("would leave this machine"));
    assert!(
        refusal(&folder, &["server", "allow", "https://x.example/v1"]).contains("no host's name")
    );
}

#[test]
fn a_key_comes_by_standard_input_and_is_shown_nowhere() {
    const KEY: &str = "sk-00112233445566";
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Faulty::start(|user, _| match user {
        "Nice weather." => Act::EchoKey(401),
        _ => sensible(user),
    }));
    let folder = workspace();
    let store = |text: &str| {
        let mut child = command(&folder, &["server", "key", &server.url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    let said = stdout(&store(&format!("{KEY}\n")));
    assert!(
        said.contains("readable by you alone") && !said.contains(KEY),
        "{said}"
    );
    let run = command(&folder, &["run", "--policy", "ads", "--model", &server.url])
        .env("TOUCHSTONE_LOG", "trace")
        .output()
        .unwrap();
    let log = stderr(&run);
    assert!(
        log.contains("refused the stored key") && log.contains("[key]"),
        "{log}"
    );
    assert!(log.contains("TRACE"), "nothing was logged");
    assert!(!log.contains(KEY), "the log holds the key");
    for entry in std::fs::read_dir(folder.path().join(".touchstone")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
    }
    let removed = ["server", "key", &server.url, "--remove"];
    assert!(stdout(&touchstone(&folder, &removed)).contains("is removed"));
    assert_eq!(store(" \n").status.code(), Some(2));
    std::fs::remove_dir_all(folder.path().with_extension("keys")).unwrap();
}

#[test]
fn a_run_that_a_server_left_unfinished_is_resumed() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Faulty::start(|user, nth| match user {
        "Nice weather." if nth == 0 => Act::OtherModel("SAFE"),
        _ => sensible(user),
    }));
    let folder = workspace();
    let failed = refusal(&folder, &["run", "--policy", "ads", "--model", &server.url]);
    assert!(
        failed.contains("1 of 3 cases have no answer yet. c: "),
        "{failed}"
    );
    assert!(failed.contains("resume run 1"), "{failed}");
    let resumed = [
        "run",
        "--policy",
        "ads",
        "--model",
        &server.url,
        "--resume",
        "1",
        "--json",
    ];
    assert_eq!(
        json(&folder, &resumed)["outcomes"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(server.bodies().len(), 4);
}
