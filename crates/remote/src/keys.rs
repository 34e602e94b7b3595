//! Keys to servers: in the system's keychain, or, where a machine has none, in a file
//! that only its owner can read. A key belongs to an origin (scheme, host, port) and is
//! shown by nothing here: not by `Debug`, not in an error.

use reqwest::header::HeaderValue;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SERVICE: &str = "touchstone";
const FILE: &str = "keys.json";
/// Names a folder for the file of keys, which is then used in place of the keychain.
const VARIABLE: &str = "TOUCHSTONE_KEYS";

/// A key's text. It is written to servers and keychains, nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Arc<str>);

/// Where a key is kept; the second is said to people whenever it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Keychain,
    /// This machine has no keychain, or none was wanted.
    File(PathBuf),
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

/// All keys of this person on this machine.
#[derive(Debug, Clone)]
pub struct Keys {
    folder: PathBuf,
    keychain: bool,
}

impl Key {
    pub fn new(text: &str) -> Result<Key, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError("The key is empty.".to_owned()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError(
                "The key has a space or a character that no key has. Copy it again.".to_owned(),
            ));
        }
        Ok(Key(text.into()))
    }

    pub(crate) fn bearer(&self) -> HeaderValue {
        let text = format!("Bearer {}", self.0);
        let mut value = HeaderValue::from_str(&text).expect("a key is visible ASCII");
        value.set_sensitive(true);
        value
    }

    /// A text without the key, if it holds it.
    pub(crate) fn redact(&self, text: String) -> String {
        if text.contains(&*self.0) {
            text.replace(&*self.0, "[key]")
        } else {
            text
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Keychain => formatter.write_str("the system's keychain"),
            Place::File(path) => write!(
                formatter,
                "the file {}, readable by you alone: no keychain was used",
                path.display()
            ),
        }
    }
}

impl Keys {
    /// The keychain, or the file in this person's configuration folder where there is none.
    pub fn of_this_person() -> Keys {
        if let Some(folder) = std::env::var_os(VARIABLE) {
            return Keys::in_folder(Path::new(&folder));
        }
        Keys {
            folder: configuration(),
            keychain: true,
        }
    }

    /// The file in this folder, whatever the system has.
    pub fn in_folder(folder: &Path) -> Keys {
        Keys {
            folder: folder.to_owned(),
            keychain: false,
        }
    }

    /// Blocking, as the keychain is.
    pub fn set(&self, origin: &str, key: &Key) -> Result<Place, KeyError> {
        if let Some(entry) = self.entry(origin)? {
            entry
                .set_password(&key.0)
                .map_err(|error| trouble(&error))?;
            // A key from before there was a keychain must not stay behind.
            self.remove_from_file(origin)?;
            return Ok(Place::Keychain);
        }
        let mut keys = self.read()?;
        keys.insert(origin.to_owned(), key.0.to_string());
        self.write(&keys)?;
        Ok(Place::File(self.file()))
    }

    pub fn get(&self, origin: &str) -> Result<Option<(Key, Place)>, KeyError> {
        if let Some(entry) = self.entry(origin)? {
            match entry.get_password() {
                Ok(text) => return Ok(Some((Key::new(&text)?, Place::Keychain))),
                Err(keyring::Error::NoEntry) => {}
                Err(error) => return Err(trouble(&error)),
            }
        }
        let found = self.read()?.remove(origin);
        found
            .map(|text| Ok((Key::new(&text)?, Place::File(self.file()))))
            .transpose()
    }

    /// Whether there was one.
    pub fn remove(&self, origin: &str) -> Result<bool, KeyError> {
        let mut removed = self.remove_from_file(origin)?;
        if let Some(entry) = self.entry(origin)? {
            match entry.delete_credential() {
                Ok(()) => removed = true,
                Err(keyring::Error::NoEntry) => {}
                Err(error) => return Err(trouble(&error)),
            }
        }
        Ok(removed)
    }

    /// Nothing where the system has no keychain. One that is there and locked is an error:
    /// a key must not fall into a file because of that.
    fn entry(&self, origin: &str) -> Result<Option<keyring::Entry>, KeyError> {
        if !self.keychain {
            return Ok(None);
        }
        match keyring::Entry::new(SERVICE, origin) {
            Ok(entry) => Ok(Some(entry)),
            Err(keyring::Error::NoDefaultStore) => Ok(None),
            Err(error) => Err(trouble(&error)),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn read(&self) -> Result<BTreeMap<String, String>, KeyError> {
        let file = self.file();
        let cannot = |what: &dyn fmt::Display| {
            KeyError(format!("{} cannot be read: {what}.", file.display()))
        };
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(BTreeMap::new());
            }
            Err(error) => return Err(cannot(&error)),
        };
        check_mode(&file)?;
        // The parser's own message could repeat what it read.
        serde_json::from_slice(&bytes).map_err(|_| cannot(&"it is not a list of keys; remove it"))
    }

