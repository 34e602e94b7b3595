//! MXFP4: rows of blocks of 32 FP4 values with one power-of-two scale each (OCP
//! Microscaling Formats 1.0), kept packed and widened in registers.
//!
//! Low nibbles are the even places, high nibbles the odd ones. A scale s stands for
//! 2^(s − 127); 255 is not a number.

use rayon::prelude::*;
use std::sync::Arc;

use crate::LoadError;
use crate::gguf::{self, MXFP4_BYTES};
use crate::linear::{AHEAD_BYTES, BLOCK, Plain, Product, Source, product};
use crate::pages::Pages;
use crate::panel::Panels;
use crate::simd::{Lanes, multiversion, prefetch};
use crate::weights::Bytes;

/// Bytes of a packed block.
pub(crate) const BLOCK_BYTES: usize = BLOCK / 2;

/// Rows of activations from which on it pays to widen weight rows once into memory.
const WIDEN_FROM: usize = 3;

/// The values of all scales.
static SCALES: [f32; 256] = {
    let mut values = [0.0; 256];
    // 2^-127 lies below the normal numbers.
    values[0] = f32::from_bits(1 << 22);
    let mut s = 1;
    while s < 255 {
        values[s] = f32::from_bits((s as u32) << 23);
        s += 1;
    }
    values[255] = f32::NAN;
    values
};

/// Packed rows in memory: [experts × rows, blocks].
pub(crate) struct Packed {
    /// 16 bytes a block.
    pub blocks: Bytes,
    pub scales: Bytes,
    /// Blocks in a row.
    pub per_row: usize,
}

impl Packed {
    /// Rows as GGUF has them, in the published order of places: one of each of `from` in turn.
    pub(crate) fn of_gguf<const N: usize>(
        from: [&[u8]; N],
        per_row: usize,
    ) -> Result<Packed, LoadError> {
        let row_bytes = per_row * MXFP4_BYTES;
        let rows = N * (from[0].len() / row_bytes);
        let block = |row: usize, block: usize| {
            &from[row % N][row / N * row_bytes + block * MXFP4_BYTES..][..MXFP4_BYTES]
        };
        let blocks = Pages::filled(rows * per_row * BLOCK_BYTES, |to| {
            let rows = to.par_chunks_exact_mut(per_row * BLOCK_BYTES).enumerate();
            rows.for_each(|(row, to)| {
                for (i, to) in to.as_chunks_mut::<BLOCK_BYTES>().0.iter_mut().enumerate() {
                    *to = gguf::nibbles(block(row, i));
                }
            });
        })?;
        let scales = (0..rows * per_row).map(|i| block(i / per_row, i % per_row)[0]);
        Ok(Packed {
            blocks: Bytes::Regrouped(Arc::new(blocks)),
            scales: Bytes::Owned(scales.collect()),
            per_row,
        })
    }

    /// The same weights regrouped for `fast`: `groups` times `rows` rows.
    pub(crate) fn panels(&self, groups: usize, rows: usize) -> Result<Panels, LoadError> {
        Panels::fp4(&self.blocks, &self.scales, groups, rows, self.per_row)
    }

    /// Bytes of blocks and scales.
    pub(crate) fn size(&self) -> usize {
        self.blocks.len() + self.scales.len()
    }

