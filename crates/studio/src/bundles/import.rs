//! A bundle brought into the workspace: its policy and suite as files, its run as a finished
//! run that was judged elsewhere. All three or none.

use super::verify::{Verified, check};
use super::{OnProgress, tell};
use crate::studio::{Studio, now_ms};
use crate::view::{BundleProgress, BundleStep, Failure, ImportRequest, Imported, VerifyRequest};
use crate::workspace::{self, check_name, policy_path, shown, suite_path};
use bundle::Bundle;
use domain::case::{Case, fingerprint, to_line};
use domain::policy::parse;
use std::path::{Path, PathBuf};
use store::{Model, NewImport, NewRun, Revision};
use tempfile::NamedTempFile;

impl Studio {
    /// Imports a bundle that holds. Files that exist with other content are never replaced.
    pub async fn import_bundle(
        &self,
        request: ImportRequest,
        mut on_progress: impl FnMut(BundleProgress) + Send,
    ) -> Result<Imported, Failure> {
        let on_progress: OnProgress<'_> = &mut on_progress;
        let verify = VerifyRequest {
            file: request.file.clone(),
            trust_file: request.trust_file.clone(),
            withheld: request.withheld.clone(),
            ..VerifyRequest::default()
        };
        let Verified {
            report,
            bundle,
            cases,
        } = check(self.root(), &verify, on_progress).await?;
        let Some(bundle) = bundle.filter(|_| report.verified) else {
            return Err(Failure::input(format!(
                "{} was not imported. {}",
                request.file,
                report.problems.join(" ")
            )));
        };
        let cases = cases.ok_or_else(|| {
            Failure::input(format!(
                "{} was not imported: its contents are withheld. Give the suite and its salt.",
                request.file
            ))
        })?;
        let name = request
            .name
            .unwrap_or_else(|| bundle.manifest.policy.name.clone());
        check_name(&name)?;
        self.refuse_twice(&name, &bundle).await?;
        tell(on_progress, BundleStep::Writing, 0, 1);
        let key_ids: Vec<String> = report
            .signatures
            .iter()
            .map(|signature| signature.key_id.clone())
            .collect();
        let run = self.write_all(&name, &bundle, &cases, &key_ids).await?;
        tell(on_progress, BundleStep::Writing, 1, 1);
        Ok(Imported {
            run,
            policy_file: shown(self.root(), &policy_path(self.root(), &name)),
            suite_file: shown(self.root(), &suite_path(self.root(), &name)),
            policy: name,
            cases: cases.len() as u32,
            report,
        })
    }

    async fn refuse_twice(&self, name: &str, bundle: &Bundle) -> Result<(), Failure> {
        let imported = self.store().imported(name).await?;
        let before = imported
            .iter()
            .find(|(_, manifest)| *manifest == bundle.manifest_sha256);
        match before {
            None => Ok(()),
            Some((run, _)) => Err(Failure::input(format!(
                "This bundle was imported already, as run {} of {name}.",
                run.0
            ))),
        }
    }

    /// The database's transaction stays open until both files are in place.
    async fn write_all(
        &self,
        name: &str,
        bundle: &Bundle,
        cases: &[Case],
        key_ids: &[String],
    ) -> Result<domain::run::RunId, Failure> {
        let contents = &bundle.contents;
        let policy = parse(contents.policy_text.as_bytes())
            .map_err(|error| Failure::input(format!("The bundle's policy: {error}")))?;
        let suite: String = cases.iter().map(|case| to_line(case) + "\n").collect();
        let root = self.root();
        let staged = [
            Staged::new(
                root,
                policy_path(root, name),
                workspace::POLICIES,
                contents.policy_text.as_bytes(),
            )?,
            Staged::new(
                root,
                suite_path(root, name),
                workspace::FIXTURES,
                suite.as_bytes(),
            )?,
        ];
        let cases: Vec<(Case, String)> = cases
            .iter()
            .map(|case| (case.clone(), fingerprint(case)))
            .collect();
        let new = NewImport {
            run: NewRun {
                revision: &Revision {
                    policy: name.to_owned(),
                    revision: policy.revision,
                    file_text: contents.policy_text.clone(),
                    body: policy.body,
                    contract: policy.output,
                },
                model: &Model {
                    digest: contents.run.model_digest.clone(),
                    name: contents.run.model_name.clone(),
                    demonstration: contents.run.demonstration,
                },
                settings: &contents.run.settings,
                cases: &cases,
                started_at_ms: contents.run.started_at_ms,
            },
            outcomes: &contents.outcomes,
            finished_at_ms: contents.run.finished_at_ms,
            manifest_sha256: &bundle.manifest_sha256,
            key_ids,
            imported_at_ms: now_ms(),
        };
        let pending = self.store().import_run(&new).await?;
        let mut placed = Placed::default();
        for file in staged {
            placed.place(file)?;
        }
        let run = pending.commit().await?;
        placed.keep();
        Ok(run)
    }
}

/// A file written beside its place; nothing where the same bytes are there already.
struct Staged {
    path: PathBuf,
    file: Option<NamedTempFile>,
}

impl Staged {
    fn new(root: &Path, path: PathBuf, folder: &str, bytes: &[u8]) -> Result<Staged, Failure> {
        use std::io::Write;
        if let Some(there) = crate::files::read(&path)? {
            if there == bytes {
                return Ok(Staged { path, file: None });
            }
            return Err(Failure::input(format!(
                "{} exists already and says something else. Import under another name.",
                shown(root, &path)
            )));
        }
        let folder = root.join(folder);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::file(&folder, "created", &error))?;
        let fault = |error: std::io::Error| Failure::file(&path, "written", &error);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".touchstone-").suffix(".tmp");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o644));
        }
        let mut file = builder.tempfile_in(&folder).map_err(fault)?;
        file.write_all(bytes).map_err(fault)?;
        file.as_file().sync_all().map_err(fault)?;
        Ok(Staged {
            path,
            file: Some(file),
        })
    }
}

/// Files that were put in place, taken away again unless all went well.
#[derive(Default)]
struct Placed(Vec<PathBuf>);

impl Placed {
    fn place(&mut self, staged: Staged) -> Result<(), Failure> {
        let Some(file) = staged.file else {
            return Ok(());
        };
        file.persist_noclobber(&staged.path)
            .map_err(|error| Failure::file(&staged.path, "put in place", &error.error))?;
        self.0.push(staged.path);
        Ok(())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
