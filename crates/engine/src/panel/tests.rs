//! The kernels against the plain reference, bit for bit, and against the weights that they
//! stand for.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::quant::MOST;
use crate::simd::FP4;
use crate::testing::Noise;

/// Widths and numbers of outputs with and without whole blocks, panels and tiles.
const SHAPES: [(usize, usize); 5] = [(7, 32), (16, 64), (37, 96), (130, 320), (33, 1120)];
const MOST_ROWS: usize = 131;
const ROWS: [usize; 15] = [1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 31, 32, 64, 65, MOST_ROWS];

struct Rng(Noise);

impl Rng {
    /// MXFP4 rows: blocks and scales.
    fn fp4(&mut self, rows: usize, blocks: usize) -> (Vec<u8>, Vec<u8>) {
        let scales = self.0.bytes(rows * blocks);
        let scales = scales.iter().map(|b| 118 + b % 7).collect();
        (self.0.bytes(rows * blocks * BLOCK_BYTES), scales)
    }
}

/// The definition, one number after the other: integer sums over blocks, each scaled and
/// added by a fused product.
fn reference(
    weights: &[(f32, Vec<i32>)],
    blocks: usize,
    bias: Option<&[f32]>,
    x: &[f32],
    k: usize,
) -> Vec<f32> {
    let outs = weights.len() / blocks;
    let mut y = Vec::new();
    for x in x.chunks_exact(k) {
        let blocks_of_x: Vec<(f32, Vec<i32>)> = x
            .chunks(BLOCK)
            .map(|x| {
                let most = x.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                let steps = MOST / most;
                let q = |x: &f32| (x * steps).round_ties_even() as i32;
                (most / MOST, x.iter().map(q).collect())
            })
            .collect();
        for out in 0..outs {
            let mut total = 0.0_f32;
            for (block, (x_scale, x)) in blocks_of_x.iter().enumerate() {
                let (scale, w) = &weights[out * blocks + block];
                let sum: i32 = w.iter().zip(x).map(|(w, x)| w * x).sum();
                total = (sum as f32).mul_add(scale * x_scale, total);
            }
            y.push(total + bias.map_or(0.0, |bias| bias[out]));
        }
    }
    y
}

/// Blocks by the format's definition: half the scale, twice the values.
fn fp4_blocks(from: &[u8], scales: &[u8]) -> Vec<(f32, Vec<i32>)> {
    from.chunks_exact(BLOCK_BYTES)
        .zip(scales)
        .map(|(bytes, &scale)| {
            let twice = |nibble: u8| (2.0 * FP4[usize::from(nibble)]) as i32;
            let values = bytes.iter().flat_map(|b| [twice(b & 15), twice(b >> 4)]);
            (2f32.powi(i32::from(scale) - 128), values.collect())
        })
        .collect()
}

fn q8_blocks(values: &[f32], k: usize) -> Vec<(f32, Vec<i32>)> {
    let rows = values.chunks_exact(k);
    rows.flat_map(|row| row.chunks(BLOCK))
        .map(|block| {
            let whole = [block, &[0.0; BLOCK]].concat();
            let (scale, q) = q8_block(whole.first_chunk().unwrap());
            (
                scale.to_f32(),
                q[..block.len()].iter().map(|&q| i32::from(q)).collect(),
            )
        })
        .collect()
}

/// Every instruction set and number of rows gives the reference's bits.
fn check(
    panels: &Panels,
    expected: &[f32],
    bias: Option<&[f32]>,
    outs: usize,
    x: &[f32],
    k: usize,
) {
    for isa in Isa::available() {
        for rows in ROWS {
            let x = Quantised::rows(isa, &x[..rows * k], k);
            let matrix = Dense {
                weights: panels,
                bias,
                outs,
            };
            let [y, again] = multiply_all(isa, [matrix; 2], &x);
            assert_eq!(y, again);
            assert_eq!(
                y,
                expected[..rows * outs],
                "{isa:?}, {rows} rows of {k} to {outs}"
            );
        }
    }
}

