//! A checkpoint's digest. Hashing a large file takes about as long as reading it, so what a file
//! hashed to is noted in a folder of the caller's: while the file has the same length, times and
//! place on disk, it is not hashed again. `model verify` hashes every byte whatever is noted.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::LoadError;
use crate::gguf;
use crate::shelf::replace;
use crate::weights::{Opened, Weights, file_name, hex, release};

const NAME: &str = "weights.json";

/// Bytes of a file that are hashed before their pages are given back: whole pages.
const HASHED_AT_ONCE: usize = 32 << 20;

/// A file that changed later than this before it was opened is not noted: a file system's clock
/// may not tell a further change apart.
const SETTLED_NS: u64 = 2_000_000_000;

/// What tells that a file is still the one that was hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    bytes: u64,
    modified_ns: u64,
    /// Of its inode, which no program can set. Zero where there is no such time.
    changed_ns: u64,
    device: u64,
    inode: u64,
}

impl Stamp {
    /// Of a file that is opened now; none of one that changed just before.
    pub(crate) fn of(file: &File) -> Option<Stamp> {
        Stamp::from(&file.metadata().ok()?).filter(Stamp::settled)
    }

    fn at(path: &Path) -> Option<Stamp> {
        Stamp::from(&fs::metadata(path).ok()?)
    }

    fn from(file: &Metadata) -> Option<Stamp> {
        let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        #[cfg(unix)]
        let (changed_ns, device, inode) = {
            use std::os::unix::fs::MetadataExt;
            let ns = i128::from(file.ctime()) * 1_000_000_000 + i128::from(file.ctime_nsec());
            let changed_ns = u64::try_from(ns).ok()?;
            (changed_ns, file.dev(), file.ino())
        };
        #[cfg(not(unix))]
        let (changed_ns, device, inode) = (0, 0, 0);
        Some(Stamp {
            bytes: file.len(),
            modified_ns: u64::try_from(modified.as_nanos()).ok()?,
            changed_ns,
            device,
            inode,
        })
    }

    fn settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let changed = self.modified_ns.max(self.changed_ns);
        now.is_ok_and(|now| u128::from(changed + SETTLED_NS) < now.as_nanos())
    }
}

#[derive(Serialize, Deserialize)]
struct Note {
    #[serde(flatten)]
    stamp: Stamp,
    sha256: String,
}

/// What files hashed to when they were last loaded, by path.
#[derive(Default)]
pub(crate) struct Notes {
    folder: Option<PathBuf>,
    files: BTreeMap<PathBuf, Note>,
}

impl Notes {
    /// Those of a folder. Without a readable one nothing is known, and all is hashed.
    pub(crate) fn read(folder: Option<&Path>) -> Notes {
        let Some(folder) = folder else {
            return Notes::default();
        };
        let path = folder.join(NAME);
        let files = match fs::read(&path).map(|text| serde_json::from_slice(&text)) {
            Ok(Ok(files)) => files,
            Ok(Err(why)) => {
                tracing::warn!(%why, path = %path.display(), "unreadable; all files are hashed");
                BTreeMap::new()
            }
            Err(_) => BTreeMap::new(),
        };
        Notes {
            folder: Some(folder.to_owned()),
            files,
        }
    }

    fn known(&self, file: &Opened) -> Option<&str> {
        let note = self.files.get(&whole_path(&file.path))?;
        (Some(&note.stamp) == file.stamp.as_ref()).then_some(&note.sha256)
    }

    /// Whether no file of `weights` needs to be hashed.
    pub(crate) fn know(&self, weights: &Weights) -> bool {
        weights.files.iter().all(|file| self.known(file).is_some())
    }

