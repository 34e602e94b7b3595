//! GGUF files, as Ollama and LM Studio keep models: one file with the configuration, the
//! vocabulary and the tensors. Read into the published layout's names and orders, so that the
//! rest of the engine knows one layout only. Refuses other architectures and types of tensors.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use memmap2::Mmap;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::LoadError;
use crate::config::Config;
use crate::digest::Stamp;
use crate::linear::BLOCK;
use crate::mxfp4::BLOCK_BYTES;
use crate::o200k;
use crate::panel::Q8_BYTES;

const MAGIC: &[u8; 4] = b"GGUF";
const VERSIONS: [u32; 2] = [2, 3];
const ARCHITECTURE: &str = "gpt-oss";
/// Strings, arrays and dimensions are bounded by the file's own length; this by good sense.
const NESTING_MAX: u32 = 4;
const ALIGNMENT: u64 = 32;
const REFETCH: &str = "Fetch the file again";

/// A block of MXFP4 as GGUF has it: the scale, then the nibbles of the first sixteen places
/// (low) and of the last sixteen (high).
pub(crate) const MXFP4_BYTES: usize = 1 + BLOCK_BYTES;

/// One file, its header read.
pub(crate) struct Gguf {
    pub path: PathBuf,
    pub map: Arc<Mmap>,
    pub stamp: Option<Stamp>,
    keys: BTreeMap<String, Value>,
    pub tensors: Vec<Described>,
}

/// A tensor under its published name, dimensions outermost first.
#[derive(Debug, PartialEq)]
pub(crate) struct Described {
    pub name: String,
    pub dtype: &'static str,
    pub shape: Vec<usize>,
    pub range: Range<usize>,
}

/// The file that a path means: itself, or the only one in a folder without a config.json.
pub fn file_of(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        let mut magic = [0; 4];
        File::open(path).ok()?.read_exact(&mut magic).ok()?;
        return (&magic == MAGIC).then(|| path.to_owned());
    }
    if path.join("config.json").exists() {
        return None;
    }
    let entries = std::fs::read_dir(path).ok()?.flatten();
    let mut found = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "gguf"));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

impl Gguf {
    pub(crate) fn open(path: &Path) -> Result<Gguf, LoadError> {
        let fail = |why: String| LoadError(format!("{}: {why}", path.display()));
        let file = File::open(path).map_err(|e| fail(format!("cannot be opened ({e}).")))?;
        // SAFETY: as for safetensors: read only, and cutting it short meanwhile ends the process.
        let map =
            unsafe { Mmap::map(&file) }.map_err(|e| fail(format!("cannot be mapped: {e}")))?;
        let (keys, tensors) = header(&map).map_err(fail)?;
        Ok(Gguf {
            path: path.to_owned(),
            map: Arc::new(map),
            stamp: Stamp::of(&file),
            keys,
            tensors,
        })
    }

    fn fail(&self, why: &str) -> LoadError {
        LoadError(format!("{}: {why}", self.path.display()))
    }

    /// The configuration, in the words of a config.json.
    pub(crate) fn config(&self) -> Result<Config, LoadError> {
        let key = |name: &str| self.keys.get(&format!("{ARCHITECTURE}.{name}")).cloned();
        let need = |name: &str| {
            let missing = format!("has no {ARCHITECTURE}.{name}. {REFETCH}.");
            key(name).ok_or_else(|| self.fail(&missing))
        };
        let vocab = self
            .tensors
            .iter()
            .find(|t| t.name == "model.embed_tokens.weight");
        let scaling = key("rope.scaling.type").unwrap_or(Value::Null);
        let mut config = json!({
            "model_type": "gpt_oss",
            "num_hidden_layers": need("block_count")?,
            "hidden_size": need("embedding_length")?,
            "intermediate_size": need("expert_feed_forward_length")?,
            "num_attention_heads": need("attention.head_count")?,
            "num_key_value_heads": need("attention.head_count_kv")?,
            "head_dim": key("attention.key_length"),
            "num_local_experts": need("expert_count")?,
            "num_experts_per_tok": need("expert_used_count")?,
            "vocab_size": vocab.map(|t| t.shape[0]),
            "sliding_window": key("attention.sliding_window"),
            "max_position_embeddings": key("context_length"),
            "rms_norm_eps": key("attention.layer_norm_rms_epsilon"),
            "attention_bias": true,
            "tie_word_embeddings": !self.tensors.iter().any(|t| t.name == "lm_head.weight"),
            "rope_theta": key("rope.freq_base"),
            "eos_token_id": self.keys.get("tokenizer.ggml.eos_token_id"),
        });
        // The published model's frequencies are not cut to whole dimensions, for which GGUF has
        // no word.
        if scaling == "yarn" {
            config["rope_scaling"] = json!({
                "rope_type": "yarn",
                "factor": need("rope.scaling.factor")?,
                "original_max_position_embeddings": key("rope.scaling.original_context_length"),
                "beta_fast": key("rope.scaling.yarn_beta_fast"),
                "beta_slow": key("rope.scaling.yarn_beta_slow"),
                "truncate": false,
            });
        }
        Config::parse(&config.to_string()).map_err(|why| self.fail(&why))
    }

