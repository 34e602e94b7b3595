//! Sixteen f32 lanes, on AVX-512, on AVX2 with FMA, and in portable Rust; and the choice
//! between them at run time. Every operation gives the same bits in all three: lane counts
//! and orders are fixed, products are fused, nothing is left to the compiler's liking.
//!
//! A kernel is an `#[inline(always)]` function generic over `Lanes`; `multiversion!` makes
//! the function that picks the instruction set. Without FMA hardware the portable lanes are
//! right but slow.

use std::sync::OnceLock;

/// An instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// AVX-512 with products of bytes, and tiles of them where many rows meet the same weights.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// AVX-512 with products of bytes; numbers in f32 are as with `Avx512`.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// NEON with dot products of bytes; numbers in f32 are as with `Portable`.
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Isa {
    /// The best one this machine runs.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Isa::available()[0])
    }

    /// All that this machine runs, best first.
    pub fn available() -> Vec<Isa> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            if fma && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
                let bytes = is_x86_feature_detected!("avx512bw");
                if bytes && is_x86_feature_detected!("avx512vnni") {
                    if tiles() {
                        found.push(Isa::Amx);
                    }
                    found.push(Isa::Avx512Vnni);
                }
                found.push(Isa::Avx512);
            }
            if fma {
                found.push(Isa::Avx2);
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            if std::arch::is_aarch64_feature_detected!("dotprod") {
                found.push(Isa::NeonDot);
            }
            found.push(Isa::Neon);
        }
        found.push(Isa::Portable);
        found
    }
}

/// Whether the processor has tiles of bytes, and the system grants them to this process. They
/// are asked for once: registers that large are not saved unless somebody wants them.
#[cfg(target_arch = "x86_64")]
fn tiles() -> bool {
    static GRANTED: OnceLock<bool> = OnceLock::new();
    *GRANTED.get_or_init(|| {
        // Leaf 7, EDX: bit 24 AMX-TILE, bit 25 AMX-INT8.
        let leaf = std::arch::x86_64::__cpuid_count(7, 0);
        leaf.edx >> 24 & 3 == 3 && grant()
    })
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn grant() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;
    let result: i64;
    // SAFETY: the call reads two numbers, and changes what this process may use.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn grant() -> bool {
    false
}

