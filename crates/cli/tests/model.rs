//! `touchstone model` and `touchstone bench` as programs: exit status, JSON shapes, what is
//! said where something cannot be.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn pebble() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pebble")
}

fn command(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchstone"));
    command
        .args(args)
        .current_dir(folder.path())
        .env("TOUCHSTONE_PEBBLE", pebble())
        .env("TOUCHSTONE_MODELS", folder.path().join("kept"))
        .env("HF_HOME", folder.path().join("hub"));
    command
}

fn touchstone(folder: &TempDir, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn refusal(output: &Output) -> String {
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn pebble_is_described_with_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    let info = json(&touchstone(
        &folder,
        &["model", "info", "pebble", "--digest", "--json"],
    ));
    assert_eq!((&info["layers"], &info["experts"]), (&6.into(), &4.into()));
    assert_eq!(info["architecture"], "gpt_oss");
    assert_eq!(info["demonstration"], true);
    assert_eq!(info["digest"].as_str().unwrap().len(), 64);
    assert_eq!(info["memory"]["fits"], true);
    let text = touchstone(&folder, &["model", "info", "pebble"]);
    let text = String::from_utf8(text.stdout).unwrap();
    for words in ["2.24 million", "MXFP4", "Memory for a policy", "It fits"] {
        assert!(text.contains(words), "no {words:?} in: {text}");
    }
}

/// GPUs are hidden from CUDA, so that the answers are the same on machines that have some.
fn without_gpus(folder: &TempDir, args: &[&str]) -> Output {
    command(folder, args)
        .env("CUDA_VISIBLE_DEVICES", "")
        .output()
        .unwrap()
}

#[test]
fn without_a_gpu_it_is_said_why_the_processor_computes() {
    let folder = tempfile::tempdir().unwrap();
    let info = json(&without_gpus(
        &folder,
        &["model", "info", "pebble", "--json"],
    ));
    assert_eq!(info["gpus"], serde_json::json!([]));
    assert!(info["problem"].as_str().unwrap().contains("NVIDIA driver"));
    let text = without_gpus(&folder, &["model", "info", "pebble"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("The processor computes."), "{text}");

    let dir = pebble();
    let logits = |device: &str| {
        let dir = dir.to_str().unwrap();
        let args = ["logits", "--model", dir, "--tokens", "1,2,3", "--json"];
        without_gpus(&folder, &[&args[..], &["--device", device]].concat())
    };
    let why = refusal(&logits("cuda"));
    for words in ["cannot be loaded onto a GPU", "NVIDIA driver", "device cpu"] {
        assert!(why.contains(words), "no {words:?} in: {why}");
    }
    let dir_text = dir.to_str().unwrap();
    let fast = ["--device", "cuda", "--numerics", "fast"];
    let args = ["logits", "--model", dir_text, "--tokens", "1"];
    let why = refusal(&without_gpus(&folder, &[&args[..], &fast].concat()));
    assert!(why.contains("the processor's alone"), "{why}");
    let (auto, cpu) = (logits("auto"), logits("cpu"));
    assert_eq!(json(&auto), json(&cpu));
    let said = String::from_utf8_lossy(&auto.stderr).into_owned();
    assert!(
        said.contains("The processor computes, and no GPU"),
        "{said}"
    );
}

#[test]
fn touchstone_toml_chooses_the_device_and_the_command_line_overrides_it() {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("touchstone.toml", "device = \"cuda\"\n"),
        (
            "policies/ads.md",
            "---\nid: ads\nlabels:\n  VIOLATES: violates\n  SAFE: safe\n---\n# Ads\nT1 Offers to sell tobacco violate.\n",
        ),
        (
            "fixtures/ads.jsonl",
            "{\"id\": \"a\", \"content\": \"cigars for sale\", \"expected\": \"violates\"}\n",
        ),
    ] {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let run = ["run", "--policy", "ads", "--model", "pebble", "--json"];
    let why = refusal(&without_gpus(&folder, &run));
    assert!(why.contains("cannot be loaded onto a GPU"), "{why}");
    let run = json(&without_gpus(
        &folder,
        &[&run[..], &["--device", "cpu"]].concat(),
    ));
    assert_eq!(run["model"]["device"], "cpu");
}

#[test]
fn what_cannot_fit_is_refused_before_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let small = |args: &[&str]| {
        let mut command = command(&folder, args);
        command.env("TOUCHSTONE_MEMORY_BYTES", "6000000");
        command.output().unwrap()
    };
    let info = json(&small(&["model", "info", "pebble", "--json"]));
    assert_eq!(info["memory"]["fits"], false);
    let why = info["memory"]["refusal"].as_str().unwrap();
    assert!(why.contains("5.72 MiB are available"), "{why}");
    let error = refusal(&small(&["bench", "prefill", "--model", "pebble"]));
    assert!(error.contains("are available: weights"), "{error}");
}

#[test]
fn random_weights_are_made_verified_run_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    let made = [
        "model", "synth", "--like", "pebble", "--layers", "2", "--out", "random",
    ];
    let report = json(&touchstone(
        &folder,
        &[&made[..], &["--seed", "5", "--json"]].concat(),
    ));
    assert_eq!(
        (&report["layers"], &report["files"]),
        (&2.into(), &1.into())
    );
    let error = refusal(&touchstone(&folder, &made));
    assert!(error.contains("random exists already"), "{error}");

    let verified = json(&touchstone(
        &folder,
        &["model", "verify", "random", "--json"],
    ));
    assert_eq!(verified["faults"], Value::Array(Vec::new()));
    let logits = touchstone(
        &folder,
        &["logits", "--model", "random", "--tokens", "1,2", "--json"],
    );
    assert_eq!(json(&logits)["logits"].as_array().unwrap().len(), 4096);

    for (bench, figure) in [
        (&["prefill", "--tokens", "60"][..], "prefill_tokens_per_s"),
        (
            &["decode", "--prefix-tokens", "60", "--reply-tokens", "4"],
            "decode_tokens_per_s",
        ),
        (
            &[
                "rerun",
                "--cases",
                "2",
                "--policy-tokens",
                "200",
                "--reply-tokens",
                "3",
            ],
            "edited_last_verdict_ms",
        ),
    ] {
        let common = ["--model", "random", "--repeats", "1", "--json"];
        let args = [&["bench"], bench, &common[..]].concat();
        let report = json(&touchstone(&folder, &args));
        assert!(report[figure]["median"].as_f64().unwrap() > 0.0, "{report}");
        assert_eq!(report["model"]["digest"].as_str().unwrap().len(), 64);
        assert!(report["threads"].as_u64().unwrap() > 0);
        assert!(
            !report["machine"]["instructions"]
                .as_str()
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn a_damaged_model_fails_its_verification() {
    let folder = tempfile::tempdir().unwrap();
    let made = [
        "model",
        "synth",
        "--like",
        "pebble",
        "--layers",
        "1",
        "--out",
        "kept/random",
    ];
    assert!(touchstone(&folder, &made).status.success());
    let weights = folder.path().join("kept/random/model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() - 10]).unwrap();
    // Named without its folder, as a fetched model may be.
    let output = touchstone(&folder, &["model", "verify", "random"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("model.safetensors: tensor "), "{text}");
    assert!(text.contains("cut short"), "{text}");
}

#[test]
fn models_are_listed_under_both_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    let made = [
        "model",
        "synth",
        "--like",
        "pebble",
        "--layers",
        "1",
        "--out",
        "kept/random",
    ];
    assert!(touchstone(&folder, &made).status.success());
    let lists = [&["model", "list", "--json"][..], &["models", "--json"]];
    let [list, alias] = lists.map(|args| json(&touchstone(&folder, args)));
    assert_eq!(list, alias);
    let names: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["pebble", "random"]);
}

#[test]
fn a_name_that_no_hub_has_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let error = refusal(&touchstone(&folder, &["model", "fetch", "gpt-oss"]));
    assert!(error.contains("OWNER/MODEL"), "{error}");
    assert!(!folder.path().join("kept").exists());
}
