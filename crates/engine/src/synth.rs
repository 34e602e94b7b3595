//! Random weights in the published layout, so that anyone can measure a model's cost
//! without having it. Written beside the target and renamed; memory stays bounded by one
//! chunk; the same seed gives the same bytes. Refuses to overwrite, and a disk that is too
//! small.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::layout::{Kind, Slot, layout};
use crate::memory::gib;
use crate::{Cancel, LoadError, machine, o200k};

/// The model whose shape is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Like {
    GptOss20b,
    GptOss120b,
    Pebble,
}

#[derive(Debug, Clone)]
pub struct Synth {
    pub like: Like,
    /// Fewer layers, or more, than the model has.
    pub layers: Option<u32>,
    pub seed: u64,
    pub out: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synthesised {
    pub files: u32,
    pub tensors: u32,
    pub bytes: u64,
    pub parameters: u64,
    pub layers: u32,
}

/// Weights of a file; the published 20b is cut at about this size as well.
const SHARD_BYTES: u64 = 4 << 30;
const CHUNK_BYTES: usize = 1 << 20;
/// Room that a full disk keeps for the tokenizer and the file system's own needs.
const SPARE_BYTES: u64 = 256 << 20;
const LAYERS_MAX: u32 = 1_024;

/// Writes a checkpoint; `on_progress` hears bytes written and bytes in all.
pub fn synth(
    request: &Synth,
    cancel: &Cancel,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<Synthesised, LoadError> {
    let out = &request.out;
    if out.exists() {
        return Err(LoadError(format!(
            "{} exists already. Nothing was written; choose another folder, or remove it.",
            out.display()
        )));
    }
    let json = request.like.config(request.layers)?;
    let config = Config::parse(&json.to_string()).map_err(LoadError)?;
    let slots = layout(&config);
    let bytes: u64 = slots.iter().map(Slot::published_bytes).sum();
    room(out, bytes, machine::free_bytes(out))?;
    let fail = |e: std::io::Error| LoadError(format!("{}: {e}.", out.display()));
    if let Some(parent) = out.parent() {
        std::fs::create_dir_all(parent).map_err(fail)?;
    }
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let fresh = Fresh(out.with_file_name(name));
    std::fs::create_dir(&fresh.0).map_err(fail)?;
    let files = Writer {
        seed: request.seed,
        cancel,
        on_progress,
        done: 0,
        total: bytes,
    }
    .write(&fresh.0, &slots, SHARD_BYTES)?;
    write_json(&fresh.0.join("config.json"), &json).map_err(fail)?;
    let generation = json!({
        "do_sample": true,
        "eos_token_id": request.like.ends(),
    });
    write_json(&fresh.0.join("generation_config.json"), &generation).map_err(fail)?;
    let tokenizer = match request.like {
        Like::GptOss20b | Like::GptOss120b => o200k::tokenizer().map_err(LoadError)?,
        Like::Pebble => o200k::bytes_tokenizer(config.vocab as u32),
    };
    write_json(&fresh.0.join("tokenizer.json"), &tokenizer).map_err(fail)?;
    std::fs::rename(&fresh.0, out).map_err(fail)?;
    Ok(Synthesised {
        files,
        tensors: slots.len() as u32,
        bytes,
        parameters: slots.iter().map(Slot::parameters).sum(),
        layers: config.windows.len() as u32,
    })
}

/// A folder in the making: gone again unless it was renamed.
struct Fresh(PathBuf);

impl Drop for Fresh {
    fn drop(&mut self) {
        // Gone already when all went well.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn room(out: &Path, bytes: u64, free: Option<u64>) -> Result<(), LoadError> {
    match free {
        Some(free) if free < bytes + SPARE_BYTES => Err(LoadError(format!(
            "{}: the weights take {}, with {} to spare, and the disk has {} free. Free some \
             space, choose another disk, or fewer --layers.",
            out.display(),
            gib(bytes),
            gib(SPARE_BYTES),
            gib(free)
        ))),
        Some(_) | None => Ok(()),
    }
}

fn write_json(path: &Path, value: &Value) -> std::io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    std::fs::write(path, text)
}

impl Like {
    /// config.json as published, but for the number of layers.
    fn config(self, layers: Option<u32>) -> Result<Value, LoadError> {
        let (published, experts) = match self {
            Like::GptOss20b => (24, 32),
            Like::GptOss120b => (36, 128),
            Like::Pebble => (6, 4),
        };
        let layers = layers.unwrap_or(published);
        if !(1..=LAYERS_MAX).contains(&layers) {
            return Err(LoadError(format!(
                "{layers} layers were asked for; between 1 and {LAYERS_MAX} are possible."
            )));
        }
        let types: Vec<&str> = (0..layers)
            .map(|layer| match layer % 2 {
                0 => "sliding_attention",
                _ => "full_attention",
            })
            .collect();
        let small = self == Like::Pebble;
        let pick = |pebble: u64, published: u64| if small { pebble } else { published };
        let ends = self.ends();
        Ok(json!({
            "architectures": ["GptOssForCausalLM"],
            "model_type": "gpt_oss",
            "torch_dtype": "bfloat16",
            "attention_bias": true,
            "attention_dropout": 0.0,
            "eos_token_id": ends[0],
            "pad_token_id": ends[1],
            "experts_per_token": pick(2, 4),
            "num_experts_per_tok": pick(2, 4),
            "num_local_experts": experts,
            "head_dim": pick(16, 64),
            "hidden_act": "silu",
            "hidden_size": pick(128, 2880),
            "intermediate_size": pick(64, 2880),
            "initial_context_length": 4096,
            "max_position_embeddings": pick(4096, 131_072),
            "initializer_range": 0.02,
            "layer_types": types,
            "num_attention_heads": pick(8, 64),
            "num_hidden_layers": layers,
            "num_key_value_heads": pick(4, 8),
            "output_router_logits": false,
            "router_aux_loss_coef": 0.9,
            "quantization_config": {
                "quant_method": "mxfp4",
                "modules_to_not_convert": [
                    "model.layers.*.self_attn", "model.layers.*.mlp.router",
                    "model.embed_tokens", "lm_head",
                ],
            },
            "rms_norm_eps": 1e-5,
            "rope_theta": 150_000,
            "rope_scaling": {
                "beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0,
                "original_max_position_embeddings": 4096, "rope_type": "yarn", "truncate": false,
            },
            "sliding_window": pick(64, 128),
            "swiglu_limit": 7.0,
            "tie_word_embeddings": false,
            "use_cache": true,
            "vocab_size": pick(4096, 201_088),
        }))
    }

    /// `<|return|>`, `<|endoftext|>`, `<|call|>`.
    fn ends(self) -> [u32; 3] {
        match self {
            Like::GptOss20b | Like::GptOss120b => [200_002, 199_999, 200_012],
            Like::Pebble => [4_089, 4_088, 4_095],
        }
    }
}

/// config.json of a published model, for tests.
#[cfg(test)]
pub(crate) fn published_config(like: Like) -> String {
    like.config(None)
        .map(|json| json.to_string())
        .unwrap_or_default()
}

struct Writer<'a> {
    seed: u64,
    cancel: &'a Cancel,
    on_progress: &'a mut dyn FnMut(u64, u64),
    done: u64,
    total: u64,
}

impl Writer<'_> {
    /// One file, or shards with an index; the number of files.
    fn write(mut self, dir: &Path, slots: &[Slot], shard_bytes: u64) -> Result<u32, LoadError> {
        let mut shards: Vec<Vec<&Slot>> = vec![Vec::new()];
        let mut filled = 0;
        for slot in slots {
            if filled > 0 && filled + slot.published_bytes() > shard_bytes {
                shards.push(Vec::new());
                filled = 0;
            }
            filled += slot.published_bytes();
            if let Some(shard) = shards.last_mut() {
                shard.push(slot);
            }
        }
        let count = shards.len();
        let mut map = serde_json::Map::new();
        for (i, shard) in shards.iter().enumerate() {
            let name = match count {
                1 => "model.safetensors".to_owned(),
                _ => format!("model-{i:05}-of-{:05}.safetensors", count - 1),
            };
            let path = dir.join(&name);
            self.shard(&path, shard)
                .map_err(|e| LoadError(format!("{}: {e}.", path.display())))?;
            map.extend(
                shard
                    .iter()
                    .map(|s| (s.name.clone(), Value::from(name.as_str()))),
            );
        }
        if count > 1 {
            let path = dir.join("model.safetensors.index.json");
            let index = json!({ "metadata": { "total_size": self.total }, "weight_map": map });
            write_json(&path, &index)
                .map_err(|e| LoadError(format!("{}: {e}.", path.display())))?;
        }
        Ok(count as u32)
    }

