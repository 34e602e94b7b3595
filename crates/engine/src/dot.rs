//! Sixteen integer sums, one for each of sixteen outputs: unsigned weights times signed 8-bit
//! activations, four of each lane at a time. On AVX-512 with VNNI, AVX2, NEON, and in portable
//! Rust. Sums of integers have no order, so that all four give the same.
//!
//! A kernel is an `#[inline(always)]` function generic over `Sums`; `by_dot!` makes the
//! function that picks the instruction set.

use crate::simd::{Lanes, Portable};

/// FP4 (E2M1), by nibble: twice the value, plus 12, so that all are whole and none is negative.
pub(crate) const FP4_OFFSET: i32 = 12;
const FP4_TWICE: [u8; 16] = [12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0];

/// Sixteen sums.
///
/// # Safety
/// Methods may run only where the instruction set is there; pointers must be valid for the
/// bytes named. No alignment is asked for.
pub(crate) trait Sums: Copy {
    /// Numbers of the same sixteen outputs.
    type Lanes: Lanes;
    /// Four weights for each output.
    type Quads: Copy;
    /// What `fp4` adds to twice each value, and `bytes` to each value.
    const FP4_OFFSET: i32;
    const BYTES_OFFSET: i32;
    /// Rows of activations whose sums fit the registers together.
    const ROWS: usize;

    unsafe fn splat(x: i32) -> Self;
    /// 64 bytes: quads of low nibbles, and of high ones.
    unsafe fn fp4(from: *const u8) -> (Self::Quads, Self::Quads);
    /// 64 bytes, each a signed number plus 128.
    unsafe fn bytes(from: *const u8) -> Self::Quads;
    /// Adds each quad's products with the four activations at `x`; weights are those of `fp4`.
    unsafe fn dot_fp4(self, weights: Self::Quads, x: *const i8) -> Self;
    /// The same for weights of `bytes`.
    unsafe fn dot_bytes(self, weights: Self::Quads, x: *const i8) -> Self;
    unsafe fn to_lanes(self) -> Self::Lanes;
    /// 16 bytes: exponents of f32.
    unsafe fn exponents(from: *const u8) -> Self::Lanes;
    /// 32 bytes: f16.
    unsafe fn halves(from: *const u8) -> Self::Lanes;
}

