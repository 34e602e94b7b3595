//! Attention over a path of shared stretches and a sequence's own keys and values, with sinks,
//! sliding windows and rotary positions (YaRN).
//!
//! Axes: N rows, KV key-value heads, G query heads for each of them (query head = kv · G + g),
//! D head_dim, P positions. Keys are kept [block of 16 P][KV][D][16], so that sixteen scores
//! are computed at once; values [P][KV][D rounded up to 16]. A score sums over D in order; the
//! softmax and the sum over values go by absolute position: where a stretch of the shared prefix
//! ends, how the prompt was cut and who else is in the batch changes no bit.

mod path;
mod stored;

use candle_core::{CpuStorage, CustomOp1, Layout, Shape};
use rayon::prelude::*;

use crate::config::{Config, Rope};
use crate::linear::rows_of;
use crate::simd::{Isa, Lanes, exp, exp_one, multiversion};
pub(crate) use path::{Stretch, length};

pub(crate) const LANES: usize = 16;

/// Multiplications worth a task of their own.
const GRAIN: usize = 1 << 18;

/// Positions that a sliding layer keeps beyond its window, and gathers before it drops any:
/// more than a draft that turns out wrong takes back.
const SLACK: usize = 64;
const _: () = assert!(crate::draft::LENGTH_MAX < SLACK);

/// Positions of one sequence that a layer with this window holds at most, where steps are of
/// `step` positions.
pub(crate) fn held(window: usize, step: usize) -> usize {
    (window + 2 * SLACK + step).next_multiple_of(LANES)
}

/// Keys and values of one sequence's positions, or of a stretch of shared ones.
pub struct Kv {
    layers: Vec<LayerKv>,
    kv_heads: usize,
    head_dim: usize,
    len: usize,
    /// What the positions from here on see is kept.
    back_to: usize,
}

#[derive(Clone)]
struct LayerKv {
    keys: Vec<f32>,
    values: Vec<f32>,
    /// The first position held, a multiple of LANES.
    first: usize,
    /// Where only the last positions are needed.
    window: Option<usize>,
}

impl Kv {
    /// Holds every position: a prefix may be cut anywhere to be continued otherwise.
    pub fn new(config: &Config) -> Kv {
        Kv::with(config, |_| None)
    }

    /// Sliding layers hold what later positions may see.
    pub fn sliding(config: &Config) -> Kv {
        Kv::with(config, |window| window)
    }

    fn with(config: &Config, window: impl Fn(Option<usize>) -> Option<usize>) -> Kv {
        let layer = |&of: &Option<usize>| LayerKv {
            keys: Vec::new(),
            values: Vec::new(),
            first: 0,
            window: window(of),
        };
        Kv {
            layers: config.windows.iter().map(layer).collect(),
            kv_heads: config.kv_heads,
            head_dim: config.head_dim,
            len: 0,
            back_to: usize::MAX,
        }
    }

    /// Positions held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of all layers' keys and values.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        let numbers = |layer: &LayerKv| layer.keys.len() + layer.values.len();
        (self.layers.iter().map(numbers).sum::<usize>() * size_of::<f32>()) as u64
    }

    /// Positions from `len` on may be forgotten again, until this is taken back.
    pub fn keep_back_to(&mut self, len: Option<usize>) {
        self.back_to = len.unwrap_or(usize::MAX);
    }

    /// Forgets all positions from `len` on; where layers slide, no more than a draft's.
    pub fn truncate(&mut self, len: usize) {
        let sees = |layer: &LayerKv| len + 1 - layer.window.unwrap_or_default().min(len + 1);
        assert!(
            self.layers.iter().all(|layer| layer.first <= sees(layer)),
            "what the next position sees is still there"
        );
        self.len = self.len.min(len);
    }

    /// Declares positions complete that `write` was called for in every layer.
    pub fn extend(&mut self, positions: usize) {
        self.len += positions;
        let (heads, d) = (self.kv_heads, self.head_dim);
        let end = self.len.min(self.back_to);
        for layer in &mut self.layers {
            let Some(window) = layer.window else { continue };
            if end - layer.first < window + 2 * SLACK {
                continue;
            }
            let first = (end - window - SLACK) / LANES * LANES;
            let dropped = first - layer.first;
            layer.keys.drain(..dropped * heads * d);
            layer
                .values
                .drain(..dropped * heads * d.next_multiple_of(LANES));
            layer.first = first;
        }
    }

    /// Puts keys (rotated) and values, each [KV · D], at a place of a layer.
    pub fn write(&mut self, layer: usize, place: usize, key: &[f32], value: &[f32]) {
        let (heads, d) = (self.kv_heads, self.head_dim);
        let wide = d.next_multiple_of(LANES);
        let layer = &mut self.layers[layer];
        let place = place - layer.first;
        let blocks = place / LANES + 1;
        if layer.keys.len() < blocks * heads * d * LANES {
            layer.keys.resize(blocks * heads * d * LANES, 0.0);
            layer.values.resize(blocks * LANES * heads * wide, 0.0);
        }
        let keys = &mut layer.keys[(blocks - 1) * heads * d * LANES..];
        for (i, &value) in key.iter().enumerate() {
            keys[i * LANES + place % LANES] = value;
        }
        let values = &mut layer.values[place * heads * wide..][..heads * wide];
        for (to, from) in values.chunks_exact_mut(wide).zip(value.chunks_exact(d)) {
            to[..d].copy_from_slice(from);
        }
    }
}

