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

use super::{AHEAD_BYTES, BLOCK, Format, Job, Packing, TILE, WIDTH, bias_of, put};
use crate::dot::Vnni;
use crate::simd::{Avx512, Lanes, prefetch};

/// Rows from which on tiles are quicker than AVX-512; the weights of `fast` cost more to unpack
/// where they have 4 bits.
pub(super) fn rows_min(format: Format) -> usize {
    match format {
        Format::Fp4 => 9,
        Format::Q8 => 5,
    }
}

/// Pairs of blocks between the steps of a pair's way: what is stored by one step is read by the
/// next only when it has reached the cache, as tiles read nothing that is still on its way.
const LAG: usize = 4;
/// Pairs whose sums there is room for: a power of two, more than the lag.
const SUMS: usize = 8;
/// Blocks whose weights there is room for where only one group of rows wants them.
const WEIGHTS: usize = 32;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(#[expect(dead_code, reason = "written and read by address")] [u8; 64]);

const ZERO: Line = Line([0; 64]);
/// Lines of a block of sixteen outputs' unpacked weights.
const BLOCK_LINES: usize = BLOCK * WIDTH / 64;

/// What `ldtilecfg` reads: the shape of each tile.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Tiles 0 and 3: sums, R × 16 i32. 1 and 4: activations, R × 32 i8. 2 and 5: weights, 8
/// quads × 16.
const fn shapes(rows: usize) -> Shapes {
    let (mut row_bytes, mut of_rows) = ([0; 16], [0; 16]);
    let mut set = 0;
    while set < 6 {
        (row_bytes[set], of_rows[set]) = (64, rows as u8);
        (row_bytes[set + 1], of_rows[set + 1]) = (BLOCK as u16, rows as u8);
        (row_bytes[set + 2], of_rows[set + 2]) = (64, (BLOCK / 4) as u8);
        set += 3;
    }
    Shapes {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes,
        rows: of_rows,
    }
}

static WHOLE: Shapes = shapes(TILE);
static HALF: Shapes = shapes(TILE / 2);

/// Room of one thread.
#[derive(Default)]
struct Scratch {
    /// Unpacked: for each block eight lines.
    weights: Vec<Line>,
    /// For each pair of blocks two tiles of sums.
    sums: Vec<Line>,
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
        let half = job.to.rows <= TILE / 2;
        let shapes = if half { &HALF } else { &WHOLE };
        // SAFETY: passed on.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) shapes, options(nostack, readonly));
            match half {
                true => panels::<P, { TILE / 2 }>(job, scratch),
                false => panels::<P, TILE>(job, scratch),
            }
            asm!("tilerelease", options(nostack, nomem));
        }
    });
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
unsafe fn panels<P: Packing, const R: usize>(job: &Job, scratch: &mut Scratch) {
    let (weight_bytes, scale_bytes) = P::FORMAT.sizes();
    let (blocks, rows) = (job.blocks, job.to.rows);
    let kept = match rows <= R {
        true => WEIGHTS,
        false => blocks.next_power_of_two().max(WEIGHTS),
    };
    scratch.weights.resize(kept * BLOCK_LINES, ZERO);
    scratch.sums.resize(SUMS * 2 * TILE, ZERO);
    // SAFETY: rows and outputs are the job's, whose rows are followed by as many as a tile
    // has; scratch is as long as it is made here.
    unsafe {
        let mut out = 0;
        while out < job.outs {
            let panel = out / WIDTH * blocks;
            let bias = bias_of::<Avx512>(job, out);
            let mut packed = Some(job.weights.add(panel * weight_bytes));
            let mut row = 0;
            while row < rows {
                let group = Group {
                    x: job.x.values.add(row * blocks * BLOCK),
                    x_scales: job.x.scales.add(row),
                    stride: job.x.stride,
                    // Unpacked for the first rows, and there for the others.
                    packed: packed.take(),
                    weights: scratch.weights.as_mut_ptr(),
                    kept,
                    scales: job.scales.add(panel * scale_bytes),
                    sums: scratch.sums.as_mut_ptr(),
                    blocks,
                };
                let totals = group.totals::<P, R>();
                for (r, total) in totals.into_iter().take(rows - row).enumerate() {
                    put(job, row + r, out, Avx512(total).add(bias));
                }
                row += R;
            }
            out += WIDTH;
        }
    }
}