#[test]
fn fp4_products_are_the_reference_bit_for_bit() {
    for (outs, k) in SHAPES {
        let mut rng = Rng(Noise::new(31));
        let blocks = k / BLOCK;
        let (from, scales) = rng.fp4(outs, blocks);
        let panels = Panels::fp4(&from, &scales, 1, outs, blocks).unwrap();
        let bias = rng.0.values(outs);
        let x = rng.0.values(MOST_ROWS * k);
        let weights = fp4_blocks(&from, &scales);
        let expected = reference(&weights, blocks, Some(&bias), &x, k);
        check(&panels, &expected, Some(&bias), outs, &x, k);
    }
}

#[test]
fn q8_products_are_the_reference_bit_for_bit() {
    for (outs, k) in SHAPES.into_iter().chain([(20, 60)]) {
        let mut rng = Rng(Noise::new(32));
        let values = rng.0.values(outs * k);
        let row = |row: usize, to: &mut [f32]| to.copy_from_slice(&values[row * k..][..k]);
        let panels = Panels::quantised(outs, k, row).unwrap();
        let x = rng.0.values(MOST_ROWS * k);
        let weights = q8_blocks(&values, k);
        let expected = reference(&weights, k.div_ceil(BLOCK), None, &x, k);
        check(&panels, &expected, None, outs, &x, k);
        // Extremes that two products of would not fit 16 bits.
        let loud = vec![1.0; outs * k];
        let row = |row: usize, to: &mut [f32]| to.copy_from_slice(&loud[row * k..][..k]);
        let panels = Panels::quantised(outs, k, row).unwrap();
        let x = vec![-1.0; MOST_ROWS * k];
        let expected = reference(&q8_blocks(&loud, k), k.div_ceil(BLOCK), None, &x, k);
        check(&panels, &expected, None, outs, &x, k);
    }
}

#[test]
fn a_file_of_q8_gives_what_quantising_gives() {
    let (outs, k) = (21, 96);
    let values = Noise::new(33).values(outs * k);
    let file: Vec<u8> = values
        .as_chunks()
        .0
        .iter()
        .flat_map(|block| {
            let (scale, q) = q8_block(block);
            scale.to_le_bytes().into_iter().chain(q.map(|q| q as u8))
        })
        .collect();
    let row = |row: usize, to: &mut [f32]| to.copy_from_slice(&values[row * k..][..k]);
    let made = Panels::quantised(outs, k, row).unwrap();
    let read = Panels::q8(&file, outs, k / BLOCK).unwrap();
    assert!(made.weights[..] == read.weights[..] && made.scales[..] == read.scales[..]);
    assert_eq!(
        Panels::bytes(Format::Q8, outs, k / BLOCK),
        made.weights.len() + made.scales.len()
    );
}

#[test]
fn groups_begin_with_panels_of_their_own() {
    let mut rng = Rng(Noise::new(34));
    let (groups, rows, blocks) = (3, 20, 2);
    let (from, scales) = rng.fp4(groups * rows, blocks);
    let panels = Panels::fp4(&from, &scales, groups, rows, blocks).unwrap();
    assert_eq!(panels.panels(), 6);
    let x = rng.0.values(2 * 64);
    let expected = reference(&fp4_blocks(&from, &scales), blocks, None, &x[..64], 64);
    let x = Quantised::rows(Isa::best(), &x[..64], 64);
    for group in 0..groups {
        let mut y = vec![0.0; rows];
        let to = Target {
            y: y.as_mut_ptr(),
            stride: rows,
            bias: std::ptr::null(),
            rows: 1,
        };
        // SAFETY: one row of twenty outputs.
        unsafe { panels.multiply(Isa::best(), group * 2, rows, x.from(0), to) };
        assert_eq!(y, expected[group * rows..][..rows]);
    }
}

#[test]
fn scales_at_the_ends_of_their_range() {
    assert_eq!(
        [0, 1, 2, 127, 254, 255].map(exponent),
        [0, 0, 1, 126, 253, 255]
    );
    let from = vec![0x22; BLOCK_BYTES];
    for isa in Isa::available() {
        let one = |scale: u8| {
            let panels = Panels::fp4(&from, &[scale], 1, 1, 1).unwrap();
            let matrix = Dense {
                weights: &panels,
                bias: None,
                outs: 1,
            };
            multiply(isa, matrix, &Quantised::rows(isa, &[1.0; BLOCK], BLOCK))[0]
        };
        assert!((one(127) - 32.0).abs() < 1e-4);
        assert_eq!(one(0), 0.0);
        assert!(!one(255).is_finite());
    }
}
