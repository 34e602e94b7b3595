//! The products of one projection by themselves, for benches of the kernels.

use rayon::prelude::*;

use crate::LoadError;
use crate::linear::BLOCK;
use crate::mxfp4::BLOCK_BYTES;
use crate::panel::{self, Dense, Panels, Q8_BYTES};
use crate::quant::Quantised;
use crate::simd::Isa;
use crate::synth::SplitMix;

/// How weights are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// An expert's.
    Mxfp4,
    /// Those of attention and of the head.
    Q8,
}

/// Projections of one shape with weights out of a seed; together larger than what the
/// processor keeps, so that each product reads them from memory.
pub struct Kernel {
    weights: Vec<Panels>,
    outs: usize,
    ins: usize,
}

impl Kernel {
    /// `copies` projections to `outs` outputs from `ins` inputs, a multiple of 32.
    pub fn new(
        weights: Weights,
        [outs, ins]: [usize; 2],
        copies: usize,
    ) -> Result<Kernel, LoadError> {
        let blocks = ins / BLOCK;
        let made = |copy: usize| match weights {
            Weights::Mxfp4 => {
                let scales: Vec<u8> = bytes(outs * blocks, copy)
                    .iter()
                    .map(|b| 118 + b % 5)
                    .collect();
                let weights = bytes(outs * blocks * BLOCK_BYTES, copy);
                Panels::fp4(&weights, &scales, 1, outs, blocks)
            }
            Weights::Q8 => {
                let mut weights = bytes(outs * blocks * Q8_BYTES, copy);
                for block in weights.chunks_exact_mut(Q8_BYTES) {
                    block[..2].copy_from_slice(&half::f16::from_f32(0.01).to_le_bytes());
                }
                Panels::q8(&weights, outs, blocks)
            }
        };
        Ok(Kernel {
            weights: (0..copies).map(made).collect::<Result<_, _>>()?,
            outs,
            ins,
        })
    }

    /// Names of the instruction sets that this machine has, best first.
    pub fn instructions() -> Vec<String> {
        let name = |isa| format!("{isa:?}").to_lowercase();
        Isa::available().into_iter().map(name).collect()
    }

    /// Bytes of weights that one product reads.
    pub fn bytes(&self) -> usize {
        self.weights[0].size()
    }

    /// What multiplies `rows` rows of activations with one of the copies, on one of `instructions`.
    pub fn product(&self, rows: usize) -> impl Fn(usize, usize) + use<'_> {
        let x: Vec<f32> = bytes(rows * self.ins, 77)
            .iter()
            .map(|&b| f32::from(b) - 127.5)
            .collect();
        let x = Quantised::rows(Isa::best(), &x, self.ins);
        let sets = Isa::available();
        move |copy, set| {
            let matrix = Dense {
                weights: &self.weights[copy % self.weights.len()],
                bias: None,
                outs: self.outs,
            };
            std::hint::black_box(panel::multiply(sets[set], matrix, &x));
        }
    }
}

/// Bytes out of a seed.
fn bytes(n: usize, seed: usize) -> Vec<u8> {
    let mut made = vec![0; n];
    let pieces = made.par_chunks_mut(1 << 16).enumerate();
    pieces.for_each(|(piece, to)| {
        let mut random = SplitMix::new((seed as u64) << 40 | piece as u64);
        for to in to.chunks_mut(8) {
            to.copy_from_slice(&random.next().to_le_bytes()[..to.len()]);
        }
    });
    made
}
