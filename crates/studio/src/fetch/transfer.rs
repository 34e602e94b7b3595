//! One file after the other: gone on with where it was cut, tried again where the network
//! fails, compared with its checksum before it takes its place.

use super::hub::{Hub, Refusal, broken, or_cancelled};
use super::{HubFile, Patience, Step};
use crate::view::Failure;
use engine::{Cancel, gib};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, RANGE};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Ends the name of a file that is not whole yet.
pub(super) const PART: &str = ".part";
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Where a file grows. The name holds the beginning of its checksum, so that a part of
/// another version is never gone on with.
pub(super) fn part(out: &Path, file: &HubFile) -> PathBuf {
    out.join(format!("{}.{}{PART}", file.path, &file.digest.hex()[..12]))
}

pub(super) struct Transfer<'a> {
    pub hub: &'a Hub,
    pub commit: &'a str,
    pub out: &'a Path,
    pub patience: Patience,
    pub cancel: &'a Cancel,
    pub on_step: &'a mut (dyn FnMut(Step) + Send),
    pub started: Instant,
    pub told: Option<Instant>,
    /// Bytes of the files before this one.
    pub done: u64,
    pub fetched: u64,
    pub total: u64,
}

impl Transfer<'_> {
    /// Brings a file to its place; its SHA-256.
    pub(super) async fn file(&mut self, file: &HubFile) -> Result<String, Failure> {
        let target = self.out.join(&file.path);
        if !(target.is_file() && self.is_right(file, &target)?) {
            let part = part(self.out, file);
            self.arrive(file, &part).await?;
            std::fs::rename(&part, &target)
                .map_err(|error| Failure::file(&target, "renamed to", &error))?;
        }
        let sha256 = engine::sha256_of(&target, self.cancel, &mut |_| ())
            .map_err(|error| Failure::file(&target, "read", &error))?;
        self.stop_if_cancelled()?;
        self.done += file.bytes;
        self.tell(file, 0, Tell::Always);
        Ok(sha256)
    }

    /// Fetches until the part is whole and right. A file that arrives damaged is fetched
    /// once more from nothing.
    async fn arrive(&mut self, file: &HubFile, part: &Path) -> Result<(), Failure> {
        let (mut idle, mut damaged) = (0, 0);
        loop {
            let before = length(part);
            match self.attempt(file, part).await? {
                Ok(()) if self.is_right(file, part)? => return Ok(()),
                Ok(()) => {
                    remove(part)?;
                    damaged += 1;
                    if damaged > 1 {
                        return Err(Failure::input(format!(
                            "{} arrives damaged: twice its {} was not {}. Something on the way \
                             changes it; choose another hub with --endpoint.",
                            file.path,
                            file.digest.name(),
                            file.digest.hex()
                        )));
                    }
                }
                Err(Refusal::Final(failure)) => return Err(failure),
                Err(Refusal::Again(why)) => {
                    idle = if length(part) > before { 1 } else { idle + 1 };
                    tracing::warn!(file = file.path, why, "a transfer broke");
                    if idle >= self.patience.attempts {
                        return Err(Failure::input(format!(
                            "{} does not come: {why}. {} of {} are kept in {}; fetch again to \
                             go on from there.",
                            file.path,
                            gib(length(part)),
                            gib(file.bytes),
                            self.out.display()
                        )));
                    }
                    or_cancelled(self.cancel, tokio::time::sleep(self.hub.pause(idle))).await?;
                }
            }
        }
    }

    /// Asks for what is missing, and appends it.
    async fn attempt(
        &mut self,
        file: &HubFile,
        part: &Path,
    ) -> Result<Result<(), Refusal>, Failure> {
        let mut have = length(part);
        if have > file.bytes {
            remove(part)?;
            have = 0;
        }
        if have == file.bytes && have > 0 {
            return Ok(Ok(()));
        }
        let url = self.hub.file_url(self.commit, &file.path)?;
        let mut asked = self.hub.client.get(url);
        if have > 0 {
            asked = asked.header(RANGE, format!("bytes={have}-"));
        }
        let sent = or_cancelled(self.cancel, asked.send()).await?;
        if matches!(&sent, Ok(sent) if sent.status() == StatusCode::RANGE_NOT_SATISFIABLE) {
            remove(part)?;
        }
        let response = match sent.map_err(broken).and_then(|sent| self.hub.accept(sent)) {
            Ok(response) => response,
            Err(refusal) => return Ok(Err(refusal)),
        };
        // A server that ignores the range sends everything anew.
        let goes_on = response.status() == StatusCode::PARTIAL_CONTENT;
        let range = response.headers().get(CONTENT_RANGE);
        let range = range.and_then(|range| range.to_str().ok());
        if goes_on && !range.is_some_and(|range| range.starts_with(&format!("bytes {have}-"))) {
            remove(part)?;
            return Ok(Err(Refusal::Again(
                "another part came than was asked for".to_owned(),
            )));
        }
        let mut to = open(part, goes_on)?;
        self.receive(file, part, &mut to, response).await
    }

    async fn receive(
        &mut self,
        file: &HubFile,
        part: &Path,
        to: &mut File,
        mut response: reqwest::Response,
    ) -> Result<Result<(), Refusal>, Failure> {
        let mut have = length(part);
        loop {
            match or_cancelled(self.cancel, response.chunk()).await? {
                Err(error) => return Ok(Err(broken(error))),
                Ok(None) => break,
                Ok(Some(chunk)) => {
                    have += chunk.len() as u64;
                    if have > file.bytes {
                        remove(part)?;
                        return Ok(Err(Refusal::Again(
                            "more came than the file has".to_owned(),
                        )));
                    }
                    to.write_all(&chunk)
                        .map_err(|error| Failure::file(part, "written", &error))?;
                    self.fetched += chunk.len() as u64;
                    self.tell(file, have, Tell::Seldom);
                }
            }
        }
        if have < file.bytes {
            return Ok(Err(Refusal::Again("it was cut short".to_owned())));
        }
        to.sync_all()
            .map_err(|error| Failure::file(part, "written", &error))?;
        Ok(Ok(()))
    }

    fn is_right(&self, file: &HubFile, path: &Path) -> Result<bool, Failure> {
        if length(path) != file.bytes {
            return Ok(false);
        }
        let found = file
            .digest
            .of(path, self.cancel, &mut |_| ())
            .map_err(|error| Failure::file(path, "read", &error))?;
        self.stop_if_cancelled()?;
        Ok(found == file.digest.hex())
    }

    fn stop_if_cancelled(&self) -> Result<(), Failure> {
        match self.cancel.is_cancelled() {
            true => Err(Failure::cancelled()),
            false => Ok(()),
        }
    }

    fn tell(&mut self, file: &HubFile, of_file: u64, when: Tell) {
        let recent = self.told.is_some_and(|at| at.elapsed() < TELL_EVERY);
        if recent && when == Tell::Seldom {
            return;
        }
        self.told = Some(Instant::now());
        let elapsed_s = self.started.elapsed().as_secs_f64().max(1e-3);
        (self.on_step)(Step {
            file: file.path.clone(),
            done_bytes: self.done + of_file,
            total_bytes: self.total,
            bytes_per_s: (self.fetched as f64 / elapsed_s) as u64,
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tell {
    Seldom,
    Always,
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::file(path, "removed", &error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn open(part: &Path, goes_on: bool) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.create(true);
    match goes_on {
        true => options.append(true),
        false => options.write(true).truncate(true),
    };
    options
        .open(part)
        .map_err(|error| Failure::file(part, "written", &error))
}
