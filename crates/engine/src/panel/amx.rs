//! Products on tiles (AMX, on Intel's processors for servers and workstations since Sapphire
//! Rapids): sixteen rows of activations by sixteen outputs, one block of 32 inputs in one
//! instruction, which makes four times as many products in a cycle as AVX-512 does. The block's
//! integer sums are the same, and so is what follows: the same bits.
//!
//! Weights are unpacked once for all rows, signed and in the order that the tiles want: of a
//! block, quads of its even places, then of its odd ones, as its activations lie.

use std::arch::asm;
use std::arch::x86_64::*;
use std::cell::RefCell;

use super::{AHEAD_BYTES, BLOCK, Job, Packing, WIDTH, put};
use crate::dot::Vnni;
use crate::simd::{Avx512, prefetch};

/// Rows of a tile.
const TILE: usize = 16;
/// Fewer rows are quicker without unpacking.
pub(super) const ROWS_MIN: usize = 5;
/// Blocks whose sums are made before the first are read: even.
const DEEP: usize = 8;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(#[expect(dead_code, reason = "written and read by address")] [u8; 64]);

const ZERO: Line = Line([0; 64]);

/// What `ldtilecfg` reads: the shape of each tile.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Tiles 0 and 3: sums, 16 × 16 i32. 1 and 4: activations, 16 × 32 i8. 2 and 5: weights, 8
/// quads × 16.
static SHAPES: Shapes = {
    let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
    let mut set = 0;
    while set < 6 {
        (row_bytes[set], rows[set]) = (64, TILE as u8);
        (row_bytes[set + 1], rows[set + 1]) = (BLOCK as u16, TILE as u8);
        (row_bytes[set + 2], rows[set + 2]) = (64, (BLOCK / 4) as u8);
        set += 3;
    }
    Shapes {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes,
        rows,
    }
};

/// Room of one thread.
#[derive(Default)]
struct Scratch {
    /// A panel: for each block eight lines.
    weights: Vec<Line>,
    /// Sixteen rows of activations where the job has fewer.
    rows: Vec<Line>,
    /// Their scales.
    scales: Vec<Line>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// As `super::product`.
///
/// # Safety
/// As there; the processor has tiles, and the system has granted them (`simd::tiles`).
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
pub(super) unsafe fn product<P: Packing>(job: &Job) {
    SCRATCH.with_borrow_mut(|scratch| {
        // SAFETY: passed on.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack, readonly));
            panels::<P>(job, scratch);
            asm!("tilerelease", options(nostack, nomem));
        }
    });
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
unsafe fn panels<P: Packing>(job: &Job, scratch: &mut Scratch) {
    let (weight_bytes, scale_bytes) = P::FORMAT.sizes();
    let (blocks, rows) = (job.blocks, job.to.rows);
    let groups = rows.div_ceil(TILE);
    // SAFETY: rows and outputs are the job's; scratch is as long as it is made here.
    unsafe {
        scratch.weights.resize(blocks * BLOCK / 4, ZERO);
        // A tile reads sixteen rows: the last ones, if they are fewer, from a copy.
        let (whole, row_bytes) = (rows / TILE * TILE, blocks * BLOCK);
        scratch.rows.resize((TILE * row_bytes).div_ceil(64), ZERO);
        scratch
            .scales
            .resize((TILE * blocks * 4).div_ceil(64), ZERO);
        let last: *mut i8 = scratch.rows.as_mut_ptr().cast();
        let last_scales: *mut f32 = scratch.scales.as_mut_ptr().cast();
        if whole < rows {
            let (from, scales) = (
                job.x.values.add(whole * row_bytes),
                job.x.scales.add(whole * blocks),
            );
            from.copy_to_nonoverlapping(last, (rows - whole) * row_bytes);
            scales.copy_to_nonoverlapping(last_scales, (rows - whole) * blocks);
        }
        let mut out = 0;
        while out < job.outs {
            let panel = out / WIDTH * blocks;
            let packed = job.weights.add(panel * weight_bytes);
            let weights = scratch.weights.as_mut_ptr();
            for block in 0..blocks {
                let packed = packed.add(block * weight_bytes);
                for line in 0..weight_bytes / 64 {
                    prefetch(packed.wrapping_add(AHEAD_BYTES + line * 64));
                }
                P::unpack(packed, weights.add(block * BLOCK / 4));
            }
            for group in 0..groups {
                let (x, x_scales) = match group * TILE < whole {
                    true => (
                        job.x.values.add(group * TILE * row_bytes),
                        job.x.scales.add(group * TILE * blocks),
                    ),
                    false => (last.cast_const(), last_scales.cast_const()),
                };
                let tile = Tile {
                    x,
                    x_scales,
                    weights,
                    scales: job.scales.add(panel * scale_bytes),
                    blocks,
                };
                let totals = tile.totals::<P>();
                let rows = TILE.min(rows - group * TILE);
                for (row, total) in totals.into_iter().take(rows).enumerate() {
                    put(job, group * TILE + row, out, Avx512(total));
                }
            }
            out += WIDTH;
        }
    }
}

/// Sixteen rows by the outputs of one panel.
struct Tile {
    x: *const i8,
    x_scales: *const f32,
    weights: *const Line,
    scales: *const u8,
    blocks: usize,
}

impl Tile {
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
    unsafe fn totals<P: Packing>(&self) -> [__m512; TILE] {
        let (_, scale_bytes) = P::FORMAT.sizes();
        // SAFETY: pointers are to as many blocks; tiles are configured.
        unsafe {
            let mut sums = [[ZERO; TILE]; DEEP];
            let mut totals = [_mm512_setzero_ps(); TILE];
            // Sums of several blocks are stored before the first are read: a tile on its way
            // to memory cannot be read from on the way.
            for first in (0..self.blocks).step_by(DEEP) {
                let deep = DEEP.min(self.blocks - first);
                for pair in (0..deep).step_by(2) {
                    self.multiply(first + pair, &raw mut sums[pair], pair + 1 < deep);
                }
                for (block, sums) in sums.iter().enumerate().take(deep) {
                    let block = first + block;
                    let scale = P::scale::<Vnni>(self.scales.add(block * scale_bytes)).0;
                    let x_scales = self.x_scales.add(block);
                    let sums: *const i32 = sums.as_ptr().cast();
                    for (row, total) in totals.iter_mut().enumerate() {
                        let sum = _mm512_load_si512(sums.add(row * WIDTH).cast());
                        let scale =
                            _mm512_mul_ps(scale, _mm512_set1_ps(*x_scales.add(row * self.blocks)));
                        *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, *total);
                    }
                }
            }
            totals
        }
    }

    /// Stores the sums of a block, and those of the next one behind them.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
    unsafe fn multiply(&self, block: usize, sums: *mut [Line; TILE], both: bool) {
        let row = self.blocks * BLOCK;
        let next = block + usize::from(both);
        // SAFETY: as for `totals`; there is room for two blocks' sums. Nothing else uses tiles.
        unsafe {
            asm!(
                "tileloadd tmm1, [{x} + {row}]",
                "tileloadd tmm2, [{weights} + {line}]",
                "tilezero tmm0",
                "tdpbssd tmm0, tmm1, tmm2",
                "tileloadd tmm4, [{x_next} + {row}]",
                "tileloadd tmm5, [{weights_next} + {line}]",
                "tilezero tmm3",
                "tdpbssd tmm3, tmm4, tmm5",
                "tilestored [{sums} + {line}], tmm0",
                "tilestored [{sums_next} + {line}], tmm3",
                x = in(reg) self.x.add(block * BLOCK),
                x_next = in(reg) self.x.add(next * BLOCK),
                row = in(reg) row,
                weights = in(reg) self.weights.add(block * BLOCK / 4),
                weights_next = in(reg) self.weights.add(next * BLOCK / 4),
                line = in(reg) 64_usize,
                sums = in(reg) sums,
                sums_next = in(reg) sums.add(1),
                options(nostack),
            );
        }
    }
}

/// Sixteen quads of MXFP4's even places from each 64 bytes, and sixteen of the odd ones, doubled.
///
/// # Safety
/// 256 bytes in, eight lines out.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn unpack_fp4(block: *const u8, to: *mut Line) {
    const TWICE: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];
    // SAFETY: the caller vouches for both.
    unsafe {
        let table = _mm512_broadcast_i32x4(_mm_loadu_si128(TWICE.as_ptr().cast()));
        let mask = _mm512_set1_epi8(15);
        for quarter in 0..4 {
            let packed = _mm512_loadu_si512(block.add(quarter * 64).cast());
            let low = _mm512_and_si512(packed, mask);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(packed), mask);
            _mm512_store_si512(to.add(quarter).cast(), _mm512_shuffle_epi8(table, low));
            _mm512_store_si512(to.add(4 + quarter).cast(), _mm512_shuffle_epi8(table, high));
        }
    }
}

/// The same of 8-bit weights, which lie there plus 128.
///
/// # Safety
/// 512 bytes in, eight lines out.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn unpack_q8(block: *const u8, to: *mut Line) {
    // SAFETY: the caller vouches for both.
    unsafe {
        let sign = _mm512_set1_epi8(-128);
        for half in 0..8 {
            let biased = _mm512_loadu_si512(block.add(half * 64).cast());
            let line = to.add(half % 2 * 4 + half / 2);
            _mm512_store_si512(line.cast(), _mm512_xor_si512(biased, sign));
        }
    }
}
