//! The mixture of experts: each token goes through its best `top_k` experts, each a
//! clamped SwiGLU between two packed MXFP4 projections.
//!
//! Axes: N tokens, H hidden, I intermediate, E experts; A = N × top_k assignments of a token
//! to an expert, sorted by expert so that one pass over an expert's weights serves all of
//! its tokens. A token's experts are summed in the order of their rank.

use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor};
use rayon::prelude::*;
use std::ops::Range;

use crate::linear::{BLOCK, Product, Shared, interleave, rows_of};
use crate::mxfp4::{Packed, fp4_product};
use crate::panel::{Panels, Target, WIDTH};
use crate::quant::Quantised;
use crate::simd::{Isa, Lanes, exp, exp_one, multiversion};
use crate::work::{Done, Work};

/// Multiplications worth a task of their own.
const GRAIN: usize = 1 << 18;

/// Assignments that are taken through both projections together: what lies between these stays
/// near the processor, and memory for it is asked for once.
const GROUP: usize = 256;

pub struct Experts {
    /// gate_up [E, 2I, H], gate and linear rows in turn; down [E, H, I].
    pub(crate) projections: Projections,
    /// [E, 2I]
    pub(crate) gate_up_bias: Vec<f32>,
    /// [E, H]
    pub(crate) down_bias: Vec<f32>,
    pub(crate) experts: usize,
    pub(crate) top_k: usize,
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) limit: f32,
    pub(crate) alpha: f32,
    pub(crate) isa: Isa,
    pub(crate) work: Work,
}

/// How the experts' weights are held, and with that how they are multiplied.
pub(crate) enum Projections {
    /// As in the file, against f32.
    Exact { gate_up: Packed, down: Packed },
    /// Regrouped, against 8 bits.
    Fast { gate_up: Panels, down: Panels },
}

/// One token's pass through one expert.
struct Assignment {
    expert: usize,
    token: usize,
    rank: usize,
    weight: f32,
}

/// Weight rows `outs` of one expert against the assignments `rows`.
struct Task {
    expert: usize,
    rows: Range<usize>,
    outs: Range<usize>,
}

impl Experts {
    /// x: [N, H], router: [N, E] → [N, H]
    pub fn forward(&self, x: &Tensor, router: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op2_no_bwd(router, self)
    }

    fn mix(&self, x: &[f32], router: &[f32]) -> Vec<f32> {
        let (h, i) = (self.hidden, self.intermediate);
        let assigned = self.assign(router);
        self.work.add(self.cost(&assigned));
        let (up_bias, down_bias) = (&self.gate_up_bias, &self.down_bias);
        let quantised = match &self.projections {
            Projections::Exact { .. } => Quantised::default(),
            Projections::Fast { .. } => Quantised::rows(self.isa, x, h),
        };
        // x: [N, H] → of each group gate_up: [A, 2I] → active: [A, I] → down: [all A, H]
        let (mut up, mut active, mut gathered) = (Vec::new(), Vec::new(), Vec::new());
        let mut result = Vec::with_capacity(assigned.len() * h);
        for group in groups(&assigned) {
            up.clear();
            active.resize(group.len() * i, 0.0);
            match &self.projections {
                Projections::Fast { gate_up, down } => {
                    let x = Quantised::gathered(&quantised, group.iter().map(|a| a.token));
                    self.multiply_fast(gate_up, up_bias, &x, group, &mut up);
                    self.activate(&up, &mut active);
                    let active = Quantised::interleaved(self.isa, &active, i);
                    self.multiply_fast(down, down_bias, &active, group, &mut result);
                }
                Projections::Exact { gate_up, down } => {
                    gathered.resize(group.len() * h, 0.0);
                    for (a, to) in group.iter().zip(gathered.chunks_exact_mut(h)) {
                        interleave(&x[a.token * h..][..h], to);
                    }
                    self.multiply(gate_up, up_bias, &gathered, group, &mut up);
                    self.activate(&up, &mut active);
                    self.multiply(down, down_bias, &active, group, &mut result);
                }
            }
        }
        self.combine(x.len() / h, &assigned, &result)
    }

    /// Each expert that was chosen is read once, for all its tokens.
    fn cost(&self, assigned: &[Assignment]) -> Done {
        let bytes = match &self.projections {
            Projections::Exact { gate_up, down } => gate_up.size() + down.size(),
            Projections::Fast { gate_up, down } => gate_up.size() + down.size(),
        };
        let chosen = assigned.chunk_by(|a, b| a.expert == b.expert).count();
        Done {
            read_bytes: (chosen * (bytes / self.experts)) as u64,
            products: (assigned.len() * 3 * self.intermediate * self.hidden) as u64,
        }
    }

