//! What the engine's tests share: pseudo-random numbers that are the same everywhere, and
//! the vocabulary of the real model.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::vocabulary::Vocabulary;
use std::sync::OnceLock;

/// SplitMix64.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Noise {
        Noise(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }

    /// Within -1..1.
    pub(crate) fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n)
            .map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0)
            .collect()
    }

    /// Within -1..1, exact in bf16.
    pub(crate) fn bf16_values(&mut self, n: usize) -> Vec<f32> {
        self.values(n)
            .into_iter()
            .map(|v| half::bf16::from_f32(v).to_f32())
            .collect()
    }
}

/// The vocabulary of the published models.
pub(crate) fn o200k() -> &'static Vocabulary {
    static BUILT: OnceLock<Vocabulary> = OnceLock::new();
    BUILT.get_or_init(|| {
        let json = crate::o200k::tokenizer().unwrap();
        Vocabulary::from_json(json, 201_088, vec![200_002, 199_999, 200_012]).unwrap()
    })
}
