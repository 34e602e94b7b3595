//! What a model did: bytes of weights read, and products made. Counted so that a benchmark
//! can say which share of the machine's bounds it reached; and those bounds, measured.

use rayon::prelude::*;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::dot::{Sums, by_dot};
use crate::pages::Pages;
use crate::simd::{Isa, Lanes, multiversion};
use crate::{LoadError, Numerics};

/// Running totals since `take` was called last.
#[derive(Default)]
pub(crate) struct Work {
    read_bytes: AtomicU64,
    products: AtomicU64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Weights, each as often as a step read them from memory.
    pub read_bytes: u64,
    /// Multiplications of a weight and an activation.
    pub products: u64,
}

impl Work {
    pub(crate) fn add(&self, done: Done) {
        self.read_bytes
            .fetch_add(done.read_bytes, Ordering::Relaxed);
        self.products.fetch_add(done.products, Ordering::Relaxed);
    }

    pub(crate) fn take(&self) -> Done {
        Done {
            read_bytes: self.read_bytes.swap(0, Ordering::Relaxed),
            products: self.products.swap(0, Ordering::Relaxed),
        }
    }
}

impl Done {
    pub(crate) fn and(self, other: Done) -> Done {
        Done {
            read_bytes: self.read_bytes + other.read_bytes,
            products: self.products + other.products,
        }
    }

    pub(crate) fn without(self, other: Done) -> Done {
        Done {
            read_bytes: self.read_bytes.saturating_sub(other.read_bytes),
            products: self.products.saturating_sub(other.products),
        }
    }
}

/// What the engine's threads reach together when they do nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub read_bytes_per_s: f64,
    /// Products and sums, each an operation, of the kind that the numerics are made of; of bytes
    /// those of vectors, also where tiles of them are used.
    pub ops_per_s: f64,
}

/// More than caches hold, unless they are very large.
const STREAM_BYTES: usize = 1 << 30;
const STREAM_CHUNK: usize = 1 << 20;
const ROUNDS: usize = 3;
const PEAK_LOOPS: usize = 4_000_000;
/// Independent sums: more than the product's latency has places.
const CHAINS: usize = 12;

/// The best of a few rounds.
pub(crate) fn bounds(numerics: Numerics) -> Result<Bounds, LoadError> {
    let isa = Isa::best();
    let pages = Pages::filled(STREAM_BYTES, |bytes| {
        bytes.par_chunks_mut(STREAM_CHUNK).for_each(|b| b.fill(1))
    })?;
    let best = |amount: f64, round: &dyn Fn()| {
        let rates = (0..ROUNDS).map(|_| {
            let started = Instant::now();
            round();
            amount / started.elapsed().as_secs_f64()
        });
        rates.fold(0.0, f64::max)
    };
    let read = || {
        let sums = pages.par_chunks(STREAM_CHUNK).map(|chunk| {
            let mut sum = 0.0;
            // SAFETY: whole chunks of sixteen f32.
            unsafe { stream(isa, chunk.as_ptr().cast(), chunk.len() / 64, &raw mut sum) };
            sum
        });
        black_box(sums.sum::<f32>());
    };
    let threads = rayon::current_num_threads();
    let compute = || {
        (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
            let mut sum = 0.0;
            // SAFETY: nothing is read but the arguments.
            unsafe {
                match numerics {
                    Numerics::Exact => f32_peak(isa, PEAK_LOOPS, &raw mut sum),
                    Numerics::Fast => int8_peak(isa, PEAK_LOOPS, &raw mut sum),
                }
            }
            black_box(sum);
        });
    };
    let a_loop = match numerics {
        Numerics::Exact => CHAINS * 16 * 2,
        Numerics::Fast => CHAINS * 64 * 2,
    };
    Ok(Bounds {
        read_bytes_per_s: best(STREAM_BYTES as f64, &read),
        ops_per_s: best((threads * PEAK_LOOPS * a_loop) as f64, &compute),
    })
}

#[inline(always)]
unsafe fn stream_kernel<L: Lanes>(from: *const f32, vectors: usize, sum: *mut f32) {
    // SAFETY: the caller vouches for the vectors and the sum's place.
    unsafe {
        let mut most = [L::splat(0.0); 4];
        let mut i = 0;
        while i + 4 <= vectors {
            for (j, most) in most.iter_mut().enumerate() {
                *most = most.max(L::load(from.add((i + j) * 16)));
            }
            i += 4;
        }
        *sum = most[0].add(most[1]).add(most[2]).add(most[3]).sum();
    }
}

#[inline(always)]
unsafe fn f32_kernel<L: Lanes>(loops: usize, sum: *mut f32) {
    // SAFETY: the caller vouches for the sum's place.
    unsafe {
        let (a, b) = (L::splat(black_box(0.999)), L::splat(black_box(0.001)));
        let mut chains = [L::splat(0.0); CHAINS];
        for _ in 0..loops {
            for chain in &mut chains {
                *chain = chain.mul_add(a, b);
            }
        }
        *sum = chains
            .iter()
            .fold(L::splat(0.0), |all, chain| all.add(*chain))
            .sum();
    }
}

#[inline(always)]
unsafe fn int8_kernel<S: Sums>(loops: usize, sum: *mut f32) {
    let (weights, x) = ([3_u8; 64], [1_i8; 4]);
    // SAFETY: 64 bytes and four; the caller vouches for the sum's place.
    unsafe {
        let (weights, _) = S::fp4(black_box(weights).as_ptr());
        let x = black_box(x);
        let mut chains = [S::splat(0); CHAINS];
        for _ in 0..loops {
            for chain in &mut chains {
                *chain = chain.dot_fp4(weights, x.as_ptr());
            }
        }
        let lanes = chains.iter().map(|chain| chain.to_lanes());
        *sum = lanes
            .fold(S::Lanes::splat(0.0), |all, lanes| all.add(lanes))
            .sum();
    }
}

multiversion! { fn stream = stream_kernel(from: *const f32, vectors: usize, sum: *mut f32) }
multiversion! { fn f32_peak = f32_kernel(loops: usize, sum: *mut f32) }
by_dot! { fn int8_peak = int8_kernel(loops: usize, sum: *mut f32) }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_do_what_is_counted() {
        for isa in Isa::available() {
            let (mut read, mut f32s, mut int8s) = (0.0, 0.0, 0.0);
            let ones = [1.0_f32; 128];
            // SAFETY: eight vectors of sixteen.
            unsafe {
                stream(isa, ones.as_ptr(), 8, &raw mut read);
                f32_peak(isa, 1, &raw mut f32s);
                int8_peak(isa, 5, &raw mut int8s);
            }
            assert_eq!(read, 64.0);
            assert!((f32s - 0.001 * (16 * CHAINS) as f32).abs() < 1e-4);
            // Nibbles of 3 and 0: only the low ones are used, 1.5 doubled plus the offset.
            assert!(int8s > 0.0 && (int8s as usize).is_multiple_of(5 * CHAINS * 16));
        }
    }

    #[test]
    fn work_is_counted_until_it_is_taken() {
        let work = Work::default();
        let once = Done {
            read_bytes: 5,
            products: 7,
        };
        work.add(once);
        work.add(once);
        assert_eq!(work.take(), once.and(once));
        assert_eq!(work.take(), Done::default());
        assert_eq!(once.and(once).without(once), once);
    }
}
