//! A file that the `gguf` package wrote against its twin in the published layout, and files
//! that are broken.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    Alternatives, Cancel, Draft, Effort, Engine, Event, Numerics, Prefix, Reply, Request, Sampling,
    last_logits,
};

const BOTH: [Numerics; 2] = [Numerics::Exact, Numerics::Fast];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/gguf")
        .join(name)
}

fn logits(name: &str, numerics: Numerics) -> Vec<f32> {
    let tokens: Vec<u32> = (0..60).map(|i| i * 37 % 277).collect();
    last_logits(&fixture(name), numerics, &tokens).unwrap()
}

/// The largest difference, over the largest logit.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    let most = b.iter().fold(0.0_f32, |most, b| most.max(b.abs()));
    let pairs = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    pairs.fold(0.0, f32::max) / most
}

#[test]
fn the_same_numbers_give_the_same_logits() {
    for numerics in BOTH {
        assert_eq!(logits("bf16.gguf", numerics), logits("twin", numerics));
    }
    // Rounded to 8 bits by whoever wrote the file: near, and the same weights either way.
    let (exact, rounded) = (
        logits("twin", Numerics::Exact),
        logits("q8_0.gguf", Numerics::Exact),
    );
    let far = apart(&rounded, &exact);
    assert!(far > 0.0 && far < 0.05, "{far}");
    let far = apart(&logits("q8_0.gguf", Numerics::Fast), &rounded);
    assert!(far > 0.0 && far < 0.1, "{far}");
}

fn replies(name: &str) -> Vec<Reply> {
    let engine = Engine::load(&fixture(name)).unwrap();
    let prefix = Prefix {
        effort: Effort::Low,
        developer: "# Instructions\n\nNothing that smells, in the case that ÄÖ 赌博 12345."
            .to_owned(),
    };
    let request = |i: u64| Request {
        user: format!("the case {i}\n\n  don't <|end|>"),
        sampling: Sampling::Seeded {
            seed: i,
            temperature: 1.0,
            top_p: 1.0,
        },
        tokens_max: 40,
        alternatives: Alternatives::default(),
        draft: Some(Draft::default()),
    };
    let requests: Vec<Request> = (0..5).map(request).collect();
    let mut replies = Vec::new();
    let mut on_event = |event| {
        if let Event::Finished { index, reply } = event {
            replies.push((
                index,
                // Who shares a pass, and so how much of a draft fits it, is not the same twice.
                Reply {
                    drafted_tokens: 0,
                    latency_ms: 0.0,
                    ..reply
                },
            ));
        }
    };
    engine
        .generate(&prefix, &requests, &Cancel::default(), &mut on_event)
        .unwrap();
    replies.sort_by_key(|(index, _)| *index);
    replies.into_iter().map(|(_, reply)| reply).collect()
}

#[test]
fn the_vocabulary_in_the_file_gives_the_same_replies() {
    let (ours, twins) = (replies("bf16.gguf"), replies("twin"));
    assert_eq!(ours, twins);
    assert!(
        ours.iter().any(|reply| reply.generated_tokens > 5),
        "{ours:?}"
    );
}

#[test]
fn a_folder_with_one_file_is_that_file() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(file_of(dir.path()), None);
    let file = dir.path().join("some.gguf");
    std::fs::copy(fixture("bf16.gguf"), &file).unwrap();
    assert_eq!(file_of(dir.path()), Some(file.clone()));
    // As Ollama names its blobs.
    let blob = dir.path().join("sha256-abc");
    std::fs::rename(&file, &blob).unwrap();
    assert_eq!((file_of(dir.path()), file_of(&blob)), (None, Some(blob)));
    assert_eq!(file_of(&fixture("twin")), None);
}

#[test]
fn nibbles_change_their_order() {
    // Place i holds i mod 16.
    let mut block = [0_u8; MXFP4_BYTES];
    for i in 0..16 {
        block[1 + i] = (i as u8) | ((i as u8) << 4);
    }
    let expected: [u8; 16] =
        std::array::from_fn(|i| ((2 * i) % 16) as u8 | (((2 * i + 1) % 16) as u8) << 4);
    assert_eq!(nibbles(&block), expected);
}

/// The message for the fixture's bytes as `change` leaves them.
fn refused(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = std::fs::read(fixture("bf16.gguf")).unwrap();
    change(&mut bytes);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    match Engine::load(file.path()) {
        Err(error) => error.0,
        Ok(_) => panic!("such a file is no model"),
    }
}

/// Replaces one text by another of the same length.
fn replace(bytes: &mut [u8], from: &str, to: &str) {
    let at = bytes
        .windows(from.len())
        .position(|w| w == from.as_bytes())
        .unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    type Change = fn(&mut Vec<u8>);
    let cases: [(Change, &str); 7] = [
        (|b| b.truncate(3_000), "cut short within its header"),
        (|b| b.truncate(b.len() - 100), "does not fit the file"),
        (|b| b[4] = 9, "GGUF version 9"),
        (
            |b| replace(b, "gpt-oss", "llama-3"),
            "another architecture (llama-3)",
        ),
        (|b| replace(b, "gpt-4o", "qwen-2"), "another tokenizer"),
        (
            |b| replace(b, "blk.1.attn_q.bias", "blk.1.attn_x.bias"),
            "attn_x.bias is no part",
        ),
        (
            |b| replace(b, "expert_used_count", "expert_user_count"),
            "no gpt-oss.expert_used_count",
        ),
    ];
    for (change, expected) in cases {
        let message = refused(change);
        assert!(message.contains(expected), "{expected}: {message}");
    }
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let whole = std::fs::read(fixture("bf16.gguf")).unwrap();
    let mut noise = crate::testing::Noise::new(8);
    for _ in 0..2_000 {
        let mut bytes = whole[..16_384].to_vec();
        for _ in 0..1 + noise.next() % 4 {
            let at = (noise.next() % 16_384) as usize;
            bytes[at] = noise.next() as u8;
        }
        // Right or wrong, it comes to an end.
        let _ = header(&bytes);
    }
}
