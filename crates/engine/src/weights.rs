//! The checkpoint's tensors: safetensors files, mapped and checked. Names the file, the
//! tensor, what was expected and the remedy for whatever is wrong. Experts stay where they
//! are in the mapped file; only small tensors are copied.

use memmap2::Mmap;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::LoadError;
use crate::digest::Stamp;
use crate::gguf::{self, Gguf};
use crate::linear::BLOCK;
use crate::mxfp4::{BLOCK_BYTES, Packed};
use crate::pages::Pages;
use crate::panel::Q8_BYTES;

const REFETCH: &str = "Fetch the file again";

/// A part of a mapped file, or bytes of our own.
#[derive(Clone)]
pub enum Bytes {
    Mapped(Arc<Mmap>, Range<usize>),
    Owned(Vec<u8>),
    Regrouped(Arc<Pages>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map, range) => &map[range.clone()],
            Bytes::Owned(bytes) => bytes,
            Bytes::Regrouped(pages) => pages,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Entry {
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) data_offsets: [usize; 2],
}

struct Tensor {
    file: usize,
    dtype: String,
    shape: Vec<usize>,
    range: Range<usize>,
}

/// A mapped file, as it was when it was opened.
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    pub(crate) map: Arc<Mmap>,
    pub(crate) stamp: Option<Stamp>,
}

/// All tensors of a checkpoint folder.
pub struct Weights {
    pub(crate) files: Vec<Opened>,
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// The shards that model.safetensors.index.json names, else every *.safetensors file.
    pub fn open(dir: &Path) -> Result<Weights, LoadError> {
        if let Some(file) = gguf::file_of(dir) {
            return Weights::of_gguf(Gguf::open(&file)?);
        }
        let mut weights = Weights {
            files: Vec::new(),
            tensors: BTreeMap::new(),
        };
        for path in files(dir)? {
            weights.add(path)?;
        }
        Ok(weights)
    }

    fn of_gguf(gguf: Gguf) -> Result<Weights, LoadError> {
        let mut tensors = BTreeMap::new();
        for found in gguf.tensors {
            let tensor = Tensor {
                file: 0,
                dtype: found.dtype.to_owned(),
                shape: found.shape,
                range: found.range,
            };
            if tensors.insert(found.name.clone(), tensor).is_some() {
                return Err(LoadError(format!(
                    "{}: tensor {} stands there twice. {REFETCH}.",
                    gguf.path.display(),
                    found.name
                )));
            }
        }
        let file = Opened {
            path: gguf.path,
            map: gguf.map,
            stamp: gguf.stamp,
        };
        Ok(Weights {
            files: vec![file],
            tensors,
        })
    }

    fn add(&mut self, path: PathBuf) -> Result<(), LoadError> {
        let fail = |why: String| LoadError(format!("{}: {why}", path.display()));
        let file = File::open(&path).map_err(|e| {
            fail(format!(
                "cannot be opened ({e}). {REFETCH}; the index names it as a part."
            ))
        })?;
        // SAFETY: the map is read only; a file cut short by others while in use ends the
        // process with SIGBUS, the price of not copying gigabytes.
        let map =
            unsafe { Mmap::map(&file) }.map_err(|e| fail(format!("cannot be mapped: {e}")))?;
        let (entries, data) = header(&map).map_err(fail)?;
        let stamp = Stamp::of(&file);
        let file = self.files.len();
        for (name, entry) in entries {
            let range = check_range(&entry, data, map.len())
                .map_err(|why| fail(format!("tensor {name}: {why}")))?;
            let tensor = Tensor {
                file,
                dtype: entry.dtype,
                shape: entry.shape,
                range,
            };
            if let Some(other) = self.tensors.insert(name.clone(), tensor) {
                return Err(fail(format!(
                    "tensor {name} stands in {} as well. Keep one checkpoint in a folder.",
                    self.files[other.file].path.display()
                )));
            }
        }
        self.files.push(Opened {
            path,
            map: Arc::new(map),
            stamp,
        });
        Ok(())
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Name, type and shape of every tensor.
    #[cfg(test)]
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (&str, &str, &[usize])> {
        self.tensors
            .iter()
            .map(|(name, t)| (name.as_str(), t.dtype.as_str(), &t.shape[..]))
    }

    /// Name, type and bytes of every tensor.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.tensors
            .iter()
            .map(|(name, t)| (name.as_str(), t.dtype.as_str(), t.range.len() as u64))
    }

