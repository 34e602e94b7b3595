//! Whether a checkpoint's folder, or a GGUF file, is whole: every tensor there in the right shape and type,
//! no number that is none, every file as its stored digest says. Finds all faults, each with
//! file, tensor and remedy; changes nothing.

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use crate::config::Config;
use crate::layout::{Kind, Slot, layout};
use crate::vocabulary::Vocabulary;
use crate::weights::{self, Entry, file_name, hex};
use crate::{Cancel, LoadError};

/// Beside the weights: what was fetched, and how each file's bytes were.
pub const MANIFEST: &str = "touchstone-manifest.json";
/// Where the hub's own client keeps, beside a download, its commit and etag.
const HUB_METADATA: &str = ".cache/huggingface/download";
const CHUNK_BYTES: usize = 4 << 20;

/// What `fetch` wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub repository: String,
    /// As asked for: a branch, a tag or a commit.
    pub revision: String,
    pub commit: String,
    pub files: Vec<ManifestFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub files: u32,
    pub tensors: u32,
    /// Files that were compared with a stored digest.
    pub compared: u32,
    pub bytes: u64,
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Relative to the folder.
    pub file: String,
    pub tensor: Option<String>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Reads everything; `on_progress` hears bytes read and bytes in all.
pub fn verify(
    dir: &Path,
    cancel: &Cancel,
    on_progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, LoadError> {
    if let Some(file) = crate::gguf::file_of(dir) {
        return gguf::verify(&file, cancel, on_progress);
    }
    if !dir.is_dir() {
        return Err(LoadError(format!(
            "{} is neither a folder nor a GGUF file. Give the folder of a checkpoint.",
            dir.display()
        )));
    }
    let mut check = Check {
        dir,
        faults: Vec::new(),
        tensors: 0,
    };
    let config = match Config::load(dir) {
        Ok(config) => Some(config),
        Err(error) => {
            check.fault("config.json", None, strip(dir, "config.json", &error.0));
            None
        }
    };
    let expected: Option<BTreeMap<String, Slot>> = config.as_ref().map(|config| {
        let slots = layout(config).into_iter();
        slots.map(|slot| (slot.name.clone(), slot)).collect()
    });
    check.weights(expected.as_ref());
    if let Some(config) = &config
        && let Err(error) = Vocabulary::load(dir, config.vocab, &config.end_ids)
    {
        let message = strip(dir, "tokenizer.json", &error.0);
        check.fault("tokenizer.json", None, message);
    }
    let digests = digests(dir);
    let (compared, bytes) = check.bytes(&digests, cancel, on_progress)?;
    Ok(Verified {
        files: weights::files(dir).map_or(0, |files| files.len() as u32),
        tensors: check.tensors,
        compared,
        bytes,
        faults: check.faults,
    })
}

/// A message without the path that it begins with.
fn strip(dir: &Path, file: &str, message: &str) -> String {
    let path = format!("{}: ", dir.join(file).display());
    message.strip_prefix(&path).unwrap_or(message).to_owned()
}

struct Check<'a> {
    dir: &'a Path,
    faults: Vec<Fault>,
    tensors: u32,
}

