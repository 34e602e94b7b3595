//! The real engine and the demonstration model through the whole loop.

use std::collections::BTreeSet;
use std::path::Path;
use studio::view::{EvaluateRequest, RunEvent};
use studio::{Options, Studio};

/// A workspace with the sample's own tobacco policy and its first cases.
fn sample(repository: &Path, cases: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["policies", "fixtures"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let policy = std::fs::read(repository.join("policies/tobacco.md")).unwrap();
    std::fs::write(folder.path().join("policies/tobacco.md"), policy).unwrap();
    let suite = std::fs::read_to_string(repository.join("fixtures/tobacco.jsonl")).unwrap();
    let first: String = suite
        .lines()
        .take(cases)
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(folder.path().join("fixtures/tobacco.jsonl"), first).unwrap();
    folder
}

#[tokio::test]
async fn pebble_judges_the_sample_and_repeats_itself() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pebble = repository.join("fixtures/pebble").canonicalize().unwrap();
    let mut traces = Vec::new();
    for _ in 0..2 {
        let folder = sample(&repository, 4);
        let options = Options {
            model: Some(pebble.to_string_lossy().into_owned()),
            ..Options::default()
        };
        let studio = Studio::open(folder.path(), options).await.unwrap();
        let document = studio.open_policy("tobacco").await.unwrap();
        let request = EvaluateRequest {
            policy: "tobacco".to_owned(),
            text: document.text,
            effort: document.analysis.effort,
            baseline: None,
            delay_ms: 0,
            only: Vec::new(),
        };
        let mut last = None;
        let timing = studio
            .evaluate(request, |event| last = Some(event))
            .await
            .unwrap();
        let Some(RunEvent::Finished { view }) = last else {
            panic!("not finished: {last:?}");
        };
        assert!(view.summary.demonstration);
        assert!(timing.first_verdict_ms.is_some() && timing.decode_tokens_per_s > 0.0);
        let record = studio.record(view.summary.run, None).await.unwrap();
        let outcomes = record.cases.into_iter().map(|case| case.outcome.unwrap());
        traces.push(
            outcomes
                .map(|outcome| (outcome.verdict, outcome.trace))
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(traces[0], traces[1]);
    assert!(traces[0].iter().all(|(_, trace)| !trace.is_empty()));
}

#[tokio::test]
async fn an_edit_brings_previews_before_verdicts() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pebble = repository.join("fixtures/pebble").canonicalize().unwrap();
    let folder = sample(&repository, 61);
    let options = Options {
        model: Some(pebble.to_string_lossy().into_owned()),
        ..Options::default()
    };
    let studio = Studio::open(folder.path(), options).await.unwrap();
    let document = studio.open_policy("tobacco").await.unwrap();
    // A rule that every rationale then walks through: none of them holds to its end.
    let edited = document.text.replacen(
        "\n\n## Safe",
        "\nT7 Praises vapes as healthy.\n\n## Safe",
        1,
    );
    assert_ne!(edited, document.text);
    let (mut previewed, mut judged) = (BTreeSet::new(), BTreeSet::new());
    for text in [document.text, edited] {
        let request = EvaluateRequest {
            policy: "tobacco".to_owned(),
            text,
            effort: document.analysis.effort,
            baseline: None,
            delay_ms: 0,
            only: Vec::new(),
        };
        judged.clear();
        let on_event = |event| {
            let RunEvent::Outcomes { rows, .. } = event else {
                return;
            };
            for row in rows {
                match row.preview {
                    Some(_) => assert!(previewed.insert(row.case.clone())),
                    None => assert!(judged.insert(row.case.clone())),
                }
            }
        };
        studio.evaluate(request, on_event).await.unwrap();
        assert_eq!(judged.len(), 61);
    }
    assert!(!previewed.is_empty());
}