    pub(crate) fn dtype(&self, name: &str) -> Option<&str> {
        Some(self.tensors.get(name)?.dtype.as_str())
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Bytes of all tensors.
    pub fn bytes(&self) -> u64 {
        self.tensors.values().map(|t| t.range.len() as u64).sum()
    }

    /// Gives back the memory of pages that were read, where all but little was copied. They
    /// are read again from the file when they are needed again.
    pub(crate) fn release(&self) {
        for Opened { path, map, .. } in &self.files {
            release(path, map, 0..map.len());
        }
    }

    /// Has the system read the files ahead of their first use.
    pub(crate) fn ask_for(&self) {
        #[cfg(unix)]
        for Opened { path, map, .. } in &self.files {
            if let Err(why) = map.advise(memmap2::Advice::WillNeed) {
                tracing::debug!(%why, path = %path.display(), "pages are read when they are used");
            }
        }
    }

    /// Numbers that were learned: an FP4 byte holds two, a scale none.
    pub fn parameters(&self) -> u64 {
        let count = |(name, t): (&String, &Tensor)| {
            let numbers = t.shape.iter().product::<usize>() as u64;
            match () {
                () if name.ends_with("_blocks") => 2 * numbers,
                () if name.ends_with("_scales") => 0,
                () => numbers,
            }
        };
        self.tensors.iter().map(count).sum()
    }

    /// A tensor of one of `dtypes`, of just this shape.
    fn get(
        &self,
        name: &str,
        dtypes: &[&str],
        shape: &[usize],
    ) -> Result<(&Tensor, Bytes), LoadError> {
        let Some(tensor) = self.tensors.get(name) else {
            let searched: Vec<_> = self
                .files
                .iter()
                .map(|file| file.path.display().to_string())
                .collect();
            return Err(LoadError(format!(
                "{}: tensor {name} ({} {shape:?}) is missing. The checkpoint is incomplete, or \
                 in another layout than the published one with packed MXFP4 experts: fetch all \
                 of its *.safetensors files.",
                searched.join(", "),
                dtypes.join(" or "),
            )));
        };
        let Opened { path, map, .. } = &self.files[tensor.file];
        if !dtypes.contains(&tensor.dtype.as_str()) || tensor.shape != shape {
            return Err(LoadError(format!(
                "{}: tensor {name}: expected {} {shape:?}, found {} {:?}. Weights and \
                 config.json must come from the same checkpoint: fetch both again.",
                path.display(),
                dtypes.join(" or "),
                tensor.dtype,
                tensor.shape,
            )));
        }
        Ok((tensor, Bytes::Mapped(map.clone(), tensor.range.clone())))
    }

    /// A projection of all experts, [experts, outs, ins]: packed bytes left where they are, or
    /// GGUF's, regrouped.
    pub(crate) fn experts(
        &self,
        name: &str,
        [experts, outs, ins]: [usize; 3],
    ) -> Result<Packed, LoadError> {
        let per_row = ins / BLOCK;
        if let Some([gate, up]) = self.halves(name, "weight") {
            let part = |name: &str| Ok(self.get(name, &["MXFP4"], &[experts, outs / 2, ins])?.1);
            return Packed::of_gguf([&part(&gate)?, &part(&up)?], per_row);
        }
        let whole = format!("{name}_weight");
        if self.has(&whole) {
            let (_, bytes) = self.get(&whole, &["MXFP4"], &[experts, outs, ins])?;
            return Packed::of_gguf([&bytes], per_row);
        }
        let shape = [experts, outs, per_row, BLOCK_BYTES];
        Ok(Packed {
            blocks: self.get(&format!("{name}_blocks"), &["U8"], &shape)?.1,
            scales: self.get(&format!("{name}_scales"), &["U8"], &shape[..3])?.1,
            per_row,
        })
    }

    /// [experts, outs]
    pub(crate) fn expert_bias(
        &self,
        name: &str,
        [experts, outs]: [usize; 2],
    ) -> Result<Vec<f32>, LoadError> {
        let Some(halves) = self.halves(name, "bias") else {
            return self.values(&format!("{name}_bias"), &[experts, outs]);
        };
        let [gate, up] = halves.map(|name| self.values(&name, &[experts, outs / 2]));
        let pairs = gate?.into_iter().zip(up?);
        Ok(pairs.flat_map(|(gate, up)| [gate, up]).collect())
    }

    /// The names of what GGUF keeps apart: gate and up projection.
    fn halves(&self, name: &str, kind: &str) -> Option<[String; 2]> {
        let stem = name.strip_suffix("gate_up_proj")?;
        let names = ["gate", "up"].map(|half| format!("{stem}{half}_proj_{kind}"));
        self.has(&names[0]).then_some(names)
    }

    /// bf16 and Q8_0 stay in the file; f32 and f16 are copied as f32.
    pub fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Values, LoadError> {
        let (tensor, bytes) = self.get(name, &["BF16", "F32", "F16", "Q8_0"], &shape)?;
        Ok(match tensor.dtype.as_str() {
            "BF16" => Values::Bf16(bytes),
            "Q8_0" => Values::Q8(bytes),
            other => Values::F32(widen(other, &bytes)),
        })
    }

    /// A small tensor, copied as f32.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let (tensor, bytes) = self.get(name, &["BF16", "F32", "F16"], shape)?;
        Ok(widen(&tensor.dtype, &bytes))
    }
}

