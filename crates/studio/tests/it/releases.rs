//! Releases and sign-offs: what may be released, what is recorded, what is refused.

use crate::support::{POLICY, SUITE, Workspace, open, reads, with_exception, workspace};
use domain::gate::GateState;
use domain::run::RunId;
use std::sync::Arc;
use studio::Formatting;
use studio::replay::Replay;
use studio::view::{Block, FormatState, ReleaseView, SignOffRequest};

/// Gates that POLICY's run does not meet and the run with the exception does.
const GATES: &str = "[gates]\nrecall_min = 1\nfpr_max = 0.4\n";
const EASY: &str = "[gates]\nrecall_min = 1\n";

fn write(space: &Workspace, file: &str, text: &str) {
    std::fs::write(space.folder.path().join(file), text).unwrap();
}

async fn view(space: &Workspace) -> ReleaseView {
    space.studio.release_view("tobacco").await.unwrap()
}

async fn refused(space: &Workspace, version: &str, change_log: &str) -> String {
    let failed = space.studio.release("tobacco", version, change_log).await;
    failed.unwrap_err().message
}

fn sign_off(run: RunId, name: &str) -> SignOffRequest {
    SignOffRequest {
        run,
        name: name.to_owned(),
        role: "policy owner".to_owned(),
        key: None,
        statement: "I have read it.".to_owned(),
    }
}

#[tokio::test]
async fn each_thing_in_the_way_is_told() {
    let space = workspace().await;
    assert_eq!(view(&space).await.blocks, [Block::NotRun, Block::NoGates]);
    write(&space, "touchstone.toml", GATES);
    assert_eq!(view(&space).await.blocks, [Block::NotRun]);
    assert!(refused(&space, "1", "x").await.contains("Run it first"));
    space.finished(POLICY).await;
    let found = view(&space).await;
    assert_eq!(found.blocks, [Block::GatesNotMet]);
    let report = found.report.unwrap();
    assert_eq!(report.results[1].state, GateState::Failed);
    assert_eq!(report.results[1].cases, ["b", "d"]);
    assert!(
        refused(&space, "1", "x")
            .await
            .contains("false positive rate at most 40 %")
    );

    write(&space, "touchstone.toml", "[gates]\nrecall = 1\n");
    let found = view(&space).await;
    assert_eq!(found.blocks, [Block::Problems]);
    assert_eq!(found.problems[0].line, Some(2));
    assert!(
        refused(&space, "1", "x")
            .await
            .starts_with("touchstone.toml:2: ")
    );
    write(&space, "touchstone.toml", EASY);
    write(
        &space,
        "fixtures/tobacco.jsonl",
        &format!("{SUITE}broken\n"),
    );
    assert!(view(&space).await.blocks.contains(&Block::Problems));
    write(&space, "policies/tobacco.md", "");
    assert_eq!(view(&space).await.revision, None);
}

#[tokio::test]
async fn only_what_is_saved_is_released() {
    let space = workspace().await;
    write(&space, "touchstone.toml", GATES);
    // The editor's text meets the gates, but the file does not hold it.
    space.finished(&with_exception()).await;
    assert_eq!(view(&space).await.blocks, [Block::NotRun]);
    write(&space, "policies/tobacco.md", &with_exception());
    assert_eq!(view(&space).await.blocks, []);
    // Another label in the suite makes it another run.
    write(
        &space,
        "fixtures/tobacco.jsonl",
        &SUITE.replace("violates", "safe"),
    );
    assert_eq!(view(&space).await.blocks, [Block::NotRun]);
}

