//! A layer's weights on the device. Dense matrices are bf16 in whole blocks of K, q, k and v in
//! one; f32 matrices are two bf16 ones, the second what the first leaves. Experts are the bytes
//! of the file. Norms, biases and sinks are f32.

use std::sync::Arc;

use super::device::{Buffer, Device, Fault};
use crate::LoadError;
use crate::config::Config;
use crate::linear::BLOCK;
use crate::weights::{Values, Weights};

/// Matrices are sent in pieces of at most so many rows' bytes, or one row.
const PIECE_BYTES: usize = 64 << 20;

pub(crate) struct Layer {
    pub(crate) input_norm: Buffer,
    pub(crate) qkv: Dense,
    pub(crate) sinks: Buffer,
    pub(crate) o: Dense,
    pub(crate) post_norm: Buffer,
    pub(crate) router: Dense,
    pub(crate) gate_up: Packed,
    pub(crate) down: Packed,
}

/// [outs, blocks × 32]
pub(crate) struct Dense {
    pub(crate) hi: Buffer,
    /// Of f32 weights.
    pub(crate) lo: Option<Buffer>,
    pub(crate) bias: Option<Buffer>,
    pub(crate) outs: usize,
    pub(crate) blocks: usize,
}

pub(crate) struct Packed {
    pub(crate) values: Buffer,
    pub(crate) scales: Buffer,
    pub(crate) bias: Buffer,
}

/// Brings tensors onto the device.
pub(crate) struct Upload<'a> {
    pub(crate) device: &'a Arc<dyn Device>,
    pub(crate) weights: &'a Weights,
}

impl Layer {
    pub(crate) fn load(upload: &Upload<'_>, c: &Config, i: usize) -> Result<Layer, LoadError> {
        let name = |part: &str| format!("model.layers.{i}.{part}");
        let (queries, keys) = (c.heads * c.head_dim, c.kv_heads * c.head_dim);
        let [q, k, v, o] = ["q", "k", "v", "o"].map(|part| name(&format!("self_attn.{part}_proj")));
        let bias = c.attention_bias;
        let qkv = [(&*q, queries), (&*k, keys), (&*v, keys)];
        let (wide, narrow) = (2 * c.intermediate, c.intermediate);
        Ok(Layer {
            input_norm: upload.values(&name("input_layernorm.weight"), &[c.hidden])?,
            qkv: upload.dense(&qkv, c.hidden, bias)?,
            sinks: upload.values(&name("self_attn.sinks"), &[c.heads])?,
            o: upload.dense(&[(&o, c.hidden)], queries, bias)?,
            post_norm: upload.values(&name("post_attention_layernorm.weight"), &[c.hidden])?,
            router: upload.dense(&[(&name("mlp.router"), c.experts)], c.hidden, true)?,
            gate_up: upload.packed(&name("mlp.experts.gate_up_proj"), c, wide, c.hidden)?,
            down: upload.packed(&name("mlp.experts.down_proj"), c, c.hidden, narrow)?,
        })
    }
}

impl Upload<'_> {
    pub(crate) fn values(&self, name: &str, shape: &[usize]) -> Result<Buffer, LoadError> {
        let bytes: Vec<u8> = self
            .weights
            .values(name, shape)?
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        Buffer::of(self.device, &bytes).map_err(|fault| failed(name, fault))
    }

    /// Matrices of the same inputs, one below the other.
    pub(crate) fn dense(
        &self,
        parts: &[(&str, usize)],
        ins: usize,
        bias: bool,
    ) -> Result<Dense, LoadError> {
        let outs: usize = parts.iter().map(|(_, outs)| outs).sum();
        let blocks = ins.div_ceil(BLOCK);
        let fail = |fault| failed(parts[0].0, fault);
        let row = 2 * blocks * BLOCK;
        let room = || Buffer::new(self.device, (outs * row) as u64).map_err(fail);
        let hi = room()?;
        let mut lo = None;
        let mut biases = Vec::new();
        let mut first = 0;
        for &(name, outs) in parts {
            let stored = self
                .weights
                .matrix(&format!("{name}.weight"), [outs, ins])?
                .without_q8(outs * ins);
            if matches!(stored, Values::F32(_)) && lo.is_none() {
                lo = Some(room()?);
            }
            let piece = (PIECE_BYTES / row).max(1);
            for start in (0..outs).step_by(piece) {
                let end = outs.min(start + piece);
                let at = ((first + start) * row) as u64;
                let rows = start * ins..end * ins;
                match (&stored, &lo) {
                    (Values::Bf16(bytes), _) => {
                        let bytes = &bytes[2 * rows.start..2 * rows.end];
                        let whole = padded(bytes, 2 * ins, row);
                        hi.write(at, whole.as_deref().unwrap_or(bytes))
                            .map_err(fail)?;
                    }
                    (Values::F32(values), Some(lo)) => {
                        let [first, rest] = halves(&values[rows]);
                        let whole = padded(&first, 2 * ins, row);
                        hi.write(at, whole.as_deref().unwrap_or(&first))
                            .map_err(fail)?;
                        let whole = padded(&rest, 2 * ins, row);
                        lo.write(at, whole.as_deref().unwrap_or(&rest))
                            .map_err(fail)?;
                    }
                    (Values::F32(_), None) => unreachable!("there is room for what bf16 leaves"),
                    (Values::Q8(_), _) => unreachable!("widened above"),
                }
            }
            first += outs;
            if bias {
                let values = self.weights.values(&format!("{name}.bias"), &[outs])?;
                biases.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            }
        }
        Ok(Dense {
            hi,
            lo,
            bias: match bias {
                true => Some(Buffer::of(self.device, &biases).map_err(fail)?),
                false => None,
            },
            outs,
            blocks,
        })
    }

    fn packed(&self, name: &str, c: &Config, outs: usize, ins: usize) -> Result<Packed, LoadError> {
        let experts = self.weights.experts(name, [c.experts, outs, ins])?;
        let bias = self.weights.expert_bias(name, [c.experts, outs])?;
        let bias: Vec<u8> = bias.iter().flat_map(|v| v.to_le_bytes()).collect();
        let there =
            |bytes: &[u8]| Buffer::of(self.device, bytes).map_err(|fault| failed(name, fault));
        Ok(Packed {
            values: there(&experts.blocks)?,
            scales: there(&experts.scales)?,
            bias: there(&bias)?,
        })
    }
}

fn failed(name: &str, fault: Fault) -> LoadError {
    LoadError(format!("{name}: {fault}"))
}

/// Rows of `from` bytes with zeros up to `to` bytes each; nothing where they are whole already.
fn padded(bytes: &[u8], from: usize, to: usize) -> Option<Vec<u8>> {
    (from != to).then(|| {
        let mut whole = vec![0; bytes.len() / from * to];
        for (row, to) in bytes.chunks_exact(from).zip(whole.chunks_exact_mut(to)) {
            to[..from].copy_from_slice(row);
        }
        whole
    })
}

/// f32 as bf16, and what that leaves as bf16.
fn halves(values: &[f32]) -> [Vec<u8>; 2] {
    let first = values.iter().map(|&v| half::bf16::from_f32(v));
    let rest = values
        .iter()
        .map(|&v| half::bf16::from_f32(v - half::bf16::from_f32(v).to_f32()));
    [
        first.flat_map(half::bf16::to_le_bytes).collect(),
        rest.flat_map(half::bf16::to_le_bytes).collect(),
    ]
}
