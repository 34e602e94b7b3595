//! The lanes of `simd` on AVX-512 and on AVX2 with FMA.

use super::{FP4, Lanes};
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(crate) struct Avx512(pub(crate) __m512);

/// Two registers: lanes 0–7 and 8–15.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(pub(crate) __m256, pub(crate) __m256);

/// The last three halvings of a sum.
#[inline(always)]
unsafe fn sum8(v: __m256) -> f32 {
    // SAFETY: AVX is there wherever either set of lanes is.
    unsafe {
        let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
        _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps::<1>(v, v)))
    }
}

#[inline(always)]
unsafe fn largest8(v: __m256) -> f32 {
    // SAFETY: as above.
    unsafe {
        let v = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
        _mm_cvtss_f32(_mm_max_ss(v, _mm_shuffle_ps::<1>(v, v)))
    }
}

// SAFETY of all methods: the trait's contract.
impl Lanes for Avx512 {
    const WIDE: bool = true;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Avx512(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Avx512(_mm512_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_sub_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_mul_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_div_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_max_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        unsafe { Avx512(_mm512_min_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { Avx512(_mm512_fmadd_ps(self.0, factor.0, addend.0)) }
    }
    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        unsafe {
            let n = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            Avx512(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(n)))
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let low = _mm512_castps512_ps256(self.0);
            sum8(_mm256_add_ps(low, _mm512_extractf32x8_ps::<1>(self.0)))
        }
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        unsafe {
            let low = _mm512_castps512_ps256(self.0);
            largest8(_mm256_max_ps(low, _mm512_extractf32x8_ps::<1>(self.0)))
        }
    }
    #[inline(always)]
    unsafe fn bf16(from: *const u8) -> (Self, Self) {
        unsafe {
            let pairs = _mm512_loadu_si512(from.cast());
            let odd = _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff_0000_u32 as i32));
            (
                Avx512(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs))),
                Avx512(_mm512_castsi512_ps(odd)),
            )
        }
    }
    #[inline(always)]
    unsafe fn bytes(from: *const i8, scale: f32) -> (Self, Self) {
        unsafe {
            let scale = _mm512_set1_ps(scale);
            let wide = |at: *const i8| {
                let wide = _mm512_cvtepi8_epi32(_mm_loadu_si128(at.cast()));
                Avx512(_mm512_mul_ps(_mm512_cvtepi32_ps(wide), scale))
            };
            (wide(from), wide(from.add(16)))
        }
    }
    #[inline(always)]
    unsafe fn fp4(from: *const u8, scale: f32) -> (Self, Self) {
        unsafe {
            let table = _mm512_loadu_ps(FP4.as_ptr());
            let scale = _mm512_set1_ps(scale);
            // The permutation reads four bits of each index.
            let low = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
            let high = _mm512_srli_epi32::<4>(low);
            (
                Avx512(_mm512_mul_ps(_mm512_permutexvar_ps(low, table), scale)),
                Avx512(_mm512_mul_ps(_mm512_permutexvar_ps(high, table), scale)),
            )
        }
    }
}

/// Eight FP4 values, times `scale`, of the low nibbles of eight 32-bit lanes.
#[inline(always)]
unsafe fn fp4_eight(nibbles: __m256i, scale: __m256) -> __m256 {
    // SAFETY: AVX2 is there wherever these lanes are.
    unsafe {
        // The permutation reads three bits of each index; the fourth is the sign.
        let size = _mm256_permutevar8x32_ps(_mm256_loadu_ps(FP4.as_ptr()), nibbles);
        let sign = _mm256_slli_epi32::<28>(_mm256_and_si256(nibbles, _mm256_set1_epi32(8)));
        _mm256_mul_ps(_mm256_xor_ps(size, _mm256_castsi256_ps(sign)), scale)
    }
}

// SAFETY of all methods: the trait's contract.
impl Lanes for Avx2 {
    const WIDE: bool = false;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Avx2(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Avx2(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_add_ps(self.0, other.0),
                _mm256_add_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_sub_ps(self.0, other.0),
                _mm256_sub_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_mul_ps(self.0, other.0),
                _mm256_mul_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_div_ps(self.0, other.0),
                _mm256_div_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_max_ps(self.0, other.0),
                _mm256_max_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_min_ps(self.0, other.0),
                _mm256_min_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_fmadd_ps(self.0, factor.0, addend.0),
                _mm256_fmadd_ps(self.1, factor.1, addend.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        unsafe {
            let bias = _mm256_set1_epi32(127);
            let low = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), bias);
            let high = _mm256_add_epi32(_mm256_cvtps_epi32(self.1), bias);
            Avx2(
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(low)),
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(high)),
            )
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe { sum8(_mm256_add_ps(self.0, self.1)) }
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        unsafe { largest8(_mm256_max_ps(self.0, self.1)) }
    }
    #[inline(always)]
    unsafe fn bf16(from: *const u8) -> (Self, Self) {
        unsafe {
            let low = _mm256_loadu_si256(from.cast());
            let high = _mm256_loadu_si256(from.add(32).cast());
            let mask = _mm256_set1_epi32(0xffff_0000_u32 as i32);
            (
                Avx2(
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(low)),
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(high)),
                ),
                Avx2(
                    _mm256_castsi256_ps(_mm256_and_si256(low, mask)),
                    _mm256_castsi256_ps(_mm256_and_si256(high, mask)),
                ),
            )
        }
    }
    #[inline(always)]
    unsafe fn bytes(from: *const i8, scale: f32) -> (Self, Self) {
        unsafe {
            let scale = _mm256_set1_ps(scale);
            let eight = |at: *const i8| {
                let wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64(at.cast()));
                _mm256_mul_ps(_mm256_cvtepi32_ps(wide), scale)
            };
            (
                Avx2(eight(from), eight(from.add(8))),
                Avx2(eight(from.add(16)), eight(from.add(24))),
            )
        }
    }
    #[inline(always)]
    unsafe fn fp4(from: *const u8, scale: f32) -> (Self, Self) {
        unsafe {
            let scale = _mm256_set1_ps(scale);
            let low = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()));
            let high = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.add(8).cast()));
            (
                Avx2(fp4_eight(low, scale), fp4_eight(high, scale)),
                Avx2(
                    fp4_eight(_mm256_srli_epi32::<4>(low), scale),
                    fp4_eight(_mm256_srli_epi32::<4>(high), scale),
                ),
            )
        }
    }
}
