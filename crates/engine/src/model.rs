//! The model: gpt-oss as published, in candle tensors and the kernels beside this file.
//! It turns tokens into logits and knows neither text nor sampling.
//!
//! Axes: N rows of a step (each one token of some sequence at some position), H hidden,
//! V vocabulary. The rows of a step may come from prompts and replies alike.

use candle_core::{Device, Tensor};
use candle_nn::ops::rms_norm;

use crate::attention::{Angles, Attend, Kv, Rotary, Row};
use crate::config::Config;
use crate::linear::{BLOCK, Linear};
use crate::moe::Experts;
use crate::mxfp4::{BLOCK_BYTES, Packed};
use crate::simd::Isa;
use crate::weights::{Bytes, Values, Weights};
use crate::{GenerateError, LoadError};

struct Layer {
    input_norm: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    sinks: Vec<f32>,
    o: Linear,
    post_norm: Tensor,
    router: Linear,
    experts: Experts,
}

pub struct Model {
    pub config: Config,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Linear,
    rotary: Rotary,
    isa: Isa,
}

/// Tokens that a step adds to one sequence.
pub struct Part<'a> {
    pub kv: &'a mut Kv,
    pub tokens: &'a [u32],
    /// After how many of the last tokens the logits are wanted.
    pub logits: usize,
}

impl Model {
    pub fn load(config: Config, weights: &Weights) -> Result<Model, LoadError> {
        let c = &config;
        let embedding = Values::load(weights, "model.embed_tokens", [c.vocab, c.hidden])?;
        let head = match (c.tied_embeddings, weights.has("lm_head.weight")) {
            (true, false) => "model.embed_tokens",
            _ => "lm_head",
        };
        let head = linear(weights, head, c.vocab, c.hidden, false)?;
        let layers = (0..c.windows.len()).map(|i| Layer::load(c, weights, i));
        Ok(Model {
            embedding: Embedding {
                values: embedding,
                width: c.hidden,
            },
            layers: layers.collect::<Result<_, _>>()?,
            norm: norm(weights, "model.norm", c.hidden)?,
            head,
            rotary: Rotary::new(&c.rope, c.head_dim),
            isa: Isa::best(),
            config,
        })
    }

    /// Runs all kernels on one instruction set.
    #[cfg(test)]
    pub(crate) fn set_isa(&mut self, isa: Isa) {
        self.isa = isa;
        self.head.set_isa(isa);
        for layer in &mut self.layers {
            for linear in [
                &mut layer.q,
                &mut layer.k,
                &mut layer.v,
                &mut layer.o,
                &mut layer.router,
            ] {
                linear.set_isa(isa);
            }
            layer.experts.isa = isa;
        }
    }

