//! Bundles through the studio: out of one workspace, checked, judged again, into another.

use crate::support::{self, POLICY, SUITE, Workspace, line, reads};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use studio::Studio;
use studio::replay::Replay;
use studio::view::{
    BundleContent, BundleReport, ExportFormat, ExportRequest, Failure, ImportRequest, KeyTrust,
    SignerRequest, VerifyRequest, WithheldRequest,
};
use tempfile::TempDir;

fn export(out: &str) -> ExportRequest {
    ExportRequest {
        policy: "tobacco".to_owned(),
        run: None,
        format: ExportFormat::Bundle,
        out: out.to_owned(),
        overwrite: false,
        content: BundleContent::Full,
        signers: Vec::new(),
        allow_unmet_gates: true,
        not_before_ms: None,
        expires_at_ms: None,
        change_log: Some("- First.\n".to_owned()),
    }
}

fn signer(key_file: &Path) -> SignerRequest {
    SignerRequest {
        name: "Ada".to_owned(),
        role: "policy owner".to_owned(),
        statement: "I have read every case.".to_owned(),
        key_file: key_file.to_string_lossy().into_owned(),
        signed_at_ms: Some(1_795_517_100_000),
    }
}

async fn export_to(workspace: &Workspace, request: ExportRequest) -> PathBuf {
    let exported = workspace.studio.export_bundle(request, |_| {}).await;
    PathBuf::from(exported.unwrap().path)
}

/// A workspace with a finished run.
async fn judged() -> Workspace {
    let workspace = support::workspace().await;
    workspace.finished(POLICY).await;
    workspace
}

/// An empty workspace whose judge answers as `reads`, or otherwise.
async fn elsewhere(replay: Replay) -> (TempDir, Studio) {
    let folder = tempfile::tempdir().unwrap();
    let studio = support::open(&folder, Arc::new(replay)).await;
    (folder, studio)
}

async fn verified(studio: &Studio, request: VerifyRequest) -> BundleReport {
    studio.verify_bundle(request, |_| {}).await.unwrap()
}

fn verify(file: &Path) -> VerifyRequest {
    VerifyRequest {
        file: file.to_string_lossy().into_owned(),
        ..VerifyRequest::default()
    }
}

fn rerun(file: &Path) -> VerifyRequest {
    VerifyRequest {
        rerun: true,
        ..verify(file)
    }
}

#[tokio::test]
async fn a_bundle_is_verified_and_judged_again_elsewhere() {
    let here = judged().await;
    let file = export_to(&here, export("release.tar.gz")).await;
    let (_folder, there) = elsewhere(Replay::new(reads)).await;
    let mut steps = Vec::new();
    let report = there
        .verify_bundle(rerun(&file), |progress| steps.push(progress))
        .await
        .unwrap();
    assert!(report.verified, "{:?}", report.problems);
    let rerun = report.rerun.unwrap();
    assert_eq!((rerun.vectors, rerun.equal), (4, 4));
    assert!(rerun.same_model && rerun.divergences.is_empty());
    assert_eq!(
        steps.last().map(|step| (step.done, step.total)),
        Some((4, 4))
    );
    let summary = report.summary.unwrap();
    assert_eq!(summary.change_log, "- First.\n");
    assert!(report.signatures.is_empty());
}

#[tokio::test]
async fn each_divergence_is_listed_with_both_margins() {
    let here = judged().await;
    let file = export_to(&here, export("release.tar.gz")).await;
    let (_folder, there) = elsewhere(Replay::new(|prefix, request| {
        if request.user.contains("snuff") {
            line("Snuff is none.", "SAFE S1", -0.25)
        } else {
            reads(prefix, request)
        }
    }))
    .await;
    let report = verified(&there, rerun(&file)).await;
    assert!(!report.verified);
    let rerun = report.rerun.unwrap();
    assert_eq!((rerun.vectors, rerun.equal), (4, 3));
    let [divergence] = &rerun.divergences[..] else {
        panic!("{:?}", rerun.divergences);
    };
    assert_eq!(divergence.case, "d");
    assert_eq!(divergence.recorded.margin, Some(4.0));
    assert_eq!(divergence.now.margin, Some(-0.25));
}

