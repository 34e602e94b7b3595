//! Whether a bundle holds, who signed it, and whether those keys are trusted. It needs no
//! workspace, no network and, unless vectors are judged again, no model.

use super::{OnProgress, blocking, disk, export, keys, refused, summary, tell};
use crate::files;
use crate::studio::{Studio, now_ms};
use crate::view::{
    BundleProgress, BundleReport, BundleStep, Failure, KeyTrust, SignatureView, Signed,
    SignerRequest, VerifyRequest, WithheldRequest,
};
use bundle::attest::{Checked, sign};
use bundle::keys::TrustedKey;
use bundle::{Bundle, CaseSet, archive};
use domain::case::Case;
use std::path::{Path, PathBuf};

/// Verifies a bundle without judging anything again. Relative paths begin at `base`.
pub async fn verify_bundle(
    base: &Path,
    request: &VerifyRequest,
    mut on_progress: impl FnMut(BundleProgress) + Send,
) -> Result<BundleReport, Failure> {
    Ok(check(base, request, &mut on_progress).await?.report)
}

/// Adds a signature to a bundle that holds, and writes it to a file.
pub async fn sign_bundle(
    base: &Path,
    file: &str,
    out: &str,
    request: &SignerRequest,
    overwrite: bool,
) -> Result<Signed, Failure> {
    let mut ignored = |_| {};
    let verify = VerifyRequest {
        file: file.to_owned(),
        ..VerifyRequest::default()
    };
    let checked = check(base, &verify, &mut ignored).await?;
    let Some(mut bundle) = checked.bundle.filter(|_| checked.report.verified) else {
        return Err(Failure::input(format!(
            "{file} does not hold, and was not signed. {}",
            checked.report.problems.join(" ")
        )));
    };
    let key = keys::read_private(&base.join(&request.key_file))?;
    let key_id = key.public().id();
    if checked.report.signatures.iter().any(|signature| {
        signature.key_id == key_id && signature.statement == request.statement.trim()
    }) {
        return Err(Failure::input(
            "This key has signed the bundle with this statement already.",
        ));
    }
    let envelope = sign(&bundle.manifest, &key, export::signer(request)?);
    bundle.add(envelope);
    let bytes = bundle.to_bytes().map_err(refused)?;
    let path = base.join(out);
    disk::write_file(&path, &bytes, overwrite)?;
    Ok(Signed {
        path: std::fs::canonicalize(&path)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned(),
        sha256: files::hash(&bytes),
        bytes: bytes.len() as u64,
        key_id,
    })
}

/// A bundle after its verification.
pub(super) struct Verified {
    pub report: BundleReport,
    /// Absent where the file was refused.
    pub bundle: Option<Bundle>,
    /// The suite's cases: the bundle's own, or those that were given for withheld ones.
    pub cases: Option<Vec<Case>>,
}

impl Studio {
    /// Verifies a bundle and, where that is asked and it holds, judges its conformance
    /// vectors again. A bundle that does not hold is a report, not an error.
    pub async fn verify_bundle(
        &self,
        request: VerifyRequest,
        mut on_progress: impl FnMut(BundleProgress) + Send,
    ) -> Result<BundleReport, Failure> {
        let on_progress: OnProgress<'_> = &mut on_progress;
        let Verified {
            mut report,
            bundle,
            cases,
        } = check(self.root(), &request, on_progress).await?;
        let Some(bundle) = bundle.filter(|_| request.rerun && report.verified) else {
            return Ok(report);
        };
        let cases = cases.ok_or_else(|| {
            Failure::input(
                "The bundle's contents are withheld; they cannot be judged again without them. \
                 Give the suite and its salt.",
            )
        })?;
        let rerun = self
            .rerun(&bundle.contents, &cases, request.any_model, on_progress)
            .await?;
        if !rerun.divergences.is_empty() {
            report.problems.push(format!(
                "{} of {} conformance vectors came out otherwise.",
                rerun.divergences.len(),
                rerun.vectors
            ));
            report.verified = false;
        }
        report.rerun = Some(rerun);
        Ok(report)
    }
}