    /// The vocabulary, as a tokenizer.json.
    pub(crate) fn tokenizer(&self) -> Result<Value, LoadError> {
        let key = |name: &str| self.keys.get(&format!("tokenizer.ggml.{name}"));
        let list = |name: &str| {
            let list = key(name).and_then(Value::as_array).map(Vec::as_slice);
            list.ok_or_else(|| self.fail(&format!("has no tokenizer.ggml.{name}. {REFETCH}.")))
        };
        let (model, before) = (key("model"), key("pre"));
        if model != Some(&json!("gpt2")) || before != Some(&json!("gpt-4o")) {
            return Err(self.fail(&format!(
                "splits texts by another tokenizer (model {}, pre {}); gpt-oss has gpt2 and gpt-4o.",
                model.unwrap_or(&Value::Null),
                before.unwrap_or(&Value::Null)
            )));
        }
        let (tokens, kinds, merges) = (list("tokens")?, list("token_type")?, list("merges")?);
        if kinds.len() != tokens.len() {
            return Err(self.fail("has other numbers of tokens and of their types."));
        }
        // Types: 1 ordinary, 3 control, 4 added by the user, 5 unused.
        let (mut vocab, mut added) = (serde_json::Map::new(), Vec::new());
        for (id, (token, kind)) in tokens.iter().zip(kinds).enumerate() {
            let token = token.as_str().unwrap_or_default();
            match kind.as_u64() {
                Some(1) => drop(vocab.insert(token.to_owned(), id.into())),
                Some(3 | 4) => added.push(json!({ "id": id, "content": token })),
                _ => {}
            }
        }
        let pair = |merge: &Value| {
            let (left, right) = merge.as_str()?.split_once(' ')?;
            Some(json!([left, right]))
        };
        let merges: Option<Vec<Value>> = merges.iter().map(pair).collect();
        let merges = merges.ok_or_else(|| self.fail("has a merge that is no pair of tokens."))?;
        Ok(o200k::document(added, &[o200k::pattern()], vocab, merges))
    }
}

/// Converts a block of MXFP4 into the published order: places in turn, two a byte.
pub(crate) fn nibbles(block: &[u8]) -> [u8; BLOCK_BYTES] {
    let place = |i: usize| match i / BLOCK_BYTES {
        0 => block[1 + i] & 15,
        _ => block[1 + i - BLOCK_BYTES] >> 4,
    };
    std::array::from_fn(|i| place(2 * i) | place(2 * i + 1) << 4)
}

type Header = (BTreeMap<String, Value>, Vec<Described>);

fn header(bytes: &[u8]) -> Result<Header, String> {
    let mut from = Cursor { bytes, at: 0 };
    if from.take(4)? != MAGIC {
        return Err(format!("is not a GGUF file. {REFETCH}."));
    }
    let version = from.u32()?;
    if !VERSIONS.contains(&version) {
        return Err(format!(
            "is GGUF version {version}; this engine reads 2 and 3."
        ));
    }
    let (tensors, keys) = (from.u64()?, from.u64()?);
    let mut read = BTreeMap::new();
    for _ in 0..keys {
        let name = from.string()?;
        let kind = from.u32()?;
        read.insert(name, from.value(kind, NESTING_MAX)?);
    }
    let architecture = read.get("general.architecture").and_then(Value::as_str);
    if architecture != Some(ARCHITECTURE) {
        return Err(format!(
            "holds another architecture ({}). This engine runs gpt-oss models.",
            architecture.unwrap_or("unnamed")
        ));
    }
    let mut found = Vec::new();
    for _ in 0..tensors {
        found.push(from.tensor()?);
    }
    let alignment = read.get("general.alignment").and_then(Value::as_u64);
    let alignment = alignment.unwrap_or(ALIGNMENT).max(1);
    let data = (from.at as u64).next_multiple_of(alignment);
    let place = |(name, kind, shape, offset): Raw| {
        let (dtype, block, block_bytes) = dtype(kind).ok_or_else(|| {
            format!("tensor {name} is of type {kind}, which is not read. {KNOWN}")
        })?;
        let ins = *shape.last().unwrap_or(&1);
        let numbers = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
        let length = numbers.filter(|_| ins.is_multiple_of(block));
        let length = length.and_then(|n| (n / block).checked_mul(block_bytes));
        let start = data
            .checked_add(offset)
            .and_then(|at| usize::try_from(at).ok());
        let end = start
            .zip(length)
            .and_then(|(start, length)| start.checked_add(length));
        match (start, end) {
            (Some(start), Some(end)) if end <= bytes.len() => Ok(Described {
                name: published(&name).ok_or_else(|| {
                    format!("tensor {name} is no part of a gpt-oss model. {REFETCH}.")
                })?,
                dtype,
                shape,
                range: start..end,
            }),
            _ => Err(format!(
                "tensor {name} does not fit the file: it is cut short. {REFETCH}."
            )),
        }
    };
    let tensors = found
        .into_iter()
        .map(place)
        .collect::<Result<_, String>>()?;
    Ok((read, tensors))
}

