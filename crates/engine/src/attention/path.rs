//! What sequences follow: a path of stretches, each the first positions of some keys and values,
//! one behind the other. So two texts that part ways share what stands before, and neither holds
//! it twice. Also copies a path into one.

use super::{Kv, LANES, LayerKv};

/// The first positions of some keys and values. Which positions of a text they are is told by
/// what stands before them on the path.
#[derive(Clone, Copy)]
pub struct Stretch<'a> {
    kv: &'a Kv,
    len: usize,
}

impl<'a> Stretch<'a> {
    pub fn new(kv: &'a Kv, len: usize) -> Stretch<'a> {
        assert!(
            len <= kv.len && kv.layers.iter().all(|layer| layer.first == 0),
            "what is followed is held in every layer"
        );
        Stretch { kv, len }
    }

    pub(super) fn kv(self) -> &'a Kv {
        self.kv
    }

    /// Positions that are followed.
    pub fn len(self) -> usize {
        self.len
    }
}

/// Positions of a whole path.
pub fn length(path: &[Stretch<'_>]) -> usize {
    path.iter().map(|stretch| stretch.len).sum()
}

impl Kv {
    /// A copy of a path, which has one stretch at least.
    pub(crate) fn joined(path: &[Stretch<'_>]) -> Kv {
        let like = path[0].kv;
        Kv {
            layers: (0..like.layers.len()).map(|i| joined(path, i)).collect(),
            len: length(path),
            ..*like
        }
    }

    /// Forgets all positions from `len` on, and gives their memory back.
    pub(crate) fn shorten(&mut self, len: usize) {
        self.truncate(len);
        let (heads, d) = (self.kv_heads, self.head_dim);
        let places = self.len.next_multiple_of(LANES);
        for layer in &mut self.layers {
            layer.keys.truncate(places * heads * d);
            layer
                .values
                .truncate(places * heads * d.next_multiple_of(LANES));
            layer.keys.shrink_to_fit();
            layer.values.shrink_to_fit();
        }
    }
}

/// One layer's keys and values of a path, as a sequence that holds them alone has them.
pub(super) fn joined(path: &[Stretch<'_>], layer: usize) -> LayerKv {
    let (heads, d) = (path[0].kv.kv_heads, path[0].kv.head_dim);
    let wide = heads * d.next_multiple_of(LANES);
    let places = length(path).next_multiple_of(LANES);
    let mut keys = vec![0.0; places * heads * d];
    let mut values = vec![0.0; places * wide];
    let mut first = 0;
    for stretch in path {
        let from = &stretch.kv.layers[layer];
        values[first * wide..][..stretch.len * wide]
            .copy_from_slice(&from.values[..stretch.len * wide]);
        // A key lies across a block: its numbers are LANES apart.
        let key = |place: usize| place / LANES * heads * d * LANES + place % LANES;
        for place in 0..stretch.len {
            let numbers = from.keys[key(place)..].iter().step_by(LANES);
            let to = keys[key(first + place)..].iter_mut().step_by(LANES);
            for (to, from) in to.zip(numbers).take(heads * d) {
                *to = *from;
            }
        }
        first += stretch.len;
    }
    LayerKv {
        keys,
        values,
        ..path[0].kv.layers[layer]
    }
}
