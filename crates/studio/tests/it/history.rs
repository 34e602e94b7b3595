//! Flips, figures, traces, baselines, restoring and comparing.

use crate::support::{POLICY, with_exception, workspace};
use domain::diff::DiffOp;
use domain::flip::{Certainty, FlipKind};
use domain::run::RunId;
use domain::verdict::Verdict;
use studio::view::Code;

#[tokio::test]
async fn an_edit_that_mends_one_case_is_one_fixed_flip() {
    let space = workspace().await;
    space.finished(POLICY).await;
    let view = space.finished(&with_exception()).await;
    assert_eq!(view.baseline.as_ref().unwrap().run, RunId(1));
    let flipped: Vec<_> = view.rows.iter().filter(|row| row.flip.is_some()).collect();
    assert_eq!(flipped.len(), 1);
    assert_eq!(flipped[0].case, "b");
    assert_eq!(flipped[0].flip, Some(FlipKind::Fixed));
    // Its margin is -0.2: too near to call.
    assert_eq!(flipped[0].certainty, Some(Certainty::Undecided));
    assert_eq!(
        flipped[0].before.as_ref().unwrap().verdict,
        Verdict::Violates
    );
    let figures = &view.figures;
    assert_eq!((figures.flips.fixed, figures.flips.broken), (1, 0));
    let accuracy = figures.delta.unwrap().accuracy.unwrap();
    assert!((accuracy - 0.25).abs() < 1e-9, "{accuracy}");
    assert_eq!(figures.mcnemar_p, Some(1.0));
}

#[tokio::test]
async fn clauses_count_who_cites_them_and_who_fails_by_them() {
    let space = workspace().await;
    let view = space.finished(POLICY).await;
    let t1 = view
        .figures
        .clauses
        .iter()
        .find(|figures| figures.clause == "T1")
        .unwrap();
    assert_eq!((t1.cited, t1.deciding, t1.failing), (3, 3, 2));
}

#[tokio::test]
async fn a_trace_has_citations_and_the_difference_to_the_baseline() {
    let space = workspace().await;
    space.finished(POLICY).await;
    space.finished(&with_exception()).await;
    let trace = space.studio.trace(RunId(2), "b", None).await.unwrap();
    assert_eq!(trace.trace, "A museum piece: S2 applies.");
    assert_eq!(trace.citations.len(), 1);
    assert_eq!(trace.citations[0].clause.as_deref(), Some("S2"));
    let baseline = trace.baseline.unwrap();
    assert_eq!(baseline.run, RunId(1));
    let now: String = baseline
        .diff
        .iter()
        .filter(|part| part.op != DiffOp::Delete)
        .map(|part| part.text.as_str())
        .collect();
    assert_eq!(now, trace.trace);
    let failure = space.studio.trace(RunId(2), "z", None).await.unwrap_err();
    assert_eq!(failure.code, Code::Input);
}

#[tokio::test]
async fn a_chosen_baseline_stays_until_it_is_taken_back() {
    let space = workspace().await;
    space.finished(POLICY).await;
    space.finished(&with_exception()).await;
    space
        .studio
        .set_baseline("tobacco", Some(RunId(2)))
        .await
        .unwrap();
    let document = space.studio.open_policy("tobacco").await.unwrap();
    assert_eq!(document.baseline, Some(RunId(2)));
    // Against the baseline's text, the saved file lacks a line.
    assert_eq!(document.analysis.changed_lines.len(), 1);
    let view = space.studio.run_view(RunId(1), None).await.unwrap();
    assert_eq!(view.figures.flips.broken, 1);
    space.studio.set_baseline("tobacco", None).await.unwrap();
    let document = space.studio.open_policy("tobacco").await.unwrap();
    assert_eq!(document.baseline, Some(RunId(1)));
    let failure = space
        .studio
        .set_baseline("tobacco", Some(RunId(9)))
        .await
        .unwrap_err();
    assert!(failure.message.contains("run 9"), "{failure}");
}

#[tokio::test]
async fn a_revision_is_restored_as_it_was_written() {
    let space = workspace().await;
    space.finished(&with_exception()).await;
    space.finished(POLICY).await;
    assert_eq!(
        space.studio.restore(RunId(1)).await.unwrap(),
        with_exception()
    );
    assert_eq!(space.studio.restore(RunId(2)).await.unwrap(), POLICY);
}

#[tokio::test]
async fn two_runs_are_compared_case_by_case() {
    let space = workspace().await;
    space.finished(POLICY).await;
    space.finished(&with_exception()).await;
    let comparison = space.studio.compare(RunId(1), RunId(2)).await.unwrap();
    assert_eq!(comparison.flips.len(), 1);
    assert_eq!(comparison.flips[0].case, "b");
    assert_eq!(comparison.unchanged, 3);
    assert!(comparison.policy_diff.contains("+- **S2** Museum pieces."));
    let same = space.studio.compare(RunId(1), RunId(1)).await.unwrap();
    assert!(same.flips.is_empty() && same.policy_diff.is_empty());
    assert_eq!(same.unchanged, 4);
}

#[tokio::test]
async fn a_record_has_every_outcome_whole() {
    let space = workspace().await;
    space.finished(POLICY).await;
    let record = space.studio.record(RunId(1), None).await.unwrap();
    assert_eq!(record.cases.len(), 4);
    let outcome = record.cases[0].outcome.as_ref().unwrap();
    assert_eq!(outcome.answer, "VIOLATES T1");
    assert_eq!(outcome.rules, ["T1"]);
    assert_eq!(outcome.margin, Some(4.0));
    assert!(outcome.tokens.generated > 0);
}
