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
pub(super) fn q8_block(values: &[f32]) -> (half::f16, [i8; BLOCK]) {
    let most = values.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
    let scale = half::f16::from_f32(most / MOST);
    let steps = match scale.to_f32() {
        0.0 => 0.0,
        scale => scale.recip(),
    };
    // Adding 1.5 × 2^23 rounds to the nearest integer, ties to the even one; a call to do so would
    // take longer than the rest.
    let q =
        |i: usize| ((values[i] * steps).clamp(-MOST, MOST) + 12_582_912.0).to_bits() as u8 as i8;
    (scale, std::array::from_fn(q))
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
    let to = &mut weights[block * WIDTH * BLOCK..];
    for i in 0..BLOCK {
        let (place, odd) = (i / 2, i % 2);
        let at = (place / 4 * 2 + odd) * 64 + lane * 4 + place % 4;
        to[at] = value(i) as u8 ^ 0x80;
    }
    scales[(block * WIDTH + lane) * 2..][..2].copy_from_slice(&scale.to_le_bytes());
}