#[tokio::test]
async fn another_model_judges_only_when_told() {
    let here = judged().await;
    let file = export_to(&here, export("release.tar.gz")).await;
    let other = Replay::new(reads).with_digest(&"7a".repeat(32));
    let (_folder, there) = elsewhere(other).await;
    let failure = there.verify_bundle(rerun(&file), |_| {}).await.unwrap_err();
    assert!(
        failure.message.contains("say that another may judge"),
        "{failure}"
    );
    let request = VerifyRequest {
        any_model: true,
        ..rerun(&file)
    };
    let report = verified(&there, request).await;
    assert!(report.verified && !report.rerun.unwrap().same_model);
}

#[tokio::test]
async fn two_exports_are_the_same_bytes() {
    let here = judged().await;
    let key = studio::new_key(&here.folder.path().join("ada")).unwrap();
    let request = |out: &str, content| ExportRequest {
        content,
        signers: vec![signer(&key.private_file)],
        ..export(out)
    };
    for content in [BundleContent::Full, BundleContent::Withheld] {
        let a = export_to(&here, request(&format!("a-{content:?}"), content)).await;
        let b = export_to(&here, request(&format!("b-{content:?}"), content)).await;
        assert!(std::fs::read(a).unwrap() == std::fs::read(b).unwrap());
    }
}

#[tokio::test]
async fn who_signed_is_told_and_whether_the_key_is_trusted() {
    let here = judged().await;
    let root = here.folder.path();
    let ada = studio::new_key(&root.join("ada")).unwrap();
    let bob = studio::new_key(&root.join("bob")).unwrap();
    let request = ExportRequest {
        signers: vec![signer(&ada.private_file)],
        ..export("release.tar.gz")
    };
    let file = export_to(&here, request).await;
    let second = SignerRequest {
        name: "Bob".to_owned(),
        ..signer(&bob.private_file)
    };
    let name = file.to_string_lossy();
    studio::sign_bundle(root, &name, &name, &second, true)
        .await
        .unwrap();
    let again = studio::sign_bundle(root, &name, &name, &second, true).await;
    assert!(again.unwrap_err().message.contains("already"));

    let report = verified(&here.studio, verify(&file)).await;
    let names: Vec<_> = report
        .signatures
        .iter()
        .map(|by| by.name.as_str())
        .collect();
    assert_eq!(names, ["Ada", "Bob"]);
    assert!(
        report
            .signatures
            .iter()
            .all(|by| by.valid && by.trust == KeyTrust::Unknown)
    );

    let public = std::fs::read_to_string(&bob.public_file).unwrap();
    std::fs::write(
        root.join("trust.pem"),
        format!("# Bob of the review\n{public}"),
    )
    .unwrap();
    let trusting = VerifyRequest {
        trust_file: Some("trust.pem".to_owned()),
        ..verify(&file)
    };
    let report = verified(&here.studio, trusting.clone()).await;
    assert!(report.verified, "{:?}", report.problems);
    assert_eq!(report.signatures[0].trust, KeyTrust::NotTrusted);
    let name = Some("Bob of the review".to_owned());
    assert_eq!(report.signatures[1].trust, KeyTrust::Trusted { name });

    let unsigned = export_to(&here, export("unsigned.tar.gz")).await;
    let report = verified(
        &here.studio,
        VerifyRequest {
            file: unsigned.to_string_lossy().into_owned(),
            ..trusting
        },
    )
    .await;
    assert_eq!(
        report.problems,
        ["The bundle is not signed, and a trusted signature was asked for."]
    );
}

#[cfg(unix)]
#[test]
fn a_private_key_is_for_its_owner_alone_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("ada");
    let key = studio::new_key(&stem).unwrap();
    let mode = std::fs::metadata(&key.private_file)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let shown = [&key.private_file, &key.public_file].map(|file| studio::show_key(file).unwrap());
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[0].key_id, key.key_id);
    let failure = studio::new_key(&stem).unwrap_err();
    assert!(failure.message.contains("never overwritten"), "{failure}");
}