    /// Appends each part's tokens to its sequence, which follows `shared`, and returns the
    /// logits asked for, [rows that ask, V]. Gives up between layers when `stop` says so;
    /// the sequences are then as before.
    pub fn forward(
        &self,
        shared: Option<&Kv>,
        parts: &mut [Part<'_>],
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<f32>, GenerateError> {
        let first = shared.map_or(0, Kv::len);
        let mut rows = Vec::new();
        let mut wanted = Vec::new();
        for (sequence, part) in parts.iter().enumerate() {
            let start = first + part.kv.len();
            rows.extend((0..part.tokens.len()).map(|i| Row {
                sequence,
                position: start + i,
            }));
            let end = rows.len() as u32;
            wanted.extend(end - part.logits as u32..end);
        }
        let angles: Vec<Angles> = rows
            .iter()
            .map(|row| self.rotary.angles(row.position))
            .collect();
        let tokens = parts.iter().flat_map(|part| part.tokens);
        // x: [N, H]
        let mut x = self.embedding.rows(tokens)?;
        for (i, layer) in self.layers.iter().enumerate() {
            if stop() {
                return Err(GenerateError::Cancelled);
            }
            // h: [N, H]; q: [N, heads · D]; k, v: [N, KV · D]
            let h = rms_norm(&x, &layer.input_norm, self.config.eps as f32)?;
            let q = layer.q.forward(&h)?;
            self.write(
                i,
                first,
                &rows,
                &angles,
                layer.k.forward(&h)?,
                layer.v.forward(&h)?,
                parts,
            )?;
            let sequences: Vec<&Kv> = parts.iter().map(|part| &*part.kv).collect();
            let attended = q.apply_op1_no_bwd(&Attend {
                layer: i,
                window: self.config.windows[i],
                heads: self.config.heads,
                sinks: &layer.sinks,
                rows: &rows,
                angles: &angles,
                shared,
                sequences: &sequences,
                isa: self.isa,
            })?;
            x = (x + layer.o.forward(&attended)?)?;
            let h = rms_norm(&x, &layer.post_norm, self.config.eps as f32)?;
            // router: [N, E]
            let router = layer.router.forward(&h)?;
            x = (x + layer.experts.forward(&h, &router)?)?;
        }
        for part in parts.iter_mut() {
            part.kv.extend(part.tokens.len());
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let x = x.index_select(&Tensor::new(wanted, &Device::Cpu)?, 0)?;
        let x = rms_norm(&x, &self.norm, self.config.eps as f32)?;
        Ok(self.head.forward(&x)?.flatten_all()?.to_vec1()?)
    }

    /// Rotates the keys of this step and puts them and the values where they belong.
    #[expect(
        clippy::too_many_arguments,
        reason = "the operands of one step of one layer"
    )]
    fn write(
        &self,
        layer: usize,
        first: usize,
        rows: &[Row],
        angles: &[Angles],
        k: Tensor,
        v: Tensor,
        parts: &mut [Part<'_>],
    ) -> Result<(), GenerateError> {
        let width = self.config.kv_heads * self.config.head_dim;
        let mut k = k.flatten_all()?.to_vec1::<f32>()?;
        let v = v.flatten_all()?.to_vec1::<f32>()?;
        let pairs = k.chunks_exact_mut(width).zip(v.chunks_exact(width));
        for ((row, angles), (key, value)) in rows.iter().zip(angles).zip(pairs) {
            angles.rotate(key);
            parts[row.sequence]
                .kv
                .write(layer, row.position - first, key, value);
        }
        Ok(())
    }
}

impl Layer {
    fn load(c: &Config, w: &Weights, i: usize) -> Result<Layer, LoadError> {
        let name = |part: &str| format!("model.layers.{i}.{part}");
        let attention = |part: &str, outs: usize, ins: usize| {
            linear(
                w,
                &name(&format!("self_attn.{part}_proj")),
                outs,
                ins,
                c.attention_bias,
            )
        };
        let (queries, keys) = (c.heads * c.head_dim, c.kv_heads * c.head_dim);
        Ok(Layer {
            input_norm: norm(w, &name("input_layernorm"), c.hidden)?,
            q: attention("q", queries, c.hidden)?,
            k: attention("k", keys, c.hidden)?,
            v: attention("v", keys, c.hidden)?,
            sinks: w.values(&name("self_attn.sinks"), &[c.heads])?,
            o: attention("o", c.hidden, queries)?,
            post_norm: norm(w, &name("post_attention_layernorm"), c.hidden)?,
            router: linear(w, &name("mlp.router"), c.experts, c.hidden, true)?,
            experts: experts(c, w, &name("mlp.experts"))?,
        })
    }
}

fn experts(c: &Config, w: &Weights, name: &str) -> Result<Experts, LoadError> {
    let packed = |part: &str, outs: usize, ins: usize| {
        let per_row = ins / BLOCK;
        Ok(Packed {
            blocks: w.packed(
                &format!("{name}.{part}_blocks"),
                &[c.experts, outs, per_row, BLOCK_BYTES],
            )?,
            scales: w.packed(
                &format!("{name}.{part}_scales"),
                &[c.experts, outs, per_row],
            )?,
            per_row,
        })
    };
    let bias =
        |part: &str, outs: usize| w.values(&format!("{name}.{part}_bias"), &[c.experts, outs]);
    Ok(Experts {
        gate_up: packed("gate_up_proj", 2 * c.intermediate, c.hidden)?,
        gate_up_bias: bias("gate_up_proj", 2 * c.intermediate)?,
        down: packed("down_proj", c.hidden, c.intermediate)?,
        down_bias: bias("down_proj", c.hidden)?,
        experts: c.experts,
        top_k: c.top_k,
        hidden: c.hidden,
        intermediate: c.intermediate,
        limit: c.swiglu_limit,
        alpha: c.swiglu_alpha,
        isa: Isa::best(),
    })
}

fn linear(
    w: &Weights,
    name: &str,
    outs: usize,
    ins: usize,
    bias: bool,
) -> Result<Linear, LoadError> {
    let bias = match bias {
        true => Some(w.values(&format!("{name}.bias"), &[outs])?),
        false => None,
    };
    Ok(match Values::load(w, name, [outs, ins])? {
        Values::Bf16(bytes) => Linear::bf16(bytes, bias, outs, ins),
        Values::F32(values) => Linear::f32(&values, bias, outs, ins),
    })
}

fn norm(w: &Weights, name: &str, size: usize) -> Result<Tensor, LoadError> {
    let values = w.values(&format!("{name}.weight"), &[size])?;
    Tensor::new(values, &Device::Cpu).map_err(|e| LoadError(format!("{name}: {e}")))
}

impl Values {
    fn load(w: &Weights, name: &str, shape: [usize; 2]) -> Result<Values, LoadError> {
        w.matrix(&format!("{name}.weight"), shape)
    }
}

/// [V, H], as stored.
struct Embedding {
    values: Values,
    width: usize,
}

impl Embedding {
    /// → [N, H]
    fn rows<'a>(&self, tokens: impl Iterator<Item = &'a u32>) -> candle_core::Result<Tensor> {
        let mut rows: Vec<f32> = Vec::new();
        for &token in tokens {
            let at = token as usize * self.width;
            match &self.values {
                Values::F32(values) => rows.extend(&values[at..][..self.width]),
                Values::Bf16(bytes) => rows.extend(widened(bytes, at, self.width)),
            }
        }
        let n = rows.len() / self.width;
        Tensor::from_vec(rows, (n, self.width), &Device::Cpu)
    }
}

fn widened(bytes: &Bytes, at: usize, width: usize) -> impl Iterator<Item = f32> {
    bytes[at * 2..(at + width) * 2]
        .chunks_exact(2)
        .map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32())
}