    /// gate_up: [A, 2I] → active: [A, I], interleaved.
    fn activate(&self, gate_up: &[f32], active: &mut [f32]) {
        let i = self.intermediate;
        active
            .par_chunks_exact_mut(i)
            .zip(gate_up.par_chunks_exact(2 * i))
            .with_min_len(GRAIN / (64 * i) + 1)
            // SAFETY: 2I values in, I out, both multiples of 32.
            .for_each(|(to, from)| unsafe {
                swiglu(
                    self.isa,
                    from.as_ptr(),
                    to.as_mut_ptr(),
                    i,
                    self.limit,
                    self.alpha,
                );
            });
    }

    /// The experts of each token by rank (ties to the lower number), with their shares: the
    /// softmax over the chosen ones. Sorted by expert.
    fn assign(&self, router: &[f32]) -> Vec<Assignment> {
        let mut assigned = Vec::with_capacity(router.len() / self.experts * self.top_k);
        let mut order: Vec<usize> = Vec::with_capacity(self.experts);
        for (token, logits) in router.chunks_exact(self.experts).enumerate() {
            order.clear();
            order.extend(0..self.experts);
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
            let chosen = &order[..self.top_k];
            let best = logits[chosen[0]];
            let sum: f32 = chosen.iter().map(|&e| exp_one(logits[e] - best)).sum();
            assigned.extend(chosen.iter().enumerate().map(|(rank, &expert)| Assignment {
                expert,
                token,
                rank,
                weight: exp_one(logits[expert] - best) / sum,
            }));
        }
        assigned.sort_by_key(|a| a.expert);
        assigned
    }

    /// x: [A, K] interleaved → y: [A, O] behind what it holds, each row through its own
    /// expert's weights [O, K].
    fn multiply(
        &self,
        weights: &Packed,
        bias: &[f32],
        x: &[f32],
        assigned: &[Assignment],
        y: &mut Vec<f32>,
    ) {
        let (k, o) = (weights.per_row * BLOCK, bias.len() / self.experts);
        let more = assigned.len() * o;
        let to = behind(y, more);
        let tasks = tasks(assigned, o, |rows| (GRAIN / (rows * k)).max(4) & !3);
        tasks.par_iter().for_each(|task| {
            let row = task.expert * o + task.outs.start;
            // SAFETY: weights and bias were checked against E, O and K at load, x holds A
            // rows; tasks write disjoint outputs.
            unsafe {
                let p = Product {
                    weights: weights.rows(row),
                    outs: task.outs.len(),
                    bias: bias[row..].as_ptr(),
                    x: x[task.rows.start * k..].as_ptr(),
                    rows: task.rows.len(),
                    blocks: weights.per_row,
                    y: to.at(task.rows.start * o + task.outs.start),
                    stride: o,
                };
                fp4_product(self.isa, p);
            }
        });
        // SAFETY: there is room, and the tasks wrote each output of each row.
        unsafe { y.set_len(y.len() + more) };
    }

    /// As `multiply`, on 8-bit rows.
    fn multiply_fast(
        &self,
        weights: &Panels,
        bias: &[f32],
        x: &Quantised,
        assigned: &[Assignment],
        y: &mut Vec<f32>,
    ) {
        let o = bias.len() / self.experts;
        let per_expert = o.div_ceil(WIDTH);
        assert_eq!(weights.panels(), self.experts * per_expert);
        assert_eq!((x.len(), x.blocks()), (assigned.len(), weights.blocks()));
        let more = assigned.len() * o;
        let to = behind(y, more);
        let tasks = tasks(assigned, o, |rows| weights.task(self.isa, rows) * WIDTH);
        tasks.par_iter().for_each(|task| {
            let target = Target {
                y: to.at(task.rows.start * o + task.outs.start),
                stride: o,
                bias: bias[task.expert * o + task.outs.start..].as_ptr(),
                rows: task.rows.len(),
            };
            let panel = task.expert * per_expert + task.outs.start / WIDTH;
            let (outs, x) = (task.outs.len(), x.from(task.rows.start));
            // SAFETY: sizes are asserted above, and the bias was checked at load; tasks write
            // disjoint outputs.
            unsafe { weights.multiply(self.isa, panel, outs, x, target) };
        });
        // SAFETY: as above.
        unsafe { y.set_len(y.len() + more) };
    }

    /// down: [A, H] → [N, H]
    fn combine(&self, tokens: usize, assigned: &[Assignment], down: &[f32]) -> Vec<f32> {
        let h = self.hidden;
        // Where each token's result of each rank lies.
        let mut places = vec![(0, 0.0); tokens * self.top_k];
        for (place, a) in assigned.iter().enumerate() {
            places[a.token * self.top_k + a.rank] = (place, a.weight);
        }
        let mut y = vec![0.0; tokens * h];
        places
            .par_chunks_exact(self.top_k)
            .zip(y.par_chunks_exact_mut(h))
            .with_min_len(GRAIN / (16 * self.top_k * h) + 1)
            .for_each(|(places, y)| {
                for &(place, weight) in places {
                    for (y, value) in y.iter_mut().zip(&down[place * h..][..h]) {
                        *y += weight * value;
                    }
                }
            });
        y
    }
}

