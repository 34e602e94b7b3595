//! Gates over real runs of a replayed judge: what they come to, against which baseline,
//! and what is no result but an error.

use crate::support::{POLICY, SUITE, Workspace, with_exception, workspace};
use domain::gate::{Gap, GateResult, GateState};
use domain::run::RunId;
use std::time::Duration;
use studio::view::{Code, GateReport, RunEvent};

fn gates(space: &Workspace, text: &str) {
    std::fs::write(space.folder.path().join("touchstone.toml"), text).unwrap();
}

async fn report(space: &Workspace, run: RunId, baseline: Option<RunId>) -> GateReport {
    space.studio.gate_report(run, baseline).await.unwrap()
}

async fn refusal(space: &Workspace, run: RunId) -> String {
    let failure = space.studio.gate_report(run, None).await.unwrap_err();
    assert_eq!(failure.code, Code::Input);
    failure.message
}

fn told(results: &[GateResult]) -> Vec<(GateState, &[String])> {
    results
        .iter()
        .map(|result| (result.state, &result.cases[..]))
        .collect()
}

#[tokio::test]
async fn a_run_is_held_against_the_gates_of_its_policy() {
    let space = workspace().await;
    gates(
        &space,
        "[gates]\nrecall_min = 1\nfpr_max = 0.4\nunparsed_max = 0\nregressions_max = 0\n\
         [gates.policies.tobacco]\ncases_per_label_min = 1\n",
    );
    let before = space.finished(POLICY).await.summary.run;
    let first = report(&space, before, None).await;
    assert!(!first.passed);
    assert_eq!(first.baseline, None);
    let (b, d) = ("b".to_owned(), "d".to_owned());
    assert_eq!(
        told(&first.results),
        [
            (GateState::Passed, &[][..]),
            (GateState::Failed, &[b, d.clone()]),
            (GateState::Passed, &[]),
            // The first run is what others are compared with; it has nothing before it.
            (GateState::Unmeasured, &[]),
            (GateState::Passed, &[]),
        ]
    );
    assert_eq!(first.results[3].gap, Some(Gap::NoBaseline));

    let after = space.finished(&with_exception()).await.summary.run;
    let second = report(&space, after, None).await;
    assert!(second.passed, "{second:?}");
    assert_eq!(second.baseline.map(|run| run.run), Some(before));
    assert_eq!(second.results[1].cases, [d]);
    assert_eq!(second.results[3].value, Some(0.0));
}

#[tokio::test]
async fn a_case_that_was_right_in_the_baseline_is_a_regression() {
    let space = workspace().await;
    gates(&space, "[gates]\nregressions_max = 0\n");
    let worse = space.finished(POLICY).await.summary.run;
    let better = space.finished(&with_exception()).await.summary.run;
    let found = report(&space, worse, Some(better)).await;
    assert_eq!(found.results[0].cases, ["b"]);
    assert_eq!(found.results[0].state, GateState::Failed);
    // The baseline that was set counts where none is asked for.
    let studio = &space.studio;
    studio.set_baseline("tobacco", Some(better)).await.unwrap();
    let again = report(&space, worse, None).await;
    assert_eq!(again.results, found.results);
    // Asked to be its own baseline, a run has no regression.
    let own = report(&space, worse, Some(worse)).await;
    assert!(own.passed);
    assert_eq!(own.baseline.map(|run| run.run), Some(worse));
}

#[tokio::test]
async fn what_is_wrong_with_the_file_is_named_with_its_line() {
    let space = workspace().await;
    let run = space.finished(POLICY).await.summary.run;
    let mut all = vec![refusal(&space, run).await];
    for text in [
        "[gates]\nrecal_min = 0.9\nfpr_max = 3",
        "[gates",
        "[gates.policies.tabaco]\nrecall_min = 0.9",
        "[gates]\nrecall_min = 0.5\n\n[gates.tags.hard]\nrecall_min = 0.9\n[gates.labels.T9]\nfpr_max = 0",
    ] {
        gates(&space, text);
        all.push(refusal(&space, run).await);
    }
    insta::assert_snapshot!(all.join("\n\n"));
}

#[tokio::test]
async fn an_unfinished_run_and_a_broken_suite_say_nothing() {
    let space = crate::support::slow(Duration::from_millis(40)).await;
    gates(&space, "[gates]\nrecall_min = 0\n");
    let events = space.cancelled_after(POLICY, 1).await;
    let Some(RunEvent::Cancelled { run: Some(run) }) = events.last() else {
        panic!("not interrupted: {events:?}");
    };
    assert!(refusal(&space, *run).await.contains("is not finished"));

    let suite = space.folder.path().join("fixtures/tobacco.jsonl");
    std::fs::write(suite, format!("{SUITE}broken\n")).unwrap();
    let failure = space.studio.check_suite_whole("tobacco").unwrap_err();
    assert!(
        failure.message.starts_with("fixtures/tobacco.jsonl:5: "),
        "{failure}"
    );
}

#[tokio::test]
async fn policies_without_gates_are_told_apart() {
    let space = workspace().await;
    std::fs::write(space.folder.path().join("policies/other.md"), POLICY).unwrap();
    gates(&space, "[gates.policies.tobacco]\nrecall_min = 0.9\n");
    let (gated, free) = space.studio.gated_policies().unwrap();
    assert_eq!(
        (gated, free),
        (vec!["tobacco".into()], vec!["other".into()])
    );
}