#[tokio::test]
async fn an_import_brings_policy_suite_and_run() {
    let here = judged().await;
    let file = export_to(&here, export("release.tar.gz")).await;
    let (folder, there) = elsewhere(Replay::new(reads)).await;
    let request = ImportRequest {
        file: file.to_string_lossy().into_owned(),
        ..ImportRequest::default()
    };
    let imported = there.import_bundle(request.clone(), |_| {}).await.unwrap();
    assert_eq!(imported.policy, "tobacco");
    let policy = std::fs::read_to_string(folder.path().join("policies/tobacco.md"));
    assert_eq!(policy.unwrap(), POLICY);
    let before = here
        .studio
        .record(here.studio.runs("tobacco").await.unwrap()[0].run, None);
    let after = there.record(imported.run, None).await.unwrap();
    let before = before.await.unwrap();
    assert_eq!(after.cases.len(), 4);
    for (before, after) in before.cases.iter().zip(&after.cases) {
        assert_eq!(
            (&before.case, &before.outcome),
            (&after.case, &after.outcome)
        );
    }
    assert_eq!(after.figures.metrics, before.figures.metrics);
    let failure = there.import_bundle(request, |_| {}).await.unwrap_err();
    assert!(failure.message.contains("imported already"), "{failure}");

    // And it leaves that workspace as it left the first.
    let again = there
        .export_bundle(export("again.tar.gz"), |_| {})
        .await
        .unwrap();
    let bytes = [
        std::fs::read(again.path).unwrap(),
        std::fs::read(&file).unwrap(),
    ];
    assert!(
        bytes[0] == bytes[1],
        "an imported run is exported as it came"
    );
}

/// An imported run is somebody's word: this machine still judges for itself.
#[tokio::test]
async fn imported_outcomes_are_never_taken_for_ones_own() {
    let here = judged().await;
    let file = export_to(&here, export("release.tar.gz")).await;
    let folder = tempfile::tempdir().unwrap();
    let replay = Arc::new(Replay::new(reads));
    let studio = support::open(&folder, replay.clone()).await;
    let request = ImportRequest {
        file: file.to_string_lossy().into_owned(),
        ..ImportRequest::default()
    };
    studio.import_bundle(request, |_| {}).await.unwrap();
    let there = Workspace {
        folder,
        replay,
        studio,
    };
    let view = there.finished(POLICY).await;
    assert_eq!(there.replay.asked().len(), 4, "every case is judged here");
    assert!(view.rows.iter().all(|row| !row.cached));
    let baseline = view.baseline.unwrap();
    assert_ne!(
        baseline.run, view.summary.run,
        "the imported run is the baseline"
    );
    assert!(view.rows.iter().all(|row| row.flip.is_none()));
}

#[tokio::test]
async fn a_withheld_bundle_needs_its_suite_and_salt() {
    let here = judged().await;
    let request = ExportRequest {
        content: BundleContent::Withheld,
        ..export("release.tar.gz")
    };
    let exported = here.studio.export_bundle(request, |_| {}).await.unwrap();
    let file = PathBuf::from(&exported.path);
    let bytes = std::fs::read(&file).unwrap();
    let read = bundle_text(&bytes);
    assert!(!read.contains("cigars") && !read.contains("An offer to sell"));

    let (folder, there) = elsewhere(Replay::new(reads)).await;
    let report = verified(&there, verify(&file)).await;
    assert!(report.verified && report.suite_matches.is_none());
    let failure = there.verify_bundle(rerun(&file), |_| {}).await.unwrap_err();
    assert!(failure.message.contains("withheld"), "{failure}");
    let bare = ImportRequest {
        file: exported.path.clone(),
        ..ImportRequest::default()
    };
    assert!(there.import_bundle(bare.clone(), |_| {}).await.is_err());
    assert!(!folder.path().join("policies").exists());

    std::fs::write(folder.path().join("suite.jsonl"), SUITE).unwrap();
    let withheld = Some(WithheldRequest {
        suite_file: "suite.jsonl".to_owned(),
        salt_file: exported.salt_file.unwrap(),
    });
    let request = VerifyRequest {
        withheld: withheld.clone(),
        ..rerun(&file)
    };
    let report = verified(&there, request.clone()).await;
    assert!(report.verified, "{:?}", report.problems);
    assert_eq!(report.suite_matches, Some(true));
    assert_eq!(report.rerun.unwrap().equal, 4);
    let imported = there
        .import_bundle(ImportRequest { withheld, ..bare }, |_| {})
        .await;
    assert_eq!(imported.unwrap().cases, 4);

    let edited = SUITE.replace("nice weather", "bad weather");
    std::fs::write(folder.path().join("suite.jsonl"), edited).unwrap();
    let report = verified(&there, request).await;
    assert!(!report.verified && report.suite_matches == Some(false));
}