/// Assignments of whole experts, some `GROUP` at a time.
fn groups(mut assigned: &[Assignment]) -> impl Iterator<Item = &[Assignment]> {
    std::iter::from_fn(move || {
        let (mut end, all) = (0, assigned);
        for expert in all.chunk_by(|a, b| a.expert == b.expert) {
            if end >= GROUP {
                break;
            }
            end += expert.len();
        }
        assigned = &all[end..];
        (end > 0).then(|| &all[..end])
    })
}

/// Where `more` numbers can be written behind those that `y` holds.
fn behind(y: &mut Vec<f32>, more: usize) -> Shared {
    y.reserve(more);
    Shared(y.spare_capacity_mut().as_mut_ptr().cast())
}

/// Cuts each expert's work into pieces of as many outputs as `chunk` says for its rows.
fn tasks(assigned: &[Assignment], o: usize, chunk: impl Fn(usize) -> usize) -> Vec<Task> {
    let mut tasks = Vec::new();
    let mut start = 0;
    for group in assigned.chunk_by(|a, b| a.expert == b.expert) {
        let rows = start..start + group.len();
        let chunk = chunk(rows.len());
        tasks.extend((0..o).step_by(chunk).map(|first| Task {
            expert: group[0].expert,
            rows: rows.clone(),
            outs: first..o.min(first + chunk),
        }));
        start = rows.end;
    }
    tasks
}

/// gate · σ(α · gate) · (linear + 1), with gate clamped from above and linear on both
/// sides; the result interleaved for the next product.
#[inline(always)]
unsafe fn swiglu_kernel<L: Lanes>(
    from: *const f32,
    to: *mut f32,
    intermediate: usize,
    limit: f32,
    alpha: f32,
) {
    const HALF: usize = BLOCK / 2;
    // SAFETY: the caller vouches for 2I values in and I out.
    unsafe {
        let (one, high, low) = (L::splat(1.0), L::splat(limit), L::splat(-limit));
        let down = L::splat(-alpha);
        let mut block = 0;
        while block < intermediate {
            // Even places of the block, then odd ones.
            for odd in 0..2 {
                let mut gate = [0.0; HALF];
                let mut linear = [0.0; HALF];
                for lane in 0..HALF {
                    let pair = from.add(2 * (block + 2 * lane + odd));
                    gate[lane] = *pair;
                    linear[lane] = *pair.add(1);
                }
                // Taking the constant first keeps a NaN a NaN.
                let gate = high.min(L::load(gate.as_ptr()));
                let linear = low.max(high.min(L::load(linear.as_ptr())));
                let share = one.div(one.add(exp(gate.mul(down))));
                gate.mul(share)
                    .mul(linear.add(one))
                    .store(to.add(block + odd * HALF));
            }
            block += BLOCK;
        }
    }
}

multiversion! {
    /// # Safety
    /// `from` holds 2I values, `to` has room for I, I is a multiple of 32.
    fn swiglu = swiglu_kernel(from: *const f32, to: *mut f32, intermediate: usize, limit: f32, alpha: f32)
}

impl CustomOp2 for Experts {
    fn name(&self) -> &'static str {
        "experts"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        router: &CpuStorage,
        router_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = rows_of(x, x_layout, self.hidden)?;
        let router = rows_of(router, router_layout, self.experts)?;
        Ok((
            CpuStorage::F32(self.mix(x, router)),
            x_layout.shape().clone(),
        ))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::Numerics;
    use crate::testing::Noise;
    use crate::weights::Bytes;

    const EXPERTS: usize = 6;
    const HIDDEN: usize = 64;
    const INTERMEDIATE: usize = 96;

    /// Weights and biases; both projections packed.
    fn parts() -> (Packed, Packed, Vec<f32>, Vec<f32>) {
        let mut noise = Noise::new(11);
        let (experts, hidden, intermediate) = (EXPERTS, HIDDEN, INTERMEDIATE);
        let mut packed = |rows: usize, per_row: usize| Packed {
            blocks: Bytes::Owned(noise.bytes(rows * per_row * 16)),
            scales: Bytes::Owned(
                noise
                    .bytes(rows * per_row)
                    .iter()
                    .map(|b| 118 + b % 5)
                    .collect(),
            ),
            per_row,
        };
        let gate_up = packed(experts * 2 * intermediate, hidden / 32);
        let down = packed(experts * hidden, intermediate / 32);
        let up_bias = noise.values(experts * 2 * intermediate);
        (gate_up, down, up_bias, noise.values(experts * hidden))
    }

