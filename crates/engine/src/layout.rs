//! The published layout: every tensor that a gpt-oss checkpoint has, by name, shape and
//! kind, as config.json implies it. `Model::load` reads these and no others; a test holds
//! the list equal to the checkpoints in fixtures/.

use crate::config::Config;
use crate::linear::BLOCK;
use crate::mxfp4::BLOCK_BYTES;

/// One tensor of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub name: String,
    pub shape: Vec<usize>,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A dense matrix [outs, ins], the embedding among them.
    Matrix,
    Norm,
    Bias,
    Sinks,
    /// FP4 values of experts, two a byte.
    Blocks,
    /// One exponent for each block.
    Scales,
}

impl Slot {
    pub(crate) fn numbers(&self) -> u64 {
        self.shape.iter().map(|&d| d as u64).product()
    }

    /// Types that the engine reads here.
    pub(crate) fn dtypes(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Blocks | Kind::Scales => &["U8"],
            Kind::Matrix | Kind::Norm | Kind::Bias | Kind::Sinks => &["BF16", "F32", "F16"],
        }
    }

    /// Bytes in the published types: bf16, and packed experts.
    pub(crate) fn published_bytes(&self) -> u64 {
        match self.kind {
            Kind::Blocks | Kind::Scales => self.numbers(),
            Kind::Matrix | Kind::Norm | Kind::Bias | Kind::Sinks => 2 * self.numbers(),
        }
    }

    /// Numbers that were learned: an FP4 byte holds two, a scale none.
    pub(crate) fn parameters(&self) -> u64 {
        match self.kind {
            Kind::Blocks => 2 * self.numbers(),
            Kind::Scales => 0,
            Kind::Matrix | Kind::Norm | Kind::Bias | Kind::Sinks => self.numbers(),
        }
    }

    pub(crate) fn is_embedding(&self) -> bool {
        self.name.starts_with("model.embed_tokens")
    }

    pub(crate) fn is_router(&self) -> bool {
        self.name.contains(".mlp.router")
    }

    pub(crate) fn is_expert(&self) -> bool {
        self.name.contains(".mlp.experts.")
    }
}

/// All tensors, in the order of the model.
pub(crate) fn layout(c: &Config) -> Vec<Slot> {
    let mut slots = vec![slot(
        "model.embed_tokens.weight",
        &[c.vocab, c.hidden],
        Kind::Matrix,
    )];
    for i in 0..c.windows.len() {
        layer(c, &format!("model.layers.{i}"), &mut slots);
    }
    slots.push(slot("model.norm.weight", &[c.hidden], Kind::Norm));
    if !c.tied_embeddings {
        slots.push(slot("lm_head.weight", &[c.vocab, c.hidden], Kind::Matrix));
    }
    slots
}

fn layer(c: &Config, name: &str, slots: &mut Vec<Slot>) {
    let mut add = |part: &str, shape: &[usize], kind| {
        slots.push(slot(&format!("{name}.{part}"), shape, kind));
    };
    let (queries, keys) = (c.heads * c.head_dim, c.kv_heads * c.head_dim);
    add("input_layernorm.weight", &[c.hidden], Kind::Norm);
    for (part, outs, ins) in [
        ("q", queries, c.hidden),
        ("k", keys, c.hidden),
        ("v", keys, c.hidden),
        ("o", c.hidden, queries),
    ] {
        let part = format!("self_attn.{part}_proj");
        add(&format!("{part}.weight"), &[outs, ins], Kind::Matrix);
        if c.attention_bias {
            add(&format!("{part}.bias"), &[outs], Kind::Bias);
        }
    }
    add("self_attn.sinks", &[c.heads], Kind::Sinks);
    add("post_attention_layernorm.weight", &[c.hidden], Kind::Norm);
    add("mlp.router.weight", &[c.experts, c.hidden], Kind::Matrix);
    add("mlp.router.bias", &[c.experts], Kind::Bias);
    for (part, outs, ins) in [
        ("gate_up_proj", 2 * c.intermediate, c.hidden),
        ("down_proj", c.hidden, c.intermediate),
    ] {
        let part = format!("mlp.experts.{part}");
        let per_row = ins / BLOCK;
        let blocks = [c.experts, outs, per_row, BLOCK_BYTES];
        add(&format!("{part}_blocks"), &blocks, Kind::Blocks);
        add(&format!("{part}_scales"), &blocks[..3], Kind::Scales);
        add(&format!("{part}_bias"), &[c.experts, outs], Kind::Bias);
    }
}

fn slot(name: &str, shape: &[usize], kind: Kind) -> Slot {
    Slot {
        name: name.to_owned(),
        shape: shape.to_vec(),
        kind,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::weights::Weights;
    use std::collections::BTreeMap;
    use std::path::Path;

    #[test]
    fn is_what_the_checkpoints_hold() {
        for name in [
            "parity/alpha",
            "parity/beta",
            "parity/gamma",
            "parity/babbler",
            "pebble",
        ] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../fixtures")
                .join(name);
            let config = Config::load(&dir).unwrap();
            let expected: BTreeMap<String, Vec<usize>> = layout(&config)
                .into_iter()
                .map(|slot| (slot.name, slot.shape))
                .collect();
            let found: BTreeMap<String, Vec<usize>> = Weights::open(&dir)
                .unwrap()
                .tensors()
                .map(|(name, _, shape)| (name.to_owned(), shape.to_vec()))
                .collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
