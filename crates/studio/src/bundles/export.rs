//! A finished run on its way out: a signed bundle, another tool's form, or a report.

use super::{OnProgress, blocking, disk, keys, refused, tell};
use crate::gates::told;
use crate::studio::Studio;
use crate::view::{
    BundleContent, BundleProgress, BundleStep, Code, ExportFormat, ExportRequest, Exported,
    Failure, SignerRequest,
};
use crate::workspace::{CONFIG, check_name};
use crate::{DATA, files};
use bundle::attest::{Signer, sign};
use bundle::keys::PrivateKey;
use bundle::{
    CaseSet, Contents, Format, ReleaseRecord, RunRecord, Salt, SignOffRecord, Validity, withhold,
};
use domain::gate::{GateResult, GateState};
use domain::run::RunId;
use std::path::{Path, PathBuf};
use store::{Run, RunState};

/// The newest runs among which a finished one is looked for.
const RECENT_MAX: u32 = 200;
const SALT: &str = "salt";

impl Studio {
    /// Writes a finished run of a policy to one file or folder, whole or not at all. The same
    /// request always gives the same bytes.
    pub async fn export_bundle(
        &self,
        request: ExportRequest,
        mut on_progress: impl FnMut(BundleProgress) + Send,
    ) -> Result<Exported, Failure> {
        let on_progress: OnProgress<'_> = &mut on_progress;
        check_name(&request.policy)?;
        check_signers(&request)?;
        tell(on_progress, BundleStep::Reading, 0, 1);
        let run = self.run_to_export(&request).await?;
        let signers = read_signers(self.root(), &request.signers)?;
        let contents = self.contents(&run, &request).await?;
        let out = self.root().join(&request.out);
        // Only within the workspace: a mistyped path elsewhere makes no folders.
        if let Some(folder) = out
            .parent()
            .filter(|_| Path::new(&request.out).is_relative())
        {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::file(folder, "created", &error))?;
        }
        let cases = contents.outcomes.len() as u32;
        let key_ids = signers.iter().map(|(key, _)| key.public().id()).collect();
        let (contents, salt) = match request.content {
            BundleContent::Full => (contents, None),
            BundleContent::Withheld => {
                let salt = bundle_salt(self.root(), &contents)?;
                (withhold(contents, &salt), Some(salt))
            }
        };
        tell(on_progress, BundleStep::Packing, 0, cases);
        let format = request.format;
        let made = blocking(move || make(&contents, format, &signers)).await??;
        tell(on_progress, BundleStep::Writing, cases, cases);
        let salt_file = match &salt {
            Some(salt) if format == ExportFormat::Bundle => Some(write_salt(&out, salt)?),
            _ => None,
        };
        let (bytes, sha256) = match made {
            Made::File(bytes) => {
                disk::write_file(&out, &bytes, request.overwrite)?;
                (bytes.len() as u64, Some(files::hash(&bytes)))
            }
            Made::Folder(files) => (disk::write_folder(&out, &files)?, None),
        };
        let path = std::fs::canonicalize(&out).unwrap_or(out);
        Ok(Exported {
            path: path.to_string_lossy().into_owned(),
            run: run.run,
            format,
            sha256,
            bytes,
            cases,
            key_ids,
            salt_file: salt_file.map(|path| path.to_string_lossy().into_owned()),
        })
    }

    async fn run_to_export(&self, request: &ExportRequest) -> Result<Run, Failure> {
        let policy = &request.policy;
        let Some(RunId(number)) = request.run else {
            let runs = self.store().runs(policy, RECENT_MAX).await?;
            return runs
                .into_iter()
                .find(|run| run.state == RunState::Finished)
                .ok_or_else(|| {
                    Failure::input(format!("{policy} has no finished run. Run it first."))
                });
        };
        let run = self.store().run(RunId(number)).await?;
        if run.policy != *policy {
            return Err(Failure::input(format!(
                "Run {number} is a run of {}, not of {policy}. Choose one of {policy}.",
                run.policy
            )));
        }
        if run.state != RunState::Finished {
            return Err(Failure::input(format!(
                "Run {number} is not finished. Resume it first, or choose another."
            )));
        }
        Ok(run)
    }

    async fn contents(&self, run: &Run, request: &ExportRequest) -> Result<Contents, Failure> {
        let policy_text = self.file_text(run).await?;
        let mut cases = Vec::new();
        let mut outcomes = Vec::new();
        for case in self.store().run_cases(run.run).await? {
            let missing = || {
                Failure::internal(format!(
                    "Run {} is finished, but case {} has no outcome.",
                    run.run.0, case.case.id
                ))
            };
            outcomes.push(case.outcome.clone().ok_or_else(missing)?);
            cases.push(case.case);
        }
        let release = self.release_of(run).await?;
        let gates = self.gates_to_state(run, release.as_ref()).await?;
        if !request.allow_unmet_gates {
            refuse_unmet(&run.policy, &gates)?;
        }
        let change_log = request.change_log.clone().or_else(|| {
            let release = release.as_ref()?;
            Some(release.change_log.clone())
        });
        Ok(Contents {
            policy_name: run.policy.clone(),
            policy_text,
            suite: CaseSet::Full(cases),
            run: RunRecord {
                model_name: run.model.name.clone(),
                model_digest: run.model.digest.clone(),
                demonstration: run.model.demonstration,
                settings: run.settings.clone(),
                started_at_ms: run.started_at_ms,
                finished_at_ms: run.finished_at_ms.unwrap_or(run.started_at_ms),
            },
            outcomes,
            gates,
            change_log: change_log.unwrap_or_default(),
            release: self.release_record(run, release).await?,
            validity: Validity {
                not_before_ms: request.not_before_ms,
                expires_at_ms: request.expires_at_ms,
            },
        })
    }
}

