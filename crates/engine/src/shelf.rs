//! The last shared prefix on disk, so that the first run after a start reads from its first
//! changed token on as well. A file holds the keys and values of one prefix; it says what they
//! depend on, and one of anything else, or one that is damaged, is passed over.

use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::ModelInfo;
use crate::attention::Kv;
use crate::backend::{Sequence, Shared};
use crate::config::Config;
use crate::prefixes::Kept;

const NAME: &str = "prefix";
const MAGIC: &str = "touchstone prefix 1";
/// Fewer tokens are computed about as soon as they are read.
pub(crate) const TOKENS_MIN: usize = 64;
const DIGEST_BYTES: usize = 32;

pub(crate) struct Shelf {
    folder: PathBuf,
    /// What the numbers depend on; the first line of the file.
    owner: String,
}

impl Shelf {
    pub(crate) fn new(folder: &Path, info: &ModelInfo) -> Shelf {
        // Not on the instruction set: all give the same sums.
        let (digest, numerics) = (&info.digest, info.numerics.name());
        let version = env!("CARGO_PKG_VERSION");
        Shelf {
            folder: folder.to_owned(),
            owner: format!("{MAGIC} {digest} {numerics} {version}\n"),
        }
    }

    /// What was put there last, if it is whole and of this model.
    pub(crate) fn take(&self, config: &Config) -> Option<(Vec<u32>, Sequence)> {
        let bytes = fs::read(self.folder.join(NAME)).ok()?;
        let (held, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_BYTES)?)?;
        let mut rest = held.strip_prefix(self.owner.as_bytes())?;
        if Sha256::digest(held)[..] != *digest {
            tracing::warn!("The prefix kept on disk is damaged; it is computed anew.");
            return None;
        }
        let mut word = || {
            let mut word = [0; 4];
            rest.read_exact(&mut word).ok()?;
            Some(u32::from_le_bytes(word))
        };
        let len = word()?;
        let tokens: Vec<u32> = (0..len).map_while(|_| word()).collect();
        let kv = Kv::read_from(config, tokens.len(), &mut rest).ok()?;
        let whole = tokens.len() == len as usize && rest.is_empty();
        whole.then_some((tokens, Sequence::Cpu(kv)))
    }

    /// Puts a prefix there in place of the last one.
    pub(crate) fn put(&self, kept: &Kept<'_>) -> io::Result<()> {
        replace(&self.folder, NAME, |unfinished| {
            self.write(unfinished, &kept.tokens(), &kept.shared())
        })
    }

    fn write(&self, path: &Path, tokens: &[u32], shared: &Shared<'_>) -> io::Result<()> {
        let mut out = Hashed {
            file: BufWriter::with_capacity(1 << 20, private(path)?),
            hash: Sha256::new(),
        };
        let mut buffered = BufWriter::with_capacity(1 << 16, &mut out);
        buffered.write_all(self.owner.as_bytes())?;
        buffered.write_all(&(tokens.len() as u32).to_le_bytes())?;
        for token in tokens {
            buffered.write_all(&token.to_le_bytes())?;
        }
        Kv::write_path(&shared.on_cpu(), &mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        let digest = out.hash.finalize();
        out.file.write_all(&digest)?;
        out.file.flush()
    }
}

/// Puts a file that `write` makes in place of the folder's last one of that name: a reader sees the
/// one or the other.
pub(crate) fn replace(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!("{name}.{}", std::process::id()));
    let placed = write(&unfinished).and_then(|()| fs::rename(&unfinished, folder.join(name)));
    if placed.is_err() {
        // What stays behind is overwritten at the next attempt.
        let _ = fs::remove_file(&unfinished);
    }
    placed
}

/// A new file that its owner alone reads: a policy can be told from its keys and values.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

struct Hashed {
    file: BufWriter<File>,
    hash: Sha256,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::{Alternatives, Cancel, Effort, Engine, Event, Numerics, Prefix, Request, Sampling};
    use tempfile::TempDir;