/// R rows by the outputs of one panel.
struct Group {
    x: *const i8,
    x_scales: *const f32,
    stride: usize,
    packed: Option<*const u8>,
    weights: *mut Line,
    /// Blocks that `weights` holds: a power of two.
    kept: usize,
    scales: *const u8,
    sums: *mut Line,
    blocks: usize,
}

impl Group {
    /// Each pair of blocks is unpacked, then multiplied, then scaled and added, from the first
    /// to the last; between these steps others' steps are taken.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
    unsafe fn totals<P: Packing, const R: usize>(&self) -> [__m512; R] {
        let pairs = self.blocks.div_ceil(2);
        let mut totals = [_mm512_setzero_ps(); R];
        // SAFETY: pairs are within the blocks; tiles are configured.
        unsafe {
            for step in 0..pairs + 2 * LAG {
                if let (Some(packed), true) = (self.packed, step < pairs) {
                    self.unpack::<P>(packed, 2 * step);
                    self.unpack::<P>(packed, (2 * step + 1).min(self.blocks - 1));
                }
                // Before the next sums are stored, which lie at like addresses.
                if step >= 2 * LAG {
                    self.add::<P, R>(step - 2 * LAG, &mut totals);
                }
                if (LAG..pairs + LAG).contains(&step) {
                    self.multiply(step - LAG);
                }
            }
        }
        totals
    }

    #[inline(always)]
    unsafe fn lines(&self, block: usize) -> *mut Line {
        // SAFETY: as many blocks are kept.
        unsafe { self.weights.add((block & (self.kept - 1)) * BLOCK_LINES) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
    unsafe fn unpack<P: Packing>(&self, packed: *const u8, block: usize) {
        let (weight_bytes, _) = P::FORMAT.sizes();
        // SAFETY: a block of the panel.
        unsafe {
            let packed = packed.add(block * weight_bytes);
            for line in 0..weight_bytes / 64 {
                prefetch(packed.wrapping_add(AHEAD_BYTES + line * 64));
            }
            P::unpack(packed, self.lines(block));
        }
    }

    /// Stores the sums of two blocks; where there is one, twice the same.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
    unsafe fn multiply(&self, pair: usize) {
        let row = self.blocks * BLOCK;
        let (block, next) = (2 * pair, (2 * pair + 1).min(self.blocks - 1));
        // SAFETY: as for `totals`; there is room for these sums. Nothing else uses tiles.
        unsafe {
            let sums = self.sums.add(pair % SUMS * 2 * TILE);
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
                weights = in(reg) self.lines(block),
                weights_next = in(reg) self.lines(next),
                line = in(reg) 64_usize,
                sums = in(reg) sums,
                sums_next = in(reg) sums.add(TILE),
                options(nostack),
            );
        }
    }

    /// Scales the sums of two blocks, or of the last one, and adds them.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
    unsafe fn add<P: Packing, const R: usize>(&self, pair: usize, totals: &mut [__m512; R]) {
        let (_, scale_bytes) = P::FORMAT.sizes();
        // SAFETY: as for `totals`.
        unsafe {
            let sums: *const i32 = self.sums.add(pair % SUMS * 2 * TILE).cast();
            for which in 0..2.min(self.blocks - 2 * pair) {
                let block = 2 * pair + which;
                let scale = P::scale::<Vnni>(self.scales.add(block * scale_bytes)).0;
                let x_scales = self.x_scales.add(block * self.stride);
                let sums = sums.add(which * TILE * WIDTH);
                for (row, total) in totals.iter_mut().enumerate() {
                    let sum = _mm512_load_si512(sums.add(row * WIDTH).cast());
                    let scale = _mm512_mul_ps(scale, _mm512_set1_ps(*x_scales.add(row)));
                    *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, *total);
                }
            }
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
