//! Tokenizers for random weights: the published models' vocabulary as a tokenizer.json,
//! made of tiktoken's ranks (the file itself is too large to be kept here), and one of
//! plain bytes for models with a small vocabulary.

use serde_json::{Value, json};
use std::collections::HashMap;
use tiktoken_rs::O200K_BASE_PAT_STR;

/// Ids from here on are control tokens.
const ORDINARY: u32 = 199_998;

/// Tokens that frame harmony's messages, for a vocabulary of bytes.
const CONTROL: [&str; 8] = [
    "<|endoftext|>",
    "<|return|>",
    "<|constrain|>",
    "<|channel|>",
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|call|>",
];

/// A tokenizer.json as gpt-oss has it.
pub(crate) fn tokenizer() -> Result<Value, String> {
    let fail = |why: String| format!("the o200k vocabulary cannot be built: {why}");
    let tiktoken = tiktoken_rs::o200k_harmony().map_err(|e| fail(e.to_string()))?;
    let mut ranks: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut merges = Vec::new();
    let mut vocab = serde_json::Map::new();
    let alphabet = alphabet();
    let written = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|&b| alphabet[usize::from(b)])
            .collect::<String>()
    };
    for id in 0..ORDINARY {
        let bytes = tiktoken
            .decode_bytes(&[id])
            .map_err(|e| fail(e.to_string()))?;
        if let [left, right] = &split(&bytes, &ranks)[..] {
            merges.push(json!([written(left), written(right)]));
        }
        vocab.insert(written(&bytes), id.into());
        ranks.insert(bytes, id);
    }
    let added = tiktoken
        .special_tokens()
        .into_iter()
        .map(|name| json!({ "id": tiktoken.encode_with_special_tokens(name)[0], "content": name }))
        .collect();
    Ok(document(added, &[pattern()], vocab, merges))
}

/// How the published tokenizer splits a text before it merges.
pub(crate) fn pattern() -> Value {
    json!({
        "type": "Split", "pattern": { "Regex": O200K_BASE_PAT_STR },
        "behavior": "Isolated", "invert": false,
    })
}

/// A tokenizer whose tokens are the 256 bytes, with the control tokens at the end of a
/// vocabulary of `size` tokens.
pub(crate) fn bytes_tokenizer(size: u32) -> Value {
    let vocab = alphabet()
        .iter()
        .enumerate()
        .map(|(byte, character)| (character.to_string(), Value::from(byte)))
        .collect();
    let first = size.saturating_sub(CONTROL.len() as u32);
    let added = (first..).zip(CONTROL);
    let added = added.map(|(id, name)| json!({ "id": id, "content": name }));
    document(added.collect(), &[], vocab, Vec::new())
}

pub(crate) fn document(
    added: Vec<Value>,
    before: &[Value],
    vocab: serde_json::Map<String, Value>,
    merges: Vec<Value>,
) -> Value {
    let level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false,
    });
    let mut pretokenizers = before.to_vec();
    pretokenizers.push(level.clone());
    json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": pretokenizers },
        "post_processor": level.clone(),
        "decoder": level,
        "model": { "type": "BPE", "ignore_merges": true, "vocab": vocab, "merges": merges },
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
    let characters = (0..256).map(character);
    characters
        .map(|c| c.expect("all code points below 512 are characters"))
        .collect()
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::vocabulary::Vocabulary;

    #[test]
    fn bytes_are_a_vocabulary_too() {
        let vocabulary = Vocabulary::from_json(bytes_tokenizer(4096), 4096, Vec::new()).unwrap();
        let text = "Ja, né? \0 赌博 <|end|>";
        let ids = vocabulary.encode(text).unwrap();
        let bytes: Vec<u32> = text.bytes().map(u32::from).collect();
        assert_eq!(ids.len(), bytes.len());
        assert_eq!(vocabulary.control.end, 4093);
    }
}