impl Check<'_> {
    fn fault(&mut self, file: &str, tensor: Option<&str>, message: impl Into<String>) {
        self.faults.push(Fault {
            file: file.to_owned(),
            tensor: tensor.map(str::to_owned),
            message: message.into(),
        });
    }

    fn weights(&mut self, expected: Option<&BTreeMap<String, Slot>>) {
        let files = match weights::files(self.dir) {
            Ok(files) => files,
            Err(error) => return self.fault("model.safetensors", None, error.0),
        };
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for path in files {
            let name = file_name(&path);
            match self.file(&path, &name, expected) {
                Err(message) => self.fault(&name, None, message),
                Ok(tensors) => {
                    for tensor in tensors {
                        if let Some(other) = found.insert(tensor.clone(), name.clone()) {
                            let message = format!(
                                "stands in {other} as well. Keep one checkpoint in a folder."
                            );
                            self.fault(&name, Some(&tensor), message);
                        }
                    }
                }
            }
        }
        self.tensors = found.len() as u32;
        for slot in expected.into_iter().flat_map(BTreeMap::values) {
            if !found.contains_key(&slot.name) {
                let message = format!(
                    "{} {:?} is missing. Fetch all of the checkpoint's *.safetensors files.",
                    slot.dtypes().join(" or "),
                    slot.shape
                );
                let file = self.supposed(&slot.name);
                self.fault(&file, Some(&slot.name), message);
            }
        }
    }

    /// The file that the index names for a tensor.
    fn supposed(&self, tensor: &str) -> String {
        let index = self.dir.join("model.safetensors.index.json");
        let text = std::fs::read_to_string(index).unwrap_or_default();
        let index: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let named = index["weight_map"][tensor].as_str();
        named.unwrap_or("model.safetensors").to_owned()
    }

    /// The tensors that a file describes.
    fn file(
        &mut self,
        path: &Path,
        name: &str,
        expected: Option<&BTreeMap<String, Slot>>,
    ) -> Result<Vec<String>, String> {
        let file = File::open(path).map_err(|e| {
            format!("cannot be opened ({e}). Fetch the file; the index names it as a part.")
        })?;
        // SAFETY: read only; a file cut short by others meanwhile ends the process.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| format!("cannot be mapped: {e}"))?;
        let (entries, data) = weights::header(&map)?;
        for (tensor, entry) in &entries {
            match weights::check_range(entry, data, map.len()) {
                Err(message) => self.fault(name, Some(tensor), message),
                Ok(range) => {
                    let slot = expected.and_then(|expected| expected.get(tensor));
                    if let Some(message) = misfit(slot, expected.is_some(), entry) {
                        self.fault(name, Some(tensor), message);
                    } else if let Some(message) = slot.and_then(|s| odd(s, entry, &map[range])) {
                        self.fault(name, Some(tensor), message);
                    }
                }
            }
        }
        Ok(entries.into_keys().collect())
    }

    /// Compares files with their stored digests; how many, and their bytes.
    fn bytes(
        &mut self,
        digests: &BTreeMap<String, FileDigest>,
        cancel: &Cancel,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(u32, u64), LoadError> {
        let size = |name: &String| std::fs::metadata(self.dir.join(name)).map_or(0, |m| m.len());
        let total = digests.keys().map(size).sum();
        let mut done = 0;
        let mut compared = 0;
        for (name, stored) in digests {
            let found = stored.of(&self.dir.join(name), cancel, &mut |n| {
                done += n;
                on_progress(done, total);
            });
            if cancel.is_cancelled() {
                return Err(LoadError("cancelled".to_owned()));
            }
            match found {
                Err(error) => self.fault(name, None, format!("{error}. Fetch the file again.")),
                Ok(found) => {
                    compared += 1;
                    if found != stored.hex {
                        let message = format!(
                            "its {} is {found}, but {} says {}. The file is damaged or not \
                             the one that was published: remove it and fetch it again.",
                            stored.name(),
                            stored.source,
                            stored.hex
                        );
                        self.fault(name, None, message);
                    }
                }
            }
        }
        Ok((compared, done))
    }
}

/// Why an entry is not what the model needs.
fn misfit(slot: Option<&Slot>, known: bool, entry: &Entry) -> Option<String> {
    let Some(slot) = slot else {
        return known.then(|| {
            "is no part of a gpt-oss model as config.json describes it. Weights and \
             config.json must come from the same checkpoint: fetch both again."
                .to_owned()
        });
    };
    let fits = slot.shape == entry.shape && slot.dtypes().contains(&entry.dtype.as_str());
    (!fits).then(|| {
        format!(
            "expected {} {:?}, found {} {:?}. Weights and config.json must come from the same \
             checkpoint: fetch both again.",
            slot.dtypes().join(" or "),
            slot.shape,
            entry.dtype,
            entry.shape
        )
    })
}

/// Numbers that no trained model has.
fn odd(slot: &Slot, entry: &Entry, bytes: &[u8]) -> Option<String> {
    let half_is = |exponent: u16| {
        bytes
            .chunks_exact(2)
            .position(|b| u16::from_le_bytes([b[0], b[1]]) & exponent == exponent)
    };
    let at = match (slot.kind, entry.dtype.as_str()) {
        (Kind::Blocks, _) => None,
        // 255 stands for no number (OCP Microscaling Formats 1.0).
        (Kind::Scales, _) => bytes.iter().position(|&b| b == 255),
        (_, "BF16") => half_is(0x7f80),
        (_, "F16") => half_is(0x7c00),
        _ => bytes
            .chunks_exact(4)
            .position(|b| !f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_finite()),
    }?;
    Some(format!(
        "place {at} holds no finite number. The weights are broken: fetch the file again."
    ))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    /// git's name of a blob: SHA-1 over `blob SIZE\0` and the bytes.
    GitBlob,
}