fn bundle_text(packed: &[u8]) -> String {
    let files = bundle::archive::unpack(packed).unwrap();
    let texts = files
        .iter()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    texts.collect()
}

#[tokio::test]
async fn exports_never_replace_what_is_there_unasked() {
    let here = judged().await;
    export_to(&here, export("release.tar.gz")).await;
    let refused = |result: Result<_, Failure>| {
        result
            .map(|_: studio::view::Exported| ())
            .unwrap_err()
            .message
    };
    let message = refused(
        here.studio
            .export_bundle(export("release.tar.gz"), |_| {})
            .await,
    );
    assert!(message.contains("exists already"), "{message}");
    let again = ExportRequest {
        overwrite: true,
        ..export("release.tar.gz")
    };
    export_to(&here, again).await;
    let folder = ExportRequest {
        format: ExportFormat::Promptfoo,
        ..export("promptfoo")
    };
    let path = export_to(&here, folder.clone()).await;
    assert!(path.join("promptfooconfig.yaml").is_file());
    let again = ExportRequest {
        overwrite: true,
        ..folder
    };
    let message = refused(here.studio.export_bundle(again, |_| {}).await);
    assert!(message.contains("does not exist yet"), "{message}");
    let backwards = ExportRequest {
        not_before_ms: Some(2),
        expires_at_ms: Some(1),
        ..export("x")
    };
    let message = refused(here.studio.export_bundle(backwards, |_| {}).await);
    assert!(message.contains("expire before"), "{message}");
    let leftovers: Vec<_> = std::fs::read_dir(here.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

/// Every file below a folder, the database left out, which has journals of its own.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
                found.insert(path, Vec::new());
            } else if !path.to_string_lossy().contains("studio.db") {
                let bytes = std::fs::read(&path).unwrap();
                found.insert(path, bytes);
            }
        }
    }
    found
}

#[tokio::test]
async fn no_hostile_bundle_leaves_a_trace() {
    let collection = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/hostile-bundles");
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("workspace");
    std::fs::create_dir(&root).unwrap();
    let options = studio::Options {
        judge: Some(Arc::new(Replay::new(reads))),
        ..studio::Options::default()
    };
    let studio = Studio::open(&root, options).await.unwrap();
    let before = everything(outer.path());
    let mut tried = 0;
    for entry in std::fs::read_dir(collection).unwrap() {
        let file = entry.unwrap().path();
        let report = verified(&studio, verify(&file)).await;
        assert!(!report.verified && !report.problems.is_empty(), "{file:?}");
        let request = ImportRequest {
            file: file.to_string_lossy().into_owned(),
            ..ImportRequest::default()
        };
        let failure = studio.import_bundle(request, |_| {}).await.unwrap_err();
        assert!(failure.message.contains("was not imported"), "{failure}");
        tried += 1;
    }
    assert!(tried >= 13, "the collection was not found");
    assert_eq!(everything(outer.path()), before, "something was written");
    assert!(studio.runs("tobacco").await.unwrap().is_empty());
}

/// Whatever stands in the way of the second file, the first does not stay.
#[tokio::test]
async fn an_import_that_fails_half_way_is_taken_back() {
    let here = judged().await;
    let file = export_to(&here, export("release.tar.gz")).await;
    let (folder, there) = elsewhere(Replay::new(reads)).await;
    let fixtures = folder.path().join("fixtures");
    std::fs::create_dir(&fixtures).unwrap();
    std::fs::write(
        fixtures.join("tobacco.jsonl"),
        "{\"id\": \"mine\", \"content\": \"x\"}\n",
    )
    .unwrap();
    let request = ImportRequest {
        file: file.to_string_lossy().into_owned(),
        ..ImportRequest::default()
    };
    let failure = there
        .import_bundle(request.clone(), |_| {})
        .await
        .unwrap_err();
    assert!(failure.message.contains("says something else"), "{failure}");
    assert!(!folder.path().join("policies/tobacco.md").exists());
    assert!(there.runs("tobacco").await.unwrap().is_empty());
    let renamed = ImportRequest {
        name: Some("theirs".to_owned()),
        ..request
    };
    let imported = there.import_bundle(renamed, |_| {}).await.unwrap();
    assert_eq!(imported.policy_file, "policies/theirs.md");
    assert_eq!(there.runs("theirs").await.unwrap().len(), 1);
}