/// Gives back a range of pages; `range` begins at one.
pub(crate) fn release(path: &Path, map: &Mmap, range: Range<usize>) {
    #[cfg(unix)]
    {
        use memmap2::UncheckedAdvice;
        // SAFETY: a private map of a file that nobody writes through loses nothing.
        let given = unsafe {
            map.unchecked_advise_range(UncheckedAdvice::DontNeed, range.start, range.len())
        };
        if let Err(why) = given {
            tracing::debug!(%why, path = %path.display(), "pages are kept");
        }
    }
    #[cfg(not(unix))]
    let _ = (path, map, range);
}

/// A matrix as it will be kept.
pub enum Values {
    Bf16(Bytes),
    F32(Vec<f32>),
    /// Blocks of an f16 scale and 32 signed bytes.
    Q8(Bytes),
}

impl Values {
    /// Q8_0 as f32, `numbers` of them; others as they are.
    pub(crate) fn without_q8(self, numbers: usize) -> Values {
        let Values::Q8(_) = &self else { return self };
        let mut wide = vec![0.0; numbers];
        self.read(0, &mut wide);
        Values::F32(wide)
    }

    /// The values from place `at` on, as f32.
    pub(crate) fn read(&self, at: usize, to: &mut [f32]) {
        match self {
            Values::F32(values) => to.copy_from_slice(&values[at..][..to.len()]),
            Values::Q8(bytes) => {
                let from = bytes[at / BLOCK * Q8_BYTES..].chunks_exact(Q8_BYTES);
                for (to, from) in to.chunks_exact_mut(BLOCK).zip(from) {
                    let scale = half::f16::from_le_bytes([from[0], from[1]]).to_f32();
                    for (to, &q) in to.iter_mut().zip(&from[2..]) {
                        *to = f32::from(q as i8) * scale;
                    }
                }
            }
            Values::Bf16(bytes) => {
                let from = bytes[2 * at..][..2 * to.len()].chunks_exact(2);
                for (to, b) in to.iter_mut().zip(from) {
                    *to = half::bf16::from_le_bytes([b[0], b[1]]).to_f32();
                }
            }
        }
    }
}

