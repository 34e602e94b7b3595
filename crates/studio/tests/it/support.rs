//! A small workspace, and a judge that reads the policy word by word.

use domain::policy::Effort;
use engine::{Finish, Prefix, Request};
use std::sync::Arc;
use std::time::Duration;
use studio::judge::Judge;
use studio::replay::{Line, Replay};
use studio::view::{EvaluateRequest, RunEvent, RunView};
use studio::{Options, Studio};
use tempfile::TempDir;

pub const POLICY: &str = "---
id: tobacco
title: Tobacco
output: label
labels:
  VIOLATES: violates
  SAFE: safe
effort: low
---
# Tobacco

Answer VIOLATES or SAFE.

## Violates
- **T1** Offers to sell tobacco.

## Safe
- **S1** Other talk.
";

/// POLICY with an exception for museums.
pub fn with_exception() -> String {
    POLICY.replace(
        "- **S1** Other talk.",
        "- **S1** Other talk.\n- **S2** Museum pieces.",
    )
}

pub const SUITE: &str = concat!(
    r#"{"id":"a","content":"sells cigars","kind":"user_input","expected":"violates"}"#,
    "\n",
    r#"{"id":"b","content":"sells a museum pipe","kind":"user_input","expected":"safe"}"#,
    "\n",
    r#"{"id":"c","content":"nice weather","kind":"user_input","expected":"safe"}"#,
    "\n",
    r#"{"id":"d","content":"sells snuff","kind":"user_input","expected":"safe"}"#,
    "\n",
);

pub struct Workspace {
    pub folder: TempDir,
    pub replay: Arc<Replay>,
    pub studio: Studio,
}

pub fn line(analysis: &str, answer: &str, margin: f64) -> Line {
    Line {
        analysis: analysis.to_owned(),
        answer: Some(answer.to_owned()),
        margin: Some(margin),
        finish: Finish::Stop,
    }
}

/// Selling violates under T1, unless the policy has S2 and the content is a museum piece.
pub fn reads(prefix: &Prefix, request: &Request) -> Line {
    let user = &request.user;
    if user.contains("museum") && prefix.developer.contains("S2") {
        line("A museum piece: S2 applies.", "SAFE S2", -0.2)
    } else if user.contains("sells") {
        line("An offer to sell: T1 applies.", "VIOLATES T1", 4.0)
    } else {
        line("Other talk: S1 applies.", "SAFE S1", -6.0)
    }
}

pub async fn workspace() -> Workspace {
    with(Replay::new(reads)).await
}

/// Slow enough to be cancelled in the middle.
pub async fn slow(pause: Duration) -> Workspace {
    with(Replay::new(reads).with_pause(pause)).await
}

pub async fn with(replay: Replay) -> Workspace {
    let folder = tempfile::tempdir().unwrap();
    for name in ["policies", "fixtures"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("policies/tobacco.md"), POLICY).unwrap();
    std::fs::write(folder.path().join("fixtures/tobacco.jsonl"), SUITE).unwrap();
    let replay = Arc::new(replay);
    let studio = open(&folder, replay.clone()).await;
    Workspace {
        folder,
        replay,
        studio,
    }
}

pub async fn open(folder: &TempDir, judge: Arc<dyn Judge>) -> Studio {
    let options = Options {
        judge: Some(judge),
        ..Options::default()
    };
    Studio::open(folder.path(), options).await.unwrap()
}

pub fn request(text: &str) -> EvaluateRequest {
    EvaluateRequest {
        policy: "tobacco".to_owned(),
        text: text.to_owned(),
        effort: Effort::Low,
        baseline: None,
        delay_ms: 0,
        only: Vec::new(),
    }
}

impl Workspace {
    pub async fn run(&self, text: &str) -> Vec<RunEvent> {
        let mut events = Vec::new();
        let result = self
            .studio
            .evaluate(request(text), |event| events.push(event))
            .await;
        assert_eq!(
            result.is_err(),
            matches!(events.last(), Some(RunEvent::Failed { .. }))
        );
        events
    }

    /// The view of an evaluation that went to its end.
    pub async fn finished(&self, text: &str) -> RunView {
        match self.run(text).await.pop() {
            Some(RunEvent::Finished { view }) => view,
            other => panic!("not finished: {other:?}"),
        }
    }

    /// Begins an evaluation and cancels it after `outcomes` cases.
    pub async fn cancelled_after(&self, text: &str, outcomes: u32) -> Vec<RunEvent> {
        let mut events = Vec::new();
        let studio = self.studio.clone();
        let result = self.studio.evaluate(request(text), |event| {
            if let RunEvent::Outcomes { progress, .. } = &event
                && progress.done >= outcomes
            {
                studio.cancel();
            }
            events.push(event);
        });
        result.await.unwrap();
        events
    }
}

/// The real engine with a checkpoint of the repository.
pub async fn open_with_model(folder: &TempDir, model: &std::path::Path) -> Studio {
    let options = Options {
        model: Some(model.to_string_lossy().into_owned()),
        ..Options::default()
    };
    Studio::open(folder.path(), options).await.unwrap()
}
