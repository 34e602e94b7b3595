//! Products of a projection as large as one of the 20b's experts, read from memory:
//!
//!     RAYON_NUM_THREADS=1 cargo bench --workspace --bench kernels
//!
//! by rows of activations and by instruction set. Bytes are those of the weights, items are
//! multiplications with their additions.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use engine::bench::{Kernel, Weights};

const OUTS: usize = 5760;
const INS: usize = 2880;
/// More than processors keep.
const ALL_BYTES: usize = 400 << 20;
const ROWS: [usize; 8] = [1, 2, 3, 4, 6, 8, 16, 64];

fn main() {
    divan::main();
}

#[derive(Debug, Clone)]
struct Case {
    rows: usize,
    set: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:02} rows",
            Kernel::instructions()[self.set],
            self.rows
        )
    }
}

/// Every instruction set but the portable one, which is there to compare bits with.
fn cases() -> Vec<Case> {
    let sets = 0..Kernel::instructions().len() - 1;
    sets.flat_map(|set| ROWS.map(|rows| Case { rows, set }))
        .collect()
}

#[divan::bench(args = cases())]
fn mxfp4(bencher: Bencher<'_, '_>, case: &Case) {
    static KERNEL: LazyLock<Kernel> = LazyLock::new(|| kernel(Weights::Mxfp4));
    measure(bencher, case, &KERNEL);
}

#[divan::bench(args = cases())]
fn q8(bencher: Bencher<'_, '_>, case: &Case) {
    static KERNEL: LazyLock<Kernel> = LazyLock::new(|| kernel(Weights::Q8));
    measure(bencher, case, &KERNEL);
}

fn kernel(weights: Weights) -> Kernel {
    let weight_bytes = match weights {
        Weights::Mxfp4 => OUTS * INS / 2,
        Weights::Q8 => OUTS * INS,
    };
    let copies = ALL_BYTES / weight_bytes;
    Kernel::new(weights, [OUTS, INS], copies).expect("memory for the weights")
}

fn measure(bencher: Bencher<'_, '_>, case: &Case, kernel: &Kernel) {
    let product = kernel.product(case.rows);
    let turn = AtomicUsize::new(0);
    bencher
        .counter(BytesCount::new(kernel.bytes()))
        .counter(ItemsCount::new(case.rows * OUTS * INS))
        .bench(|| product(turn.fetch_add(1, Ordering::Relaxed), case.set));
}
