//! The checkpoint's vocabulary: text to token ids through `tokenizers`, ids to bytes, and the
//! control tokens by name. Text never becomes a control token: the tokenizer that encodes it
//! is built without them.

use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use tokenizers::Tokenizer;

use crate::LoadError;
use crate::config::Ids;
use crate::gguf::{self, Gguf};
use crate::reply::Piece;

/// Ids of the tokens that frame messages.
#[derive(Debug, Clone, Copy)]
pub struct Control {
    pub start: u32,
    pub end: u32,
    pub message: u32,
    pub channel: u32,
    constrain: Option<u32>,
}

pub struct Vocabulary {
    text: Tokenizer,
    /// Bytes by id; absent for control tokens and holes.
    bytes: Vec<Option<Box<[u8]>>>,
    /// Ids with bytes, in the order of their bytes.
    sorted: Vec<u32>,
    pub control: Control,
    stops: Vec<u32>,
}

impl Vocabulary {
    /// Reads tokenizer.json and generation_config.json; `size` is the model's vocabulary, and
    /// `ends` the end ids that config.json names.
    pub fn load(dir: &Path, size: usize, ends: &[u32]) -> Result<Vocabulary, LoadError> {
        if let Some(file) = gguf::file_of(dir) {
            let json = Gguf::open(&file)?.tokenizer()?;
            let built = Vocabulary::from_json(json, size, ends.to_vec());
            return built.map_err(|why| LoadError(format!("{}: {why}", file.display())));
        }
        let path = dir.join("tokenizer.json");
        let fail = |why: String| LoadError(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|e| {
            fail(format!(
                "cannot be read ({e}). Fetch the checkpoint's tokenizer.json."
            ))
        })?;
        let json = serde_json::from_str(&text)
            .map_err(|e| fail(format!("is not JSON ({e}). Fetch the file again.")))?;
        let mut stops = ends.to_vec();
        stops.extend(generation_ends(dir)?);
        Vocabulary::from_json(json, size, stops).map_err(fail)
    }

    pub(crate) fn from_json(
        mut json: Value,
        size: usize,
        mut stops: Vec<u32>,
    ) -> Result<Vocabulary, String> {
        if !json["decoder"].to_string().contains("\"ByteLevel\"") {
            return Err(
                "does not decode at byte level, as gpt-oss' tokenizer does. Use the \
                        tokenizer.json that belongs to the weights."
                    .to_owned(),
            );
        }
        let added = added_tokens(&json)?;
        // The tokenizer matches added tokens wherever they stand in a text, and templates may
        // add some of their own accord: neither may happen to a policy or a case.
        for name in ["added_tokens", "post_processor", "truncation", "padding"] {
            json[name] = Value::Null;
        }
        json["added_tokens"] = Value::Array(Vec::new());
        if let Some(vocab) = json["model"]["vocab"].as_object_mut() {
            vocab.retain(|piece, _| !added.contains_key(piece));
        }
        let text: Tokenizer = serde_json::from_str(&json.to_string())
            .map_err(|e| format!("is not a tokenizer ({e}). Fetch the file again."))?;
        drop(json);
        let pieces = text.get_vocab(false);
        let largest = pieces
            .values()
            .chain(added.values())
            .max()
            .copied()
            .unwrap_or(0);
        if largest as usize >= size {
            return Err(format!(
                "holds token id {largest}, but config.json's vocab_size is {size}. Weights, \
                 config.json and tokenizer.json must come from the same checkpoint."
            ));
        }
        let bytes = piece_bytes(&pieces, size);
        let mut sorted: Vec<u32> = (0..size as u32)
            .filter(|&id| bytes[id as usize].is_some())
            .collect();
        sorted.sort_by(|&a, &b| bytes[a as usize].cmp(&bytes[b as usize]));
        let singles = sorted
            .iter()
            .filter(|&&id| matches!(&bytes[id as usize], Some(b) if b.len() == 1));
        if singles.count() < 256 {
            return Err(
                "has no token for some bytes, so that texts would lose them. Use the \
                        tokenizer.json that belongs to the weights."
                    .to_owned(),
            );
        }
        let control = Control::find(&added)?;
        let named = ["<|return|>", "<|call|>", "<|endoftext|>"];
        stops.extend(named.iter().filter_map(|name| added.get(*name)));
        // `<|end|>` ends a message, whatever a configuration says of it.
        stops.retain(|&id| id != control.end);
        Ok(Vocabulary {
            text,
            bytes,
            sorted,
            control,
            stops,
        })
    }

