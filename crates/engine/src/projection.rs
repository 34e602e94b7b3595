//! A dense projection as a candle operation: weights as the numerics hold them, a bias, and
//! the product cut over threads.
//!
//! Axes: N rows of activations, K inputs, O outputs.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use rayon::prelude::*;

use crate::linear::{
    BLOCK, Bf16, Plain, Product, SCALED_BYTES, Scaled, Shared, Source, bf16_product,
    interleave_rows, plain_product, rows_of, scaled_product, split,
};
use crate::pages::Pages;
use crate::panel::{self, Dense, Panels, Q8_BYTES};
use crate::quant::Quantised;
use crate::simd::Isa;
use crate::weights::{Bytes, Values};
use crate::work::Done;
use crate::{LoadError, Numerics};

enum Stored {
    /// Whole blocks of bf16, as in the file.
    Bf16(Bytes),
    /// f32 in the order of `interleave`.
    F32(Vec<f32>),
    /// 8 bits a weight, multiplied with f32: blocks of `Scaled`.
    Scaled(Pages),
    /// 8 bits a weight, multiplied with 8-bit activations.
    Q8(Panels),
}

/// Bytes that blocks of Q8_0 take where they are widened in registers.
pub(crate) fn scaled_bytes(numbers: u64) -> u64 {
    numbers / BLOCK as u64 * SCALED_BYTES as u64
}

/// Blocks of Q8_0 with their scales as f32 and their bytes interleaved.
fn scaled(from: &[u8]) -> Result<Pages, LoadError> {
    Pages::filled(from.len() / Q8_BYTES * SCALED_BYTES, |to| {
        to.par_chunks_exact_mut(SCALED_BYTES)
            .zip(from.par_chunks_exact(Q8_BYTES))
            .for_each(|(to, from)| {
                let scale = half::f16::from_le_bytes([from[0], from[1]]);
                to[..4].copy_from_slice(&scale.to_f32().to_ne_bytes());
                for i in 0..BLOCK {
                    to[4 + i % 2 * (BLOCK / 2) + i / 2] = from[2 + i];
                }
            });
    })
}

/// A dense projection, x · Wᵀ + b.
pub struct Linear {
    stored: Stored,
    bias: Option<Vec<f32>>,
    outs: usize,
    ins: usize,
    isa: Isa,
}

impl Linear {
    /// bf16 weights [outs, ins], little endian, row by row.
    pub(crate) fn bf16(bytes: Bytes, bias: Option<Vec<f32>>, outs: usize, ins: usize) -> Linear {
        let stored = if ins.is_multiple_of(BLOCK) {
            Stored::Bf16(bytes)
        } else {
            // Whole blocks let the kernel do without a tail.
            let wide = ins.div_ceil(BLOCK) * BLOCK;
            let mut padded = vec![0; outs * wide * 2];
            for (to, from) in padded
                .chunks_exact_mut(wide * 2)
                .zip(bytes.chunks_exact(ins * 2))
            {
                to[..ins * 2].copy_from_slice(from);
            }
            Stored::Bf16(Bytes::Owned(padded))
        };
        Linear {
            stored,
            bias,
            outs,
            ins,
            isa: Isa::best(),
        }
    }

    /// f32 weights [outs, ins].
    pub(crate) fn f32(weights: &[f32], bias: Option<Vec<f32>>, outs: usize, ins: usize) -> Linear {
        let stored = Stored::F32(interleave_rows(weights, ins));
        Linear {
            stored,
            bias,
            outs,
            ins,
            isa: Isa::best(),
        }
    }

    /// Weights [outs, ins] of any kind, as `numerics` hold them.
    pub(crate) fn new(
        numerics: Numerics,
        weights: Values,
        bias: Option<Vec<f32>>,
        [outs, ins]: [usize; 2],
    ) -> Result<Linear, LoadError> {
        let blocks = ins / BLOCK;
        let stored = match (numerics, weights) {
            (Numerics::Exact, Values::Bf16(bytes)) => {
                return Ok(Linear::bf16(bytes, bias, outs, ins));
            }
            (Numerics::Exact, Values::F32(values)) => {
                return Ok(Linear::f32(&values, bias, outs, ins));
            }
            (Numerics::Exact, Values::Q8(bytes)) => Stored::Scaled(scaled(&bytes)?),
            (Numerics::Fast, Values::Q8(bytes)) => Stored::Q8(Panels::q8(&bytes, outs, blocks)?),
            (Numerics::Fast, values) => {
                let row = |row: usize, to: &mut [f32]| values.read(row * ins, to);
                Stored::Q8(Panels::quantised(outs, ins, row)?)
            }
        };
        Ok(Linear {
            stored,
            bias,
            outs,
            ins,
            isa: Isa::best(),
        })
    }

    #[cfg(test)]
    pub(crate) fn set_isa(&mut self, isa: Isa) {
        self.isa = isa;
    }

    pub(crate) fn outs(&self) -> usize {
        self.outs
    }

    /// What a pass of `rows` rows does.
    pub(crate) fn work(&self, rows: usize) -> Done {
        let products = self.outs * self.ins;
        let bytes = match &self.stored {
            Stored::Bf16(_) => 2 * products,
            Stored::F32(_) => 4 * products,
            Stored::Scaled(pages) => pages.len(),
            Stored::Q8(panels) => panels.size(),
        };
        Done {
            read_bytes: bytes as u64,
            products: (rows * products) as u64,
        }
    }