impl From<candle_core::Error> for GenerateError {
    fn from(error: candle_core::Error) -> GenerateError {
        GenerateError::Internal(error.to_string())
    }
}

/// Tokens of a prompt that are computed in one step.
pub(crate) const CHUNK: usize = 128;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::testing::Noise;
    use std::path::Path;

    fn fixture(name: &str) -> Model {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fixtures/parity")
            .join(name);
        Model::load(Config::load(&dir).unwrap(), &Weights::open(&dir).unwrap()).unwrap()
    }

    fn tokens(model: &Model, n: usize, seed: u64) -> Vec<u32> {
        let mut noise = Noise::new(seed);
        (0..n)
            .map(|_| (noise.next() % model.config.vocab as u64) as u32)
            .collect()
    }

    /// The last logits' bits, with the first `shared` tokens as a prefix and the rest computed
    /// in pieces of `chunk`.
    fn bits(model: &Model, tokens: &[u32], shared: usize, chunk: usize) -> Vec<u32> {
        let mut prefix = Kv::new(&model.config);
        let mut own = Kv::new(&model.config);
        let mut logits = Vec::new();
        for tokens in tokens[..shared].chunks(chunk) {
            let part = Part {
                kv: &mut prefix,
                tokens,
                logits: 0,
            };
            model.forward(None, &mut [part], &|| false).unwrap();
        }
        for tokens in tokens[shared..].chunks(chunk) {
            let part = Part {
                kv: &mut own,
                tokens,
                logits: 1,
            };
            logits = model
                .forward(Some(&prefix), &mut [part], &|| false)
                .unwrap();
        }
        logits.iter().map(|l| l.to_bits()).collect()
    }

    #[test]
    fn logits_do_not_depend_on_chunks_prefix_or_instruction_set() {
        for name in ["alpha", "beta", "gamma"] {
            let mut model = fixture(name);
            let tokens = tokens(&model, 70, 1);
            let whole = bits(&model, &tokens, 0, 70);
            for (shared, chunk) in [
                (0, 1),
                (0, 7),
                (1, 70),
                (15, 16),
                (16, 5),
                (37, 70),
                (69, 32),
            ] {
                assert_eq!(
                    bits(&model, &tokens, shared, chunk),
                    whole,
                    "{name} {shared} {chunk}"
                );
            }
            for isa in Isa::available() {
                model.set_isa(isa);
                assert_eq!(bits(&model, &tokens, 20, 9), whole, "{name} {isa:?}");
            }
        }
    }

    #[test]
    fn logits_do_not_depend_on_the_batch_or_the_threads() {
        let model = fixture("gamma");
        let vocab = model.config.vocab;
        let prefix_tokens = tokens(&model, 33, 2);
        let mut prefix = Kv::new(&model.config);
        let part = Part {
            kv: &mut prefix,
            tokens: &prefix_tokens,
            logits: 0,
        };
        model.forward(None, &mut [part], &|| false).unwrap();
        let cases: Vec<Vec<u32>> = (0..32)
            .map(|i| tokens(&model, 1 + i % 9, 100 + i as u64))
            .collect();
        let step = |cases: &[Vec<u32>]| {
            let mut kvs: Vec<Kv> = cases.iter().map(|_| Kv::new(&model.config)).collect();
            let pairs = kvs.iter_mut().zip(cases);
            let mut parts: Vec<Part<'_>> = pairs
                .map(|(kv, tokens)| Part {
                    kv,
                    tokens,
                    logits: 1,
                })
                .collect();
            model.forward(Some(&prefix), &mut parts, &|| false).unwrap()
        };
        let all = step(&cases);
        for n in [1, 7] {
            for (i, some) in cases.chunks(n).enumerate() {
                assert_eq!(step(some), all[i * n * vocab..][..some.len() * vocab]);
            }
        }
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert_eq!(pool.install(|| step(&cases)), all);
        }
    }

    #[test]
    fn a_stopped_step_leaves_the_sequence_as_it_was() {
        let model = fixture("alpha");
        let tokens = tokens(&model, 30, 3);
        let mut kv = Kv::new(&model.config);
        let part = Part {
            kv: &mut kv,
            tokens: &tokens[..20],
            logits: 0,
        };
        model.forward(None, &mut [part], &|| false).unwrap();
        let calls = std::cell::Cell::new(0);
        let stop = || calls.replace(calls.get() + 1) == 2;
        let part = Part {
            kv: &mut kv,
            tokens: &tokens[5..15],
            logits: 0,
        };
        let stopped = model.forward(None, &mut [part], &stop);
        assert!(matches!(stopped, Err(GenerateError::Cancelled)));
        assert_eq!((kv.len(), calls.get()), (20, 3));
        let part = Part {
            kv: &mut kv,
            tokens: &tokens[20..],
            logits: 1,
        };
        let logits = model.forward(None, &mut [part], &|| false).unwrap();
        let found: Vec<u32> = logits.iter().map(|l| l.to_bits()).collect();
        assert_eq!(found, bits(&model, &tokens, 0, 30));
    }
}