    fn experts(isa: Isa, numerics: Numerics) -> Experts {
        let (gate_up, down, gate_up_bias, down_bias) = parts();
        let projections = match numerics {
            Numerics::Exact => Projections::Exact { gate_up, down },
            Numerics::Fast => Projections::Fast {
                gate_up: gate_up.panels(EXPERTS, 2 * INTERMEDIATE).unwrap(),
                down: down.panels(EXPERTS, HIDDEN).unwrap(),
            },
        };
        Experts {
            projections,
            gate_up_bias,
            down_bias,
            experts: EXPERTS,
            top_k: 3,
            hidden: HIDDEN,
            intermediate: INTERMEDIATE,
            limit: 7.0,
            alpha: 1.702,
            isa,
            work: Work::default(),
        }
    }

    /// The value at row `row`, column `k`, read byte by byte.
    fn weight(packed: &Packed, row: usize, k: usize) -> f64 {
        let block = row * packed.per_row + k / 32;
        let byte = packed.blocks[block * 16 + k % 32 / 2];
        let nibble = if k.is_multiple_of(2) {
            byte & 15
        } else {
            byte >> 4
        };
        let scale = 2f64.powi(i32::from(packed.scales[block]) - 127);
        f64::from(crate::simd::FP4[usize::from(nibble)]) * scale
    }

    /// One token in f64, straight from the definition.
    fn reference(e: &Experts, x: &[f32], router: &[f32]) -> Vec<f64> {
        let (gate_up, down, ..) = parts();
        let mut order: Vec<usize> = (0..e.experts).collect();
        order.sort_by(|&a, &b| router[b].total_cmp(&router[a]));
        let chosen = &order[..e.top_k];
        let total: f64 = chosen.iter().map(|&c| f64::from(router[c]).exp()).sum();
        let mut y = vec![0.0; e.hidden];
        for &c in chosen {
            let dot = |p: &Packed, row: usize, x: &[f64]| -> f64 {
                x.iter()
                    .enumerate()
                    .map(|(k, x)| x * weight(p, row, k))
                    .sum()
            };
            let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            let side = |row: usize| {
                let row = c * 2 * e.intermediate + row;
                dot(&gate_up, row, &x) + f64::from(e.gate_up_bias[row])
            };
            let active: Vec<f64> = (0..e.intermediate)
                .map(|i| {
                    let gate = side(2 * i).min(7.0);
                    let linear = side(2 * i + 1).clamp(-7.0, 7.0);
                    gate / (1.0 + (-1.702 * gate).exp()) * (linear + 1.0)
                })
                .collect();
            for (h, y) in y.iter_mut().enumerate() {
                let row = c * e.hidden + h;
                let out = dot(&down, row, &active) + f64::from(e.down_bias[row]);
                *y += out * f64::from(router[c]).exp() / total;
            }
        }
        y
    }

    #[test]
    fn agrees_with_the_definition_and_keeps_its_bits() {
        let mut noise = Noise::new(12);
        // More assignments than are taken together.
        let tokens = 120;
        let (x, router) = (noise.values(tokens * 64), noise.values(tokens * 6));
        // Activations in 8 bits are off by a part in 254 of their block's largest.
        for (numerics, bound) in [(Numerics::Exact, 1e-4), (Numerics::Fast, 0.2)] {
            let all = experts(Isa::best(), numerics);
            assert!(groups(&all.assign(&router)).count() > 1);
            let whole = all.mix(&x, &router);
            for token in 0..tokens {
                let (x, router) = (&x[token * 64..][..64], &router[token * 6..][..6]);
                let found = &whole[token * 64..][..64];
                let expected = reference(&experts(Isa::Portable, numerics), x, router);
                for (found, expected) in found.iter().zip(expected) {
                    assert!(
                        (f64::from(*found) - expected).abs() < bound,
                        "{numerics:?}: {found} {expected}"
                    );
                }
                for isa in Isa::available() {
                    let alone = experts(isa, numerics).mix(x, router);
                    assert_eq!(alone, found, "alone and in a batch, {numerics:?} {isa:?}");
                }
            }
        }
    }

    #[test]
    fn equal_router_logits_choose_the_lower_experts() {
        let chosen = experts(Isa::best(), Numerics::Exact).assign(&[0.5; 6]);
        let experts: Vec<usize> = chosen.iter().map(|a| a.expert).collect();
        assert_eq!(experts, [0, 1, 2]);
        assert!(chosen.iter().all(|a| (a.weight - 1.0 / 3.0).abs() < 1e-6));
    }
}