    /// Notes the files that are still what was opened, and forgets those that are gone. A note
    /// that cannot be written costs the next start some time, and nothing else.
    fn write(&mut self, hashed: &[(&Opened, String)]) {
        let Some(folder) = self.folder.as_deref() else {
            return;
        };
        let before = self.files.len();
        self.files.retain(|path, _| path.exists());
        let mut changed = self.files.len() != before;
        for (file, sha256) in hashed {
            let Some(stamp) = file.stamp.clone() else {
                continue;
            };
            if Stamp::at(&file.path).as_ref() != Some(&stamp) {
                continue;
            }
            let sha256 = sha256.clone();
            changed = true;
            self.files
                .insert(whole_path(&file.path), Note { stamp, sha256 });
        }
        if !changed {
            return;
        }
        if let Err(why) = put(folder, &self.files) {
            tracing::warn!(%why, folder = %folder.display(), "digests of weights are not kept");
        }
    }
}

fn put(folder: &Path, files: &BTreeMap<PathBuf, Note>) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(files)?;
    replace(folder, NAME, |unfinished| fs::write(unfinished, &text))
}

fn whole_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The small files that a checkpoint's digest covers beside its weights.
fn digested(dir: &Path) -> Vec<PathBuf> {
    match gguf::file_of(dir) {
        Some(_) => Vec::new(),
        None => vec![dir.join("config.json"), dir.join("tokenizer.json")],
    }
}

/// SHA-256 over those and the weight files, each by its name and own SHA-256. Files that `notes`
/// do not know are hashed, as many at once as there are cores to spare, and noted. Where their pages are
/// not kept, no more of them than needed are in memory at once. Nothing when `stop` is set, as
/// whoever sets it has an error to tell.
pub(crate) fn digest(
    dir: &Path,
    weights: &Weights,
    keep_pages: bool,
    mut notes: Notes,
    stop: &AtomicBool,
) -> Result<Option<String>, LoadError> {
    let mut all = Sha256::new();
    let mut add = |path: &Path, digest: &str| {
        all.update(format!("{digest}  {}\n", file_name(path)));
    };
    for path in &digested(dir) {
        let bytes = fs::read(path)
            .map_err(|e| LoadError(format!("{}: cannot be read ({e}).", path.display())))?;
        add(path, &hex(&Sha256::digest(bytes)));
    }
    let unknown: Vec<&Opened> = weights
        .files
        .iter()
        .filter(|file| notes.known(file).is_none())
        .collect();
    let Some(hashes) = hashes(&unknown, keep_pages, stop) else {
        return Ok(None);
    };
    let hashed: Vec<(&Opened, String)> = unknown.into_iter().zip(hashes).collect();
    for file in &weights.files {
        let new = hashed.iter().find(|(other, _)| std::ptr::eq(*other, file));
        let sha256 = new.map(|(_, sha256)| sha256.as_str());
        add(
            &file.path,
            sha256.or_else(|| notes.known(file)).unwrap_or_default(),
        );
    }
    notes.write(&hashed);
    Ok(Some(hex(&all.finalize())))
}

/// The SHA-256 of each file, in threads of their own: in the pool, what loads the model would
/// wait behind a file of gigabytes.
fn hashes(files: &[&Opened], keep_pages: bool, stop: &AtomicBool) -> Option<Vec<String>> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    // A model that is used in place leaves the cores nothing else to do.
    let share = if keep_pages { cores } else { cores.div_ceil(2) };
    let workers = files.len().clamp(1, share);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build();
    let hash = |file: &&Opened| hash(file, keep_pages, stop);
    pool.ok()?.install(|| files.par_iter().map(hash).collect())
}

