//! The archive: a gzipped ustar file whose bytes follow from its files alone (order, times,
//! modes and owners are fixed). Reading accepts exactly what writing makes, within bounds that
//! are checked before anything is kept.
//!
//! tar.gz was chosen over zip because any system opens it, because it has no second
//! directory that could contradict the first, and because a ustar header has no room for
//! surprises once it must equal ours.

use crate::refusal::Refusal;
use flate2::{Compression, GzBuilder, bufread::GzDecoder};
use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use tar::{EntryType, Header};

/// Of the packed file.
pub const PACKED_BYTES_MAX: u64 = 256 << 20;
/// Of everything in it.
pub const TOTAL_BYTES_MAX: u64 = 512 << 20;
pub const FILE_BYTES_MAX: u64 = 256 << 20;
pub const FILES_MAX: usize = 64;
/// Deflate reaches 1,032; labelled cases and traces stay below 30.
pub const RATIO_MAX: u64 = 200;
/// Below this, a ratio says nothing: a few kilobytes of one byte are no danger.
const RATIO_FREE_BYTES: u64 = 4 << 20;
const BLOCK: usize = 512;
const PATH_BYTES_MAX: usize = 100;

/// Packs files in the order given.
pub fn pack<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<u8>, std::io::Error> {
    let mut tar = Vec::new();
    for (path, bytes) in files {
        tar.extend_from_slice(header(path, bytes.len() as u64)?.as_bytes());
        tar.extend_from_slice(bytes);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    compress(&tar)
}

/// Level 6 of deflate with neither name, time nor operating system in the header.
pub fn compress(tar: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::new(6));
    encoder.write_all(tar)?;
    encoder.finish()
}

fn header(path: &str, bytes: u64) -> Result<Header, std::io::Error> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// The files of an archive, in its order.
pub fn unpack(packed: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
    if packed.len() as u64 > PACKED_BYTES_MAX {
        return Err(Refusal::Oversized {
            what: "The bundle".to_owned(),
            max: PACKED_BYTES_MAX,
        });
    }
    let tar = decompress(packed)?;
    entries(&tar)
}

fn decompress(packed: &[u8]) -> Result<Vec<u8>, Refusal> {
    const MAGIC: [u8; 2] = [0x1f, 0x8b];
    if !packed.starts_with(&MAGIC) {
        return Err(Refusal::NotABundle);
    }
    let by_ratio = (packed.len() as u64 * RATIO_MAX).max(RATIO_FREE_BYTES);
    let max = by_ratio.min(TOTAL_BYTES_MAX);
    let mut tar = Vec::new();
    let mut decoder = GzDecoder::new(packed).take(max + 1);
    decoder
        .read_to_end(&mut tar)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Refusal::Truncated("within its compressed data".to_owned()),
            _ => Refusal::Damaged(format!("its compressed data: {error}")),
        })?;
    if tar.len() as u64 > max {
        return Err(if max == TOTAL_BYTES_MAX {
            Refusal::Oversized {
                what: "The bundle, unpacked,".to_owned(),
                max: TOTAL_BYTES_MAX,
            }
        } else {
            Refusal::Bomb { times: RATIO_MAX }
        });
    }
    if !decoder.into_inner().into_inner().is_empty() {
        return Err(Refusal::NotCanonical(
            "something follows its compressed data".to_owned(),
        ));
    }
    Ok(tar)
}

fn entries(tar: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
    let cut = |what: &str| Refusal::Truncated(format!("within {what}"));
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut seen = HashSet::new();
    let mut at = 0;
    loop {
        let block = tar
            .get(at..at + BLOCK)
            .ok_or_else(|| cut("a file's header"))?;
        at += BLOCK;
        if block.iter().all(|byte| *byte == 0) {
            let end = tar.get(at..).unwrap_or_default();
            if end.len() < BLOCK {
                return Err(cut("the end of its archive"));
            }
            if end.len() > BLOCK || end.iter().any(|byte| *byte != 0) {
                return Err(Refusal::NotCanonical(
                    "something follows the end of its archive".to_owned(),
                ));
            }
            return Ok(files);
        }
        let (path, size) = read_header(block)?;
        if !seen.insert(path.clone()) {
            return Err(Refusal::Duplicate(path));
        }
        if files.len() == FILES_MAX {
            return Err(Refusal::TooManyFiles(FILES_MAX));
        }
        let bytes = tar
            .get(at..)
            .and_then(|rest| rest.get(..size))
            .ok_or_else(|| cut(&format!("\"{path}\"")))?;
        let padded = at + size.next_multiple_of(BLOCK);
        let padding = tar
            .get(at + size..padded)
            .ok_or_else(|| cut("a file's end"))?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Refusal::NotCanonical(format!("the padding of \"{path}\"")));
        }
        files.push((path, bytes.to_vec()));
        at = padded;
    }
}

/// Path and size of one entry. What is wrong is named as closely as possible; whatever passes
/// those checks must still be our own header, byte for byte.
fn read_header(block: &[u8]) -> Result<(String, usize), Refusal> {
    let found = Header::from_byte_slice(block);
    let raw = found.path_bytes();
    let shown = String::from_utf8_lossy(&raw[..raw.len().min(PATH_BYTES_MAX)]).into_owned();
    let kind = match found.entry_type() {
        EntryType::Regular => None,
        EntryType::Symlink => Some("a symbolic link"),
        EntryType::Link => Some("a hard link"),
        EntryType::Directory => Some("a folder"),
        EntryType::Char | EntryType::Block | EntryType::Fifo => Some("a device or a pipe"),
        EntryType::GNULongName | EntryType::GNULongLink => Some("a name of unbounded length"),
        EntryType::XHeader | EntryType::XGlobalHeader => Some("an extension of the header"),
        _ => Some("of an unknown type"),
    };
    // A path that would escape is worse news than its type.
    let path = safe_path(&raw).ok_or_else(|| Refusal::UnsafePath(shown.clone()))?;
    if let Some(kind) = kind {
        return Err(Refusal::NotAFile {
            path,
            kind: kind.to_owned(),
        });
    }
    let size = found
        .entry_size()
        .map_err(|error| Refusal::Damaged(format!("the size of \"{path}\": {error}")))?;
    if size > FILE_BYTES_MAX {
        return Err(Refusal::Oversized {
            what: format!("\"{path}\" in the bundle"),
            max: FILE_BYTES_MAX,
        });
    }
    let ours = header(&path, size).map_err(|error| Refusal::Damaged(error.to_string()))?;
    if ours.as_bytes()[..] != *block {
        let mut summed = found.clone();
        summed.set_cksum();
        let place = format!("the header of \"{path}\"");
        return Err(if summed.as_bytes()[..] == *block {
            Refusal::NotCanonical(place)
        } else {
            Refusal::Damaged(place)
        });
    }
    Ok((path, size as usize))
}

/// A path of plain lower-case names that stays in its folder on every system.
fn safe_path(raw: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(raw).ok()?;
    let plain = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && !name.ends_with('.')
            && name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
            })
    };
    (path.len() <= PATH_BYTES_MAX && path.split('/').all(plain)).then(|| path.to_owned())
}
