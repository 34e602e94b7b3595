//! Broken checkpoints: each is refused with the file, the place and the remedy.
#![expect(clippy::unwrap_used, reason = "tests")]

use engine::{Engine, Numerics};
use std::path::Path;
use tempfile::TempDir;

/// A copy of a fixture, to be broken.
fn copy(name: &str) -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/parity")
        .join(name);
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

/// Replaces text in a file; same length where the file is binary.
fn replace(dir: &TempDir, file: &str, from: &str, to: &str) {
    let path = dir.path().join(file);
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes
        .windows(from.len())
        .position(|w| w == from.as_bytes())
        .expect("is there");
    let changed = [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat();
    std::fs::write(path, changed).unwrap();
}

fn check(dir: &TempDir, words: &[&str]) {
    let message = match Engine::load(dir.path()) {
        Ok(_) => panic!("loaded, but {words:?} was expected"),
        Err(error) => error.0,
    };
    println!("{message}");
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
}

#[test]
fn a_sound_checkpoint_loads_and_describes_itself() {
    let dir = copy("babbler");
    let engine = Engine::load(dir.path()).unwrap();
    let info = engine.info().clone();
    assert_eq!(
        (info.layers, info.vocab, info.context_tokens),
        (2, 300, 1024)
    );
    assert_eq!(info.name, dir.path().file_name().unwrap().to_str().unwrap());
    assert_eq!(info.digest.len(), 64);
    // 2 × 300 × 64 embeddings and head, 64 norm; 2 layers of attention (64 × 64 q and o,
    // 32 × 64 k and v, biases, 4 sinks), norms, router and four experts.
    let attention = 2 * (64 * 64 + 64) + 2 * (32 * 64 + 32) + 4;
    let experts = 4 * (64 * 64 + 64 + 64 * 32 + 64);
    let layer = attention + experts + 2 * 64 + 4 * 64 + 4;
    assert_eq!(info.parameters, 2 * 300 * 64 + 64 + 2 * layer);
    assert_eq!(Engine::load(dir.path()).unwrap().info().digest, info.digest);
}

#[test]
fn the_digest_follows_every_file() {
    let digest = |dir: &TempDir| Engine::load(dir.path()).unwrap().info().digest.clone();
    let whole = digest(&copy("babbler"));
    let dir = copy("babbler");
    replace(
        &dir,
        "config.json",
        "\"rope_theta\": 150000.0",
        "\"rope_theta\": 150001.0",
    );
    assert_ne!(digest(&dir), whole);
    let dir = copy("babbler");
    replace(
        &dir,
        "tokenizer.json",
        "\"version\": \"1.0\"",
        "\"version\": \"1.0\" ",
    );
    assert_ne!(digest(&dir), whole);
    let dir = copy("babbler");
    let path = dir.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(path, bytes).unwrap();
    assert_ne!(digest(&dir), whole);
}

#[test]
fn missing_files() {
    for (file, remedy) in [
        ("config.json", "choose that folder"),
        ("tokenizer.json", "Fetch the checkpoint's tokenizer.json"),
    ] {
        let dir = copy("babbler");
        std::fs::remove_file(dir.path().join(file)).unwrap();
        check(&dir, &[file, remedy]);
    }
    let dir = copy("babbler");
    std::fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    check(&dir, &["no *.safetensors file", "GGUF"]);
    let dir = copy("gamma");
    std::fs::remove_file(dir.path().join("model-00001-of-00003.safetensors")).unwrap();
    let message = engine::last_logits(dir.path(), Numerics::Exact, &[1])
        .unwrap_err()
        .0;
    assert!(
        message.contains("model-00001-of-00003.safetensors: cannot be opened"),
        "{message}"
    );
}

#[test]
fn files_that_are_not_what_they_should_be() {
    for (file, from, to, words) in [
        (
            "config.json",
            "{",
            "[",
            ["config.json: is not JSON"].as_slice(),
        ),
        (
            "config.json",
            "gpt_oss",
            "llama",
            &["model_type \"llama\"", "\"gpt_oss\""],
        ),
        (
            "config.json",
            "\"hidden_size\": 64",
            "\"hidden_size\": 60",
            &["hidden_size is 60", "32"],
        ),
        (
            "config.json",
            "\"sliding_window\": 12,",
            "",
            &["sliding_window is missing"],
        ),
        (
            "config.json",
            "yarn",
            "llama3",
            &["rope_type is \"llama3\"", "yarn"],
        ),
        ("tokenizer.json", "{", "", &["tokenizer.json: is not JSON"]),
        (
            "tokenizer.json",
            "<|start|>",
            "<|begin|>",
            &["no added token <|start|>"],
        ),
        ("tokenizer.json", "\"decoder\"", "\"dec\"", &["byte level"]),
        (
            "generation_config.json",
            "eos_token_id\": [",
            "eos_token_id\": [\"x\",",
            &["generation_config.json"],
        ),
        (
            "config.json",
            "\"vocab_size\": 300",
            "\"vocab_size\": 280",
            &["token id 281", "280"],
        ),
    ] {
        let dir = copy("babbler");
        replace(&dir, file, from, to);
        if from == "gpt_oss" {
            replace(&dir, "config.json", "GptOssForCausalLM", "LlamaForCausalLM");
        }
        check(&dir, words);
    }
}

#[test]
fn weights_that_do_not_fit() {
    const SINKS: &str = "model.layers.1.self_attn.sinks";
    let file = "model.safetensors";
    let cases: [(&str, &str, &str, &[&str]); 5] = [
        (
            file,
            SINKS,
            "model.layers.1.self_attn.sinkz",
            &[SINKS, "BF16 or F32", "is missing", "fetch all"],
        ),
        (
            "config.json",
            "\"num_attention_heads\": 4",
            "\"num_attention_heads\": 8",
            &[
                "model.layers.0.self_attn",
                "expected",
                "found",
                "same checkpoint",
            ],
        ),
        (
            "config.json",
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 3",
            &["model.layers.2.", "is missing"],
        ),
        // The tensors' table itself.
        (
            file,
            "\"dtype\":\"U8\"",
            "\"dtype\":\"I8\"",
            &["_proj_", "expected U8", "found I8"],
        ),
        (
            file,
            "{\"",
            "{{",
            &["has a header that is not safetensors'"],
        ),
    ];
    for (file, from, to, words) in cases {
        let dir = copy("babbler");
        replace(&dir, file, from, to);
        check(&dir, words);
    }
}

#[test]
fn a_file_cut_short_anywhere() {
    let dir = copy("babbler");
    let path = dir.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 5, 100, 4000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        check(
            &dir,
            &["model.safetensors", "cut short", "Fetch the file again"],
        );
    }
    std::fs::write(
        &path,
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    )
    .unwrap();
    check(&dir, &["Git LFS pointer", "git lfs pull"]);
}

#[test]
fn one_tensor_in_two_files() {
    let dir = copy("babbler");
    let path = dir.path().join("model.safetensors");
    std::fs::copy(&path, dir.path().join("zebra.safetensors")).unwrap();
    check(&dir, &["zebra.safetensors", "as well", "one checkpoint"]);
}
