//! Making and showing keys. A private key is a file of its owner's; the workspace keeps none.

use super::disk;
use crate::view::Failure;
use bundle::keys::{PrivateKey, PublicKey, TrustedKey, parse_trust};
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewKey {
    pub key_id: String,
    pub private_file: PathBuf,
    pub public_file: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownKey {
    pub key_id: String,
    /// SPKI in PEM, to be given to those who verify.
    pub public_key: String,
}

/// Writes `NAME.key.pem`, for its owner's eyes, and `NAME.pub.pem`.
pub fn new_key(stem: &Path) -> Result<NewKey, Failure> {
    let with = |suffix: &str| {
        let mut name = stem.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let (private_file, public_file) = (with(".key.pem"), with(".pub.pem"));
    let key = PrivateKey::from_seed(&disk::random()?);
    let public = key.public();
    disk::write_secret(&private_file, &key.to_pem())?;
    if let Err(failure) = disk::write_file(&public_file, public.to_pem().as_bytes(), false) {
        // Half a pair is none.
        let _ = std::fs::remove_file(&private_file);
        return Err(failure);
    }
    Ok(NewKey {
        key_id: public.id(),
        private_file,
        public_file,
    })
}

/// The public half of a private or public key file.
pub fn show_key(path: &Path) -> Result<ShownKey, Failure> {
    let text = disk::read_text(path)?;
    let public = match PrivateKey::from_pem(&text) {
        Ok(key) => key.public(),
        Err(_) => PublicKey::from_pem(&text).map_err(|error| bad(path, &error))?,
    };
    Ok(ShownKey {
        key_id: public.id(),
        public_key: public.to_pem(),
    })
}

pub(super) fn read_private(path: &Path) -> Result<PrivateKey, Failure> {
    PrivateKey::from_pem(&disk::read_text(path)?).map_err(|error| bad(path, &error))
}

pub(super) fn read_trust(path: &Path) -> Result<Vec<TrustedKey>, Failure> {
    parse_trust(&disk::read_text(path)?).map_err(|error| bad(path, &error))
}

fn bad(path: &Path, error: &bundle::keys::KeyError) -> Failure {
    Failure::input(format!("{}: {error}.", path.display()))
}