    /// The rows from `row` on.
    pub(crate) fn rows(&self, row: usize) -> Fp4 {
        Fp4 {
            blocks: self.blocks[row * self.per_row * BLOCK_BYTES..].as_ptr(),
            scales: self.scales[row * self.per_row..].as_ptr(),
            per_row: self.per_row,
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Fp4 {
    blocks: *const u8,
    scales: *const u8,
    per_row: usize,
}

impl Source for Fp4 {
    #[inline(always)]
    unsafe fn block<L: Lanes>(self, row: usize, block: usize) -> (L, L) {
        let at = row * self.per_row + block;
        // SAFETY: within the rows, by the trait's contract.
        unsafe {
            let scale = *SCALES.get_unchecked(usize::from(*self.scales.add(at)));
            let at = self.blocks.add(at * BLOCK_BYTES);
            prefetch(at.wrapping_add(AHEAD_BYTES));
            L::fp4(at, scale)
        }
    }
    #[inline(always)]
    unsafe fn skip(self, row: usize) -> Self {
        // SAFETY: as above.
        unsafe {
            Fp4 {
                blocks: self.blocks.add(row * self.per_row * BLOCK_BYTES),
                scales: self.scales.add(row * self.per_row),
                ..self
            }
        }
    }
}

/// Few rows read the packed weights as they go; many share weight rows widened once.
/// The sums are the same either way.
#[inline(always)]
unsafe fn kernel<L: Lanes>(p: Product<Fp4>) {
    const ROWS: usize = 4;
    // SAFETY: the caller's product is valid; the parts stay within it, and `wide` holds
    // `ROWS` rows.
    unsafe {
        if p.rows < WIDEN_FROM {
            return product::<L, Fp4>(p);
        }
        let mut wide = vec![0.0; ROWS * p.blocks * BLOCK];
        let mut o = 0;
        while o < p.outs {
            let outs = ROWS.min(p.outs - o);
            let packed = p.weights.skip(o);
            for row in 0..outs {
                for block in 0..p.blocks {
                    let (even, odd) = packed.block::<L>(row, block);
                    let to = wide.as_mut_ptr().add((row * p.blocks + block) * BLOCK);
                    even.store(to);
                    odd.store(to.add(BLOCK / 2));
                }
            }
            let weights = Plain {
                base: wide.as_ptr(),
                blocks: p.blocks,
            };
            let bias = if p.bias.is_null() {
                p.bias
            } else {
                p.bias.add(o)
            };
            product::<L, Plain>(Product {
                weights,
                outs,
                bias,
                x: p.x,
                rows: p.rows,
                blocks: p.blocks,
                y: p.y.add(o),
                stride: p.stride,
            });
            o += outs;
        }
    }
}

multiversion! {
    /// # Safety
    /// As for `product`.
    pub(crate) fn fp4_product = kernel(p: Product<Fp4>)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{FP4, Isa, Portable};

    #[inline(always)]
    unsafe fn widen<L: Lanes>(from: Fp4, to: *mut f32) {
        // SAFETY: one block in, 32 values out.
        unsafe {
            let (even, odd) = from.block::<L>(0, 0);
            even.store(to);
            odd.store(to.add(16));
        }
    }
    multiversion! { fn widen_block = widen(from: Fp4, to: *mut f32) }

    /// The value of a nibble by the format's definition: sign, two bits of exponent with
    /// bias 1, one bit of mantissa; in f64, where every product is exact.
    fn by_definition(nibble: u8, scale: u8) -> f32 {
        let sign = if nibble & 8 == 0 { 1.0 } else { -1.0 };
        let (exponent, mantissa) = (i32::from(nibble >> 1 & 3), f64::from(nibble & 1));
        let size = match exponent {
            0 => mantissa / 2.0,
            e => (1.0 + mantissa / 2.0) * 2f64.powi(e - 1),
        };
        (sign * size * 2f64.powi(i32::from(scale) - 127)) as f32
    }

    #[test]
    fn every_byte_and_scale_decodes_bit_for_bit() {
        for isa in Isa::available() {
            for scale in 0..=255_u8 {
                for byte in 0..=255_u8 {
                    let blocks = [byte; 16];
                    let from = Fp4 {
                        blocks: blocks.as_ptr(),
                        scales: &raw const scale,
                        per_row: 1,
                    };
                    let mut to = [0.0; 32];
                    // SAFETY: one block and room for 32 values.
                    unsafe { widen_block(isa, from, to.as_mut_ptr()) };
                    for (i, value) in to.iter().enumerate() {
                        let nibble = if i < 16 { byte & 15 } else { byte >> 4 };
                        let expected = by_definition(nibble, scale);
                        match scale {
                            255 => assert!(value.is_nan()),
                            _ => {
                                assert_eq!(value.to_bits(), expected.to_bits(), "{nibble} {scale}")
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nibbles_keep_their_places() {
        let blocks: [u8; 16] = std::array::from_fn(|i| (i as u8) << 4 | (15 - i as u8));
        let from = Fp4 {
            blocks: blocks.as_ptr(),
            scales: &127,
            per_row: 1,
        };
        for isa in Isa::available() {
            let mut to = [0.0; 32];
            // SAFETY: one block and room for 32 values.
            unsafe { widen_block(isa, from, to.as_mut_ptr()) };
            for i in 0..16 {
                assert_eq!(to[i].to_bits(), FP4[15 - i].to_bits());
                assert_eq!(to[16 + i].to_bits(), FP4[i].to_bits());
            }
        }
        // SAFETY: portable lanes run everywhere.
        assert_eq!(unsafe { Portable::splat(1.0).sum() }, 16.0);
    }
}