    fn shard(&mut self, path: &Path, slots: &[&Slot]) -> std::io::Result<()> {
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
        let mut offset = 0;
        for slot in slots {
            let end = offset + slot.published_bytes();
            let dtype = match slot.kind {
                Kind::Blocks | Kind::Scales => "U8",
                Kind::Matrix | Kind::Norm | Kind::Bias | Kind::Sinks => "BF16",
            };
            let entry = json!({
                "dtype": dtype, "shape": slot.shape, "data_offsets": [offset, end],
            });
            header.insert(slot.name.clone(), entry);
            offset = end;
        }
        let mut text = serde_json::to_vec(&header)?;
        // Data begin at a multiple of 8, as safetensors' own writer has it.
        text.resize(text.len().next_multiple_of(8), b' ');
        let mut file = BufWriter::with_capacity(CHUNK_BYTES, File::create_new(path)?);
        file.write_all(&(text.len() as u64).to_le_bytes())?;
        file.write_all(&text)?;
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        for slot in slots {
            let mut values = Values::of(slot, self.seed);
            let mut left = slot.published_bytes();
            while left > 0 {
                if self.cancel.is_cancelled() {
                    return Err(std::io::Error::other("cancelled; nothing was kept"));
                }
                let n = left.min(CHUNK_BYTES as u64);
                chunk.clear();
                values.fill(&mut chunk, n as usize);
                file.write_all(&chunk)?;
                left -= n;
                self.done += n;
                (self.on_progress)(self.done, self.total);
            }
        }
        file.into_inner()?.sync_all()
    }
}