    /// x: [N, K] → [N, O]
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.apply_op1_no_bwd(self)
    }

    /// x: [N, K] → [N, O]
    pub(crate) fn multiply(&self, x: &[f32]) -> Vec<f32> {
        let blocks = self.ins.div_ceil(BLOCK);
        match &self.stored {
            Stored::Bf16(bytes) => self.pieces(x, bf16_product, || Bf16 {
                base: bytes.as_ptr(),
                blocks,
            }),
            Stored::F32(values) => self.pieces(x, plain_product, || Plain {
                base: values.as_ptr(),
                blocks,
            }),
            Stored::Scaled(pages) => self.pieces(x, scaled_product, || Scaled {
                base: pages.as_ptr(),
                blocks,
            }),
            Stored::Q8(panels) => {
                let x = Quantised::rows(self.isa, x, self.ins);
                panel::multiply(self.isa, self.dense(panels), &x)
            }
        }
    }

    fn dense<'a>(&'a self, weights: &'a Panels) -> Dense<'a> {
        Dense {
            weights,
            bias: self.bias.as_deref(),
            outs: self.outs,
        }
    }

    /// The same rows through three projections, x: [N, K] → [N, O] each. In 8 bits, they are
    /// quantised once, and the pieces of all three are shared out together.
    pub(crate) fn thrice(of: [&Linear; 3], x: &[f32]) -> [Vec<f32>; 3] {
        let [first, second, third] = of;
        match of.map(|linear| &linear.stored) {
            [Stored::Q8(a), Stored::Q8(b), Stored::Q8(c)] => {
                let x = Quantised::rows(first.isa, x, first.ins);
                let all = [first.dense(a), second.dense(b), third.dense(c)];
                panel::multiply_all(first.isa, all, &x)
            }
            _ => of.map(|linear| linear.multiply(x)),
        }
    }

    /// The product with weights that are widened as they are read, in parallel.
    fn pieces<S: Source>(
        &self,
        x: &[f32],
        product: unsafe fn(Isa, Product<S>),
        weights: impl Fn() -> S + Sync,
    ) -> Vec<f32> {
        let rows = x.len() / self.ins;
        let x = interleave_rows(x, self.ins);
        let mut y = Vec::with_capacity(rows * self.outs);
        let to = Shared(y.as_mut_ptr());
        split(self.outs, rows * self.ins, |outs| {
            let bias = match &self.bias {
                Some(bias) => bias[outs.start..].as_ptr(),
                None => std::ptr::null(),
            };
            // SAFETY: weights, bias and x were sized for outs, ins and rows when made; ranges
            // are disjoint, so are the outputs written.
            unsafe {
                let p = Product {
                    weights: weights().skip(outs.start),
                    outs: outs.len(),
                    bias,
                    x: x.as_ptr(),
                    rows,
                    blocks: self.ins.div_ceil(BLOCK),
                    y: to.at(outs.start),
                    stride: self.outs,
                };
                product(self.isa, p);
            }
        });
        // SAFETY: there is room, and the ranges together are all outputs.
        unsafe { y.set_len(rows * self.outs) };
        y
    }
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = rows_of(s, l, self.ins)?;
        let shape = Shape::from((x.len() / self.ins, self.outs));
        Ok((CpuStorage::F32(self.multiply(x)), shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;

    /// Widths with and without whole blocks, numbers of outputs with and without whole tiles.
    const SHAPES: [(usize, usize); 4] = [(7, 33), (16, 64), (37, 100), (130, 192)];

    fn bf16_bytes(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|v| half::bf16::from_f32(*v).to_le_bytes())
            .collect()
    }

    #[test]
    fn agrees_with_a_plain_product_in_f64() {
        for (outs, ins) in SHAPES {
            let mut noise = Noise::new(3);
            let weights = noise.bf16_values(outs * ins);
            let bias = noise.values(outs);
            let x = noise.values(5 * ins);
            let linear = Linear::f32(&weights, Some(bias.clone()), outs, ins);
            let y = linear.multiply(&x);
            for (i, y) in y.iter().enumerate() {
                let (row, out) = (i / outs, i % outs);
                let terms = (0..ins)
                    .map(|k| f64::from(x[row * ins + k]) * f64::from(weights[out * ins + k]));
                let expected = terms.sum::<f64>() + f64::from(bias[out]);
                assert!(
                    (f64::from(*y) - expected).abs() < 1e-4,
                    "{y} is not {expected}"
                );
            }
        }
    }

    #[test]
    fn same_bits_for_every_batch_storage_and_instruction_set() {
        for (outs, ins) in SHAPES {
            let mut noise = Noise::new(4);
            let weights = noise.bf16_values(outs * ins);
            let x = noise.values(9 * ins);
            let mut plain = Linear::f32(&weights, None, outs, ins);
            let mut bf16 = Linear::bf16(Bytes::Owned(bf16_bytes(&weights)), None, outs, ins);
            let expected = plain.multiply(&x);
            for isa in Isa::available() {
                plain.set_isa(isa);
                bf16.set_isa(isa);
                assert_eq!(plain.multiply(&x), expected);
                assert_eq!(bf16.multiply(&x), expected);
                for rows in 1..9 {
                    assert_eq!(bf16.multiply(&x[..rows * ins]), expected[..rows * outs]);
                }
            }
        }
    }
}