#[tokio::test]
async fn a_release_is_recorded_and_the_next_one_tells_what_changed() {
    let space = workspace().await;
    write(&space, "touchstone.toml", EASY);
    let first = space.finished(POLICY).await.summary.run;
    let before = view(&space).await;
    assert_eq!(before.next_version, "1");
    assert!(
        before
            .change_log
            .starts_with("First release: 2 clauses, 4 cases.")
    );
    assert_eq!(
        refused(&space, " ", "x").await,
        "The version is empty. Fill it in."
    );
    assert_eq!(
        refused(&space, "1", "\n").await,
        "The change log is empty. Fill it in."
    );
    let released = space
        .studio
        .release("tobacco", " 1 ", "The first.\n")
        .await
        .unwrap();
    assert_eq!((released.version.as_str(), released.run), ("1", first));
    assert_eq!(released.change_log, "The first.");
    assert_eq!(released.gates.len(), 1);

    let again = view(&space).await;
    assert_eq!(again.blocks, [Block::ReleasedAlready]);
    assert!(
        refused(&space, "2", "x")
            .await
            .contains("is release 1 already")
    );
    assert!(
        refused(&space, "1", "x")
            .await
            .contains("has a release 1 already")
    );

    write(&space, "policies/tobacco.md", &with_exception());
    space.finished(&with_exception()).await;
    let next = view(&space).await;
    assert_eq!(next.blocks, []);
    assert_eq!(
        (next.since.as_deref(), next.next_version.as_str()),
        (Some("1"), "2")
    );
    insta::assert_snapshot!(next.change_log);
    assert!(
        next.policy_diff.contains("\n+- **S2** Museum pieces.\n"),
        "{}",
        next.policy_diff
    );
    space
        .studio
        .release("tobacco", "2", &next.change_log)
        .await
        .unwrap();

    // They are there after a restart, newest first.
    space.studio.close().await;
    let studio = open(&space.folder, Arc::new(Replay::new(reads))).await;
    let versions: Vec<String> = studio
        .releases("tobacco")
        .await
        .unwrap()
        .into_iter()
        .map(|release| release.version)
        .collect();
    assert_eq!(versions, ["2", "1"]);
}

#[tokio::test]
async fn sign_offs_are_added_to_finished_runs() {
    let space = workspace().await;
    write(&space, "touchstone.toml", EASY);
    let run = space.finished(POLICY).await.summary.run;
    let mut by = sign_off(run, "  Mara  ");
    by.key = Some(" ".to_owned());
    assert_eq!(space.studio.sign_off(by).await.unwrap()[0].name, "Mara");
    space.studio.release("tobacco", "1", "x").await.unwrap();
    // A reviewer may come after the release.
    let mut by = sign_off(run, "Lin");
    by.key = Some("sha256:00".to_owned());
    space.studio.sign_off(by).await.unwrap();
    let found = view(&space).await;
    let who: Vec<(&str, Option<&str>)> = found
        .sign_offs
        .iter()
        .map(|by| (by.name.as_str(), by.key.as_deref()))
        .collect();
    assert_eq!(who, [("Mara", None), ("Lin", Some("sha256:00"))]);
    assert_eq!(found.releases[0].sign_offs, found.sign_offs);

    let refused =
        |by: SignOffRequest| async { space.studio.sign_off(by).await.unwrap_err().message };
    assert_eq!(
        refused(sign_off(run, " ")).await,
        "The name is empty. Fill it in."
    );
    assert!(
        refused(sign_off(RunId(99), "Lin"))
            .await
            .contains("no run 99")
    );
    let mut long = sign_off(run, "Lin");
    long.statement = "x".repeat(4001);
    assert!(refused(long).await.contains("longer than 4000"));
}

#[tokio::test]
async fn files_are_formatted_and_broken_ones_are_left_alone() {
    let space = workspace().await;
    let root = space.folder.path();
    let states = |formatting| -> Vec<(String, FormatState)> {
        let found = space.studio.format(&[], formatting).unwrap();
        found
            .into_iter()
            .map(|file| (file.file, file.state))
            .collect()
    };
    write(
        &space,
        "policies/tobacco.md",
        &POLICY
            .replace("id: tobacco\n", "")
            .replace("effort: low\n", "effort: low\nid: tobacco\n"),
    );
    write(&space, "policies/empty.md", "");
    write(&space, "fixtures/tobacco.jsonl", SUITE);
    let wanted = [
        ("policies/empty.md".to_owned(), FormatState::Refused),
        ("policies/tobacco.md".to_owned(), FormatState::Changed),
        ("fixtures/tobacco.jsonl".to_owned(), FormatState::Changed),
    ];
    assert_eq!(states(Formatting::Check), wanted);
    assert_eq!(
        std::fs::read_to_string(root.join("fixtures/tobacco.jsonl")).unwrap(),
        SUITE
    );
    assert_eq!(states(Formatting::Write), wanted);
    assert_eq!(
        std::fs::read_to_string(root.join("policies/tobacco.md")).unwrap(),
        POLICY
    );
    assert_eq!(
        std::fs::read_to_string(root.join("policies/empty.md")).unwrap(),
        ""
    );
    let suite = std::fs::read_to_string(root.join("fixtures/tobacco.jsonl")).unwrap();
    assert!(
        suite.starts_with("{\"id\": \"a\", \"content\": \"sells cigars\", "),
        "{suite}"
    );
    assert_eq!(states(Formatting::Write)[1].1, FormatState::Canonical);

    let other = space
        .studio
        .format(&[root.join("touchstone.db")], Formatting::Check);
    assert!(other.unwrap_err().message.contains("does not exist"));
}