/// Rotary frequencies: YaRN's blend of interpolated and original ones.
pub struct Rotary {
    frequencies: Vec<f32>,
    scale: f64,
}

impl Rotary {
    /// `_compute_yarn_parameters` of transformers' modeling_rope_utils.py.
    pub fn new(rope: &Rope, head_dim: usize) -> Rotary {
        let dim = head_dim as f64;
        let steps = 0..head_dim / 2;
        let original = |i: usize| rope.theta.powf(2.0 * i as f64 / dim).recip();
        let Some(yarn) = &rope.yarn else {
            return Rotary {
                frequencies: steps.map(|i| original(i) as f32).collect(),
                scale: 1.0,
            };
        };
        let correction = |rotations: f64| {
            let turns = yarn.original_context / (rotations * std::f64::consts::TAU);
            dim * turns.ln() / (2.0 * rope.theta.ln())
        };
        let (mut low, mut high) = (correction(yarn.beta_fast), correction(yarn.beta_slow));
        if yarn.truncate {
            (low, high) = (low.floor(), high.ceil());
        }
        (low, high) = (low.max(0.0), high.min(dim - 1.0));
        if low == high {
            high += 0.001;
        }
        let frequency = |i: usize| {
            let interpolated = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
            let blend =
                original(i) / yarn.factor * interpolated + original(i) * (1.0 - interpolated);
            blend as f32
        };
        let grown = if yarn.factor <= 1.0 {
            1.0
        } else {
            0.1 * yarn.factor.ln() + 1.0
        };
        Rotary {
            frequencies: steps.map(frequency).collect(),
            scale: yarn.attention_factor.unwrap_or(grown),
        }
    }

    /// Cosines and sines of a position, each [D / 2].
    pub fn angles(&self, position: usize) -> Angles {
        // The angle in f32, as the reference has it; its cosine in f64, which every
        // platform's library rounds to the same f32.
        let angles = self
            .frequencies
            .iter()
            .map(|f| f64::from(position as f32 * f));
        let (sin, cos) = angles
            .map(|angle| {
                (
                    (angle.sin() * self.scale) as f32,
                    (angle.cos() * self.scale) as f32,
                )
            })
            .unzip();
        Angles { cos, sin }
    }
}

pub struct Angles {
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
}

impl Angles {
    /// Rotates heads of width D in place, first half against second.
    pub fn rotate(&self, heads: &mut [f32]) {
        let half = self.cos.len();
        for head in heads.chunks_exact_mut(2 * half) {
            let (first, second) = head.split_at_mut(half);
            for (i, (a, b)) in first.iter_mut().zip(second).enumerate() {
                let (cos, sin) = (self.cos[i], self.sin[i]);
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
    }
}

/// A row of a step: which sequence it belongs to, and its absolute position.
#[derive(Clone, Copy)]
pub struct Row {
    pub sequence: usize,
    pub position: usize,
}

/// Attention of one layer, as a candle operation on the queries.
pub struct Attend<'a> {
    pub layer: usize,
    pub window: Option<usize>,
    pub heads: usize,
    /// One logit a query head.
    pub sinks: &'a [f32],
    pub rows: &'a [Row],
    /// Of each row.
    pub angles: &'a [Angles],
    /// Precedes every sequence.
    pub shared: &'a [Stretch<'a>],
    pub sequences: &'a [&'a Kv],
    pub isa: Isa,
}

/// Positions `first..first + len` of one kv head's keys and values.
#[derive(Clone, Copy)]
struct Segment {
    keys: *const f32,
    values: *const f32,
    first: usize,
    len: usize,
}

