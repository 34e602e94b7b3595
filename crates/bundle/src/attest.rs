//! Attestations: one in-toto statement a signer about the manifest, in a DSSE envelope.
//!
//! DSSE: <https://github.com/secure-systems-lab/dsse>; in-toto Statement v1 and the bundle of
//! envelopes as JSON Lines: <https://github.com/in-toto/attestation>. Verification uses the
//! strict rules of ed25519-dalek, which refuse weak keys and malleable signatures.

use crate::keys::{PrivateKey, PublicKey};
use crate::manifest::{MANIFEST, Manifest};
use crate::refusal::Refusal;
use crate::{ATTESTATIONS, sha256};
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _};
use serde::{Deserialize, Serialize};

pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// A name of our own, not an address: nothing is to be found there.
pub const PREDICATE_TYPE: &str = "urn:touchstone:attestation:release:v1";
pub const ATTESTATIONS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub payload: String,
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    pub signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    pub keyid: String,
    pub sig: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    #[serde(rename = "_type")]
    pub statement_type: String,
    pub subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    pub predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub name: String,
    pub digest: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    pub sha256: String,
}

/// What a signer says of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    pub policy: String,
    pub revision: String,
    pub signer: Signer,
}

/// Who signs, as they say themselves; that the key is theirs, only a trust list can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    pub name: String,
    pub role: String,
    pub statement: String,
    /// SPKI in PEM.
    pub public_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at_ms: Option<i64>,
}

/// One attestation, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub signer: Signer,
    pub key_id: String,
    /// Why it does not hold.
    pub problem: Option<String>,
}

/// DSSE's pre-authentication encoding: what is signed.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// Signs a manifest.
pub fn sign(manifest: &Manifest, key: &PrivateKey, signer: Signer) -> Envelope {
    let statement = Statement {
        statement_type: STATEMENT_TYPE.to_owned(),
        subject: vec![Subject {
            name: MANIFEST.to_owned(),
            digest: Digest {
                sha256: sha256(&manifest.to_bytes()),
            },
        }],
        predicate_type: PREDICATE_TYPE.to_owned(),
        predicate: Predicate {
            policy: manifest.policy.name.clone(),
            revision: manifest.policy.revision.clone(),
            signer: Signer {
                public_key: key.public().to_pem(),
                ..signer
            },
        },
    };
    let payload = serde_json::to_vec(&statement).expect("a statement has text keys and serialises");
    let signature = key.0.sign(&pae(PAYLOAD_TYPE, &payload));
    Envelope {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![EnvelopeSignature {
            keyid: key.public().id(),
            sig: STANDARD.encode(signature.to_bytes()),
        }],
    }
}

pub(crate) fn to_lines(envelopes: &[Envelope]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for envelope in envelopes {
        let line = serde_json::to_vec(envelope).expect("an envelope has text keys and serialises");
        bytes.extend(line);
        bytes.push(b'\n');
    }
    bytes
}

pub(crate) fn parse_lines(bytes: &[u8]) -> Result<Vec<Envelope>, Refusal> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| Refusal::malformed(ATTESTATIONS, error))?;
    let mut envelopes: Vec<Envelope> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if envelopes.len() == ATTESTATIONS_MAX {
            let detail = format!("it has more than {ATTESTATIONS_MAX} attestations");
            return Err(Refusal::malformed(ATTESTATIONS, detail));
        }
        let envelope = serde_json::from_str(line)
            .map_err(|error| Refusal::malformed(ATTESTATIONS, format!("line {number}: {error}")))?;
        envelopes.push(envelope);
    }
    if envelopes.is_empty() || to_lines(&envelopes) != bytes {
        return Err(Refusal::NotCanonical(ATTESTATIONS.to_owned()));
    }
    Ok(envelopes)
}

/// Whether an envelope is its signer's word on this manifest.
pub fn check(envelope: &Envelope, manifest: &Manifest) -> Result<Checked, Refusal> {
    let malformed = |detail: String| Refusal::malformed(ATTESTATIONS, detail);
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(malformed(format!(
            "a payload of type \"{}\"",
            envelope.payload_type
        )));
    }
    let [signature] = &envelope.signatures[..] else {
        return Err(malformed(format!(
            "an envelope with {} signatures instead of one",
            envelope.signatures.len()
        )));
    };
    let payload = STANDARD
        .decode(&envelope.payload)
        .map_err(|error| malformed(format!("a payload that is not base64: {error}")))?;
    let statement: Statement =
        serde_json::from_slice(&payload).map_err(|error| malformed(error.to_string()))?;
    let key = PublicKey::from_pem(&statement.predicate.signer.public_key);
    let problem = match &key {
        Err(_) => Some("its public key cannot be read".to_owned()),
        Ok(key) => problem(&statement, &payload, signature, key, manifest),
    };
    Ok(Checked {
        signer: statement.predicate.signer,
        key_id: key.map_or_else(|_| signature.keyid.clone(), |key| key.id()),
        problem,
    })
}

fn problem(
    statement: &Statement,
    payload: &[u8],
    signature: &EnvelopeSignature,
    key: &PublicKey,
    manifest: &Manifest,
) -> Option<String> {
    let signed = STANDARD
        .decode(&signature.sig)
        .ok()
        .and_then(|bytes| Signature::from_slice(&bytes).ok());
    let holds = signed.is_some_and(|signed| {
        key.0
            .verify_strict(&pae(PAYLOAD_TYPE, payload), &signed)
            .is_ok()
    });
    if !holds {
        return Some("the signature is not this key's over this statement".to_owned());
    }
    if signature.keyid != key.id() {
        return Some("it names another key than the one that signed".to_owned());
    }
    if statement.statement_type != STATEMENT_TYPE || statement.predicate_type != PREDICATE_TYPE {
        return Some("it is a statement of another type".to_owned());
    }
    let subject = Subject {
        name: MANIFEST.to_owned(),
        digest: Digest {
            sha256: sha256(&manifest.to_bytes()),
        },
    };
    if statement.subject != [subject] {
        return Some("it is about another bundle".to_owned());
    }
    let predicate = &statement.predicate;
    if predicate.policy != manifest.policy.name || predicate.revision != manifest.policy.revision {
        return Some("it names another policy or revision".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the DSSE protocol text.
    #[test]
    fn the_encoding_is_that_of_dsse() {
        let found = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            String::from_utf8_lossy(&found),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