impl Hash {
    fn name(self) -> &'static str {
        match self {
            Hash::Sha256 => "SHA-256",
            Hash::GitBlob => "git blob id",
        }
    }
}

/// How a file's bytes should be: a SHA-256, or git's name of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    kind: Hash,
    hex: String,
    /// Who says so.
    source: String,
}

impl FileDigest {
    /// Reads 64 or 40 hexadecimal digits, as the hub's etags are.
    pub fn new(hex: &str, source: &str) -> Option<FileDigest> {
        let hex = hex.trim().trim_matches('"').to_lowercase();
        let kind = match hex.len() {
            64 => Hash::Sha256,
            40 => Hash::GitBlob,
            _ => return None,
        };
        let digits = hex.bytes().all(|b| b.is_ascii_hexdigit());
        digits.then(|| FileDigest {
            kind,
            hex,
            source: source.to_owned(),
        })
    }

    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// `SHA-256` or `git blob id`.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// The same digest of a file as it is; a cancelled one is of its beginning.
    pub fn of(
        &self,
        path: &Path,
        cancel: &Cancel,
        on_bytes: &mut dyn FnMut(u64),
    ) -> std::io::Result<String> {
        match self.kind {
            Hash::Sha256 => sha256_of(path, cancel, on_bytes),
            Hash::GitBlob => {
                use sha1::Digest as _;
                let mut file = File::open(path)?;
                let mut hash = Sha1::new();
                hash.update(format!("blob {}\0", file.metadata()?.len()).as_bytes());
                each_chunk(&mut file, cancel, &mut |chunk| {
                    hash.update(chunk);
                    on_bytes(chunk.len() as u64);
                })?;
                Ok(hex(&hash.finalize()))
            }
        }
    }
}

/// A file's SHA-256.
pub fn sha256_of(
    path: &Path,
    cancel: &Cancel,
    on_bytes: &mut dyn FnMut(u64),
) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    each_chunk(&mut File::open(path)?, cancel, &mut |chunk| {
        hash.update(chunk);
        on_bytes(chunk.len() as u64);
    })?;
    Ok(hex(&hash.finalize()))
}

fn each_chunk(
    file: &mut File,
    cancel: &Cancel,
    on_chunk: &mut dyn FnMut(&[u8]),
) -> std::io::Result<()> {
    use std::io::Read;
    let mut chunk = vec![0; CHUNK_BYTES];
    while !cancel.is_cancelled() {
        match file.read(&mut chunk)? {
            0 => break,
            n => on_chunk(&chunk[..n]),
        }
    }
    Ok(())
}

/// Digests that lie beside the files, by file: our manifest, SHA256SUMS, what the hub's
/// client keeps, and the names of blobs in its cache.
fn digests(dir: &Path) -> BTreeMap<String, FileDigest> {
    let mut stored = BTreeMap::new();
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        // In the hub's cache a file links to ../../blobs/ETAG.
        let target = std::fs::read_link(entry.path()).ok();
        let blob = target.as_ref().filter(|target| {
            target
                .parent()
                .and_then(Path::file_name)
                .is_some_and(|folder| folder == "blobs")
        });
        let metadata = dir.join(HUB_METADATA).join(format!("{name}.metadata"));
        let etag = std::fs::read_to_string(metadata).ok();
        let etag = etag.as_deref().and_then(|text| text.lines().nth(1));
        let found = blob
            .and_then(|blob| FileDigest::new(&file_name(blob), "the hub's cache"))
            .or_else(|| FileDigest::new(etag?, HUB_METADATA));
        stored.extend(found.map(|found| (name, found)));
    }
    let sums = std::fs::read_to_string(dir.join("SHA256SUMS")).unwrap_or_default();
    for line in sums.lines() {
        let (hex, name) = line.split_once(' ').unwrap_or_default();
        let name = name.trim().trim_start_matches(['*', ' ']);
        let found = FileDigest::new(hex, "SHA256SUMS").filter(|_| !name.contains('/'));
        stored.extend(found.map(|found| (name.to_owned(), found)));
    }
    let manifest = std::fs::read(dir.join(MANIFEST)).unwrap_or_default();
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(&manifest) {
        for file in manifest.files {
            let found = FileDigest::new(&file.sha256, MANIFEST);
            stored.extend(found.map(|found| (file.path, found)));
        }
    }
    stored
}

mod gguf;
#[cfg(test)]
mod tests;
