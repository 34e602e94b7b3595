//! The same for a GGUF file: every tensor that the model needs, of a type that is read, and no
//! number that is none. Ollama names a file by its own SHA-256, which is compared.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Check, FileDigest, Verified, digests, strip};
use crate::gguf::{Described, Gguf, MXFP4_BYTES};
use crate::layout::{Kind, Slot, layout};
use crate::panel::Q8_BYTES;
use crate::vocabulary::Vocabulary;
use crate::weights::file_name;
use crate::{Cancel, LoadError};

/// What Ollama puts before the digest in a blob's name.
const BLOB: &str = "sha256-";

pub(super) fn verify(
    path: &Path,
    cancel: &Cancel,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, LoadError> {
    let (name, dir) = (file_name(path), path.parent().unwrap_or(Path::new("")));
    let mut check = Check {
        dir,
        faults: Vec::new(),
        tensors: 0,
    };
    match Gguf::open(path) {
        Err(error) => check.fault(&name, None, strip(dir, &name, &error.0)),
        Ok(gguf) => {
            check.tensors = gguf.tensors.len() as u32;
            match gguf.config() {
                Err(error) => check.fault(&name, None, strip(dir, &name, &error.0)),
                Ok(config) => {
                    check.described(&name, &gguf, &layout(&config));
                    if let Err(error) = Vocabulary::load(path, config.vocab, &config.end_ids) {
                        check.fault(&name, None, strip(dir, &name, &error.0));
                    }
                }
            }
        }
    }
    let mut stored = digests(dir);
    stored.retain(|file, _| *file == name);
    let blob = name.strip_prefix(BLOB);
    let blob = blob.and_then(|hex| FileDigest::new(hex, "the file's own name"));
    stored.extend(blob.map(|digest| (name, digest)));
    let (compared, bytes) = check.bytes(&stored, cancel, on_progress)?;
    Ok(Verified {
        files: 1,
        tensors: check.tensors,
        compared,
        bytes,
        faults: check.faults,
    })
}

impl Check<'_> {
    fn described(&mut self, file: &str, gguf: &Gguf, slots: &[Slot]) {
        let expected = expected(slots);
        let mut found = BTreeMap::new();
        for tensor in &gguf.tensors {
            if found.insert(&tensor.name, tensor).is_some() {
                let message = "stands in the file twice. Fetch the file again.";
                self.fault(file, Some(&tensor.name), message);
            }
            let bytes = &gguf.map[tensor.range.clone()];
            let fault = match expected.get(&tensor.name) {
                None => Some(
                    "is no part of the gpt-oss model that the file describes. Fetch the file again."
                        .to_owned(),
                ),
                Some(slot) => misfit(slot, tensor).or_else(|| odd(tensor.dtype, bytes)),
            };
            if let Some(message) = fault {
                self.fault(file, Some(&tensor.name), message);
            }
        }
        for (name, slot) in &expected {
            if !found.contains_key(name) {
                let message = format!(
                    "{} {:?} is missing. Fetch the file again.",
                    dtypes(slot).join(" or "),
                    slot.shape
                );
                self.fault(file, Some(name), message);
            }
        }
    }
}

/// The published layout in GGUF's parts: experts whole, gate and up projection apart.
fn expected(slots: &[Slot]) -> BTreeMap<String, Slot> {
    let mut parts = BTreeMap::new();
    for slot in slots {
        let mut slot = slot.clone();
        if slot.kind == Kind::Scales {
            continue;
        }
        if slot.kind == Kind::Blocks {
            // [experts, outs, blocks of a row, bytes of a block], two places a byte.
            let ins: usize = slot.shape[2..].iter().product();
            slot.shape.truncate(2);
            slot.shape.push(2 * ins);
            slot.name = slot.name.replace("_blocks", "_weight");
        }
        if slot.name.contains(".experts.gate_up_proj_") {
            slot.shape[1] /= 2;
            for half in ["gate_proj_", "up_proj_"] {
                let name = slot.name.replace("gate_up_proj_", half);
                let half = Slot {
                    name: name.clone(),
                    ..slot.clone()
                };
                parts.insert(name, half);
            }
        } else {
            parts.insert(slot.name.clone(), slot);
        }
    }
    parts
}

/// Types that the engine reads here.
fn dtypes(slot: &Slot) -> &'static [&'static str] {
    match slot.kind {
        Kind::Blocks | Kind::Scales => &["MXFP4"],
        Kind::Matrix => &["BF16", "F32", "F16", "Q8_0"],
        Kind::Norm | Kind::Bias | Kind::Sinks => &["BF16", "F32", "F16"],
    }
}

fn misfit(slot: &Slot, tensor: &Described) -> Option<String> {
    let fits = slot.shape == tensor.shape && dtypes(slot).contains(&tensor.dtype);
    (!fits).then(|| {
        format!(
            "expected {} {:?}, found {} {:?}. Choose a file with MXFP4 experts and Q8_0, F16, \
             BF16 or F32 for the rest.",
            dtypes(slot).join(" or "),
            slot.shape,
            tensor.dtype,
            tensor.shape
        )
    })
}

/// Numbers that no trained model has, by the place of their first.
fn odd(dtype: &str, bytes: &[u8]) -> Option<String> {
    let half = |b: &[u8], exponent: u16| u16::from_le_bytes([b[0], b[1]]) & exponent == exponent;
    let first = |width: usize, odd: &dyn Fn(&[u8]) -> bool| bytes.chunks_exact(width).position(odd);
    let (what, at) = match dtype {
        // 255 stands for no number (OCP Microscaling Formats 1.0).
        "MXFP4" => ("block", first(MXFP4_BYTES, &|b| b[0] == 255)),
        "Q8_0" => ("block", first(Q8_BYTES, &|b| half(b, 0x7c00))),
        "F16" => ("place", first(2, &|b| half(b, 0x7c00))),
        "BF16" => ("place", first(2, &|b| half(b, 0x7f80))),
        _ => (
            "place",
            first(4, &|b| {
                !f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_finite()
            }),
        ),
    };
    at.map(|at| {
        format!("{what} {at} holds no finite number. The weights are broken: fetch the file again.")
    })
}
