//! Keys: Ed25519, private ones as PKCS#8 and public ones as SPKI, both in PEM, as OpenSSL
//! writes and reads them. Random numbers are drawn elsewhere and come in as an argument.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{SigningKey, VerifyingKey};

const PUBLIC_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PUBLIC_END: &str = "-----END PUBLIC KEY-----";

/// Somebody's key for signing. It never prints itself; its memory is wiped when dropped.
pub struct PrivateKey(pub(crate) SigningKey);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(pub(crate) VerifyingKey);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "it is no Ed25519 private key in PKCS#8 PEM (\"-----BEGIN PRIVATE KEY-----\"). Make one with `touchstone key new`"
    )]
    NotPrivate,
    #[error("it is encrypted. Give the key without a passphrase, as `openssl pkey` writes it")]
    Encrypted,
    #[error(
        "it holds no Ed25519 public key in PEM (\"{PUBLIC_BEGIN}\"). Print one with `touchstone key show`"
    )]
    NotPublic,
    #[error("public key number {number} cannot be read as an Ed25519 key")]
    BadPublic { number: usize },
}

impl PrivateKey {
    /// From 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> PrivateKey {
        PrivateKey(SigningKey::from_bytes(seed))
    }

    pub fn from_pem(text: &str) -> Result<PrivateKey, KeyError> {
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") {
            return Err(KeyError::Encrypted);
        }
        SigningKey::from_pkcs8_pem(text.trim())
            .map(PrivateKey)
            .map_err(|_| KeyError::NotPrivate)
    }

    /// PKCS#8 in PEM, version 1: OpenSSL before 3.5 does not read one that holds the public
    /// key as well.
    pub fn to_pem(&self) -> String {
        let keypair = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        keypair
            .to_pkcs8_pem(LineEnding::LF)
            .expect("an Ed25519 key always has a PKCS#8 form")
            .to_string()
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

impl PublicKey {
    pub fn from_pem(text: &str) -> Result<PublicKey, KeyError> {
        VerifyingKey::from_public_key_pem(text.trim())
            .map(PublicKey)
            .map_err(|_| KeyError::NotPublic)
    }

    /// SPKI in PEM.
    pub fn to_pem(&self) -> String {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .expect("an Ed25519 key always has an SPKI form")
    }

    /// SHA-256 of the SPKI encoding, as `openssl pkey -pubin -outform DER | sha256sum` gives it.
    pub fn id(&self) -> String {
        let der = self
            .0
            .to_public_key_der()
            .expect("an Ed25519 key always has an SPKI form");
        crate::sha256(der.as_bytes())
    }
}

/// A key that somebody decided to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    pub id: String,
    /// The last line of text above the key, without `#`.
    pub name: Option<String>,
}

/// Reads a list of trusted keys: public keys in PEM, one below the other; text between
/// them is for people.
pub fn parse_trust(text: &str) -> Result<Vec<TrustedKey>, KeyError> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(PUBLIC_BEGIN) {
        let bad = KeyError::BadPublic {
            number: keys.len() + 1,
        };
        let Some(length) = rest[begin..].find(PUBLIC_END) else {
            return Err(bad);
        };
        let end = begin + length + PUBLIC_END.len();
        let key = PublicKey::from_pem(&rest[begin..end]).map_err(|_| bad)?;
        let name = rest[..begin]
            .lines()
            .map(|line| line.trim_start_matches('#').trim())
            .rfind(|line| !line.is_empty());
        keys.push(TrustedKey {
            id: key.id(),
            name: name.map(str::to_owned),
        });
        rest = &rest[end..];
    }
    if keys.is_empty() {
        return Err(KeyError::NotPublic);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// `openssl genpkey -algorithm ed25519`, and what `openssl pkey -pubout` makes of it.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

    /// The secret is the first test vector of RFC 8032; so is the public key.
    #[test]
    fn keys_are_those_that_openssl_reads_and_writes() {
        let key = PrivateKey::from_pem(PRIVATE).unwrap();
        assert_eq!(key.public().to_pem(), PUBLIC);
        assert_eq!(PublicKey::from_pem(PUBLIC).unwrap(), key.public());
        let again = PrivateKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.public(), key.public());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "hello",
            PUBLIC,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            assert_eq!(PrivateKey::from_pem(text).err(), Some(KeyError::NotPrivate));
        }
        assert_eq!(PublicKey::from_pem(PRIVATE), Err(KeyError::NotPublic));
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
        assert_eq!(
            PrivateKey::from_pem(encrypted).err(),
            Some(KeyError::Encrypted)
        );
    }

    #[test]
    fn a_trust_list_names_its_keys() {
        let other = PrivateKey::from_seed(&[7; 32]).public();
        let text = format!(
            "Our keys\n\n# Ada, policy lead\n{PUBLIC}\n{}",
            other.to_pem()
        );
        let keys = parse_trust(&text).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].name.as_deref(), Some("Ada, policy lead"));
        assert_eq!(keys[1].name, None);
        assert_eq!(keys[1].id, other.id());
        assert_eq!(parse_trust("nothing"), Err(KeyError::NotPublic));
        let cut = &PUBLIC[..60];
        assert_eq!(parse_trust(cut), Err(KeyError::BadPublic { number: 1 }));
    }
}