/// One kv head of one row.
struct Head<'a> {
    /// [G, D], rotated and scaled.
    queries: &'a [f32],
    sinks: &'a [f32],
    /// One behind the other.
    segments: &'a [Segment],
    position: usize,
    /// The first position seen.
    start: usize,
    kv_heads: usize,
    head_dim: usize,
    scores: &'a mut Vec<f32>,
    /// [G, D]
    out: &'a mut [f32],
}

impl Attend<'_> {
    /// Positions `first..first + len` are the sequence's own, of which a sliding layer may
    /// have dropped the first.
    fn segment(&self, kv: &Kv, head: usize, first: usize, len: usize) -> Segment {
        let d = kv.head_dim;
        let layer = &kv.layers[self.layer];
        let (first, len) = (first + layer.first, len.saturating_sub(layer.first));
        if len == 0 {
            return Segment {
                keys: std::ptr::null(),
                values: std::ptr::null(),
                first,
                len,
            };
        }
        Segment {
            keys: layer.keys[head * d * LANES..].as_ptr(),
            values: layer.values[head * d.next_multiple_of(LANES)..].as_ptr(),
            first,
            len,
        }
    }

    /// q: [KV · G · D] of one row → out, for kv head `head` of row `row`.
    fn attend(&self, row: usize, head: usize, q: &[f32], scratch: &mut Scratch, out: &mut [f32]) {
        let Row { sequence, position } = self.rows[row];
        let own = self.sequences[sequence];
        let d = own.head_dim;
        let groups = self.heads / own.kv_heads;
        scratch.queries.clear();
        scratch
            .queries
            .extend_from_slice(&q[head * groups * d..][..groups * d]);
        self.angles[row].rotate(&mut scratch.queries);
        let scale = (d as f64).powf(-0.5) as f32;
        scratch.queries.iter_mut().for_each(|q| *q *= scale);
        let start = self
            .window
            .map_or(0, |window| (position + 1).saturating_sub(window));
        let mut first = 0;
        scratch.segments.clear();
        for stretch in self.shared {
            let end = first + stretch.len();
            if end > start {
                let segment = self.segment(stretch.kv(), head, first, stretch.len());
                scratch.segments.push(segment);
            }
            first = end;
        }
        let last = self.segment(own, head, first, position + 1 - first);
        scratch.segments.push(last);
        let task = Head {
            queries: &scratch.queries,
            sinks: &self.sinks[head * groups..][..groups],
            segments: &scratch.segments,
            position,
            start,
            kv_heads: own.kv_heads,
            head_dim: d,
            scores: &mut scratch.scores,
            out,
        };
        // SAFETY: `write` made every segment as long as it is said to be, up to whole blocks
        // of 16 positions, and a stretch is no longer than what it is of; the other sizes are
        // those of the slices.
        unsafe { attend(self.isa, task) }
    }
}

#[derive(Default)]
struct Scratch {
    queries: Vec<f32>,
    segments: Vec<Segment>,
    scores: Vec<f32>,
}

/// Scores lie at position − base + LANES, with LANES of room before and after.
#[inline(always)]
unsafe fn attend_kernel<L: Lanes>(task: Head<'_>) {
    let base = task.start / LANES * LANES;
    let padded = (task.position + 1 - base).next_multiple_of(LANES);
    let stride = padded + 2 * LANES;
    let groups = task.sinks.len();
    task.scores.resize(groups * stride, 0.0);
    let scores = task.scores.as_mut_ptr();
    // SAFETY: the scores have room for whole blocks around start..=position; segments are
    // valid by the caller's word.
    unsafe {
        for segment in task.segments {
            let mut group = 0;
            while group + 4 <= groups {
                score::<L, 4>(&task, segment, group, base, scores, stride);
                group += 4;
            }
            while group < groups {
                score::<L, 1>(&task, segment, group, base, scores, stride);
                group += 1;
            }
        }
        for (group, &sink) in task.sinks.iter().enumerate() {
            let scores = scores.add(group * stride + LANES);
            for outside in (0..task.start - base).chain(task.position + 1 - base..padded) {
                *scores.add(outside) = f32::MIN;
            }
            softmax::<L>(scores, padded, sink);
        }
        let out = task.out.as_mut_ptr();
        let mut group = 0;
        while group + 4 <= groups {
            mix::<L, 4>(&task, group, base, scores, stride, out);
            group += 4;
        }
        while group < groups {
            mix::<L, 1>(&task, group, base, scores, stride, out);
            group += 1;
        }
    }
}

