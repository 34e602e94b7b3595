//! The model: gpt-oss as published, in candle tensors and the kernels beside this file.
//! It turns tokens into logits and knows neither text nor sampling.
//!
//! Axes: N rows of a step (each one token of some sequence at some position), H hidden,
//! V vocabulary. The rows of a step may come from prompts and replies alike.

use candle_core::{Device, Tensor};
use candle_nn::ops::rms_norm;

use crate::attention::{Angles, Attend, Kv, Rotary, Row, Stretch, length};
use crate::config::Config;
use crate::moe::{Experts, Projections};
use crate::projection::Linear;
use crate::simd::Isa;
use crate::weights::{Values, Weights};
use crate::work::{Done, Work};
use crate::{GenerateError, LoadError, Numerics};

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
    pub numerics: Numerics,
    isa: Isa,
    work: Work,
}

/// Tokens that a step adds to one sequence.
pub struct Part<'a> {
    pub kv: &'a mut Kv,
    pub tokens: &'a [u32],
    /// After how many of the last tokens the logits are wanted.
    pub logits: usize,
}

impl Model {
    pub fn load(config: Config, weights: &Weights, numerics: Numerics) -> Result<Model, LoadError> {
        let c = &config;
        let embedding = Values::load(weights, "model.embed_tokens", [c.vocab, c.hidden])?;
        let head = match (c.tied_embeddings, weights.has("lm_head.weight")) {
            (true, false) => "model.embed_tokens",
            _ => "lm_head",
        };
        let head = linear(weights, numerics, head, [c.vocab, c.hidden], false)?;
        let layers = (0..c.windows.len()).map(|i| {
            let layer = Layer::load(c, weights, numerics, i);
            if numerics == Numerics::Fast {
                // It was copied: the file's pages need not be there as well.
                weights.release();
            }
            layer
        });
        Ok(Model {
            embedding: Embedding {
                values: embedding,
                width: c.hidden,
            },
            layers: layers.collect::<Result<_, _>>()?,
            norm: norm(weights, "model.norm", c.hidden)?,
            head,
            rotary: Rotary::new(&c.rope, c.head_dim),
            numerics,
            isa: Isa::best(),
            work: Work::default(),
            config,
        })
    }

    /// What was done since this was asked last.
    pub(crate) fn work(&self) -> Done {
        let experts = self.layers.iter().map(|layer| layer.experts.work.take());
        experts.fold(self.work.take(), Done::and)
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
        shared: &[Stretch<'_>],
        parts: &mut [Part<'_>],
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<f32>, GenerateError> {
        let first = length(shared);
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
            let [q, k, v] = Linear::thrice([&layer.q, &layer.k, &layer.v], &numbers(&h)?);
            self.write(i, first, &rows, &angles, k, &v, parts);
            let q = Tensor::from_vec(q, (rows.len(), layer.q.outs()), &Device::Cpu)?;
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
            for linear in [&layer.q, &layer.k, &layer.v, &layer.o, &layer.router] {
                self.work.add(linear.work(rows.len()));
            }
        }
        for part in parts.iter_mut() {
            part.kv.extend(part.tokens.len());
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.work.add(self.head.work(wanted.len()));
        let x = x.index_select(&Tensor::new(wanted, &Device::Cpu)?, 0)?;
        let x = rms_norm(&x, &self.norm, self.config.eps as f32)?;
        Ok(self.head.multiply(&numbers(&x)?))
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
        mut k: Vec<f32>,
        v: &[f32],
        parts: &mut [Part<'_>],
    ) {
        let width = self.config.kv_heads * self.config.head_dim;
        let pairs = k.chunks_exact_mut(width).zip(v.chunks_exact(width));
        for ((row, angles), (key, value)) in rows.iter().zip(angles).zip(pairs) {
            angles.rotate(key);
            parts[row.sequence]
                .kv
                .write(layer, row.position - first, key, value);
        }
    }
}

/// All numbers of a tensor, row by row.
fn numbers(x: &Tensor) -> candle_core::Result<Vec<f32>> {
    x.flatten_all()?.to_vec1()
}

impl Layer {
    fn load(c: &Config, w: &Weights, numerics: Numerics, i: usize) -> Result<Layer, LoadError> {
        let name = |part: &str| format!("model.layers.{i}.{part}");
        let attention = |part: &str, outs: usize, ins: usize| {
            let name = name(&format!("self_attn.{part}_proj"));
            linear(w, numerics, &name, [outs, ins], c.attention_bias)
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
            router: linear(w, ROUTING, &name("mlp.router"), [c.experts, c.hidden], true)?,
            experts: experts(c, w, numerics, &name("mlp.experts"))?,
        })
    }
}

/// Which experts a token goes through is not left to rounding: the router is small.
const ROUTING: Numerics = Numerics::Exact;

fn experts(c: &Config, w: &Weights, numerics: Numerics, name: &str) -> Result<Experts, LoadError> {
    let packed = |part: &str, outs: usize, ins: usize| {
        w.experts(&format!("{name}.{part}"), [c.experts, outs, ins])
    };
    let bias =
        |part: &str, outs: usize| w.expert_bias(&format!("{name}.{part}"), [c.experts, outs]);
    let gate_up = packed("gate_up_proj", 2 * c.intermediate, c.hidden)?;
    let down = packed("down_proj", c.hidden, c.intermediate)?;
    let projections = match numerics {
        Numerics::Exact => Projections::Exact { gate_up, down },
        Numerics::Fast => Projections::Fast {
            gate_up: gate_up.panels(c.experts, 2 * c.intermediate)?,
            down: down.panels(c.experts, c.hidden)?,
        },
    };
    Ok(Experts {
        projections,
        gate_up_bias: bias("gate_up_proj", 2 * c.intermediate)?,
        down_bias: bias("down_proj", c.hidden)?,
        experts: c.experts,
        top_k: c.top_k,
        hidden: c.hidden,
        intermediate: c.intermediate,
        limit: c.swiglu_limit,
        alpha: c.swiglu_alpha,
        isa: Isa::best(),
        work: Work::default(),
    })
}

fn linear(
    w: &Weights,
    numerics: Numerics,
    name: &str,
    [outs, ins]: [usize; 2],
    bias: bool,
) -> Result<Linear, LoadError> {
    let bias = match bias {
        true => Some(w.values(&format!("{name}.bias"), &[outs])?),
        false => None,
    };
    let values = Values::load(w, name, [outs, ins])?;
    Linear::new(numerics, values, bias, [outs, ins])
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
            let end = rows.len();
            rows.resize(end + self.width, 0.0);
            self.values
                .read(token as usize * self.width, &mut rows[end..]);
        }
        let n = rows.len() / self.width;
        Tensor::from_vec(rows, (n, self.width), &Device::Cpu)
    }
}

impl From<candle_core::Error> for GenerateError {
    fn from(error: candle_core::Error) -> GenerateError {
        GenerateError::Internal(error.to_string())
    }
}

/// Tokens of prompts that are computed in one step beside replies.
pub(crate) const CHUNK: usize = 128;
/// Tokens of a shared prefix that are, and of all prompts while nobody replies: nobody waits for the
/// step to end, and an expert that is read serves more of them.
pub(crate) const PREFIX_CHUNK: usize = 512;

#[cfg(test)]
#[path = "model/tests.rs"]
mod tests;
