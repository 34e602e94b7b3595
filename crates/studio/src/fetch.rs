//! Fetches a published checkpoint from a hub, when someone asks for it and at no other
//! time: only the files that the engine reads, pinned to one commit, each compared with the
//! checksum that the hub gives. What arrives is kept beside its place and renamed when it is
//! whole; a fetch that was cut is gone on with by asking again.
//!
//! hf-hub gives the hub's addresses and finds its cache. The transfer is ours: hf-hub 0.5
//! has no limit on silence, trusts lengths alone, and cannot be cancelled.

mod hub;
mod transfer;

use crate::view::Failure;
use engine::{Cancel, FileDigest, MANIFEST, Manifest, ManifestFile, gib};
use hub::{Hub, Listed};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use transfer::Transfer;

pub(crate) const ENDPOINT: &str = "https://huggingface.co";
const ENDPOINT_VARIABLE: &str = "HF_ENDPOINT";
const TOKEN_VARIABLE: &str = "HF_TOKEN";
const FOLDER_VARIABLE: &str = "TOUCHSTONE_MODELS";
/// In a folder whose fetch is not complete: what was asked for.
pub(crate) const UNFINISHED: &str = "touchstone-fetch.json";
const SPARE_BYTES: u64 = 256 << 20;

/// What to fetch, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// As on the hub: `openai/gpt-oss-safeguard-20b`.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// The hub's address; else `HF_ENDPOINT`, else huggingface.co.
    pub endpoint: Option<String>,
    /// The folder; else one named like the model, in the folder of all fetched models.
    pub out: Option<PathBuf>,
    pub patience: Patience,
}

/// How long to wait, and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Without a byte.
    pub silence: Duration,
    /// Attempts in a row that bring nothing.
    pub attempts: u32,
    /// Before the second attempt; doubled before each other.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            silence: Duration::from_secs(30),
            attempts: 6,
            pause: Duration::from_millis(500),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub path: PathBuf,
    pub commit: String,
    pub files: u32,
    pub bytes: u64,
    /// Of these, what came over the network now.
    pub fetched_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub file: String,
    pub done_bytes: u64,
    pub total_bytes: u64,
    /// Fetched now, not what was there.
    pub bytes_per_s: u64,
}

/// What was asked for, in a folder that is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    pub repository: String,
    pub revision: String,
    pub endpoint: Option<String>,
    pub bytes: u64,
}

/// The folder of all fetched models: `TOUCHSTONE_MODELS`, or the user's data folder.
pub fn models_folder() -> PathBuf {
    let stated = std::env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty());
    let own = || dirs::data_dir().map(|data| data.join("touchstone").join("models"));
    stated
        .map(PathBuf::from)
        .or_else(own)
        .unwrap_or_else(|| PathBuf::from("models"))
}

/// The hub that is asked where nothing else is said.
pub fn default_endpoint() -> String {
    let stated = std::env::var(ENDPOINT_VARIABLE).ok();
    let stated = stated.filter(|endpoint| !endpoint.trim().is_empty());
    stated.unwrap_or_else(|| ENDPOINT.to_owned())
}

/// Fetches; blocking, so call it from a worker thread.
pub fn fetch(
    request: &Fetch,
    cancel: &Cancel,
    on_step: &mut (dyn FnMut(Step) + Send),
) -> Result<Fetched, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("No runtime for fetching: {error}.")))?;
    runtime.block_on(Job::new(request, cancel, on_step)?.run())
}

struct Job<'a> {
    request: &'a Fetch,
    hub: Hub,
    out: PathBuf,
    cancel: &'a Cancel,
    on_step: &'a mut (dyn FnMut(Step) + Send),
}