impl Studio {
    /// The newest release of this very run.
    async fn release_of(&self, run: &Run) -> Result<Option<store::Release>, Failure> {
        let releases = self.store().releases(&run.policy).await?;
        Ok(releases.into_iter().find(|release| release.run == run.run))
    }

    /// What a release recorded of its gates; else what the run makes of them now.
    async fn gates_to_state(
        &self,
        run: &Run,
        release: Option<&store::Release>,
    ) -> Result<Vec<GateResult>, Failure> {
        if let Some(release) = release {
            return Ok(release.gates.clone());
        }
        let gates = self.gates_of(&run.policy);
        if gates.map_err(|problems| told(&problems))?.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.gate_report(run.run, None).await?.results)
    }

    async fn release_record(
        &self,
        run: &Run,
        release: Option<store::Release>,
    ) -> Result<Option<ReleaseRecord>, Failure> {
        let sign_offs: Vec<SignOffRecord> = self
            .store()
            .sign_offs(run.run)
            .await?
            .into_iter()
            .map(|sign_off| SignOffRecord {
                name: sign_off.name,
                role: sign_off.role,
                key: sign_off.key,
                statement: sign_off.statement,
                signed_at_ms: sign_off.signed_at_ms,
            })
            .collect();
        if release.is_none() && sign_offs.is_empty() {
            return Ok(None);
        }
        Ok(Some(ReleaseRecord {
            version: release.as_ref().map(|release| release.version.clone()),
            released_at_ms: release.map(|release| release.released_at_ms),
            sign_offs,
        }))
    }
}

fn refuse_unmet(policy: &str, gates: &[GateResult]) -> Result<(), Failure> {
    let missed: Vec<&str> = gates
        .iter()
        .filter(|result| result.state != GateState::Passed)
        .map(|result| result.message.as_str())
        .collect();
    let reason = match (gates.is_empty(), &missed[..]) {
        (false, []) => return Ok(()),
        (true, _) => format!("{CONFIG} sets no gate for it."),
        (false, missed) => missed.join(" "),
    };
    Err(Failure {
        code: Code::GatesNotMet,
        message: format!(
            "{policy} was not exported, because it does not meet its gates: {reason} Meet them, or \
             say that it leaves all the same (--allow-unmet-gates); the bundle will say so."
        ),
    })
}