pub(super) async fn check(
    base: &Path,
    request: &VerifyRequest,
    on_progress: OnProgress<'_>,
) -> Result<Verified, Failure> {
    let file = base.join(&request.file);
    let trust = match &request.trust_file {
        Some(path) => Some(keys::read_trust(&base.join(path))?),
        None => None,
    };
    let given = match &request.withheld {
        Some(WithheldRequest {
            suite_file,
            salt_file,
        }) => Some((
            disk::read_cases(&base.join(suite_file))?,
            disk::read_salt(&base.join(salt_file))?,
        )),
        None => None,
    };
    tell(on_progress, BundleStep::Checking, 0, 1);
    let now_ms = now_ms();
    let verified = blocking(move || assess(file, trust.as_deref(), given, now_ms)).await??;
    tell(on_progress, BundleStep::Checking, 1, 1);
    Ok(verified)
}

fn assess(
    file: PathBuf,
    trust: Option<&[TrustedKey]>,
    given: Option<(Vec<Case>, bundle::Salt)>,
    now_ms: i64,
) -> Result<Verified, Failure> {
    let mut report = BundleReport {
        file: file.to_string_lossy().into_owned(),
        verified: false,
        problems: Vec::new(),
        summary: None,
        signatures: Vec::new(),
        trust_given: trust.is_some(),
        suite_matches: None,
        rerun: None,
    };
    // One byte more than a bundle may have is enough to see that it is too large.
    let bytes = disk::read(&file, archive::PACKED_BYTES_MAX)?;
    let bundle = match bundle::read(&bytes) {
        Ok(bundle) => bundle,
        Err(refusal) => {
            report.problems.push(refusal.to_string());
            return Ok(Verified {
                report,
                bundle: None,
                cases: None,
            });
        }
    };
    report.problems.extend(bundle.contradictions());
    report.problems.extend(bundle.out_of_force(now_ms));
    match bundle.signers() {
        Ok(signers) => report.take(&signers, trust),
        Err(refusal) => report.problems.push(refusal.to_string()),
    }
    let cases = match (&bundle.contents.suite, given) {
        (CaseSet::Full(cases), _) => Some(cases.clone()),
        (CaseSet::Withheld(_), None) => None,
        (suite @ CaseSet::Withheld(_), Some((given, salt))) => {
            let revealed = suite.reveal(&given, &salt);
            report.suite_matches = Some(revealed.is_ok());
            revealed
                .map_err(|reason| {
                    report
                        .problems
                        .push(format!("The suite does not match: {reason}."))
                })
                .ok()
        }
    };
    report.verified = report.problems.is_empty();
    report.summary = Some(summary(&bundle));
    Ok(Verified {
        report,
        bundle: Some(bundle),
        cases,
    })
}

impl BundleReport {
    fn take(&mut self, signers: &[Checked], trust: Option<&[TrustedKey]>) {
        for checked in signers {
            let known = trust.map(|keys| keys.iter().find(|key| key.id == checked.key_id));
            if let Some(problem) = &checked.problem {
                self.problems.push(format!(
                    "The signature of {} does not hold: {problem}.",
                    checked.signer.name
                ));
            }
            self.signatures.push(SignatureView {
                name: checked.signer.name.clone(),
                role: checked.signer.role.clone(),
                statement: checked.signer.statement.clone(),
                key_id: checked.key_id.clone(),
                signed_at_ms: checked.signer.signed_at_ms,
                valid: checked.problem.is_none(),
                trust: match known {
                    None => KeyTrust::Unknown,
                    Some(None) => KeyTrust::NotTrusted,
                    Some(Some(key)) => KeyTrust::Trusted {
                        name: key.name.clone(),
                    },
                },
            });
        }
        let trusted = self.signatures.iter().any(|signature| {
            signature.valid && matches!(signature.trust, KeyTrust::Trusted { .. })
        });
        if trust.is_some() && !trusted {
            self.problems.push(if signers.is_empty() {
                "The bundle is not signed, and a trusted signature was asked for.".to_owned()
            } else {
                "None of the trusted keys has signed this bundle.".to_owned()
            });
        }
    }
}
