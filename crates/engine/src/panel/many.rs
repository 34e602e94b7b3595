//! Products of many rows: a piece of some panels' weights is unpacked once for all of them, in
//! place of once for each few rows that the registers hold, and each activation that is read serves
//! all of these panels. Sums and their order are those of `super::tile`, and so are the bits.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::{AHEAD_BYTES, BLOCK, Job, Packing, TILE, WIDTH, before, bias_of, put};
use crate::dot::Sums;
use crate::simd::{Lanes, prefetch};

/// Rows from which on unpacking once is quicker, unless the registers hold more.
pub(super) const ROWS_MIN: usize = 6;
/// Panels side by side, where the registers hold their sums.
pub(super) const PANELS: usize = 2;
/// Rows that share what is unpacked.
const GROUP: usize = 64;
/// Blocks that are unpacked at once: 4 KiB a panel, beside which the first cache holds some rows.
const PIECE: usize = 8;

/// A block's quads of even and odd places, by quarter and panel.
type Block<S, const N: usize> = [[(<S as Sums>::Quads, <S as Sums>::Quads); N]; 4];

/// Totals of a group's rows, and room for what the last ones have too many.
type Totals<S, const N: usize> = [[<S as Sums>::Lanes; N]; GROUP + TILE];

/// As `super::product`.
///
/// # Safety
/// As there; the rows are followed by as many as a tile has.
#[inline(always)]
pub(super) unsafe fn product<S: Sums, P: Packing>(job: &Job) {
    let panels = if S::ROWS < 8 { 1 } else { PANELS };
    let mut out = 0;
    while out < job.outs {
        let mut row = 0;
        while row < job.to.rows {
            let rows = row..job.to.rows.min(row + GROUP);
            // SAFETY: rows and outputs are the job's.
            unsafe {
                match panels {
                    1 => group::<S, P, 1>(job, rows, out),
                    _ => group::<S, P, PANELS>(job, rows, out),
                }
            }
            row += GROUP;
        }
        out += panels * WIDTH;
    }
}

/// Some rows by N panels. Where there are fewer, the last is computed again and dropped.
#[inline(always)]
unsafe fn group<S: Sums, P: Packing, const N: usize>(job: &Job, rows: Range<usize>, out: usize) {
    let (weight_bytes, _) = P::FORMAT.sizes();
    let last = (job.outs - 1) / WIDTH;
    let mut panels = [0; N];
    for (n, panel) in panels.iter_mut().enumerate() {
        *panel = last.min(out / WIDTH + n) * job.blocks;
    }
    let mut unpacked = [const { MaybeUninit::<Block<S, N>>::uninit() }; PIECE];
    // SAFETY: blocks lie within the panels; what a few rows too many read lies behind the rows, and
    // their totals in the room behind the group's.
    unsafe {
        let mut totals = MaybeUninit::<Totals<S, N>>::uninit();
        let totals = totals.as_mut_ptr().cast::<[S::Lanes; N]>();
        let mut first = 0;
        while first < job.blocks {
            let blocks = first..job.blocks.min(first + PIECE);
            for (block, to) in blocks.clone().zip(&mut unpacked) {
                let to: *mut Block<S, N> = to.as_mut_ptr();
                for (n, panel) in panels.iter().enumerate() {
                    let from = job.weights.add((panel + block) * weight_bytes);
                    for quarter in 0..4 {
                        prefetch(from.wrapping_add(AHEAD_BYTES + quarter * weight_bytes / 4));
                        (*to)[quarter][n] = P::quads::<S>(from, quarter);
                    }
                }
            }
            let unpacked = unpacked.as_ptr().cast::<Block<S, N>>();
            let mut row = rows.start;
            while row < rows.end {
                let left = rows.end - row;
                let at = Place {
                    blocks: blocks.clone(),
                    row,
                    panels,
                };
                let totals = totals.add(row - rows.start);
                row += match N {
                    PANELS if left > 4 => few::<S, P, 6, N>(job, unpacked, at, totals),
                    PANELS if left > 2 => few::<S, P, 4, N>(job, unpacked, at, totals),
                    _ => few::<S, P, 2, N>(job, unpacked, at, totals),
                };
            }
            first += PIECE;
        }
        for n in 0..N {
            let out = out + n * WIDTH;
            if out < job.outs {
                let bias = bias_of::<S::Lanes>(job, out);
                for row in rows.clone() {
                    let totals = &*totals.add(row - rows.start);
                    put(job, row, out, totals[n].add(bias));
                }
            }
        }
    }
}

/// What is multiplied: some blocks of rows from `row` on, by panels, named by their first blocks.
struct Place<const N: usize> {
    blocks: Range<usize>,
    row: usize,
    panels: [usize; N],
}

/// Adds some blocks to the totals of R rows, which the first begin; says how many rows. Plain loops,
/// as closures would not be compiled for the instruction set.
#[inline(always)]
unsafe fn few<S: Sums, P: Packing, const R: usize, const N: usize>(
    job: &Job,
    unpacked: *const Block<S, N>,
    at: Place<N>,
    totals: *mut [S::Lanes; N],
) -> usize {
    let (_, scale_bytes) = P::FORMAT.sizes();
    // SAFETY: passed on.
    unsafe {
        let x = job.x.values.add(at.row * job.blocks * BLOCK);
        let mut sum = match at.blocks.start {
            0 => [[S::Lanes::splat(0.0); N]; R],
            _ => totals.cast::<[[S::Lanes; N]; R]>().read(),
        };
        for (i, block) in at.blocks.enumerate() {
            let weights = &*unpacked.add(i);
            let mut sums = [[S::splat(0); N]; R];
            for (r, sums) in sums.iter_mut().enumerate() {
                *sums = [before::<S, P>(job, block, at.row + r); N];
            }
            for (quarter, weights) in weights.iter().enumerate() {
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = x.add((r * job.blocks + block) * BLOCK + quarter * 4);
                    for (sums, &(even, odd)) in sums.iter_mut().zip(weights) {
                        *sums = P::dot(*sums, even, x);
                        *sums = P::dot(*sums, odd, x.add(BLOCK / 2));
                    }
                }
            }
            for n in 0..N {
                let scale = P::scale::<S>(job.scales.add((at.panels[n] + block) * scale_bytes));
                for (r, (sum, sums)) in sum.iter_mut().zip(&sums).enumerate() {
                    let x_scale = *job.x.scales.add(block * job.x.stride + at.row + r);
                    let scale = scale.mul(S::Lanes::splat(x_scale));
                    sum[n] = sums[n].to_lanes().mul_add(scale, sum[n]);
                }
            }
        }
        totals.cast::<[[S::Lanes; N]; R]>().write(sum);
    }
    R
}
