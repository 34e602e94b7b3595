//! What the engine's tests share: pseudo-random numbers that are the same everywhere, and
//! the vocabulary of the real model.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::vocabulary::Vocabulary;
use serde_json::json;
use std::collections::HashMap;
use std::sync::OnceLock;
use tiktoken_rs::O200K_BASE_PAT_STR;

/// SplitMix64.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Noise {
        Noise(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }

    /// Within -1..1.
    pub(crate) fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n)
            .map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0)
            .collect()
    }

    /// Within -1..1, exact in bf16.
    pub(crate) fn bf16_values(&mut self, n: usize) -> Vec<f32> {
        self.values(n)
            .into_iter()
            .map(|v| half::bf16::from_f32(v).to_f32())
            .collect()
    }
}

/// A tokenizer.json as gpt-oss has it, made of tiktoken's ranks: the file itself is too large
/// to be kept here.
pub(crate) fn o200k() -> &'static Vocabulary {
    static BUILT: OnceLock<Vocabulary> = OnceLock::new();
    BUILT.get_or_init(|| {
        const ORDINARY: u32 = 199_998;
        let tiktoken = tiktoken_rs::o200k_harmony().unwrap();
        let mut ranks: HashMap<Vec<u8>, u32> = HashMap::new();
        let mut merges = Vec::new();
        let mut vocab = serde_json::Map::new();
        let alphabet = alphabet();
        let written = |bytes: &[u8]| bytes.iter().map(|&b| alphabet[usize::from(b)]).collect::<String>();
        for id in 0..ORDINARY {
            let bytes = tiktoken.decode_bytes(&[id]).unwrap();
            if let [left, right] = &split(&bytes, &ranks)[..] {
                merges.push(json!([written(left), written(right)]));
            }
            vocab.insert(written(&bytes), id.into());
            ranks.insert(bytes, id);
        }
        let added: Vec<_> = tiktoken
            .special_tokens()
            .into_iter()
            .map(|name| json!({ "id": tiktoken.encode_with_special_tokens(name)[0], "content": name }))
            .collect();
        let level = json!({
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false,
        });
        let pattern = json!({
            "type": "Split", "pattern": { "Regex": O200K_BASE_PAT_STR },
            "behavior": "Isolated", "invert": false,
        });
        let json = json!({
            "added_tokens": added,
            "normalizer": null,
            "pre_tokenizer": { "type": "Sequence", "pretokenizers": [pattern, level] },
            "post_processor": level,
            "decoder": level,
            "model": { "type": "BPE", "ignore_merges": true, "vocab": vocab, "merges": merges },
        });
        Vocabulary::from_json(json, 201_088, vec![200_002, 199_999, 200_012]).unwrap()
    })
}

/// GPT-2's characters for bytes, counted up as its authors did.
fn alphabet() -> Vec<char> {
    let mut next = 256;
    let character = |b: u32| match b {
        33..=126 | 161..=172 | 174..=255 => char::from_u32(b),
        _ => {
            next += 1;
            char::from_u32(next - 1)
        }
    };
    (0..256).map(character).map(Option::unwrap).collect()
}

/// Byte pair encoding with the ranks there are so far.
fn split(bytes: &[u8], ranks: &HashMap<Vec<u8>, u32>) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = bytes.iter().map(|&b| vec![b]).collect();
    loop {
        let rank = |i: usize| ranks.get(&parts[i..i + 2].concat());
        let best = (0..parts.len().saturating_sub(1))
            .filter_map(|i| Some((rank(i)?, i)))
            .min();
        let Some((_, i)) = best else {
            return parts;
        };
        let right = parts.remove(i + 1);
        parts[i].extend(right);
    }
}
