//! What a step computes with, allocated once for the largest step that was planned.
//!
//! Axes: N rows of a step, H hidden, E experts, A = N × top_k, V vocabulary.

use std::sync::Arc;

use super::device::{Buffer, Device, Fault};
use super::kernels::TILE;
use super::pages::wide;
use super::plan::Plan;
use crate::config::Config;
use crate::linear::BLOCK;

/// What a step computes with. Whatever is read was written in the same step, except for the
/// padding of `attended` and `queries`, which stays zero.
pub(crate) struct Scratch {
    pub(crate) words: Buffer,
    /// [N, H]
    pub(crate) x: Buffer,
    /// Activations in two planes, [2, N, width].
    pub(crate) normed: Planes,
    pub(crate) queries: Planes,
    pub(crate) attended: Planes,
    pub(crate) active: Planes,
    /// [N, (heads + 2 KV) · D]
    pub(crate) qkv: Buffer,
    pub(crate) partial: Buffer,
    /// [N, E]
    pub(crate) router: Buffer,
    /// [A]
    pub(crate) chosen: Buffer,
    pub(crate) share: Buffer,
    pub(crate) lists: Buffer,
    pub(crate) tiles: Buffer,
    /// [A, H]
    pub(crate) down: Buffer,
    /// [rows that ask, V]
    pub(crate) logits: Buffer,
    pub(crate) best: Buffer,
}

/// bf16 numbers and what they leave, one after the other.
pub(crate) struct Planes {
    buffer: Buffer,
    plane_bytes: u64,
}

impl Planes {
    pub(crate) fn new(device: &Arc<dyn Device>, numbers: usize) -> Result<Planes, Fault> {
        let plane_bytes = (2 * numbers as u64).next_multiple_of(16);
        Ok(Planes {
            buffer: Buffer::new(device, 2 * plane_bytes)?,
            plane_bytes,
        })
    }

    pub(crate) fn hi(&self) -> u64 {
        self.buffer.address()
    }

    pub(crate) fn lo(&self) -> u64 {
        self.buffer.address() + self.plane_bytes
    }
}

impl Scratch {
    pub(crate) fn new(device: &Arc<dyn Device>, c: &Config, plan: &Plan) -> Result<Scratch, Fault> {
        let (n, a) = (plan.rows, plan.rows * c.top_k);
        let f32s = |numbers: usize| Buffer::new(device, 4 * numbers as u64);
        let qkv = (c.heads + 2 * c.kv_heads) * c.head_dim;
        Ok(Scratch {
            words: f32s(plan.words)?,
            x: f32s(n * c.hidden)?,
            normed: Planes::new(device, n * c.hidden)?,
            queries: Planes::new(device, n * c.heads * wide(c))?,
            attended: Planes::new(device, n * attended(c))?,
            active: Planes::new(device, a * c.intermediate)?,
            qkv: f32s(n * qkv)?,
            partial: f32s(plan.partials * c.heads * (wide(c) + 2))?,
            router: f32s(n * c.experts)?,
            chosen: f32s(a)?,
            share: f32s(a)?,
            lists: f32s(c.experts * n)?,
            tiles: f32s(3 * expert_tiles(c, n))?,
            down: f32s(a * c.hidden)?,
            logits: f32s(plan.asked * c.vocab)?,
            best: f32s(plan.asked)?,
        })
    }
}

/// Width of what attention gives, in whole blocks.
pub(crate) fn attended(c: &Config) -> usize {
    (c.heads * c.head_dim).next_multiple_of(BLOCK)
}

/// Tiles of assignments that `rows` rows can have at most: each expert's last one is not full.
pub(crate) fn expert_tiles(c: &Config, rows: usize) -> usize {
    let assignments = rows * c.top_k;
    assignments.min(c.experts + assignments / TILE)
}
