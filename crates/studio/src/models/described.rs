//! What a model's folder says of it before it is loaded.

use super::weights;
use crate::fetch::UNFINISHED;
use std::path::Path;

/// In the hub's cache a folder is named by its commit, and the model by the folder above:
/// models--OWNER--MODEL/snapshots/COMMIT.
pub(super) fn name_in_cache(path: &Path) -> Option<String> {
    let snapshots = path.parent()?;
    let repository = snapshots.parent()?.file_name()?.to_str()?;
    let name = repository.strip_prefix("models--")?.replace("--", "/");
    snapshots.ends_with("snapshots").then_some(name)
}

/// What config.json says before the model is loaded.
pub(super) fn configured_context(path: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(path.join("config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    u32::try_from(config.get("max_position_embeddings")?.as_u64()?).ok()
}

/// Whether a folder holds a whole model.
pub(super) fn is_checkpoint(path: &Path) -> bool {
    let complete = !path.join(UNFINISHED).exists();
    let described = path.join("config.json").is_file() || engine::gguf_file(path).is_some();
    complete && described && weights(path).next().is_some()
}