impl<'a> Job<'a> {
    fn new(
        request: &'a Fetch,
        cancel: &'a Cancel,
        on_step: &'a mut (dyn FnMut(Step) + Send),
    ) -> Result<Job<'a>, Failure> {
        let endpoint = request.endpoint.clone().unwrap_or_else(default_endpoint);
        let token = std::env::var(TOKEN_VARIABLE).ok();
        let hub = Hub::new(request, &endpoint, token.as_deref())?;
        let name = request.repository.rsplit('/').next().unwrap_or_default();
        let out = request.out.clone();
        let out = out.unwrap_or_else(|| models_folder().join(name));
        Ok(Job {
            request,
            hub,
            out,
            cancel,
            on_step,
        })
    }

    async fn run(self) -> Result<Fetched, Failure> {
        self.check_folder()?;
        let listed = self.hub.list(self.cancel).await?;
        let total: u64 = listed.files.iter().map(|file| file.bytes).sum();
        self.prepare(&listed, total)?;
        let mut transfer = Transfer {
            hub: &self.hub,
            commit: &listed.commit,
            out: &self.out,
            patience: self.request.patience,
            cancel: self.cancel,
            on_step: &mut *self.on_step,
            started: Instant::now(),
            told: None,
            done: 0,
            fetched: 0,
            total,
        };
        let mut manifest = Manifest {
            repository: self.request.repository.clone(),
            revision: self.request.revision.clone(),
            commit: listed.commit.clone(),
            files: Vec::new(),
        };
        for file in &listed.files {
            let sha256 = transfer.file(file).await?;
            manifest.files.push(ManifestFile {
                path: file.path.clone(),
                bytes: file.bytes,
                sha256,
            });
        }
        let fetched_bytes = transfer.fetched;
        write(&self.out.join(MANIFEST), &manifest)?;
        self.tidy()?;
        // The hub's files are whole; whether they are a model of ours is another question.
        engine::inspect(
            &self.out,
            engine::Numerics::Exact,
            engine::Workload::default(),
        )
        .map_err(|error| Failure::model(error.to_string()))?;
        Ok(Fetched {
            path: self.out.clone(),
            commit: listed.commit,
            files: listed.files.len() as u32,
            bytes: total,
            fetched_bytes,
        })
    }

    /// A folder with someone else's files is left alone.
    fn check_folder(&self) -> Result<(), Failure> {
        let ours = [MANIFEST, UNFINISHED].map(|name| self.out.join(name));
        let filled = std::fs::read_dir(&self.out).is_ok_and(|mut entries| entries.next().is_some());
        if filled && !ours.iter().any(|file| file.is_file()) {
            return Err(Failure::input(format!(
                "{} holds files that were not fetched by Touchstone; nothing was changed. Choose \
                 another folder with --out, or empty this one.",
                self.out.display()
            )));
        }
        let manifest: Option<Manifest> = std::fs::read(&ours[0])
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        match manifest {
            Some(there) if there.repository != self.request.repository => {
                Err(Failure::input(format!(
                    "{} holds {}; nothing was changed. Choose another folder with --out.",
                    self.out.display(),
                    there.repository
                )))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Makes the folder and says in it what is under way; refuses a disk too small.
    fn prepare(&self, listed: &Listed, total: u64) -> Result<(), Failure> {
        let there: u64 = listed
            .files
            .iter()
            .map(|file| {
                let sizes = [self.out.join(&file.path), transfer::part(&self.out, file)]
                    .map(|path| std::fs::metadata(path).map_or(0, |metadata| metadata.len()));
                sizes[0].max(sizes[1]).min(file.bytes)
            })
            .sum();
        room(&self.out, total - there, engine::free_bytes(&self.out))?;
        std::fs::create_dir_all(&self.out)
            .map_err(|error| Failure::file(&self.out, "created", &error))?;
        let unfinished = Unfinished {
            repository: self.request.repository.clone(),
            revision: self.request.revision.clone(),
            endpoint: self.request.endpoint.clone(),
            bytes: total,
        };
        write(&self.out.join(UNFINISHED), &unfinished)
    }

    /// Removes what only a fetch under way needs: its note, and parts of other versions.
    fn tidy(&self) -> Result<(), Failure> {
        let entries = std::fs::read_dir(&self.out).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name == UNFINISHED || name.ends_with(transfer::PART) {
                let path = entry.path();
                std::fs::remove_file(&path)
                    .map_err(|error| Failure::file(&path, "removed", &error))?;
            }
        }
        Ok(())
    }
}

fn room(out: &Path, needed: u64, free: Option<u64>) -> Result<(), Failure> {
    match free {
        Some(free) if free < needed + SPARE_BYTES => Err(Failure::input(format!(
            "{}: {} are still to be fetched, with {} to spare, and the disk has {} free. Free \
             some space, or choose another folder with --out.",
            out.display(),
            gib(needed),
            gib(SPARE_BYTES),
            gib(free)
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Writes beside the file and renames.
fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| Failure::internal(format!("{}: {error}", path.display())))?;
    text.push(b'\n');
    crate::files::write(path, &text)
}

/// A file of the hub, as it will be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HubFile {
    path: String,
    bytes: u64,
    digest: FileDigest,
}

#[cfg(test)]
mod tests;
