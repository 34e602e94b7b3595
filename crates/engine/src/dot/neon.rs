//! The sums of `dot` on NEON, with the instruction for dot products where it is there.

use super::{FP4_TWICE, Scalar, Sums};
use crate::simd::Portable;
use std::arch::aarch64::*;
use std::arch::asm;

/// Four registers of four outputs each. `DOT`: with SDOT.
#[derive(Clone, Copy)]
pub(crate) struct Neon<const DOT: bool>([int32x4_t; 4]);

impl<const DOT: bool> Neon<DOT> {
    #[inline(always)]
    unsafe fn dot(self, weights: [int8x16_t; 4], x: *const i8) -> Self {
        // SAFETY: the caller vouches for the instruction set and for four bytes.
        unsafe {
            let x = vreinterpretq_s8_s32(vdupq_n_s32(x.cast::<i32>().read_unaligned()));
            let mut sums = self.0;
            for (sum, &w) in sums.iter_mut().zip(&weights) {
                if DOT {
                    asm!(
                        ".arch_extension dotprod",
                        "sdot {sum:v}.4s, {w:v}.16b, {x:v}.16b",
                        sum = inout(vreg) *sum, w = in(vreg) w, x = in(vreg) x,
                        options(pure, nomem, nostack, preserves_flags),
                    );
                } else {
                    // Two products of at most 128 · 127 fit 16 bits.
                    let low = vmull_s8(vget_low_s8(w), vget_low_s8(x));
                    let high = vmull_high_s8(w, x);
                    *sum = vpadalq_s16(*sum, vpaddq_s16(low, high));
                }
            }
            Neon(sums)
        }
    }
}

// SAFETY of all methods: the trait's contract.
impl<const DOT: bool> Sums for Neon<DOT> {
    type Lanes = Portable;
    type Quads = [int8x16_t; 4];
    // Products are signed here: nothing needs to be added.
    const FP4_OFFSET: i32 = 0;
    const BYTES_OFFSET: i32 = 0;
    const ROWS: usize = 2;

    #[inline(always)]
    unsafe fn splat(x: i32) -> Self {
        unsafe { Neon([vdupq_n_s32(x); 4]) }
    }
    #[inline(always)]
    unsafe fn fp4(from: *const u8) -> (Self::Quads, Self::Quads) {
        unsafe {
            let table = vld1q_u8(FP4_TWICE.as_ptr());
            let table = vreinterpretq_s8_u8(vsubq_u8(table, vdupq_n_u8(super::FP4_OFFSET as u8)));
            let zero = vdupq_n_s8(0);
            let (mut low, mut high) = ([zero; 4], [zero; 4]);
            for i in 0..4 {
                let packed = vld1q_u8(from.add(16 * i));
                low[i] = vqtbl1q_s8(table, vandq_u8(packed, vdupq_n_u8(15)));
                high[i] = vqtbl1q_s8(table, vshrq_n_u8::<4>(packed));
            }
            (low, high)
        }
    }
    #[inline(always)]
    unsafe fn bytes(from: *const u8) -> Self::Quads {
        unsafe {
            let mut signed = [vdupq_n_s8(0); 4];
            for (i, signed) in signed.iter_mut().enumerate() {
                let biased = vld1q_u8(from.add(16 * i));
                *signed = vreinterpretq_s8_u8(veorq_u8(biased, vdupq_n_u8(0x80)));
            }
            signed
        }
    }
    #[inline(always)]
    unsafe fn dot_fp4(self, weights: Self::Quads, x: *const i8) -> Self {
        unsafe { self.dot(weights, x) }
    }
    #[inline(always)]
    unsafe fn dot_bytes(self, weights: Self::Quads, x: *const i8) -> Self {
        unsafe { self.dot(weights, x) }
    }
    #[inline(always)]
    unsafe fn to_lanes(self) -> Portable {
        unsafe {
            let mut lanes = [0.0; 16];
            for (i, &sum) in self.0.iter().enumerate() {
                vst1q_f32(lanes.as_mut_ptr().add(4 * i), vcvtq_f32_s32(sum));
            }
            Portable(lanes)
        }
    }
    #[inline(always)]
    unsafe fn exponents(from: *const u8) -> Portable {
        unsafe { Scalar::exponents(from) }
    }
    #[inline(always)]
    unsafe fn halves(from: *const u8) -> Portable {
        unsafe { Scalar::halves(from) }
    }
}