/// A tensor's bytes, as they come.
struct Values {
    noise: SplitMix,
    kind: Kind,
    mean: f32,
    deviation: f32,
    /// Exponent of scales, biased by 127.
    scale: u8,
}

/// Root mean square of FP4's sixteen values, 2.926, times that of the spread of scales
/// below, 1.25.
const FP4_RMS: f64 = 2.926 * 1.25;

impl Values {
    fn of(slot: &Slot, seed: u64) -> Values {
        // Numbers a row has: products then keep the size of their input.
        let ins = match (slot.kind, slot.shape.as_slice()) {
            (Kind::Matrix, [_, ins]) => *ins,
            (Kind::Scales, [_, _, per_row]) => per_row * 32,
            _ => 1,
        } as f64;
        let (mean, deviation) = match slot.kind {
            Kind::Norm => (1.0, 0.1),
            Kind::Bias => (0.0, 0.02),
            Kind::Sinks => (0.0, 1.0),
            Kind::Matrix if slot.name.starts_with("model.embed_tokens") => (0.0, 1.0),
            Kind::Matrix => (0.0, ins.sqrt().recip()),
            Kind::Blocks | Kind::Scales => (0.0, 0.0),
        };
        let exponent = (ins.sqrt() * FP4_RMS).recip().log2().round();
        Values {
            // FNV-1a: a tensor's bytes depend on seed and name, not on its place.
            noise: SplitMix(
                slot.name
                    .bytes()
                    .fold(seed ^ 0xcbf2_9ce4_8422_2325, |h, b| {
                        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
                    }),
            ),
            kind: slot.kind,
            mean,
            deviation: deviation as f32,
            scale: (127.0 + exponent) as u8,
        }
    }

    /// Appends `n` bytes; `n` is even for numbers of two bytes.
    fn fill(&mut self, to: &mut Vec<u8>, n: usize) {
        let end = to.len() + n;
        while to.len() < end {
            let random = self.noise.next();
            match self.kind {
                Kind::Blocks => to.extend(random.to_le_bytes()),
                // One below, one above, or the exponent itself.
                Kind::Scales => to.extend((0..8).map(|i| match (random >> (8 * i)) & 3 {
                    0 => self.scale - 1,
                    1 => self.scale + 1,
                    _ => self.scale,
                })),
                Kind::Matrix | Kind::Norm | Kind::Bias | Kind::Sinks => {
                    let value = self.mean + self.deviation * normal(random);
                    to.extend(half::bf16::from_f32(value).to_le_bytes());
                }
            }
        }
        to.truncate(end);
    }
}

/// Nearly a standard normal: the sum of four uniform numbers, within ±3.47.
fn normal(random: u64) -> f32 {
    let sum: u32 = (0..4).map(|i| (random >> (16 * i)) as u32 & 0xffff).sum();
    // Each has mean 32,767.5 and variance 65,536² / 12.
    (sum as f32 - 131_070.0) / 37_837.2
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> SplitMix {
        SplitMix(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests;