/// Makes `$name(isa, …)` out of the kernel `$generic::<Sums>(…)`.
macro_rules! by_dot {
    ($(#[$doc:meta])* $vis:vis fn $name:ident = $generic:ident ( $($arg:ident : $ty:ty),* $(,)? )) => {
        $(#[$doc])*
        $vis unsafe fn $name(isa: $crate::simd::Isa, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vnni,avx2,fma,f16c")]
            unsafe fn vnni($($arg: $ty),*) {
                // SAFETY: the caller's contract is the kernel's; the features are enabled here.
                unsafe { $generic::<$crate::dot::Vnni>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn avx2($($arg: $ty),*) {
                // SAFETY: as above.
                unsafe { $generic::<$crate::dot::Avx2Sums>($($arg),*) }
            }
            #[cfg(target_arch = "aarch64")]
            #[target_feature(enable = "neon,dotprod")]
            unsafe fn sdot($($arg: $ty),*) {
                // SAFETY: as above.
                unsafe { $generic::<$crate::dot::Neon<true>>($($arg),*) }
            }
            #[cfg(target_arch = "aarch64")]
            #[target_feature(enable = "neon")]
            unsafe fn neon($($arg: $ty),*) {
                // SAFETY: as above.
                unsafe { $generic::<$crate::dot::Neon<false>>($($arg),*) }
            }
            // SAFETY: `Isa::available` found the features; the rest is the caller's contract.
            unsafe {
                match isa {
                    #[cfg(target_arch = "aarch64")]
                    $crate::simd::Isa::NeonDot => sdot($($arg),*),
                    #[cfg(target_arch = "aarch64")]
                    $crate::simd::Isa::Neon => neon($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Isa::Amx | $crate::simd::Isa::Avx512Vnni => vnni($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Isa::Avx512 | $crate::simd::Isa::Avx2 => avx2($($arg),*),
                    $crate::simd::Isa::Portable => $generic::<$crate::dot::Scalar>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use by_dot;

/// The plain reference of the others.
#[derive(Clone, Copy)]
pub(crate) struct Scalar([i32; 16]);

impl Scalar {
    #[inline(always)]
    unsafe fn dot(self, weights: [u8; 64], x: *const i8) -> Self {
        // SAFETY: the caller vouches for four bytes.
        let x = unsafe { x.cast::<[i8; 4]>().read_unaligned() }.map(i32::from);
        Scalar(std::array::from_fn(|i| {
            let w = |j: usize| i32::from(weights[4 * i + j]);
            self.0[i] + w(0) * x[0] + w(1) * x[1] + w(2) * x[2] + w(3) * x[3]
        }))
    }
}

// SAFETY of all methods: the trait's contract.
impl Sums for Scalar {
    type Lanes = Portable;
    type Quads = [u8; 64];
    const FP4_OFFSET: i32 = FP4_OFFSET;
    const BYTES_OFFSET: i32 = 128;
    const ROWS: usize = 2;

    #[inline(always)]
    unsafe fn splat(x: i32) -> Self {
        Scalar([x; 16])
    }
    #[inline(always)]
    unsafe fn fp4(from: *const u8) -> ([u8; 64], [u8; 64]) {
        let packed = unsafe { from.cast::<[u8; 64]>().read_unaligned() };
        let value = |nibble: u8| FP4_TWICE[usize::from(nibble)];
        (packed.map(|b| value(b & 15)), packed.map(|b| value(b >> 4)))
    }
    #[inline(always)]
    unsafe fn bytes(from: *const u8) -> [u8; 64] {
        unsafe { from.cast::<[u8; 64]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn dot_fp4(self, weights: [u8; 64], x: *const i8) -> Self {
        unsafe { self.dot(weights, x) }
    }
    #[inline(always)]
    unsafe fn dot_bytes(self, weights: [u8; 64], x: *const i8) -> Self {
        unsafe { self.dot(weights, x) }
    }
    #[inline(always)]
    unsafe fn to_lanes(self) -> Portable {
        Portable(self.0.map(|sum| sum as f32))
    }
    #[inline(always)]
    unsafe fn exponents(from: *const u8) -> Portable {
        let bytes = unsafe { from.cast::<[u8; 16]>().read_unaligned() };
        Portable(bytes.map(|b| f32::from_bits(u32::from(b) << 23)))
    }
    #[inline(always)]
    unsafe fn halves(from: *const u8) -> Portable {
        let pairs = unsafe { from.cast::<[[u8; 2]; 16]>().read_unaligned() };
        Portable(pairs.map(|b| half::f16::from_le_bytes(b).to_f32()))
    }
}

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2Sums, Vnni};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{FP4_OFFSET, FP4_TWICE, Sums};
    use crate::simd::{Avx2, Avx512};
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub(crate) struct Vnni(__m512i);

    /// Two registers: outputs 0–7 and 8–15.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2Sums(__m256i, __m256i);

    // SAFETY of all methods: the trait's contract.
    impl Sums for Vnni {
        type Lanes = Avx512;
        type Quads = __m512i;
        const FP4_OFFSET: i32 = FP4_OFFSET;
        const BYTES_OFFSET: i32 = 128;
        const ROWS: usize = 8;

        #[inline(always)]
        unsafe fn splat(x: i32) -> Self {
            unsafe { Vnni(_mm512_set1_epi32(x)) }
        }
        #[inline(always)]
        unsafe fn fp4(from: *const u8) -> (__m512i, __m512i) {
            unsafe {
                let table = _mm_loadu_si128(FP4_TWICE.as_ptr().cast());
                let table = _mm512_broadcast_i32x4(table);
                let mask = _mm512_set1_epi8(15);
                let packed = _mm512_loadu_si512(from.cast());
                let low = _mm512_and_si512(packed, mask);
                let high = _mm512_and_si512(_mm512_srli_epi16::<4>(packed), mask);
                (
                    _mm512_shuffle_epi8(table, low),
                    _mm512_shuffle_epi8(table, high),
                )
            }
        }
        #[inline(always)]
        unsafe fn bytes(from: *const u8) -> __m512i {
            unsafe { _mm512_loadu_si512(from.cast()) }
        }
        #[inline(always)]
        unsafe fn dot_fp4(self, weights: __m512i, x: *const i8) -> Self {
            unsafe {
                let x = _mm512_set1_epi32(x.cast::<i32>().read_unaligned());
                Vnni(_mm512_dpbusd_epi32(self.0, weights, x))
            }
        }
        #[inline(always)]
        unsafe fn dot_bytes(self, weights: __m512i, x: *const i8) -> Self {
            unsafe { self.dot_fp4(weights, x) }
        }
        #[inline(always)]
        unsafe fn to_lanes(self) -> Avx512 {
            unsafe { Avx512(_mm512_cvtepi32_ps(self.0)) }
        }
        #[inline(always)]
        unsafe fn exponents(from: *const u8) -> Avx512 {
            unsafe {
                let wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
                Avx512(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(wide)))
            }
        }
        #[inline(always)]
        unsafe fn halves(from: *const u8) -> Avx512 {
            unsafe { Avx512(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))) }
        }
    }

    impl Avx2Sums {
        /// Adds pairs of 16-bit products.
        #[inline(always)]
        unsafe fn add(self, low: __m256i, high: __m256i) -> Self {
            // SAFETY: AVX2 is there wherever these sums are.
            unsafe {
                let ones = _mm256_set1_epi16(1);
                Avx2Sums(
                    _mm256_add_epi32(self.0, _mm256_madd_epi16(low, ones)),
                    _mm256_add_epi32(self.1, _mm256_madd_epi16(high, ones)),
                )
            }
        }
    }

    // SAFETY of all methods: the trait's contract.
    impl Sums for Avx2Sums {
        type Lanes = Avx2;
        type Quads = (__m256i, __m256i);
        const FP4_OFFSET: i32 = FP4_OFFSET;
        // `bytes` makes them signed again: two products of larger ones exceed 16 bits.
        const BYTES_OFFSET: i32 = 0;
        const ROWS: usize = 2;

        #[inline(always)]
        unsafe fn splat(x: i32) -> Self {
            unsafe { Avx2Sums(_mm256_set1_epi32(x), _mm256_set1_epi32(x)) }
        }
        #[inline(always)]
        unsafe fn fp4(from: *const u8) -> (Self::Quads, Self::Quads) {
            unsafe {
                let table = _mm_loadu_si128(FP4_TWICE.as_ptr().cast());
                let table = _mm256_broadcastsi128_si256(table);
                let mask = _mm256_set1_epi8(15);
                let (a, b) = (
                    _mm256_loadu_si256(from.cast()),
                    _mm256_loadu_si256(from.add(32).cast()),
                );
                let low = |x| _mm256_shuffle_epi8(table, _mm256_and_si256(x, mask));
                let high = |x| low(_mm256_srli_epi16::<4>(x));
                ((low(a), low(b)), (high(a), high(b)))
            }
        }
        #[inline(always)]
        unsafe fn bytes(from: *const u8) -> Self::Quads {
            unsafe {
                let sign = _mm256_set1_epi8(-128);
                (
                    _mm256_xor_si256(_mm256_loadu_si256(from.cast()), sign),
                    _mm256_xor_si256(_mm256_loadu_si256(from.add(32).cast()), sign),
                )
            }
        }
        #[inline(always)]
        unsafe fn dot_fp4(self, weights: Self::Quads, x: *const i8) -> Self {
            unsafe {
                // At most 2 · 24 · 127 a pair.
                let x = _mm256_set1_epi32(x.cast::<i32>().read_unaligned());
                self.add(
                    _mm256_maddubs_epi16(weights.0, x),
                    _mm256_maddubs_epi16(weights.1, x),
                )
            }
        }
        #[inline(always)]
        unsafe fn dot_bytes(self, weights: Self::Quads, x: *const i8) -> Self {
            unsafe {
                // At most 2 · 128 · 127 a pair.
                let x = _mm256_set1_epi32(x.cast::<i32>().read_unaligned());
                let pairs = |w| _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
                self.add(pairs(weights.0), pairs(weights.1))
            }
        }
        #[inline(always)]
        unsafe fn to_lanes(self) -> Avx2 {
            unsafe { Avx2(_mm256_cvtepi32_ps(self.0), _mm256_cvtepi32_ps(self.1)) }
        }
        #[inline(always)]
        unsafe fn exponents(from: *const u8) -> Avx2 {
            unsafe {
                let wide = |at: *const u8| {
                    let wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(at.cast()));
                    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(wide))
                };
                Avx2(wide(from), wide(from.add(8)))
            }
        }
        #[inline(always)]
        unsafe fn halves(from: *const u8) -> Avx2 {
            unsafe {
                let wide = |at: *const u8| _mm256_cvtph_ps(_mm_loadu_si128(at.cast()));
                Avx2(wide(from), wide(from.add(16)))
            }
        }
    }
}