const KNOWN: &str = "Choose a file with MXFP4 experts and Q8_0, F16, BF16 or F32 for the rest.";

/// The type's name, and numbers and bytes of a block.
fn dtype(kind: u32) -> Option<(&'static str, usize, usize)> {
    match kind {
        0 => Some(("F32", 1, 4)),
        1 => Some(("F16", 1, 2)),
        8 => Some(("Q8_0", BLOCK, Q8_BYTES)),
        30 => Some(("BF16", 1, 2)),
        39 => Some(("MXFP4", BLOCK, MXFP4_BYTES)),
        _ => None,
    }
}

/// The published name of a tensor. Experts' gate and up projections stay apart, as they are.
fn published(name: &str) -> Option<String> {
    let whole = match name {
        "token_embd.weight" => "model.embed_tokens.weight",
        "output_norm.weight" => "model.norm.weight",
        "output.weight" => "lm_head.weight",
        _ => {
            let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
            let layer: u32 = layer.parse().ok()?;
            let (part, kind) = part.rsplit_once('.')?;
            let part = match (part, kind) {
                ("attn_norm", "weight") => "input_layernorm.weight",
                ("post_attention_norm" | "ffn_norm", "weight") => "post_attention_layernorm.weight",
                ("attn_sinks", "weight") => "self_attn.sinks",
                ("attn_q", kind) => &format!("self_attn.q_proj.{kind}"),
                ("attn_k", kind) => &format!("self_attn.k_proj.{kind}"),
                ("attn_v", kind) => &format!("self_attn.v_proj.{kind}"),
                ("attn_output", kind) => &format!("self_attn.o_proj.{kind}"),
                ("ffn_gate_inp", kind) => &format!("mlp.router.{kind}"),
                ("ffn_gate_exps", kind) => &format!("mlp.experts.gate_proj_{kind}"),
                ("ffn_up_exps", kind) => &format!("mlp.experts.up_proj_{kind}"),
                ("ffn_down_exps", kind) => &format!("mlp.experts.down_proj_{kind}"),
                _ => return None,
            };
            return Some(format!("model.layers.{layer}.{part}"));
        }
    };
    Some(whole.to_owned())
}

/// Name, type, dimensions and offset, as written.
type Raw = (String, u32, Vec<usize>, u64);

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let rest = self.bytes.get(self.at..).and_then(|rest| rest.get(..n));
        let taken = rest.ok_or_else(|| {
            let length = self.bytes.len();
            format!("is cut short within its header: {length} bytes in all. {REFETCH}.")
        })?;
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        Ok(std::array::from_fn(|i| taken[i]))
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn count(&mut self) -> Result<usize, String> {
        let count = self.u64()?;
        let fits = usize::try_from(count)
            .ok()
            .filter(|&n| n <= self.bytes.len());
        fits.ok_or_else(|| {
            format!("names {count} of something, more than it has bytes. {REFETCH}.")
        })
    }

    fn string(&mut self) -> Result<String, String> {
        let length = self.count()?;
        let bytes = self.take(length)?;
        String::from_utf8(bytes.to_vec())
            .map_err(|_| format!("has a text that is not UTF-8. {REFETCH}."))
    }

    fn value(&mut self, kind: u32, nesting: u32) -> Result<Value, String> {
        Ok(match kind {
            0 => self.array::<1>()?[0].into(),
            1 => i8::from_le_bytes(self.array()?).into(),
            2 => u16::from_le_bytes(self.array()?).into(),
            3 => i16::from_le_bytes(self.array()?).into(),
            4 => self.u32()?.into(),
            5 => i32::from_le_bytes(self.array()?).into(),
            6 => f32::from_le_bytes(self.array()?).into(),
            7 => (self.array::<1>()?[0] != 0).into(),
            8 => self.string()?.into(),
            9 if nesting > 0 => {
                let (kind, count) = (self.u32()?, self.count()?);
                let values = (0..count).map(|_| self.value(kind, nesting - 1));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            10 => self.u64()?.into(),
            11 => i64::from_le_bytes(self.array()?).into(),
            12 => f64::from_le_bytes(self.array()?).into(),
            other => {
                return Err(format!(
                    "has a value of the unknown type {other}. {REFETCH}."
                ));
            }
        })
    }

    fn tensor(&mut self) -> Result<Raw, String> {
        const DIMENSIONS_MAX: u32 = 4;
        let name = self.string()?;
        let dimensions = self.u32()?;
        if dimensions > DIMENSIONS_MAX {
            return Err(format!(
                "tensor {name} has {dimensions} dimensions. {REFETCH}."
            ));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(self.count()?);
        }
        // Innermost first in the file.
        shape.reverse();
        Ok((name, self.u32()?, shape, self.u64()?))
    }
}

#[cfg(test)]
#[path = "gguf/tests.rs"]
mod tests;
