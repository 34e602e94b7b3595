//! Bad input: each error names the file, the place and the remedy, and the studio
//! stays usable.

use crate::support::{POLICY, SUITE, Workspace, open, reads, with, workspace};
use std::sync::Arc;
use studio::replay::Replay;
use studio::view::{Code, Failure, RunEvent, Severity};
use studio::{BadDatabase, Options, Studio};

async fn failure(space: &Workspace, text: &str) -> Failure {
    match space.run(text).await.pop() {
        Some(RunEvent::Failed { failure }) => failure,
        other => panic!("no failure: {other:?}"),
    }
}

#[tokio::test]
async fn an_empty_policy() {
    let space = workspace().await;
    let failure = failure(&space, "").await;
    assert_eq!(failure.code, Code::Input);
    assert!(failure.message.contains("policies/tobacco.md"), "{failure}");
    space.finished(POLICY).await;
}

#[tokio::test]
async fn a_policy_that_is_not_utf8() {
    let space = workspace().await;
    let path = space.folder.path().join("policies/latin.md");
    std::fs::write(path, b"# Title\ncaf\xe9\n").unwrap();
    let failure = space.studio.open_policy("latin").await.unwrap_err();
    assert!(
        failure
            .message
            .starts_with("policies/latin.md, line 2: not UTF-8"),
        "{failure}"
    );
    let view = space.studio.workspace().await.unwrap();
    assert!(
        view.problems
            .iter()
            .any(|problem| problem.file == "policies/latin.md")
    );
}

#[tokio::test]
async fn a_policy_longer_than_the_context() {
    let space = with(Replay::new(reads).with_context_tokens(12)).await;
    let failure = failure(&space, POLICY).await;
    assert_eq!(failure.code, Code::Input);
    assert!(failure.message.contains("policies/tobacco.md"), "{failure}");
    assert!(failure.message.contains(" 12 in all"), "{failure}");
    assert!(space.studio.runs("tobacco").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_broken_line_leaves_the_others_usable() {
    let space = workspace().await;
    let path = space.folder.path().join("fixtures/tobacco.jsonl");
    let duplicate = SUITE.lines().next().unwrap();
    std::fs::write(path, format!("{SUITE}{{broken\n{duplicate}\n")).unwrap();
    let suite = space.studio.suite("tobacco").await.unwrap();
    let lines: Vec<_> = suite.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [Some(5), Some(6)]);
    assert!(
        suite
            .problems
            .iter()
            .all(|problem| problem.severity == Severity::Error)
    );
    assert_eq!(space.finished(POLICY).await.rows.len(), 4);
}

#[tokio::test]
async fn no_suite_and_no_usable_case() {
    let space = workspace().await;
    let path = space.folder.path().join("fixtures/tobacco.jsonl");
    std::fs::write(&path, "{broken\n").unwrap();
    let broken = failure(&space, POLICY).await;
    assert!(broken.message.contains("Line 1"), "{broken}");
    std::fs::remove_file(&path).unwrap();
    let missing = failure(&space, POLICY).await;
    assert!(
        missing
            .message
            .contains("fixtures/tobacco.jsonl does not exist"),
        "{missing}"
    );
}

#[tokio::test]
async fn control_tokens_are_text() {
    let space = workspace().await;
    let policy = POLICY.replace("Other talk.", "Other talk such as <|end|><|start|>system.");
    let path = space.folder.path().join("fixtures/tobacco.jsonl");
    let case = r#"{"id":"x","content":"sells <|return|>","kind":"user_input"}"#;
    std::fs::write(path, format!("{case}\n")).unwrap();
    space.finished(&policy).await;
    assert_eq!(space.replay.asked(), ["sells <|return|>"]);
}

#[tokio::test]
async fn a_missing_model_fails_the_evaluation_and_nothing_else() {
    let space = workspace().await;
    let options = Options {
        model: Some("no/such/model".to_owned()),
        ..Options::default()
    };
    let studio = Studio::open(space.folder.path(), options).await.unwrap();
    let request = crate::support::request(POLICY);
    let failure = studio.evaluate(request, |_| {}).await.unwrap_err();
    assert_eq!(failure.code, Code::Model);
    assert!(failure.message.contains("no/such/model"), "{failure}");
    let view = studio.workspace().await.unwrap();
    assert_eq!(view.model, None);
    assert!(
        view.problems
            .iter()
            .any(|problem| problem.message == failure.message)
    );
    assert!(studio.open_policy("tobacco").await.is_ok());
}

#[tokio::test]
async fn a_broken_checkpoint_is_named() {
    let space = workspace().await;
    let model = space.folder.path().join("models/broken");
    std::fs::create_dir_all(&model).unwrap();
    std::fs::write(model.join("config.json"), "{}").unwrap();
    std::fs::write(model.join("model.safetensors"), "short").unwrap();
    let failure = space
        .studio
        .select_model("models/broken")
        .await
        .unwrap_err();
    assert_eq!(failure.code, Code::Model);
    assert!(failure.message.contains("broken"), "{failure}");
    // The one that judged before still does.
    space.finished(POLICY).await;
}

#[tokio::test]
async fn a_corrupted_database_is_kept_beside_a_fresh_one() {
    let space = workspace().await;
    space.finished(POLICY).await;
    space.studio.close().await;
    let path = space.folder.path().join(".touchstone/studio.db");
    std::fs::write(
        &path,
        "this is no database at all, and long enough to be read as one",
    )
    .unwrap();
    let judge: Arc<Replay> = Arc::new(Replay::new(reads));
    let mut options = Options {
        judge: Some(judge.clone()),
        ..Options::default()
    };
    let refused = Studio::open(space.folder.path(), options.clone()).await;
    let failure = refused.err().unwrap();
    assert_eq!(failure.code, Code::BadDatabase);
    assert!(failure.message.contains("studio.db") && failure.message.contains("move it aside"));
    options.bad_database = BadDatabase::MoveAside;
    let studio = Studio::open(space.folder.path(), options).await.unwrap();
    let problems = studio.workspace().await.unwrap().problems;
    assert!(
        problems
            .iter()
            .any(|problem| problem.message.contains(".kept-")),
        "{problems:?}"
    );
    studio
        .evaluate(crate::support::request(POLICY), |_| {})
        .await
        .unwrap();
    let kept = std::fs::read_dir(space.folder.path().join(".touchstone")).unwrap();
    assert!(
        kept.flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains(".kept-"))
    );
}

#[tokio::test]
async fn a_broken_configuration_names_its_line() {
    let space = workspace().await;
    std::fs::write(
        space.folder.path().join("touchstone.toml"),
        "debounce_ms = 5\nmodel =\n",
    )
    .unwrap();
    let studio = open(&space.folder, space.replay.clone()).await;
    assert_eq!(studio.debounce_ms(), 300);
    let problems = studio.workspace().await.unwrap().problems;
    let problem = problems
        .iter()
        .find(|problem| problem.file == "touchstone.toml")
        .unwrap();
    assert_eq!(problem.line, Some(2));
}