fn widen(dtype: &str, bytes: &[u8]) -> Vec<f32> {
    let pairs = bytes.chunks_exact(2).map(|b| [b[0], b[1]]);
    match dtype {
        "BF16" => pairs
            .map(|b| half::bf16::from_le_bytes(b).to_f32())
            .collect(),
        "F16" => pairs
            .map(|b| half::f16::from_le_bytes(b).to_f32())
            .collect(),
        _ => bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
    }
}

/// The weight files of a checkpoint's folder.
pub(crate) fn files(dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let index = dir.join("model.safetensors.index.json");
    if index.exists() {
        let text = std::fs::read_to_string(&index);
        let text = text.map_err(|e| LoadError(format!("{}: {e}. {REFETCH}.", index.display())))?;
        let parsed: Index = serde_json::from_str(&text).map_err(|e| {
            LoadError(format!(
                "{}: is not an index of tensors ({e}). {REFETCH}.",
                index.display()
            ))
        })?;
        let names: std::collections::BTreeSet<String> = parsed.weight_map.into_values().collect();
        return Ok(names.iter().map(|name| dir.join(name)).collect());
    }
    let entries = std::fs::read_dir(dir).map_err(|e| {
        LoadError(format!(
            "{}: cannot be read as a folder ({e}).",
            dir.display()
        ))
    })?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    found.sort();
    if found.is_empty() {
        return Err(LoadError(format!(
            "{}: holds no *.safetensors file. Fetch the checkpoint's weights into it, or name a \
             GGUF file; PyTorch files are not read.",
            dir.display()
        )));
    }
    Ok(found)
}

/// The tensors of a file, and where their data begins.
pub(crate) fn header(bytes: &[u8]) -> Result<(BTreeMap<String, Entry>, usize), String> {
    if bytes.starts_with(b"version https://git-lfs") {
        return Err("is a Git LFS pointer, not the weights. Run `git lfs pull`.".to_owned());
    }
    let short = |need: u64| {
        format!(
            "is cut short: {need} bytes of header, {} bytes in all. {REFETCH}.",
            bytes.len()
        )
    };
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(short(8));
    };
    let length = u64::from_le_bytes(*length);
    let text = usize::try_from(length)
        .ok()
        .and_then(|length| rest.get(..length));
    let text = text.ok_or_else(|| short(length))?;
    let mut entries: BTreeMap<String, serde_json::Value> = serde_json::from_slice(text)
        .map_err(|e| format!("has a header that is not safetensors' ({e}). {REFETCH}."))?;
    entries.remove("__metadata__");
    let entries = entries.into_iter().map(|(name, value)| {
        let entry = serde_json::from_value(value)
            .map_err(|e| format!("tensor {name} is described wrongly ({e}). {REFETCH}."))?;
        Ok((name, entry))
    });
    Ok((entries.collect::<Result<_, String>>()?, 8 + text.len()))
}

/// Where an entry's bytes lie in the file.
pub(crate) fn check_range(
    entry: &Entry,
    data: usize,
    length: usize,
) -> Result<Range<usize>, String> {
    let [start, end] = entry.data_offsets;
    let width = match entry.dtype.as_str() {
        "U8" | "I8" | "BOOL" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => 1,
        "BF16" | "F16" | "U16" | "I16" => 2,
        "F32" | "U32" | "I32" => 4,
        "F64" | "U64" | "I64" => 8,
        other => return Err(format!("has the unknown type {other}.")),
    };
    let bytes = entry
        .shape
        .iter()
        .try_fold(width, |n: usize, &d| n.checked_mul(d));
    if end.checked_sub(start) != bytes {
        return Err(format!(
            "{} {:?} does not fill its bytes {start}..{end}. {REFETCH}.",
            entry.dtype, entry.shape
        ));
    }
    match data.checked_add(end) {
        Some(end) if end <= length => Ok(data + start..end),
        _ => Err(format!(
            "the file is cut short: it should reach byte {}, and has {length}. {REFETCH}.",
            data.saturating_add(end)
        )),
    }
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
