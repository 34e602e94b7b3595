//! Reading and writing the analyst's files. A write is whole or not at all, and never
//! over bytes that were not read first.

use crate::view::Failure;
use std::fs;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file of this size is no policy and no suite; reading it would only freeze the window.
const BYTES_MAX: u64 = 64 << 20;

/// Names the bytes of a file.
pub(crate) fn hash(bytes: &[u8]) -> String {
    domain::hex_digest(bytes)
}

/// The file's bytes; nothing where there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(path, "read", &error)),
    };
    if !metadata.is_file() {
        return Err(Failure::input(format!(
            "{} is not a file. Move it away and put a file there.",
            path.display()
        )));
    }
    if metadata.len() > BYTES_MAX {
        return Err(Failure::input(format!(
            "{} has {} bytes; the limit is {BYTES_MAX}. Split it.",
            path.display(),
            metadata.len()
        )));
    }
    fs::read(path)
        .map(Some)
        .map_err(|error| Failure::file(path, "read", &error))
}

/// Writes a file that a person asked for by its path, whole or not at all.
pub fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    write(path, text.as_bytes())
}

/// Replaces or creates a file: written beside it, flushed to the disk, then renamed over it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut beside = Beside::create(path)?;
    beside.write(bytes)?;
    beside.persist()
}

/// A name alone lies in the current folder.
fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// A file being written beside the one it will replace; dropped, it leaves nothing.
pub(crate) struct Beside {
    file: BufWriter<tempfile::NamedTempFile>,
    target: PathBuf,
    path: PathBuf,
    bytes: u64,
}

impl Beside {
    pub(crate) fn create(path: &Path) -> Result<Beside, Failure> {
        // A link stays a link: what it points to is replaced.
        let target: PathBuf = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = folder_of(&target);
        let mut builder = tempfile::Builder::new();
        // Hidden, so that neither the watcher nor a listing takes it for a policy.
        builder.prefix(".touchstone-").suffix(".tmp");
        #[cfg(unix)]
        let permissions = {
            use std::os::unix::fs::PermissionsExt;
            fs::metadata(&target).map_or_else(
                |_| fs::Permissions::from_mode(0o644),
                |metadata| metadata.permissions(),
            )
        };
        #[cfg(unix)]
        builder.permissions(permissions);
        let file = builder
            .tempfile_in(folder)
            .map_err(|error| Failure::file(path, "written", &error))?;
        Ok(Beside {
            file: BufWriter::new(file),
            target,
            path: path.to_owned(),
            bytes: 0,
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.bytes += bytes.len() as u64;
        if self.bytes > BYTES_MAX {
            return Err(Failure::input(format!(
                "{} would have more than {BYTES_MAX} bytes, which could not be opened again. \
                 Nothing was written; split what goes into it.",
                self.path.display()
            )));
        }
        let written = self.file.write_all(bytes);
        written.map_err(|error| Failure::file(&self.path, "written", &error))
    }

    pub(crate) fn persist(self) -> Result<(), Failure> {
        let fault = |error: std::io::Error| Failure::file(&self.path, "written", &error);
        let file = self
            .file
            .into_inner()
            .map_err(|error| fault(error.into_error()))?;
        file.as_file().sync_all().map_err(fault)?;
        file.persist(&self.target)
            .map_err(|error| fault(error.error))?;
        // The rename itself reaches the disk with the folder.
        #[cfg(unix)]
        fs::File::open(folder_of(&self.target))
            .and_then(|folder| folder.sync_all())
            .map_err(fault)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.md");
        write(&path, b"one, and rather long").expect("created");
        write(&path, b"two").expect("replaced");
        assert_eq!(read(&path).expect("read"), Some(b"two".to_vec()));
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
    }

    #[test]
    fn a_name_alone_lies_in_the_current_folder() {
        let name = format!("written-{}.tmp", std::process::id());
        write_whole(Path::new(&name), "one").expect("created");
        assert_eq!(fs::read(&name).expect("there"), b"one");
        fs::remove_file(&name).expect("removed");
    }

    #[test]
    fn a_missing_file_is_nothing_and_a_folder_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(read(&folder.path().join("none")).expect("nothing"), None);
        let failure = read(folder.path()).expect_err("a folder");
        assert!(failure.message.contains("is not a file"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (real, link) = (folder.path().join("real.md"), folder.path().join("link.md"));
        fs::write(&real, "one").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        write(&link, b"two").expect("replaced");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&real).expect("read"), b"two");
    }
}