enum Made {
    File(Vec<u8>),
    Folder(std::collections::BTreeMap<String, Vec<u8>>),
}

fn make(
    contents: &Contents,
    format: ExportFormat,
    signers: &[(PrivateKey, Signer)],
) -> Result<Made, Failure> {
    let folder = |format| bundle::export(contents, format).map(Made::Folder);
    match format {
        ExportFormat::Bundle => bundle::write(contents, |manifest| {
            signers
                .iter()
                .map(|(key, signer)| sign(manifest, key, signer.clone()))
                .collect()
        })
        .map(Made::File),
        ExportFormat::Report => {
            bundle::report(contents, &[]).map(|page| Made::File(page.into_bytes()))
        }
        ExportFormat::Opa => folder(Format::Opa),
        ExportFormat::Promptfoo => folder(Format::Promptfoo),
        ExportFormat::OpenaiEvals => folder(Format::OpenaiEvals),
        ExportFormat::Inspect => folder(Format::Inspect),
        ExportFormat::Roost => folder(Format::Roost),
    }
    .map_err(refused)
}

fn check_signers(request: &ExportRequest) -> Result<(), Failure> {
    if request.format != ExportFormat::Bundle && !request.signers.is_empty() {
        return Err(Failure::input(
            "Only a bundle is signed. Export a bundle, or leave the signers out.",
        ));
    }
    if let (Some(from), Some(end)) = (request.not_before_ms, request.expires_at_ms)
        && from >= end
    {
        return Err(Failure::input(
            "The bundle would expire before it is valid. Choose a later end.",
        ));
    }
    Ok(())
}

fn read_signers(
    root: &Path,
    requests: &[SignerRequest],
) -> Result<Vec<(PrivateKey, Signer)>, Failure> {
    requests
        .iter()
        .map(|request| {
            let key = keys::read_private(&root.join(&request.key_file))?;
            Ok((key, signer(request)?))
        })
        .collect()
}

/// Who signs, in bounds; the public key is filled in when signing.
pub(super) fn signer(request: &SignerRequest) -> Result<Signer, Failure> {
    let checked = |what: &str, text: &str, chars_max: usize| {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > chars_max {
            return Err(Failure::input(format!(
                "The signer's {what} must have between 1 and {chars_max} characters."
            )));
        }
        Ok(text.to_owned())
    };
    Ok(Signer {
        name: checked("name", &request.name, 200)?,
        role: checked("role", &request.role, 200)?,
        statement: checked("statement", &request.statement, 4000)?,
        public_key: String::new(),
        signed_at_ms: request.signed_at_ms,
    })
}

/// The salt of a bundle follows from the workspace's secret and from what is salted, so that
/// the same export has the same bytes, and one bundle's salt does not give away another's.
fn bundle_salt(root: &Path, contents: &Contents) -> Result<Salt, Failure> {
    let path = root.join(DATA).join(SALT);
    if !path.exists() {
        let fresh = Salt(disk::random()?);
        match disk::write_secret(&path, &fresh.to_text()) {
            // Another process was quicker; its secret is read below.
            Err(_) if path.exists() => {}
            written => written?,
        }
    }
    let secret = disk::read_salt(&path)?;
    Ok(secret.of(contents))
}

/// Beside the bundle, for those who may check its contents.
fn write_salt(out: &Path, salt: &Salt) -> Result<PathBuf, Failure> {
    let mut name = out.as_os_str().to_owned();
    name.push(".salt");
    let path = PathBuf::from(name);
    if path.exists() && disk::read_salt(&path)? == *salt {
        return Ok(path);
    }
    disk::write_secret(&path, &salt.to_text())?;
    Ok(path)
}
