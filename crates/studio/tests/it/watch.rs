//! Edits made outside are noticed, own saves are not.

use crate::support::{POLICY, workspace};
use std::sync::mpsc::channel;
use std::time::Duration;
use studio::view::WorkspaceEvent;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_edit_made_outside_is_noticed_and_an_own_save_is_not() {
    let space = workspace().await;
    let (sender, events) = channel();
    let watch = space
        .studio
        .watch(move |event| sender.send(event).unwrap())
        .unwrap();
    let document = space.studio.open_policy("tobacco").await.unwrap();
    let own = POLICY.replace("Other", "Own");
    space
        .studio
        .save_policy("tobacco", &own, &document.file_hash)
        .await
        .unwrap();
    let suite = space.folder.path().join("fixtures/tobacco.jsonl");
    std::fs::write(&suite, "changed\n").unwrap();
    let first = events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(first, WorkspaceEvent::SuiteChanged { name, .. } if name == "tobacco"));
    std::fs::write(space.folder.path().join("policies/new.md"), POLICY).unwrap();
    assert_eq!(
        events.recv_timeout(PATIENCE).unwrap(),
        WorkspaceEvent::PoliciesChanged
    );
    let policy = events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(policy, WorkspaceEvent::PolicyChanged { name, .. } if name == "new"));
    drop(watch);
    assert!(
        events.recv_timeout(PATIENCE).is_err(),
        "the watching thread has ended"
    );
}
