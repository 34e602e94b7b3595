//! Plans of earlier imports, by the shape of the file: its columns' names. They lie in the
//! workspace's own folder; losing them costs a guess.

use super::Plan;
use crate::view::Failure;
use crate::{DATA, files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The oldest are of no use by then, and nobody looks at which those are.
const PLANS_MAX: usize = 200;

fn path(root: &Path) -> PathBuf {
    root.join(DATA).join("imports.json")
}

fn shape(columns: &[String]) -> String {
    domain::hex_digest(columns.join("\u{1f}").as_bytes())
}

fn plans(root: &Path) -> BTreeMap<String, Plan> {
    let bytes = files::read(&path(root)).ok().flatten();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

pub(super) fn recall(root: &Path, columns: &[String]) -> Option<Plan> {
    plans(root).remove(&shape(columns))
}

pub(super) fn remember(root: &Path, columns: &[String], plan: &Plan) -> Result<(), Failure> {
    let mut plans = plans(root);
    let shape = shape(columns);
    if plans.get(&shape) == Some(plan) {
        return Ok(());
    }
    if plans.len() >= PLANS_MAX {
        plans.clear();
    }
    plans.insert(shape, plan.clone());
    let path = path(root);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::file(folder, "created", &error))?;
    }
    let text = serde_json::to_vec_pretty(&plans).expect("plans have text keys and serialise");
    files::write(&path, &text)
}