/// Makes `$name(isa, …)` out of the kernel `$generic::<Lanes>(…)`.
macro_rules! multiversion {
    ($(#[$doc:meta])* $vis:vis fn $name:ident = $generic:ident ( $($arg:ident : $ty:ty),* $(,)? )) => {
        $(#[$doc])*
        $vis unsafe fn $name(isa: $crate::simd::Isa, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
            unsafe fn avx512($($arg: $ty),*) {
                // SAFETY: the caller's contract is the kernel's; the features are enabled here.
                unsafe { $generic::<$crate::simd::Avx512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $ty),*) {
                // SAFETY: as above.
                unsafe { $generic::<$crate::simd::Avx2>($($arg),*) }
            }
            // SAFETY: `Isa::available` found the features; the rest is the caller's contract.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Isa::Amx
                    | $crate::simd::Isa::Avx512Vnni
                    | $crate::simd::Isa::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Isa::Avx2 => avx2($($arg),*),
                    #[cfg(target_arch = "aarch64")]
                    $crate::simd::Isa::NeonDot | $crate::simd::Isa::Neon => {
                        $generic::<$crate::simd::Portable>($($arg),*)
                    }
                    $crate::simd::Isa::Portable => $generic::<$crate::simd::Portable>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use multiversion;

/// Asks for the cache line at an address, which need not be valid.
#[inline(always)]
pub(crate) fn prefetch(at: *const u8) {
    // SAFETY: a hint that never faults; SSE is there on every x86-64.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// The sixteen values of FP4 (E2M1), by nibble.
pub const FP4: [f32; 16] = [
    0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0,
];

/// Sixteen lanes.
///
/// # Safety
/// Methods may run only where the instruction set is there; pointers must be valid for the
/// bytes named. No alignment is asked for.
pub(crate) trait Lanes: Copy {
    /// Whether there are registers enough for a four by four tile of accumulators.
    const WIDE: bool;

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// The larger; of equal ones and of NaN, `other`.
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// Two to the power of lanes that hold integers within -126..=127.
    unsafe fn pow2(self) -> Self;
    /// The sum, by halving: lane i and lane i + 8, then 4, 2, 1.
    unsafe fn sum(self) -> f32;
    unsafe fn largest(self) -> f32;
    /// 64 bytes: 32 bf16 values; those at even and those at odd places.
    unsafe fn bf16(from: *const u8) -> (Self, Self);
    /// 32 signed bytes times `scale`: the first sixteen, and the others.
    unsafe fn bytes(from: *const i8, scale: f32) -> (Self, Self);
    /// 16 bytes: 32 FP4 values times `scale`; low nibbles (even places) and high ones (odd).
    unsafe fn fp4(from: *const u8, scale: f32) -> (Self, Self);
}

/// e to the power of each lane, within 2 units in the last place; inputs outside of
/// -87.3..=88.3 are taken as these bounds. Cephes' `expf` polynomial.
#[inline(always)]
#[expect(clippy::excessive_precision, reason = "as published")]
pub(crate) unsafe fn exp<L: Lanes>(x: L) -> L {
    // SAFETY: the caller vouches for the instruction set.
    unsafe {
        // The constants come first so that NaN stays NaN.
        let x = L::splat(88.3).min(L::splat(-87.3).max(x));
        // Adding 1.5 × 2^23 rounds to an integer.
        let magic = L::splat(12_582_912.0);
        let n = x
            .mul_add(L::splat(std::f32::consts::LOG2_E), magic)
            .sub(magic);
        let r = n.mul_add(L::splat(-0.693_359_375), x);
        let r = n.mul_add(L::splat(2.121_944_40e-4), r);
        let p = L::splat(1.987_569_15e-4);
        let p = p.mul_add(r, L::splat(1.398_199_95e-3));
        let p = p.mul_add(r, L::splat(8.333_451_9e-3));
        let p = p.mul_add(r, L::splat(4.166_579_6e-2));
        let p = p.mul_add(r, L::splat(1.666_666_55e-1));
        let p = p.mul_add(r, L::splat(5.000_000_1e-1));
        let p = p.mul_add(r.mul(r), r.add(L::splat(1.0)));
        p.mul(n.pow2())
    }
}

/// `exp` of one number.
pub(crate) fn exp_one(x: f32) -> f32 {
    // SAFETY: portable lanes run everywhere.
    unsafe { exp(Portable::splat(x)).0[0] }
}

#[derive(Clone, Copy)]
pub(crate) struct Portable(pub [f32; 16]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Portable(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Lanes for Portable {
    const WIDE: bool = false;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Portable([x; 16])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for 64 bytes.
        Portable(unsafe { from.cast::<[f32; 16]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for 64 bytes.
        unsafe { to.cast::<[f32; 16]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        Portable(std::array::from_fn(|i| {
            self.0[i].mul_add(factor.0[i], addend.0[i])
        }))
    }
    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        Portable(
            self.0
                .map(|n| f32::from_bits(((n as i32 + 127) as u32) << 23)),
        )
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let mut v = self.0;
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                v[i] += v[i + half];
            }
        }
        v[0]
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        self.0
            .iter()
            .fold(f32::MIN, |a, &b| if b > a { b } else { a })
    }
    #[inline(always)]
    unsafe fn bf16(from: *const u8) -> (Self, Self) {
        // SAFETY: the caller vouches for 64 bytes.
        let pairs =
            unsafe { from.cast::<[[u8; 4]; 16]>().read_unaligned() }.map(u32::from_le_bytes);
        (
            Portable(pairs.map(|p| f32::from_bits(p << 16))),
            Portable(pairs.map(|p| f32::from_bits(p & 0xffff_0000))),
        )
    }
    #[inline(always)]
    unsafe fn bytes(from: *const i8, scale: f32) -> (Self, Self) {
        // SAFETY: the caller vouches for 32 bytes.
        let [first, second] = unsafe { from.cast::<[[i8; 16]; 2]>().read_unaligned() };
        let wide = |bytes: [i8; 16]| Portable(bytes.map(|b| f32::from(b) * scale));
        (wide(first), wide(second))
    }
    #[inline(always)]
    unsafe fn fp4(from: *const u8, scale: f32) -> (Self, Self) {
        // SAFETY: the caller vouches for 16 bytes.
        let bytes = unsafe { from.cast::<[u8; 16]>().read_unaligned() };
        (
            Portable(bytes.map(|b| FP4[usize::from(b & 15)] * scale)),
            Portable(bytes.map(|b| FP4[usize::from(b >> 4)] * scale)),
        )
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86;
