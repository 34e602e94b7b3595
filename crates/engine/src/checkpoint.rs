//! What a checkpoint's folder holds, read from config.json and the headers of its weight
//! files: nothing is loaded, and nothing is hashed unless asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::config::Config;
use crate::digest::{Notes, digest};
use crate::gguf;
use crate::layout::layout;
use crate::memory::{self, MemoryPlan, Workload};
use crate::weights::Weights;
use crate::{LoadError, Numerics};

/// A checkpoint that could be loaded, memory permitting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub name: String,
    pub path: PathBuf,
    pub shape: Shape,
    /// Learned numbers in all, and those that one token goes through.
    pub parameters: u64,
    pub parameters_active: u64,
    /// Bytes by type as the files name them (`BF16`, …); packed experts as `MXFP4`.
    pub types: BTreeMap<String, u64>,
    /// Files of weights, and bytes of everything in the folder.
    pub files: u32,
    pub disk_bytes: u64,
    pub tokenizer: bool,
    /// The first lines of the licence's file, or `license:` of the card.
    pub licence: Option<String>,
    /// README.md of the folder, if there is one.
    pub card: Option<PathBuf>,
    /// As `ModelInfo::digest`, where it was asked for.
    pub digest: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub layers: u32,
    pub hidden: u32,
    pub intermediate: u32,
    pub heads: u32,
    pub kv_heads: u32,
    pub head_dim: u32,
    pub experts: u32,
    pub experts_active: u32,
    pub vocab: u32,
    pub context_tokens: u32,
    /// Of the layers that slide.
    pub window_tokens: Option<u32>,
}

/// Reads a checkpoint's folder, and plans its memory for `workload`.
pub fn inspect(
    dir: &Path,
    numerics: Numerics,
    workload: Workload,
) -> Result<(Checkpoint, MemoryPlan), LoadError> {
    let config = Config::load(dir)?;
    let weights = Weights::open(dir)?;
    let plan = memory::plan(&config, &weights, numerics, workload);
    let path = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let (parameters, parameters_active) = parameters(&config);
    let card = Some(dir.join("README.md")).filter(|card| card.is_file());
    let checkpoint = Checkpoint {
        name: crate::weights::file_name(&path),
        shape: shape(&config),
        parameters,
        parameters_active,
        types: types(&weights),
        files: weights.files().count() as u32,
        disk_bytes: disk_bytes(dir),
        tokenizer: dir.join("tokenizer.json").is_file() || gguf::file_of(dir).is_some(),
        licence: licence(dir, card.as_deref()),
        card,
        digest: None,
        path,
    };
    Ok((checkpoint, plan))
}

impl Checkpoint {
    /// Reads every byte: about a second a gigabyte.
    pub fn hash(&mut self) -> Result<(), LoadError> {
        let weights = Weights::open(&self.path)?;
        let never = AtomicBool::new(false);
        self.digest = digest(&self.path, &weights, false, Notes::default(), &never)?;
        Ok(())
    }
}

fn shape(c: &Config) -> Shape {
    Shape {
        layers: c.windows.len() as u32,
        hidden: c.hidden as u32,
        intermediate: c.intermediate as u32,
        heads: c.heads as u32,
        kv_heads: c.kv_heads as u32,
        head_dim: c.head_dim as u32,
        experts: c.experts as u32,
        experts_active: c.top_k as u32,
        vocab: c.vocab as u32,
        context_tokens: c.context as u32,
        window_tokens: c.windows.iter().flatten().next().map(|&w| w as u32),
    }
}

/// All, and active: a token goes through `top_k` of the experts, and reads one row of the
/// embedding, which is left out as the published figures do.
fn parameters(c: &Config) -> (u64, u64) {
    let (mut all, mut active) = (0, 0);
    for slot in layout(c) {
        let n = slot.parameters();
        all += n;
        active += match () {
            () if slot.is_expert() => n / c.experts as u64 * c.top_k as u64,
            () if slot.name.starts_with("model.embed_tokens") && !c.tied_embeddings => 0,
            () => n,
        };
    }
    (all, active)
}

fn types(weights: &Weights) -> BTreeMap<String, u64> {
    let mut types = BTreeMap::new();
    for (name, dtype, bytes) in weights.sizes() {
        let packed = name.ends_with("_blocks") || name.ends_with("_scales");
        let kind = if packed && dtype == "U8" {
            "MXFP4"
        } else {
            dtype
        };
        *types.entry(kind.to_owned()).or_default() += bytes;
    }
    types
}

fn disk_bytes(dir: &Path) -> u64 {
    if let Some(size) = std::fs::metadata(dir).ok().filter(|m| m.is_file()) {
        return size.len();
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| std::fs::metadata(entry.path()).ok());
    sizes
        .filter(std::fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum()
}

fn licence(dir: &Path, card: Option<&Path>) -> Option<String> {
    let first = |name: &str| {
        let text = std::fs::read_to_string(dir.join(name)).ok()?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Some(lines.by_ref().take(2).collect::<Vec<_>>().join(", "))
    };
    let named = || {
        let text = std::fs::read_to_string(card?).ok()?;
        let front = text.strip_prefix("---\n")?.split("\n---").next()?;
        let line = front
            .lines()
            .find_map(|line| line.strip_prefix("license:"))?;
        Some(line.trim().trim_matches('"').to_owned())
    };
    named().or_else(|| {
        ["LICENSE", "LICENSE.txt", "LICENSE.md"]
            .into_iter()
            .find_map(first)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::Engine;

    #[test]
    fn pebble_describes_itself_without_being_loaded() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pebble");
        let (mut found, plan) = inspect(&dir, Numerics::Exact, Workload::default()).unwrap();
        let loaded = Engine::load(&dir).unwrap();
        assert_eq!(found.parameters, loaded.info().parameters);
        assert!(found.parameters_active < found.parameters);
        assert_eq!(found.shape.layers, 6);
        assert_eq!(found.shape.window_tokens, Some(64));
        assert_eq!(found.types.keys().collect::<Vec<_>>(), ["BF16", "MXFP4"]);
        assert_eq!(found.types.values().sum::<u64>(), loaded.info().bytes);
        assert!(found.disk_bytes > loaded.info().bytes && found.tokenizer);
        assert!(found.card.is_some());
        assert_eq!(found.digest, None);
        found.hash().unwrap();
        assert_eq!(found.digest.as_ref(), Some(&loaded.info().digest));
        assert!(plan.total_bytes() > loaded.info().bytes);
    }

    #[test]
    fn the_published_figures() {
        let json = crate::synth::published_config(crate::Like::GptOss20b);
        let (all, active) = parameters(&Config::parse(&json).unwrap());
        // 20.9 and 3.6 billion, of the model's card.
        assert_eq!((all / 100_000_000, active / 100_000_000), (209, 36));
    }

    #[test]
    fn the_licence_of_a_card() {
        let dir = tempfile::tempdir().unwrap();
        let card = dir.path().join("README.md");
        std::fs::write(&card, "---\nlicense: apache-2.0\ntags: []\n---\n# A\n").unwrap();
        assert_eq!(licence(dir.path(), Some(&card)).unwrap(), "apache-2.0");
        std::fs::write(&card, "# No front matter\n").unwrap();
        assert_eq!(licence(dir.path(), Some(&card)), None);
        std::fs::write(
            dir.path().join("LICENSE"),
            "\n  Apache License\n Version 2.0\nx",
        )
        .unwrap();
        assert_eq!(
            licence(dir.path(), Some(&card)).unwrap(),
            "Apache License, Version 2.0"
        );
    }
}
