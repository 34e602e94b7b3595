//! Keys and values as bytes: f32, least significant byte first, layer by layer as one sequence
//! has them in memory.

use std::io::{Read, Result, Write};

use super::path::{Stretch, joined};
use super::{Kv, LANES};
use crate::config::Config;

impl Kv {
    /// Writes every position of a path, which has one stretch at least.
    pub(crate) fn write_path(path: &[Stretch<'_>], out: &mut dyn Write) -> Result<()> {
        for layer in 0..path[0].kv().layers.len() {
            let layer = joined(path, layer);
            for number in layer.keys.iter().chain(&layer.values) {
                out.write_all(&number.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Reads what `write_path` wrote of `len` positions.
    pub(crate) fn read_from(config: &Config, len: usize, from: &mut dyn Read) -> Result<Kv> {
        let mut kv = Kv::new(config);
        let (heads, d) = (kv.kv_heads, kv.head_dim);
        let positions = len.next_multiple_of(LANES);
        let mut numbers = |count: usize| {
            let mut bytes = vec![0; count * size_of::<f32>()];
            from.read_exact(&mut bytes)?;
            let numbers = bytes.chunks_exact(size_of::<f32>());
            Ok::<Vec<f32>, std::io::Error>(
                numbers
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect(),
            )
        };
        for layer in &mut kv.layers {
            layer.keys = numbers(positions * heads * d)?;
            layer.values = numbers(positions * heads * d.next_multiple_of(LANES))?;
        }
        kv.len = len;
        Ok(kv)
    }
}
