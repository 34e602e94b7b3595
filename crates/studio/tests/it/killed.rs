//! A process killed in the middle of an evaluation: all that was shown is still there,
//! and the run goes on where it stopped.

use crate::support::{POLICY, SUITE, open, reads, request};
use domain::run::RunId;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use studio::replay::Replay;
use studio::view::{RunEvent, RunState};
use studio::{Options, Studio};

const CHILD: &str = "TOUCHSTONE_STUDIO_TEST_CHILD";

/// The child of the test below; without its variable it has nothing to do.
#[tokio::test]
async fn child_evaluates_until_it_is_killed() {
    let Some(root) = std::env::var_os(CHILD) else {
        return;
    };
    // It takes minutes, so that only being killed can end it in time.
    let replay = Replay::new(|prefix, request| {
        let mut line = reads(prefix, request);
        if request.user.contains("snuff") {
            line.analysis = "and on ".repeat(100_000);
        }
        line
    });
    let options = Options {
        judge: Some(Arc::new(replay.with_pause(Duration::from_millis(5)))),
        ..Options::default()
    };
    let studio = Studio::open(Path::new(&root), options).await.unwrap();
    let on_event = |event| {
        if let RunEvent::Outcomes { progress, .. } = event {
            println!("shown {}", progress.done);
            std::io::stdout().flush().unwrap();
        }
    };
    studio.evaluate(request(POLICY), on_event).await.unwrap();
}

#[tokio::test]
async fn a_killed_evaluation_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("fixtures")).unwrap();
    std::fs::write(folder.path().join("fixtures/tobacco.jsonl"), SUITE).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "killed::child_evaluates_until_it_is_killed",
            "--nocapture",
        ])
        .env(CHILD, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let shown = lines.find(|line| line.as_ref().unwrap().ends_with("shown 3"));
    assert!(shown.is_some(), "the child ended early");
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();

    let replay = Arc::new(Replay::new(reads));
    let studio = open(&folder, replay.clone()).await;
    let view = studio.run_view(RunId(1), None).await.unwrap();
    assert_eq!(view.summary.state, RunState::Interrupted);
    assert_eq!(
        view.rows.iter().filter(|row| row.verdict.is_some()).count(),
        3
    );
    studio.resume(RunId(1), |_| {}).await.unwrap();
    let view = studio.run_view(RunId(1), None).await.unwrap();
    assert_eq!(view.summary.state, RunState::Finished);
    assert_eq!(replay.asked(), ["sells snuff"]);
}
