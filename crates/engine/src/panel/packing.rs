//! How each format's weights become what the dot products take: quads of unsigned bytes, four
//! weights for each of sixteen outputs.

use super::Format;
#[cfg(target_arch = "x86_64")]
use super::amx;
use crate::dot::Sums;

/// How a format's weights become quads.
pub(super) trait Packing {
    const FORMAT: Format;
    fn offset<S: Sums>() -> i32;
    /// The quads of even and of odd places, by quarter of a block.
    unsafe fn quads<S: Sums>(block: *const u8, quarter: usize) -> (S::Quads, S::Quads);
    unsafe fn dot<S: Sums>(sums: S, weights: S::Quads, x: *const i8) -> S;
    unsafe fn scale<S: Sums>(from: *const u8) -> S::Lanes;
    /// A block's signed weights: quads of even places, then of odd ones.
    #[cfg(target_arch = "x86_64")]
    unsafe fn unpack(block: *const u8, to: *mut amx::Line);
}

pub(super) struct Fp4;

impl Packing for Fp4 {
    const FORMAT: Format = Format::Fp4;
    #[inline(always)]
    fn offset<S: Sums>() -> i32 {
        S::FP4_OFFSET
    }
    #[inline(always)]
    unsafe fn quads<S: Sums>(block: *const u8, quarter: usize) -> (S::Quads, S::Quads) {
        // SAFETY: within a block of 256 bytes.
        unsafe { S::fp4(block.add(quarter * 64)) }
    }
    #[inline(always)]
    unsafe fn dot<S: Sums>(sums: S, weights: S::Quads, x: *const i8) -> S {
        // SAFETY: passed on.
        unsafe { sums.dot_fp4(weights, x) }
    }
    #[inline(always)]
    unsafe fn scale<S: Sums>(from: *const u8) -> S::Lanes {
        // SAFETY: passed on.
        unsafe { S::exponents(from) }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn unpack(block: *const u8, to: *mut amx::Line) {
        // SAFETY: passed on.
        unsafe { amx::unpack_fp4(block, to) }
    }
}

pub(super) struct Q8;

impl Packing for Q8 {
    const FORMAT: Format = Format::Q8;
    #[inline(always)]
    fn offset<S: Sums>() -> i32 {
        S::BYTES_OFFSET
    }
    #[inline(always)]
    unsafe fn quads<S: Sums>(block: *const u8, quarter: usize) -> (S::Quads, S::Quads) {
        // SAFETY: within a block of 512 bytes.
        unsafe {
            let even = block.add(quarter * 128);
            (S::bytes(even), S::bytes(even.add(64)))
        }
    }
    #[inline(always)]
    unsafe fn dot<S: Sums>(sums: S, weights: S::Quads, x: *const i8) -> S {
        // SAFETY: passed on.
        unsafe { sums.dot_bytes(weights, x) }
    }
    #[inline(always)]
    unsafe fn scale<S: Sums>(from: *const u8) -> S::Lanes {
        // SAFETY: passed on.
        unsafe { S::halves(from) }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn unpack(block: *const u8, to: *mut amx::Line) {
        // SAFETY: passed on.
        unsafe { amx::unpack_q8(block, to) }
    }
}
