//! Activations in 8 bits: rows of K values in blocks of 32, each block with a scale of its
//! own. What `fast` multiplies in place of f32.
//!
//! A block holds its even places first, then its odd ones, as `linear::interleave` has them
//! and as the nibbles of a packed weight come. A value that is not finite makes its block's
//! scale NaN, so that it is seen in the logits as it would be in f32.

use rayon::prelude::*;

use crate::linear::{BLOCK, interleave};
use crate::panel::{Format, TILE};
use crate::simd::{Isa, Lanes, multiversion};

/// The largest size of a quantised value.
pub(crate) const MOST: f32 = 127.0;

/// Values worth a task of their own.
const GRAIN: usize = 1 << 14;

/// N rows of activations. Behind the last lie zeros, so that a tile can be read at each row.
#[derive(Default)]
pub(crate) struct Quantised {
    /// [N, blocks × 32]
    values: Vec<i8>,
    /// [blocks, N]: those that are used together lie together.
    scales: Vec<f32>,
    /// By format of the weights: less what weights with an offset count too much of a block,
    /// which is the offset times the sum of its values.
    less: [Vec<i32>; 2],
    blocks: usize,
    rows: usize,
}

/// Rows that a tile may read behind `rows` of them.
fn spare(rows: usize) -> usize {
    if rows > 1 { TILE - 1 } else { 0 }
}

impl Quantised {
    /// x: [N, K] in its own order.
    pub(crate) fn rows(isa: Isa, x: &[f32], k: usize) -> Quantised {
        Quantised::made(isa, x, k, interleave)
    }

    /// x: [N, K] interleaved, K in whole blocks.
    pub(crate) fn interleaved(isa: Isa, x: &[f32], k: usize) -> Quantised {
        Quantised::made(isa, x, k, |from, to| to.copy_from_slice(from))
    }

    fn made(isa: Isa, x: &[f32], k: usize, order: impl Fn(&[f32], &mut [f32]) + Sync) -> Quantised {
        let (blocks, rows) = (k.div_ceil(BLOCK), x.len() / k);
        let mut values = vec![0; (rows + spare(rows)) * blocks * BLOCK];
        let (mut scales, mut sums) = (vec![0.0; rows * blocks], vec![0; rows * blocks]);
        x.par_chunks_exact(k)
            .zip(values.par_chunks_exact_mut(blocks * BLOCK))
            .zip(scales.par_chunks_exact_mut(blocks))
            .zip(sums.par_chunks_exact_mut(blocks))
            .with_min_len(GRAIN / k + 1)
            .for_each_init(
                || vec![0.0; blocks * BLOCK],
                |row, (((x, values), scales), sums)| {
                    order(x, row);
                    let to = Places {
                        values: values.as_mut_ptr(),
                        scales: scales.as_mut_ptr(),
                        sums: sums.as_mut_ptr(),
                    };
                    // SAFETY: a row of whole blocks, and room for as many.
                    unsafe { quantise(isa, row.as_ptr(), blocks, to) };
                },
            );
        Quantised {
            values,
            scales: by_block(blocks, 0..rows, |row, block| scales[row * blocks + block]),
            less: Format::OFFSETS.map(|offset| {
                by_block(blocks, 0..rows, |row, block| {
                    -offset * sums[row * blocks + block]
                })
            }),
            blocks,
            rows,
        }
    }

