//! Tiny checkpoints against the logits that Hugging Face transformers computes from the same
//! bytes in f32 (scripts/parity.py). Dimensions are unequal in pairs, prompts are shorter and
//! longer than the sliding window.
#![expect(clippy::unwrap_used, reason = "tests")]

use engine::Numerics;
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
    let mut fast = Vec::new();
    for prompt in prompts {
        let what = format!("{name}, {} tokens", prompt.tokens.len());
        let logits = |numerics| engine::last_logits(&dir, numerics, &prompt.tokens).unwrap();
        let exact = logits(Numerics::Exact);
        assert_eq!(exact.len(), prompt.logits.len());
        let pairs = exact.iter().zip(&prompt.logits);
        let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let off = off(&logits(Numerics::Fast), &prompt.logits);
        println!("{what}: at most {apart:.6} apart; fast: {off:.4} of their size");
        assert!(apart < 0.01, "{what}: logits are {apart} apart");
        assert_eq!(largest(&exact), largest(&prompt.logits), "{what}");
        fast.push(off);
    }
    // The fixtures' weights are random and few, so that nothing averages out what rounding does,
    // and a token that takes another expert by a hair's breadth is far off.
    fast.sort_by(f32::total_cmp);
    let median = fast[fast.len() / 2];
    assert!(median < 0.1, "{name}, fast: {fast:?}");
    assert!(fast.iter().all(|&off| off < 0.5), "{name}, fast: {fast:?}");
}

/// How far logits are off on average, in their average size.
fn off(found: &[f32], expected: &[f32]) -> f32 {
    let apart: f32 = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).sum();
    apart / expected.iter().map(|b| b.abs()).sum::<f32>()
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
        engine::last_logits(&fixture("alpha"), Numerics::Exact, tokens)
            .unwrap_err()
            .0
    };
    assert!(message(&[]).contains("0 tokens given"));
    assert!(
        message(&[3, 211])
            .contains("token 211 is outside of the vocabulary: ids run from 0 to 210")
    );
}