fn hash(file: &Opened, keep_pages: bool, stop: &AtomicBool) -> Option<String> {
    let mut sha = Sha256::new();
    for start in (0..file.map.len()).step_by(HASHED_AT_ONCE) {
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let end = file.map.len().min(start + HASHED_AT_ONCE);
        sha.update(&file.map[start..end]);
        if !keep_pages {
            release(&file.path, &file.map, start..end);
        }
    }
    Some(hex(&sha.finalize()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use tempfile::TempDir;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/gguf/bf16.gguf")
    }

    fn of(file: &Path, notes: Notes) -> String {
        let weights = Weights::open(file).unwrap();
        digest(file, &weights, false, notes, &NEVER)
            .unwrap()
            .unwrap()
    }

    /// Notes in `folder`, of which the one on `file` says `sha256`.
    fn note(folder: &Path, file: &Path, sha256: &str) {
        let stamp = Stamp::at(file).unwrap();
        let sha256 = sha256.to_owned();
        let files = BTreeMap::from([(whole_path(file), Note { stamp, sha256 })]);
        put(folder, &files).unwrap();
    }

    #[test]
    fn a_file_that_is_as_it_was_is_not_hashed_again() {
        let file = fixture();
        let folder = TempDir::new().unwrap();
        let hashed = of(&file, Notes::default());
        let bytes = fs::read(&file).unwrap();
        let line = format!("{}  bf16.gguf\n", hex(&Sha256::digest(&bytes)));
        assert_eq!(hashed, hex(&Sha256::digest(line)));

        assert_eq!(of(&file, Notes::read(Some(folder.path()))), hashed);
        let notes = Notes::read(Some(folder.path()));
        assert!(notes.know(&Weights::open(&file).unwrap()));
        assert_eq!(of(&file, notes), hashed);
        // Only a note that is believed can be wrong.
        note(folder.path(), &file, "0");
        let line = hex(&Sha256::digest("0  bf16.gguf\n"));
        assert_eq!(of(&file, Notes::read(Some(folder.path()))), line);
    }

    #[test]
    fn a_file_that_differs_in_anything_is_hashed_and_noted_again() {
        let file = fixture();
        let folder = TempDir::new().unwrap();
        let hashed = of(&file, Notes::default());
        let stamp = Stamp::at(&file).unwrap();
        let mut others = vec![stamp.clone(); 5];
        others[0].bytes += 1;
        others[1].modified_ns += 1;
        others[2].changed_ns += 1;
        others[3].device += 1;
        others[4].inode += 1;
        for stamp in others {
            let sha256 = "0".to_owned();
            let files = BTreeMap::from([(whole_path(&file), Note { stamp, sha256 })]);
            put(folder.path(), &files).unwrap();
            assert_eq!(of(&file, Notes::read(Some(folder.path()))), hashed);
            let noted = Notes::read(Some(folder.path()));
            assert!(noted.know(&Weights::open(&file).unwrap()));
        }
    }

    #[test]
    fn a_file_is_noted_once_it_has_settled_and_forgotten_once_it_is_gone() {
        let from = fixture();
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("copy.gguf");
        fs::copy(&from, &file).unwrap();
        let open = File::options().write(true).open(&file).unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        open.set_modified(later).unwrap();
        of(&file, Notes::read(Some(folder.path())));
        assert!(
            Notes::read(Some(folder.path())).files.is_empty(),
            "too young"
        );

        note(folder.path(), &file, "0");
        fs::remove_file(&file).unwrap();
        of(&from, Notes::read(Some(folder.path())));
        let noted = Notes::read(Some(folder.path()));
        assert_eq!(noted.files.keys().collect::<Vec<_>>(), [&whole_path(&from)]);
    }

    #[test]
    fn notes_that_are_damaged_or_cannot_be_written_cost_time_alone() {
        let file = fixture();
        let folder = TempDir::new().unwrap();
        let hashed = of(&file, Notes::default());
        fs::write(folder.path().join(NAME), "{").unwrap();
        assert_eq!(of(&file, Notes::read(Some(folder.path()))), hashed);
        assert_eq!(Notes::read(Some(folder.path())).files.len(), 1);
        let no_folder = folder.path().join(NAME);
        assert_eq!(of(&file, Notes::read(Some(&no_folder))), hashed);
    }

    #[test]
    fn hashing_ends_when_loading_failed() {
        let file = fixture();
        let weights = Weights::open(&file).unwrap();
        let stop = AtomicBool::new(true);
        let nothing = digest(&file, &weights, false, Notes::default(), &stop).unwrap();
        assert_eq!(nothing, None);
    }
}
