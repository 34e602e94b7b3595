//! Bundles between the workspace and the disk: exported, verified, judged again, imported.
//! The format is the crate `bundle`; here are files, keys, the clock and the model.
//!
//! A bundle comes from strangers. Nothing of it is written anywhere before all of it was
//! read, and an import is whole or not at all.

mod disk;
mod export;
mod import;
mod keys;
mod rerun;
mod verify;

pub use keys::{NewKey, ShownKey, new_key, show_key};
pub use verify::{sign_bundle, verify_bundle};

use crate::view::{BundleContent, BundleProgress, BundleStep, BundleSummary, Failure};
use bundle::{Bundle, Refusal};

type OnProgress<'a> = &'a mut (dyn FnMut(BundleProgress) + Send);

fn tell(on_progress: OnProgress<'_>, step: BundleStep, done: u32, total: u32) {
    on_progress(BundleProgress { step, done, total });
}

/// What cannot be exported, as the analyst's to mend.
fn refused(refusal: Refusal) -> Failure {
    Failure::input(refusal.to_string())
}

/// Heavy work off the threads that answer the window.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::internal(format!("The work stopped unexpectedly: {error}")))
}

fn summary(bundle: &Bundle) -> BundleSummary {
    let (manifest, contents) = (&bundle.manifest, &bundle.contents);
    BundleSummary {
        policy: manifest.policy.name.clone(),
        title: manifest.policy.title.clone(),
        revision: domain::policy::RevisionId(manifest.policy.revision.clone()),
        content: if manifest.suite.withheld {
            BundleContent::Withheld
        } else {
            BundleContent::Full
        },
        cases: manifest.suite.cases,
        vectors: contents.outcomes.len() as u32,
        model_name: manifest.model.name.clone(),
        model_digest: manifest.model.digest.clone(),
        demonstration: manifest.model.demonstration,
        settings: contents.run.settings.clone(),
        metrics: contents.metrics(),
        gates: contents.gates.clone(),
        not_before_ms: manifest.validity.not_before_ms,
        expires_at_ms: manifest.validity.expires_at_ms,
        manifest_sha256: bundle.manifest_sha256.clone(),
        files: manifest
            .files
            .iter()
            .map(|file| crate::view::BundleFile {
                path: file.path.clone(),
                sha256: file.sha256.clone(),
                bytes: file.bytes,
            })
            .collect(),
        change_log: contents.change_log.clone(),
    }
}
