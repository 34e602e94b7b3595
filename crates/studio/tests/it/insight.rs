//! Confirming flips, ablation, attribution and the order of re-runs, with planted answers.

use crate::support::{self, POLICY, Workspace, line, reads, with, with_exception, workspace};
use domain::certainty::CertaintyTest;
use domain::flip::Certainty;
use domain::run::RunId;
use engine::{Prefix, Request, Sampling};
use std::time::Duration;
use studio::replay::{Line, Replay};
use studio::view::{Cause, Code, ConfirmRequest, FileLines, RunEvent, RunState, Tested};

async fn two_runs(space: &Workspace, before: &str, after: &str) -> (RunId, RunId) {
    let a = space.finished(before).await.summary.run;
    let b = space.finished(after).await.summary.run;
    (a, b)
}

#[tokio::test]
async fn a_planted_exception_is_a_real_flip_and_is_known_from_then_on() {
    let space = workspace().await;
    let (a, b) = two_runs(&space, POLICY, &with_exception()).await;
    let untested = space.studio.compare(a, b).await.unwrap().flips;
    assert_eq!(untested.len(), 1);
    assert_eq!(
        (untested[0].certainty, untested[0].evidence),
        (Certainty::Undecided, None)
    );
    let request = ConfirmRequest::new(a, b);
    let mut told = Vec::new();
    let found = space
        .studio
        .confirm(request.clone(), |news| told.push(news))
        .await
        .unwrap();
    let tested: Vec<&Tested> = told.iter().flat_map(|news| &news.tested).collect();
    assert_eq!(tested.len(), 1);
    assert_eq!(
        (tested[0].case.as_str(), tested[0].evidence.certainty),
        ("b", Certainty::Real)
    );
    assert!(told.is_sorted_by_key(|news| u64::from(news.done) * 1000 / u64::from(news.total)));
    assert_eq!(
        (found.flips, found.real, found.noise, found.undecided),
        (1, 1, 0, 0)
    );
    // Two batches of four pairs: five pairs decide.
    assert_eq!(found.effort.asked, 16);
    let flip = space.studio.compare(a, b).await.unwrap().flips.remove(0);
    let evidence = flip.evidence.unwrap();
    assert_eq!(flip.certainty, Certainty::Real);
    assert_eq!(
        (evidence.test, evidence.pairs, evidence.shown),
        (CertaintyTest::Samples, 5, 5)
    );
    let view = space.studio.run_view(b, Some(a)).await.unwrap();
    let row = view.rows.iter().find(|row| row.case == "b").unwrap();
    assert_eq!(row.certainty, Some(Certainty::Real));
    assert_eq!(row.evidence, Some(evidence));
    // Everything is known by now.
    let again = space.studio.confirm(request, |_| {}).await.unwrap();
    assert_eq!((again.real, again.effort.asked), (1, 0));
}

/// What greedy decoding says hangs on the text's length; samples say the same of any text.
fn brittle(prefix: &Prefix, request: &Request) -> Line {
    let violates = match request.sampling {
        Sampling::Greedy => prefix.developer.len().is_multiple_of(2),
        Sampling::Seeded { seed, .. } => !(seed * 7 + request.user.len() as u64).is_multiple_of(3),
    };
    match violates {
        true => line("T1 applies.", "VIOLATES T1", 9.0),
        false => line("S1 applies.", "SAFE S1", -9.0),
    }
}

#[tokio::test]
async fn a_flip_that_samples_do_not_show_is_noise_whatever_its_margin() {
    let space = with(Replay::new(brittle)).await;
    let edited = POLICY.replace("Other talk", "Other  talks");
    let odd = POLICY.replace("Other talk", "Other talks");
    assert_ne!(edited, odd);
    let (a, b) = two_runs(&space, POLICY, &odd).await;
    let found = space
        .studio
        .confirm(ConfirmRequest::new(a, b), |_| {})
        .await
        .unwrap();
    assert_eq!((found.flips, found.noise), (4, 4));
    let view = space.studio.run_view(b, Some(a)).await.unwrap();
    assert!(
        view.rows
            .iter()
            .all(|row| row.certainty == Some(Certainty::Noise))
    );
}