    /// Encodes ordinary text. Fails only where the tokenizer's pattern gives up on a text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding = self
            .text
            .encode_fast(text, false)
            .map_err(|e| format!("the text cannot be split into tokens: {e}"))?;
        Ok(encoding.get_ids().to_vec())
    }

    pub fn piece(&self, id: u32) -> Piece<'_> {
        let c = &self.control;
        match self.bytes.get(id as usize) {
            _ if self.stops.contains(&id) => Piece::Stop,
            Some(Some(bytes)) => Piece::Text(bytes),
            _ if id == c.start => Piece::Start,
            _ if id == c.end => Piece::End,
            _ if id == c.message => Piece::Message,
            _ if id == c.channel => Piece::Channel,
            _ if Some(id) == c.constrain => Piece::Constrain,
            _ => Piece::Other,
        }
    }

    /// The token that ends a reply.
    pub fn stop(&self) -> Option<u32> {
        self.stops.first().copied()
    }

    /// Whether a piece is just these bytes.
    pub fn is(&self, id: u32, bytes: &[u8]) -> bool {
        self.bytes[id as usize].as_deref() == Some(bytes)
    }

    /// Ids of all pieces that begin with `start`, that piece itself first.
    pub fn beginning_with(&self, start: &[u8]) -> &[u32] {
        let bytes = |&id: &u32| self.bytes[id as usize].as_deref().unwrap_or_default();
        let from = self.sorted.partition_point(|id| bytes(id) < start);
        let rest = &self.sorted[from..];
        &rest[..rest.partition_point(|id| bytes(id).starts_with(start))]
    }
}

impl Control {
    fn find(added: &HashMap<String, u32>) -> Result<Control, String> {
        let id = |name: &str| {
            added.get(name).copied().ok_or(format!(
                "has no added token {name}, which harmony messages need. Use the \
                 tokenizer.json that belongs to the weights."
            ))
        };
        Ok(Control {
            start: id("<|start|>")?,
            end: id("<|end|>")?,
            message: id("<|message|>")?,
            channel: id("<|channel|>")?,
            constrain: added.get("<|constrain|>").copied(),
        })
    }
}

fn added_tokens(json: &Value) -> Result<HashMap<String, u32>, String> {
    let entries = json["added_tokens"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let pair = |entry: &Value| {
        let id = u32::try_from(entry["id"].as_u64()?).ok()?;
        Some((entry["content"].as_str()?.to_owned(), id))
    };
    entries
        .iter()
        .map(|entry| {
            pair(entry).ok_or(format!("has an added token without id or content: {entry}"))
        })
        .collect()
}

/// End ids of generation_config.json, which may be absent.
fn generation_ends(dir: &Path) -> Result<Vec<u32>, LoadError> {
    #[derive(serde::Deserialize)]
    struct File {
        eos_token_id: Option<Ids>,
    }
    let path = dir.join("generation_config.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(Vec::new());
    };
    let file: File = serde_json::from_str(&text).map_err(|e| {
        LoadError(format!(
            "{}: cannot be understood ({e}). Fetch the file again.",
            path.display()
        ))
    })?;
    Ok(file.eos_token_id.map(Ids::into_vec).unwrap_or_default())
}

/// The bytes that each piece stands for, by id.
fn piece_bytes(pieces: &HashMap<String, u32>, size: usize) -> Vec<Option<Box<[u8]>>> {
    let alphabet = byte_alphabet();
    let mut bytes = vec![None; size];
    for (piece, &id) in pieces {
        bytes[id as usize] = piece.chars().map(|c| alphabet.get(&c).copied()).collect();
    }
    bytes
}

/// GPT-2's alphabet, in which byte-level vocabularies are written: printable Latin-1
/// characters are themselves, the other bytes follow from U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |b: &u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let shifted = (0..=255_u8).filter(|b| !printable(b)).zip('\u{100}'..);
    let plain = (0..=255_u8).filter(printable).map(|b| (char::from(b), b));
    plain.chain(shifted.map(|(b, c)| (c, b))).collect()
}