    /// Written beside and renamed, never open to others, not even for a moment.
    fn write(&self, keys: &BTreeMap<String, String>) -> Result<(), KeyError> {
        let file = self.file();
        let cannot = |error: std::io::Error| {
            KeyError(format!("{} cannot be written: {error}.", file.display()))
        };
        fs::create_dir_all(&self.folder).map_err(cannot)?;
        let fresh = self
            .folder
            .join(format!("{FILE}.{}.new", std::process::id()));
        // One that a killed process left would keep its own mode.
        let _ = fs::remove_file(&fresh);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let text = serde_json::to_vec_pretty(keys).expect("a map of texts is JSON");
        let written = options
            .open(&fresh)
            .and_then(|mut open| open.write_all(&text).and_then(|()| open.sync_all()))
            .and_then(|()| fs::rename(&fresh, &file));
        written.map_err(|error| {
            let _ = fs::remove_file(&fresh);
            cannot(error)
        })
    }

    fn remove_from_file(&self, origin: &str) -> Result<bool, KeyError> {
        let mut keys = self.read()?;
        if keys.remove(origin).is_none() {
            return Ok(false);
        }
        self.write(&keys)?;
        Ok(true)
    }
}

#[cfg(unix)]
fn check_mode(file: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(KeyError(format!(
        "{} can be read by others, so its keys are not used. Change the keys at their servers, \
         then run: chmod 600 {0}",
        file.display()
    )))
}

#[cfg(not(unix))]
fn check_mode(_file: &Path) -> Result<(), KeyError> {
    Ok(())
}

/// Names the keychain's trouble; its errors describe places, not keys.
fn trouble(error: &keyring::Error) -> KeyError {
    let what = match error {
        keyring::Error::NoStorageAccess(_) => "it is locked or access was denied".to_owned(),
        keyring::Error::PlatformFailure(cause) => cause.to_string(),
        keyring::Error::Ambiguous(_) => "it has several keys for this server".to_owned(),
        // Others carry what was read.
        _ => "its entry cannot be used".to_owned(),
    };
    KeyError(format!(
        "The system's keychain gave no way to the key: {what}. Unlock it and try again."
    ))
}

fn configuration() -> PathBuf {
    let folder = |variable: &str| std::env::var_os(variable).filter(|text| !text.is_empty());
    let home = || folder("HOME").map(PathBuf::from).unwrap_or_default();
    let base = if cfg!(target_os = "macos") {
        home().join("Library/Application Support")
    } else if cfg!(windows) {
        folder("APPDATA").map(PathBuf::from).unwrap_or_else(home)
    } else {
        folder("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .unwrap_or_else(|| home().join(".config"))
    };
    base.join("touchstone")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const ORIGIN: &str = "https://h.example";

    #[test]
    fn keys_in_a_file_come_back_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::in_folder(&folder.path().join("deeper"));
        assert!(keys.get(ORIGIN).unwrap().is_none());
        let place = keys.set(ORIGIN, &Key::new(" sk-1\n").unwrap()).unwrap();
        assert!(place.to_string().contains("keys.json"), "{place}");
        let (key, found) = keys.get(ORIGIN).unwrap().unwrap();
        assert_eq!((&*key.0, found), ("sk-1", place));
        assert!(keys.get("https://other.example").unwrap().is_none());
        assert!(keys.remove(ORIGIN).unwrap());
        assert!(!keys.remove(ORIGIN).unwrap());
        assert!(keys.get(ORIGIN).unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone_and_not_used_otherwise() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::in_folder(folder.path());
        keys.set(ORIGIN, &Key::new("sk-1").unwrap()).unwrap();
        let file = folder.path().join(FILE);
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let error = keys.get(ORIGIN).unwrap_err().to_string();
        assert!(
            error.contains("chmod 600") && !error.contains("sk-1"),
            "{error}"
        );
    }

    #[test]
    fn a_key_shows_itself_nowhere() {
        let key = Key::new("sk-secret").unwrap();
        assert!(!format!("{key:?} {:?}", key.bearer()).contains("sk-secret"));
        assert_eq!(
            key.redact("bad key sk-secret!".to_owned()),
            "bad key [key]!"
        );
        for bad in ["", " ", "sk secret", "schlüssel", "a\nb"] {
            let error = Key::new(bad).unwrap_err().to_string();
            assert!(bad.len() < 3 || !error.contains(bad), "{error}");
        }
    }
}
