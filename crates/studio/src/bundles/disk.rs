//! The files around a bundle: read with a bound, secrets written for their owner alone,
//! folders put in place whole.

use crate::files;
use crate::view::Failure;
use bundle::Salt;
use domain::case::{Case, parse_suite};
use rand::TryRngCore;
use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Keys, lists of keys and salts.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// A file's bytes, at most so many; a device or a pipe is not opened.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let fault = |error| Failure::file(path, "read", &error);
    let metadata = fs::metadata(path).map_err(fault)?;
    if !metadata.is_file() {
        return Err(Failure::input(format!(
            "{} is not a file. Choose a file.",
            path.display()
        )));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
        .map_err(fault)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Failure::input(format!(
            "{} has more than {bytes_max} bytes, the most that such a file may have.",
            path.display()
        )));
    }
    Ok(bytes)
}

pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path, TEXT_BYTES_MAX)?).map_err(|_| {
        Failure::input(format!(
            "{} is not a text file. Choose another file.",
            path.display()
        ))
    })
}

pub(super) fn read_salt(path: &Path) -> Result<Salt, Failure> {
    Salt::parse(&read_text(path)?).ok_or_else(|| {
        Failure::input(format!(
            "{} is no salt: 64 hexadecimal digits are needed.",
            path.display()
        ))
    })
}

pub(super) fn read_cases(path: &Path) -> Result<Vec<Case>, Failure> {
    let (cases, problems) = parse_suite(&read(path, bundle::archive::FILE_BYTES_MAX)?);
    match problems.iter().find(|problem| problem.skipped) {
        None => Ok(cases),
        Some(problem) => Err(Failure::input(format!(
            "{}, line {}: {}",
            path.display(),
            problem.line,
            problem.message
        ))),
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    rand::rngs::OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| {
            Failure::internal(format!("The system gives no random numbers: {error}."))
        })?;
    Ok(bytes)
}

/// Creates a file that only its owner reads; one that exists is never replaced.
pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::input(format!(
            "{} exists already, and a secret is never overwritten. Choose another name.",
            path.display()
        )),
        _ => Failure::file(path, "created", &error),
    })?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| Failure::file(path, "written", &error))
}

/// Replaces or creates a file, whole; refuses one that exists unless told otherwise.
pub(super) fn write_file(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), Failure> {
    if path.is_dir() || (!overwrite && fs::symlink_metadata(path).is_ok()) {
        return Err(Failure::input(format!(
            "{} exists already. Choose another name, or say that it may be overwritten.",
            path.display()
        )));
    }
    files::write(path, bytes)
}

/// Creates a folder with these files, whole.
pub(super) fn write_folder(path: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<u64, Failure> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(Failure::input(format!(
            "{} exists already. Choose a folder that does not exist yet.",
            path.display()
        )));
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let fault = |error| Failure::file(path, "written", &error);
    let staged = tempfile::Builder::new()
        .prefix(".touchstone-")
        .suffix(".tmp")
        .tempdir_in(parent)
        .map_err(fault)?;
    let root = staged.path().join("folder");
    let mut bytes_written = 0;
    for (name, bytes) in files {
        let file = root.join(name);
        let folder = file.parent().unwrap_or(&root);
        fs::create_dir_all(folder).map_err(fault)?;
        fs::write(&file, bytes).map_err(fault)?;
        bytes_written += bytes.len() as u64;
    }
    fs::rename(&root, path).map_err(fault)?;
    Ok(bytes_written)
}