    /// The rows of `from` in the order that `which` names, as often as it does.
    pub(crate) fn gathered(
        from: &Quantised,
        which: impl ExactSizeIterator<Item = usize> + Clone,
    ) -> Quantised {
        let (blocks, rows) = (from.blocks, which.len());
        let row_bytes = blocks * BLOCK;
        let mut values = vec![0; (rows + spare(rows)) * row_bytes];
        for (to, row) in values.chunks_exact_mut(row_bytes).zip(which.clone()) {
            to.copy_from_slice(&from.values[row * row_bytes..][..row_bytes]);
        }
        let at = |row: usize, block: usize| block * from.rows + row;
        Quantised {
            values,
            scales: by_block(blocks, which.clone(), |row, block| {
                from.scales[at(row, block)]
            }),
            less: [0, 1].map(|format| {
                let less = &from.less[format];
                by_block(blocks, which.clone(), |row, block| less[at(row, block)])
            }),
            blocks,
            rows,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// The rows from `row` on.
    pub(crate) fn from(&self, row: usize) -> Rows {
        Rows {
            values: self.values[row * self.blocks * BLOCK..].as_ptr(),
            scales: self.scales[row..].as_ptr(),
            less: [0, 1].map(|format| self.less[format][row..].as_ptr()),
            stride: self.rows,
        }
    }
}

/// [blocks, N] of the numbers of rows, and what a tile may read behind them.
fn by_block<T: Copy + Default>(
    blocks: usize,
    rows: impl ExactSizeIterator<Item = usize> + Clone,
    of: impl Fn(usize, usize) -> T,
) -> Vec<T> {
    let spare = spare(rows.len());
    let mut to = Vec::with_capacity(blocks * rows.len() + spare);
    for block in 0..blocks {
        to.extend(rows.clone().map(|row| of(row, block)));
    }
    to.resize(to.len() + spare, T::default());
    to
}

/// Where quantised rows lie.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    /// A row behind the other.
    pub values: *const i8,
    /// Block b of row r at `b · stride + r`.
    pub scales: *const f32,
    pub less: [*const i32; 2],
    pub stride: usize,
}

#[derive(Clone, Copy)]
struct Places {
    values: *mut i8,
    scales: *mut f32,
    sums: *mut i32,
}

/// Each block to the nearest of 255 steps between its extremes, ties to the even one. Plain
/// Rust that compilers widen: rounding and products are exact by IEEE, whatever the width.
#[inline(always)]
unsafe fn quantise_kernel<L: Lanes>(from: *const f32, blocks: usize, to: Places) {
    let _ = L::WIDE;
    for block in 0..blocks {
        // SAFETY: `blocks` whole blocks in and out, by the caller's word.
        unsafe {
            let x = from
                .add(block * BLOCK)
                .cast::<[f32; BLOCK]>()
                .read_unaligned();
            let q = quantise_block(&x);
            to.values
                .add(block * BLOCK)
                .cast::<[i8; BLOCK]>()
                .write_unaligned(q.0);
            *to.scales.add(block) = q.1;
            let mut sum = 0;
            for q in q.0 {
                sum += i32::from(q);
            }
            *to.sums.add(block) = sum;
        }
    }
}

#[inline(always)]
fn quantise_block(x: &[f32; BLOCK]) -> ([i8; BLOCK], f32) {
    // Sizes as integers are in the order of the numbers, what is not finite above all.
    let mut sizes = x.map(|x| x.to_bits() & 0x7fff_ffff);
    let mut half = BLOCK / 2;
    while half > 0 {
        for i in 0..half {
            sizes[i] = sizes[i].max(sizes[i + half]);
        }
        half /= 2;
    }
    let most = f32::from_bits(sizes[0]);
    let scale = most / MOST;
    // Below the normal numbers a reciprocal may be infinite.
    if !most.is_finite() || scale < f32::MIN_POSITIVE {
        let scale = if most.is_finite() { 0.0 } else { f32::NAN };
        return ([0; BLOCK], scale);
    }
    let steps = MOST / most;
    // Adding 1.5 × 2^23 rounds to an integer, which the lowest byte then holds.
    let q = x.map(|x| (x * steps + 12_582_912.0).to_bits() as u8 as i8);
    (q, scale)
}

multiversion! { fn quantise = quantise_kernel(from: *const f32, blocks: usize, to: Places) }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;

    #[test]
    fn values_come_back_within_half_a_step_on_every_instruction_set() {
        let (n, k) = (3, 100);
        let x = Noise::new(21).values(n * k);
        let first = Quantised::rows(Isa::Portable, &x, k);
        assert_eq!((first.len(), first.blocks()), (n, 4));
        for (row, x) in x.chunks_exact(k).enumerate() {
            let mut wide = vec![0.0; 128];
            interleave(x, &mut wide);
            for (i, x) in wide.iter().enumerate() {
                let scale = first.scales[i / BLOCK * n + row];
                let back = f32::from(first.values[row * 128 + i]) * scale;
                assert!((back - x).abs() <= 0.501 * scale, "{back} {x}");
            }
        }
        for block in 0..n * 4 {
            let values = &first.values[block * BLOCK..][..BLOCK];
            let sum: i32 = values.iter().map(|&v| i32::from(v)).sum();
            for (less, offset) in first.less.iter().zip(Format::OFFSETS) {
                assert_eq!(less[block % 4 * n + block / 4], -offset * sum);
            }
            assert!(values.iter().any(|v| v.abs() == 127));
        }
        for isa in Isa::available() {
            let other = Quantised::rows(isa, &x, k);
            assert_eq!(other.values, first.values);
            assert_eq!(other.scales, first.scales);
        }
        let picked = Quantised::gathered(&first, [2, 0, 2].into_iter());
        assert_eq!(picked.len(), 3);
        assert_eq!(picked.values[..128], first.values[256..384]);
        assert_eq!(picked.values[128..256], first.values[..128]);
        let scales =
            |of: &Quantised, row: usize| [0, 1, 2, 3].map(|b| of.scales[b * of.rows + row]);
        assert_eq!(scales(&picked, 2), scales(&first, 2));
        assert_eq!(scales(&picked, 1), scales(&first, 0));
    }

    #[test]
    fn what_is_no_number_is_not_lost() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN] {
            let mut x = vec![1.0; 64];
            x[40] = odd;
            let q = Quantised::rows(Isa::best(), &x, 64);
            assert!(!q.scales[0].is_nan() && q.scales[1].is_nan());
        }
        let tiny = Quantised::rows(Isa::best(), &[1e-40; 32], 32);
        assert_eq!((tiny.scales[0], tiny.less[0][0]), (0.0, 0));
        let extremes = Quantised::rows(Isa::best(), &[f32::MAX, -f32::MAX], 2);
        assert_eq!((extremes.values[0], extremes.values[16]), (127, -127));
    }
}