    fn engine(folder: &TempDir, numerics: Numerics) -> Engine {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/gguf/bf16.gguf");
        let mut engine = Engine::load_as(&dir, numerics).unwrap();
        engine.keep_prefix(folder.path());
        engine
    }

    /// Tokens that were there already, and the replies.
    fn ask(engine: &Engine, rule: &str) -> (u32, u32, Vec<String>) {
        let prefix = Prefix {
            effort: Effort::Low,
            developer: format!(
                "# Instructions\n\n{}{rule}",
                "Nothing that smells. ".repeat(12)
            ),
        };
        let request = |seed| Request {
            user: format!("the case {seed}"),
            sampling: Sampling::Seeded {
                seed,
                temperature: 1.0,
                top_p: 1.0,
            },
            tokens_max: 20,
            alternatives: Alternatives::default(),
            draft: None,
        };
        let requests: Vec<Request> = (0..3).map(request).collect();
        let (mut seen, mut replies) = ((0, 0), vec![String::new(); requests.len()]);
        let mut on_event = |event| match event {
            Event::PrefixReady { tokens, reused, .. } => seen = (tokens, reused),
            Event::Finished { index, reply } => {
                replies[index] = format!("{:?} {:?}", reply.analysis, reply.answer);
            }
            _ => {}
        };
        engine
            .generate(&prefix, &requests, &Cancel::default(), &mut on_event)
            .unwrap();
        (seen.0, seen.1, replies)
    }

    #[test]
    fn the_next_start_reads_only_what_changed_and_says_the_same() {
        for numerics in [Numerics::Exact, Numerics::Fast] {
            let (folder, nothing) = (TempDir::new().unwrap(), TempDir::new().unwrap());
            let (tokens, reused, first) = ask(&engine(&folder, numerics), "No smoke.");
            assert!(tokens as usize > TOKENS_MIN && reused == 0);
            let again = ask(&engine(&folder, numerics), "No smoke.");
            assert_eq!(again, (tokens, tokens, first));
            let rule = format!("No smoke but of fires.{}", " Nor that of tar.".repeat(20));
            let edited = ask(&engine(&folder, numerics), &rule);
            assert!(edited.1 as usize > TOKENS_MIN && edited.1 < edited.0);
            assert_eq!(edited.2, ask(&engine(&nothing, numerics), &rule).2);
            // What follows another prefix is kept as one.
            assert!((edited.0 - edited.1) as usize > TOKENS_MIN);
            let again = ask(&engine(&folder, numerics), &rule);
            assert_eq!(again, (edited.0, edited.0, edited.2));
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let file = fs::metadata(folder.path().join(NAME)).unwrap();
                assert_eq!(file.permissions().mode() & 0o777, 0o600);
            }
        }
    }

    #[test]
    fn what_is_damaged_or_another_s_is_passed_over() {
        let folder = TempDir::new().unwrap();
        ask(&engine(&folder, Numerics::Exact), "No smoke.");
        assert_eq!(ask(&engine(&folder, Numerics::Fast), "No smoke.").1, 0);
        // Now it is that of the fast numerics.
        assert_eq!(ask(&engine(&folder, Numerics::Exact), "No smoke.").1, 0);
        let file = folder.path().join(NAME);
        let whole = fs::read(&file).unwrap();
        let mut turned = whole.clone();
        let middle = whole.len() / 2;
        turned[middle] ^= 1;
        for bytes in [&turned[..], &whole[..middle], &whole[..10], &[]] {
            fs::write(&file, bytes).unwrap();
            assert_eq!(ask(&engine(&folder, Numerics::Exact), "No smoke.").1, 0);
            let whole_again = ask(&engine(&folder, Numerics::Exact), "No smoke.");
            assert_eq!(whole_again.0, whole_again.1);
        }
    }
}
