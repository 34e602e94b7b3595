//! Each command over Tauri's own IPC, without a window: names, arguments and results as
//! the page sends and receives them, on a copy of the sample workspace.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bundles;
mod insight;
mod screens;
mod servers;

use crate::commands;
use crate::host::Host;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder, mock_context};
use tauri::webview::InvokeRequest;
use tauri::{App, Manager, WebviewWindow, WebviewWindowBuilder};

struct Page {
    // Dropped last: the app's studio writes into it.
    window: WebviewWindow<MockRuntime>,
    _app: App<MockRuntime>,
    folder: tempfile::TempDir,
}

fn page(prepare: impl FnOnce(&Path)) -> Page {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (part, ending) in [("policies", "md"), ("fixtures", "jsonl")] {
        fs::create_dir(folder.path().join(part)).unwrap();
        for entry in fs::read_dir(root.join(part)).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|found| found == ending) {
                fs::copy(&path, folder.path().join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    prepare(folder.path());
    let app = mock_builder()
        .invoke_handler(commands::handler())
        .build(mock_context(tauri::test::noop_assets()))
        .unwrap();
    app.manage(Host::new(Some(folder.path().to_owned())));
    let window = WebviewWindowBuilder::new(&app, "main", Default::default())
        .build()
        .unwrap();
    Page {
        window,
        _app: app,
        folder,
    }
}

impl Page {
    /// What the page's `invoke(command, arguments)` resolves to, or rejects with.
    fn call(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        let request = InvokeRequest {
            cmd: command.into(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: "tauri://localhost".parse().unwrap(),
            body: InvokeBody::Json(arguments),
            headers: Default::default(),
            invoke_key: INVOKE_KEY.to_string(),
        };
        let reply = get_ipc_response(&self.window, request);
        reply.map(|body| body.deserialize().unwrap())
    }

    fn get(&self, command: &str, arguments: Value) -> Value {
        let reply = self.call(command, arguments);
        reply.unwrap_or_else(|failure| panic!("{command}: {failure}"))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap()
    }
}

fn code(failure: &Value) -> &str {
    failure["code"].as_str().unwrap_or("none")
}

#[test]
fn the_workspace_lists_its_policies() {
    let page = page(|_| {});
    let view = page.get("workspace", json!({}));
    let names: Vec<&str> = view["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"tobacco") && names.len() >= 4, "{names:?}");
    assert!(view["policies"][0]["cases"].as_u64().unwrap() >= 40);
}

#[test]
fn a_policy_opens_with_its_suite_and_is_analysed() {
    let page = page(|_| {});
    let document = page.get("open_policy", json!({ "name": "tobacco" }));
    let text = document["text"].as_str().unwrap();
    assert_eq!(text, page.read("policies/tobacco.md"));
    assert!(document["suite"]["cases"].as_array().unwrap().len() >= 40);

    let shorter = text.replace("T2 Promotes smoking or vaping as desirable.\n", "");
    let arguments = json!({ "name": "tobacco", "text": shorter, "baseline": null });
    let analysis = page.get("analyze", arguments);
    let clauses = |analysis: &Value| analysis["clauses"].as_array().unwrap().len();
    assert_eq!(clauses(&analysis) + 1, clauses(&document["analysis"]));
    assert_ne!(analysis["revision"], document["analysis"]["revision"]);

    let failure = page
        .call("open_policy", json!({ "name": "nothing" }))
        .unwrap_err();
    assert_eq!(code(&failure), "input");
    assert!(
        failure["message"].as_str().unwrap().contains("nothing"),
        "{failure}"
    );
}

#[test]
fn saving_is_refused_when_the_file_has_changed() {
    let page = page(|_| {});
    let document = page.get("open_policy", json!({ "name": "spam" }));
    let text = document["text"].as_str().unwrap().replace("SP2.a", "SP2.x");
    let arguments = json!({ "name": "spam", "text": text, "baseHash": document["file_hash"] });
    assert_eq!(page.get("save_policy", arguments.clone())["kind"], "saved");
    assert_eq!(page.read("policies/spam.md"), text);
    // The same call again begins from bytes that are no longer there.
    let other = json!({ "name": "spam", "text": "other", "baseHash": document["file_hash"] });
    let refused = page.get("save_policy", other);
    assert_eq!(refused["kind"], "conflict");
    assert_eq!(refused["disk_text"], text);
    assert_eq!(page.read("policies/spam.md"), text);
}

#[test]
fn a_case_is_added_and_removed_in_its_file() {
    let page = page(|_| {});
    let before = page.read("fixtures/tobacco.jsonl");
    let suite = page.get("open_policy", json!({ "name": "tobacco" }))["suite"].clone();
    let case = json!({ "id": "new-1", "content": "A new case", "kind": "user_input" });
    let edit = json!({ "kind": "add", "case": case });
    let arguments = json!({ "name": "tobacco", "baseHash": suite["file_hash"], "edit": edit });
    let saved = page.get("edit_suite", arguments);
    assert_eq!(saved["saved"], true);
    assert!(page.read("fixtures/tobacco.jsonl").starts_with(&before));
    assert!(page.read("fixtures/tobacco.jsonl").contains("A new case"));
    let hash = &saved["suite"]["file_hash"];
    let edit = json!({ "kind": "remove", "id": "new-1" });
    let arguments = json!({ "name": "tobacco", "baseHash": hash, "edit": edit });
    assert_eq!(page.get("edit_suite", arguments)["saved"], true);
    assert_eq!(page.read("fixtures/tobacco.jsonl"), before);
}

#[test]
fn a_new_policy_becomes_a_file() {
    let page = page(|_| {});
    let arguments = json!({ "name": "scams", "title": "Scams" });
    let document = page.get("create_policy", arguments.clone());
    assert_eq!(
        document["text"].as_str().unwrap(),
        page.read("policies/scams.md")
    );
    let failure = page.call("create_policy", arguments).unwrap_err();
    assert!(
        failure["message"].as_str().unwrap().contains("scams"),
        "{failure}"
    );
    let outside = json!({ "name": "../outside", "title": "Outside" });
    assert_eq!(
        code(&page.call("create_policy", outside).unwrap_err()),
        "input"
    );
}

#[test]
fn another_workspace_is_opened_and_a_missing_one_leaves_the_first() {
    let first = page(|_| {});
    let other = page(|folder| fs::remove_file(folder.join("policies/spam.md")).unwrap());
    let missing = first.folder.path().join("missing");
    let failure = first
        .call("open_workspace", json!({ "path": missing }))
        .unwrap_err();
    assert!(
        failure["message"].as_str().unwrap().contains("missing"),
        "{failure}"
    );
    assert!(first.call("open_policy", json!({ "name": "spam" })).is_ok());
    first.get("open_workspace", json!({ "path": other.folder.path() }));
    assert!(
        first
            .call("open_policy", json!({ "name": "spam" }))
            .is_err()
    );
}

#[test]
fn a_run_judges_and_is_found_again() {
    let page = page(|_| {});
    let text = page.read("policies/tobacco.md");
    let request = json!({
        "policy": "tobacco", "text": text, "effort": "low", "baseline": null,
        "delay_ms": 0, "only": ["tobacco-001", "tobacco-002"],
    });
    page.get("watch_trace", json!({ "case": "tobacco-001" }));
    page.get(
        "evaluate",
        json!({ "request": request, "onEvent": "__CHANNEL__:7" }),
    );
    let runs = page.get("runs", json!({ "policy": "tobacco" }));
    let run = &runs[0]["run"];
    assert_eq!(runs[0]["state"], "finished", "{runs}");
    let view = page.get("run_view", json!({ "run": run, "baseline": null }));
    let judged = view["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| !row["verdict"].is_null());
    assert_eq!(judged.count(), 2);
    let arguments = json!({ "run": run, "case": "tobacco-001", "baseline": null });
    let trace = page.get("trace", arguments);
    assert!(!trace["trace"].as_str().unwrap().is_empty());
    assert_eq!(page.get("restore", json!({ "run": run })), text);
    page.get("set_baseline", json!({ "policy": "tobacco", "run": run }));
    let runs = page.get("runs", json!({ "policy": "tobacco" }));
    assert_eq!(runs[0]["is_baseline"], true);
}

#[test]
fn a_run_is_released_once_it_meets_its_gates() {
    let page = page(|folder| {
        let suite = fs::read_to_string(folder.join("fixtures/tobacco.jsonl")).unwrap();
        let first = suite.lines().next().unwrap();
        fs::write(folder.join("fixtures/tobacco.jsonl"), first).unwrap();
        let gates = "[gates]\nunparsed_max = 0\ncases_per_label_min = 100\n";
        fs::write(folder.join("touchstone.toml"), gates).unwrap();
    });
    let view = || page.get("release_view", json!({ "policy": "tobacco" }));
    assert_eq!(view()["blocks"], json!(["not_run"]));
    let mut request = json!({ "policy": "tobacco", "effort": "low", "delay_ms": 0, "only": [] });
    request["text"] = page.read("policies/tobacco.md").into();
    let arguments = json!({ "request": request, "onEvent": "__CHANNEL__:9" });
    page.get("evaluate", arguments);
    assert_eq!(view()["blocks"], json!(["gates_not_met"]));
    let arguments = json!({ "policy": "tobacco", "version": "1", "changeLog": "The first." });
    assert!(page.call("release", arguments.clone()).is_err());
    fs::write(
        page.folder.path().join("touchstone.toml"),
        "[gates]\nunparsed_max = 2\n",
    )
    .unwrap();
    assert_eq!(view()["blocks"], json!([]));
    assert_eq!(page.get("release", arguments)["version"], "1");
    let run = view()["run"]["run"].clone();
    let request = json!({
        "run": run, "name": "Mara", "role": "owner", "key": null, "statement": "I have read it.",
    });
    let sign_offs = page.get("sign_off", json!({ "request": request }));
    assert_eq!(sign_offs[0]["name"], "Mara");
    assert_eq!(view()["releases"][0]["sign_offs"], sign_offs);
}

#[test]
fn calls_without_effect_are_no_errors() {
    let page = page(|_| {});
    page.get("cancel", json!({}));
    page.get("watch", json!({ "onEvent": "__CHANNEL__:3" }));
    page.get("drops", json!({ "onEvent": "__CHANNEL__:5" }));
    assert_eq!(page.get("runs", json!({ "policy": "tobacco" })), json!([]));
    let missing = json!({ "run": 999, "onEvent": "__CHANNEL__:4" });
    assert!(page.call("resume", missing).is_err());
    assert!(
        page.call("select_model", json!({ "id": "no such folder" }))
            .is_err()
    );
}

#[test]
fn a_corrupted_database_is_explained_at_every_call() {
    let page = page(|folder| {
        fs::create_dir(folder.join(".touchstone")).unwrap();
        fs::write(
            folder.join(".touchstone/studio.db"),
            "not a database, but long enough",
        )
        .unwrap();
    });
    for _ in 0..2 {
        let failure = page.call("workspace", json!({})).unwrap_err();
        assert_eq!(code(&failure), "bad_database");
        assert!(
            failure["message"].as_str().unwrap().contains("studio.db"),
            "{failure}"
        );
    }
    // The remedy works without a restart.
    let view = page.get("move_database_aside", json!({}));
    let problem = view["problems"][0]["message"].as_str().unwrap();
    assert!(problem.contains(".kept-"), "{problem}");
    assert!(page.call("workspace", json!({})).is_ok());
}

#[test]
fn without_a_workspace_the_window_asks_for_one() {
    let app = mock_builder()
        .invoke_handler(commands::handler())
        .build(mock_context(tauri::test::noop_assets()))
        .unwrap();
    app.manage(Host::new(None));
    let window = WebviewWindowBuilder::new(&app, "main", Default::default())
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let page = Page {
        window,
        _app: app,
        folder,
    };
    let failure = page.call("workspace", json!({})).unwrap_err();
    assert_eq!(code(&failure), "input");
}

#[test]
fn models_are_listed_described_and_verified() {
    let page = page(|_| {});
    let all = page.get("models", json!({}));
    assert_eq!(all["installed"][0]["id"], "pebble");
    assert!(all["machine"]["memory_total_bytes"].as_u64().unwrap() > 0);
    let info = page.get("model_info", json!({ "id": "pebble" }));
    assert_eq!(
        (&info["layers"], &info["memory"]["fits"]),
        (&json!(6), &json!(true))
    );
    let asked = json!({ "id": "pebble", "onProgress": "__CHANNEL__:9" });
    assert_eq!(page.get("verify_model", asked)["faults"], json!([]));
    // Refused before any network is touched.
    let request = json!({ "repository": "nonsense", "revision": null, "endpoint": null });
    let asked = json!({ "request": request, "onProgress": "__CHANNEL__:10" });
    let failure = page.call("fetch_model", asked).unwrap_err();
    assert!(
        failure["message"].as_str().unwrap().contains("OWNER/MODEL"),
        "{failure}"
    );
    page.get("cancel_model_task", json!({}));
}