#[tokio::test]
async fn an_edit_of_form_alone_is_noise_without_asking() {
    let space = with(Replay::new(brittle)).await;
    let odd = POLICY.replace(
        "- **T1** Offers to sell tobacco.",
        "- **T1** Offers  to sell tobacco.",
    );
    let (a, b) = two_runs(&space, POLICY, &odd).await;
    let calls = space.replay.calls();
    let found = space
        .studio
        .confirm(ConfirmRequest::new(a, b), |_| {})
        .await
        .unwrap();
    assert_eq!((found.flips, found.noise, found.effort.asked), (4, 4, 0));
    assert_eq!(space.replay.calls(), calls);
    let flip = space.studio.compare(a, b).await.unwrap().flips.remove(0);
    assert_eq!(flip.evidence.unwrap().test, CertaintyTest::Form);
    // Where the order of rules decides, form is no excuse: samples are taken.
    let request = ConfirmRequest {
        keep_order: true,
        ..ConfirmRequest::new(a, b)
    };
    let found = space.studio.confirm(request.clone(), |_| {}).await.unwrap();
    assert!(found.effort.asked > 0);
    let refused = ConfirmRequest {
        pairs_max: 0,
        ..request
    };
    let failure = space.studio.confirm(refused, |_| {}).await.unwrap_err();
    assert!(failure.message.contains("1 to 256"), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evaluation_ends_confirming_and_what_was_sampled_is_kept() {
    let space = support::slow(Duration::from_millis(15)).await;
    let (a, b) = two_runs(&space, POLICY, &with_exception()).await;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let studio = space.studio.clone();
    let confirming = tokio::spawn(async move {
        let mut sender = Some(sender);
        let first = |_| {
            if let Some(sender) = sender.take() {
                sender.send(()).unwrap();
            }
        };
        studio.confirm(ConfirmRequest::new(a, b), first).await
    });
    receiver.await.unwrap();
    let view = space.finished(&POLICY.replace("Other", "All other")).await;
    assert_eq!(view.rows.len(), 4);
    let failure = confirming.await.unwrap().unwrap_err();
    assert_eq!(failure.code, Code::Cancelled);
    let found = space
        .studio
        .confirm(ConfirmRequest::new(a, b), |_| {})
        .await
        .unwrap();
    assert_eq!(found.real, 1);
    assert!(found.effort.known > 0, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirming_that_waits_is_ended_without_ending_the_evaluation() {
    let space = support::slow(Duration::from_millis(20)).await;
    let (a, b) = two_runs(&space, POLICY, &with_exception()).await;
    let calls = space.replay.calls();
    let mut waiting = None;
    let studio = space.studio.clone();
    let on_event = |event| {
        if let RunEvent::Started { .. } = event {
            let studio = studio.clone();
            let asked = async move { studio.confirm(ConfirmRequest::new(a, b), |_| {}).await };
            waiting = Some(tokio::spawn(asked));
        }
        if let RunEvent::Outcomes { .. } = event {
            studio.cancel_probes();
        }
    };
    let text = POLICY.replace("Other", "All other");
    space
        .studio
        .evaluate(support::request(&text), on_event)
        .await
        .unwrap();
    let failure = waiting.unwrap().await.unwrap().unwrap_err();
    assert_eq!(failure.code, Code::Cancelled);
    // The evaluation went on to its end, and nothing else was asked.
    assert_eq!(space.replay.calls(), calls + 1);
    let runs = space.studio.runs("tobacco").await.unwrap();
    assert_eq!((runs.len(), runs[0].state), (3, RunState::Finished));
}

/// Selling violates where the policy has either of two rules against it.
fn twice_forbidden(prefix: &Prefix, request: &Request) -> Line {
    let has = |code: &str| prefix.developer.contains(code);
    if request.user.contains("sells") && (has("**T1**") || has("**T2**")) {
        line("T1 applies. S1 does not.", "VIOLATES T1", 9.0)
    } else {
        line("Other talk: S1.", "SAFE S1", -9.0)
    }
}

#[tokio::test]
async fn ablation_finds_what_a_verdict_rests_on() {
    let space = workspace().await;
    let run = space.finished(POLICY).await.summary.run;
    let found = space.studio.ablate(run, "a", |_| {}).await.unwrap();
    // The judge's words hang on the content alone: it violates without any clause.
    assert_eq!((found.decisive.len(), found.smallest.len()), (0, 0));
    assert_eq!(found.faithfulness, Some(0.0));

    let space = with(Replay::new(twice_forbidden)).await;
    let run = space.finished(POLICY).await.summary.run;
    assert_eq!(space.studio.ablation(run, "a").await.unwrap(), None);
    let found = space.studio.ablate(run, "a", |_| {}).await.unwrap();
    let known = space.studio.ablation(run, "a").await.unwrap().unwrap();
    assert_eq!(
        (&known.without, &known.smallest),
        (&found.without, &found.smallest)
    );
    assert_eq!(known.effort.asked, 0);
    assert_eq!(
        (found.decisive, found.smallest),
        (vec!["T1".to_owned()], vec!["T1".to_owned()])
    );
    // T1 and S1 are cited, and T1 decides.
    assert_eq!(found.faithfulness, Some(0.5));
    let lines: Vec<u32> = found.without.iter().map(|without| without.line).collect();
    assert_eq!(lines, [15, 18]);

    let two = POLICY.replace(
        "- **T1** Offers",
        "- **T2** Trade in tobacco.\n- **T1** Offers",
    );
    let run = space.finished(&two).await.summary.run;
    let found = space.studio.ablate(run, "a", |_| {}).await.unwrap();
    assert!(found.decisive.is_empty());
    assert_eq!(found.smallest, ["T2", "T1"]);
    assert_eq!(
        space
            .studio
            .ablate(run, "a", |_| {})
            .await
            .unwrap()
            .effort
            .asked,
        0
    );
    let failure = space.studio.ablate(run, "z", |_| {}).await.unwrap_err();
    assert!(failure.message.contains("no case z"), "{failure}");

    let coverage = space.studio.coverage_ablated(run, |_| {}).await.unwrap();
    assert!(coverage.ablated);
    // Each can stand in for the other, so none decides alone.
    assert!(
        coverage
            .clauses
            .iter()
            .all(|clause| clause.dead == Some(true))
    );
    let plain = space.studio.coverage(run).await.unwrap();
    assert!(plain.clauses.iter().all(|clause| clause.dead.is_none()));
}

#[tokio::test]
async fn coverage_tells_decisive_clauses_and_conflicts() {
    let space = with(Replay::new(twice_forbidden)).await;
    let run = space.finished(POLICY).await.summary.run;
    let coverage = space.studio.coverage_ablated(run, |_| {}).await.unwrap();
    let decisive: Vec<Option<u32>> = coverage
        .clauses
        .iter()
        .map(|clause| clause.decisive)
        .collect();
    assert_eq!(decisive, [Some(3), Some(0)]);
    let plain = space.studio.coverage(run).await.unwrap();
    // Traces that name both have T1 decide; none has S1 decide against T1.
    assert!(plain.conflicts.is_empty());
}

/// a flips by S2, b by S3 and S4 together, d by either of S5 and S6.
fn planted(prefix: &Prefix, request: &Request) -> Line {
    let has = |code: &str| prefix.developer.contains(&format!("**{code}**"));
    let user = &request.user;
    let safe = (user.contains("cigars") && has("S2"))
        || (user.contains("museum") && has("S3") && has("S4"))
        || (user.contains("snuff") && (has("S5") || has("S6")));
    match user.contains("sells") && !safe {
        true => line("T1 applies.", "VIOLATES T1", 9.0),
        false => line("S1 applies.", "SAFE S1", -9.0),
    }
}

#[tokio::test]
async fn flips_are_attributed_to_the_hunks_that_caused_them() {
    let space = with(Replay::new(planted)).await;
    let edited = POLICY.replace("Answer VIOLATES", "Say VIOLATES").replace(
        "- **S1** Other talk.",
        "- **S2** a\n- **S3** b\n- **S1** Other talk.\n- **S4** c\n- **S5** d\n- **S6** e",
    );
    let (a, b) = two_runs(&space, POLICY, &edited).await;
    let nothing = space.studio.attribution(a, b).await.unwrap();
    assert_eq!((nothing.hunks.len(), nothing.flips.len()), (6, 0));
    // One flip alone: its cause is known from then on, and no other's.
    let alone = ["b".to_owned()];
    let found = space.studio.attribute(a, b, &alone, |_| {}).await.unwrap();
    assert_eq!(found.flips.len(), 1);
    let calls = space.replay.calls();
    let known = space.studio.attribution(a, b).await.unwrap();
    assert_eq!(known.flips, found.flips);
    assert_eq!(space.replay.calls(), calls);
    let stays = ["c".to_owned()];
    let failure = space.studio.attribute(a, b, &stays, |_| {}).await;
    let failure = failure.unwrap_err().message;
    assert!(failure.contains("c did not flip from run"), "{failure}");

    let found = space.studio.attribute(a, b, &[], |_| {}).await.unwrap();
    assert_eq!(
        space.studio.attribution(a, b).await.unwrap().flips,
        found.flips
    );
    let lines = |first, last| Some(FileLines { first, last });
    assert_eq!(
        (found.hunks[0].before, found.hunks[0].after),
        (lines(12, 12), lines(12, 12))
    );
    assert_eq!(
        (found.hunks[1].before, found.hunks[1].after),
        (None, lines(18, 18))
    );
    let shown: Vec<Option<u32>> = found.hunks.iter().map(|hunk| hunk.shown_in).collect();
    assert_eq!(shown, [0, 1, 1, 1, 1, 1].map(Some));
    let added: Vec<&str> = found
        .hunks
        .iter()
        .map(|hunk| hunk.hunk.added.as_str())
        .collect();
    assert_eq!(
        added[1..],
        [
            "- **S2** a",
            "- **S3** b",
            "- **S4** c",
            "- **S5** d",
            "- **S6** e"
        ]
    );
    assert_eq!(found.hunks[1].clauses, ["S2"]);
    let causes: Vec<(&str, Cause, &[u32])> = found
        .flips
        .iter()
        .map(|flip| (flip.case.as_str(), flip.cause, flip.hunks.as_slice()))
        .collect();
    assert_eq!(
        causes,
        [
            ("a", Cause::One, &[1][..]),
            ("b", Cause::Together, &[2, 3][..]),
            ("d", Cause::Either, &[4, 5][..]),
        ]
    );
    let flips: Vec<u32> = found.hunks.iter().map(|hunk| hunk.flips).collect();
    assert_eq!(flips, [0, 1, 1, 1, 1, 1]);
    assert_eq!(
        space
            .studio
            .attribute(a, b, &[], |_| {})
            .await
            .unwrap()
            .effort
            .asked,
        0
    );
}

#[tokio::test]
async fn a_changed_contract_is_a_cause_of_its_own() {
    let space = with(Replay::new(planted)).await;
    let edited = POLICY
        .replace("  SAFE: safe", "  SAFE: safe\n  OK: safe")
        .replace("  VIOLATES: violates", "  VIOLATES: safe\n  BAD: violates");
    let (a, b) = two_runs(&space, POLICY, &edited).await;
    let found = space.studio.attribute(a, b, &[], |_| {}).await.unwrap();
    assert_eq!(found.flips.len(), 3);
    assert!(found.flips.iter().all(|flip| flip.cause == Cause::Contract));
}

#[tokio::test]
async fn a_rerun_says_how_many_flips_are_to_be_expected() {
    let space = with(Replay::new(reads).with_pause(Duration::from_millis(30))).await;
    space.finished(POLICY).await;
    let events = space.run(&with_exception()).await;
    let mut seen = Vec::new();
    for event in &events {
        if let RunEvent::Outcomes { progress, .. } = event {
            seen.push((progress.done, progress.flips_left));
        }
    }
    let (done, last) = seen.last().copied().unwrap();
    assert_eq!((done, last.unwrap().high), (4, 0));
    assert!(
        seen[0]
            .1
            .is_some_and(|left| left.expected > 0.0 && left.high >= left.low)
    );
}
