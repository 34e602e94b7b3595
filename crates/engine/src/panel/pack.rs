//! How single weights become those of a panel.

use super::{BLOCK, WIDTH};
use crate::quant::MOST;

/// An MXFP4 scale s, 2^(s − 127), as the exponent of half of it, since weights are looked up
/// doubled. Below the normal numbers it is zero; what stands for no number becomes infinite.
pub(super) fn exponent(scale: u8) -> u8 {
    match scale {
        255 => 255,
        s => s.saturating_sub(1),
    }
}

/// The scale, rounded to f16, and the values in their own order.
pub(super) fn q8_block(values: &[f32; BLOCK]) -> (half::f16, [i8; BLOCK]) {
    // In lanes of their own, as the order of comparing makes no difference.
    let mut lanes = [0.0_f32; 8];
    for values in values.as_chunks::<8>().0 {
        for (most, v) in lanes.iter_mut().zip(values) {
            *most = most.max(v.abs());
        }
    }
    let most = lanes.into_iter().fold(0.0, f32::max);
    let scale = half::f16::from_f32(most / MOST);
    let steps = match scale.to_f32() {
        0.0 => 0.0,
        scale => scale.recip(),
    };
    // Adding 1.5 × 2^23 rounds to the nearest integer, ties to the even one; a call to do so would
    // take longer than the rest.
    let q = values.map(|v| ((v * steps).clamp(-MOST, MOST) + 12_582_912.0).to_bits() as u8 as i8);
    (scale, q)
}

/// Puts an output's block where the kernel reads it: quads of even places and of odd ones in
/// turn, each signed byte plus 128.
pub(super) fn put_q8(
    weights: &mut [u8],
    scales: &mut [u8],
    block: usize,
    lane: usize,
    scale: half::f16,
    value: impl Fn(usize) -> i8,
) {
    let to = &mut weights[block * WIDTH * BLOCK..][..WIDTH * BLOCK];
    let quads = to.as_chunks_mut::<{ WIDTH * 4 }>().0;
    for (quad, to) in quads.iter_mut().enumerate() {
        let first = quad / 2 * 8 + quad % 2;
        let bytes: [u8; 4] = std::array::from_fn(|i| value(first + 2 * i) as u8 ^ 0x80);
        to[lane * 4..][..4].copy_from_slice(&bytes);
    }
    scales[(block * WIDTH + lane) * 2..][..2].copy_from_slice(&scale.to_le_bytes());
}
