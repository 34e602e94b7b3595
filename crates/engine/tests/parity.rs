//! Tiny checkpoints against the logits that Hugging Face transformers computes from the same
//! bytes in f32 (scripts/parity.py). Dimensions are unequal in pairs, prompts are shorter and
//! longer than the sliding window.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

#[derive(serde::Deserialize)]
struct Prompt {
    tokens: Vec<u32>,
    logits: Vec<f32>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/parity")
        .join(name)
}

fn largest(logits: &[f32]) -> usize {
    (0..logits.len())
        .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
        .unwrap()
}

fn check(name: &str) {
    let dir = fixture(name);
    let text = std::fs::read_to_string(dir.join("reference.json")).unwrap();
    let prompts: Vec<Prompt> = serde_json::from_str(&text).unwrap();
    assert!(prompts.len() >= 2);
    for prompt in prompts {
        let logits = engine::last_logits(&dir, &prompt.tokens).unwrap();
        assert_eq!(logits.len(), prompt.logits.len());
        let pairs = logits.iter().zip(&prompt.logits);
        let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let tokens = prompt.tokens.len();
        println!("{name}, {tokens} tokens: at most {apart:.6} apart");
        assert!(
            apart < 0.01,
            "{name}, {tokens} tokens: logits are {apart} apart"
        );
        assert_eq!(
            largest(&logits),
            largest(&prompt.logits),
            "{name}, {tokens} tokens"
        );
    }
}

#[test]
fn one_file_in_bf16() {
    check("alpha");
}

#[test]
fn two_shards_in_f32() {
    check("beta");
}

#[test]
fn three_shards_and_layers_in_an_order_of_their_own() {
    check("gamma");
}

#[test]
fn the_checkpoint_with_a_tokenizer() {
    check("babbler");
}

#[test]
fn tokens_that_cannot_be_are_errors() {
    let message = |tokens: &[u32]| {
        engine::last_logits(&fixture("alpha"), tokens)
            .unwrap_err()
            .0
    };
    assert!(message(&[]).contains("0 tokens given"));
    assert!(
        message(&[3, 211])
            .contains("token 211 is outside of the vocabulary: ids run from 0 to 210")
    );
}