multiversion! { fn attend = attend_kernel(task: Head<'_>) }

/// Scores of `G` query heads against a segment, sixteen positions at a time. The last block may
/// hold positions that are not there; the next segment, whose turn is later, or the mask covers
/// them.
#[inline(always)]
unsafe fn score<L: Lanes, const G: usize>(
    task: &Head<'_>,
    segment: &Segment,
    group: usize,
    base: usize,
    scores: *mut f32,
    stride: usize,
) {
    let d = task.head_dim;
    let end = segment
        .len
        .min((task.position + 1).saturating_sub(segment.first));
    let mut block = task.start.saturating_sub(segment.first) / LANES;
    // SAFETY: as for the kernel.
    unsafe {
        let queries = task.queries.as_ptr().add(group * d);
        while block * LANES < end {
            let keys = segment.keys.add(block * task.kv_heads * d * LANES);
            let mut sums = [L::splat(0.0); G];
            for i in 0..d {
                let key = L::load(keys.add(i * LANES));
                for (g, sum) in sums.iter_mut().enumerate() {
                    *sum = key.mul_add(L::splat(*queries.add(g * d + i)), *sum);
                }
            }
            let at = segment.first + block * LANES + LANES - base;
            for (g, sum) in sums.iter().enumerate() {
                sum.store(scores.add((group + g) * stride + at));
            }
            block += 1;
        }
    }
}

/// Scores into shares, the sink taking its own; `len` is a multiple of LANES.
#[inline(always)]
unsafe fn softmax<L: Lanes>(scores: *mut f32, len: usize, sink: f32) {
    // SAFETY: as for the kernel.
    unsafe {
        let mut most = L::splat(sink);
        let mut i = 0;
        while i < len {
            most = most.max(L::load(scores.add(i)));
            i += LANES;
        }
        let most = most.largest();
        let mut sums = L::splat(0.0);
        i = 0;
        while i < len {
            let share = exp(L::load(scores.add(i)).sub(L::splat(most)));
            share.store(scores.add(i));
            sums = sums.add(share);
            i += LANES;
        }
        let whole = L::splat(sums.sum() + exp_one(sink - most));
        i = 0;
        while i < len {
            L::load(scores.add(i)).div(whole).store(scores.add(i));
            i += LANES;
        }
    }
}

/// The values' mixture for `G` query heads, summed by position.
#[inline(always)]
unsafe fn mix<L: Lanes, const G: usize>(
    task: &Head<'_>,
    group: usize,
    base: usize,
    scores: *const f32,
    stride: usize,
    out: *mut f32,
) {
    let d = task.head_dim;
    let wide = d.next_multiple_of(LANES);
    let step = task.kv_heads * wide;
    let mut at = 0;
    // SAFETY: as for the kernel.
    unsafe {
        while at < d {
            let mut sums = [L::splat(0.0); G];
            for segment in task.segments {
                let end = (segment.first + segment.len).min(task.position + 1);
                for position in task.start.max(segment.first)..end {
                    let value = L::load(segment.values.add((position - segment.first) * step + at));
                    let share = scores.add(group * stride + LANES + position - base);
                    for (g, sum) in sums.iter_mut().enumerate() {
                        *sum = value.mul_add(L::splat(*share.add(g * stride)), *sum);
                    }
                }
            }
            for (g, sum) in sums.iter().enumerate() {
                let to = out.add((group + g) * d + at);
                if at + LANES <= d {
                    sum.store(to);
                } else {
                    let mut last = [0.0; LANES];
                    sum.store(last.as_mut_ptr());
                    std::ptr::copy_nonoverlapping(last.as_ptr(), to, d - at);
                }
            }
            at += LANES;
        }
    }
}

impl CustomOp1 for Attend<'_> {
    fn name(&self) -> &'static str {
        "attend"
    }

    /// [N, KV · G · D] → the same.
    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let kv_heads = self.sequences[0].kv_heads;
        let width = self.heads * self.sequences[0].head_dim;
        let q = rows_of(s, l, width)?;
        let mut out = vec![0.0; q.len()];
        let seen = self
            .rows
            .iter()
            .map(|row| row.position + 1)
            .max()
            .unwrap_or(1);
        let seen = self.window.map_or(seen, |window| window.min(seen));
        let cost = 2 * seen * width / kv_heads;
        out.par_chunks_exact_mut(width / kv_heads)
            .enumerate()
            .with_min_len(GRAIN / cost + 1)
            .for_each_init(Scratch::default, |scratch, (i, out)| {
                let (row, head) = (i / kv_heads, i % kv_heads);
                self.attend(row, head, &q[row * width..][..width], scratch, out);
            });
        Ok((CpuStorage::F32(out), l.shape().clone()))
    }
}
