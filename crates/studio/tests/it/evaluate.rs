//! Debounce, cancellation, the cache, interruption and resumption.

use crate::support::{POLICY, SUITE, open, reads, request, slow, with, with_exception, workspace};
use domain::run::RunId;
use domain::verdict::Verdict;
use std::time::Duration;
use studio::replay::Replay;
use studio::view::{CaseRow, RunEvent, RunState};

const PAUSE: Duration = Duration::from_millis(30);
/// For a thread that has not run yet, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_events_tell_the_run_from_start_to_finish() {
    let space = workspace().await;
    let events = space.run(POLICY).await;
    let Some(RunEvent::Started { view }) = events.first() else {
        panic!("no start: {events:?}");
    };
    assert_eq!(view.summary.state, RunState::Running);
    assert!(view.rows.iter().all(|row| row.verdict.is_none()));
    let mut told: Vec<&str> = Vec::new();
    for event in &events[1..events.len() - 1] {
        match event {
            RunEvent::Outcomes {
                rows,
                progress,
                figures,
            } => {
                told.extend(rows.iter().map(|row| row.case.as_str()));
                assert_eq!(progress.total, 4);
                assert_eq!(figures.metrics.cases as usize, told.len());
            }
            RunEvent::Progress { .. } => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert_eq!(told, ["a", "b", "c", "d"]);
    let Some(RunEvent::Finished { view }) = events.last() else {
        panic!("no end: {events:?}");
    };
    assert_eq!(view.summary.state, RunState::Finished);
    assert_eq!(view.figures.metrics.true_positives, 1);
    assert_eq!(view.figures.metrics.false_positives, 2);
    assert_eq!(view.figures.metrics.true_negatives, 1);
    assert!(view.baseline.is_none(), "the first run is the baseline");
    assert!(view.summary.is_baseline);
}

#[tokio::test]
async fn a_preview_is_told_until_the_case_is_judged_and_is_kept_nowhere() {
    // Behind the old reasoning the museum's pipe still violates; `d` has no preview.
    let previews = |request: &engine::Request| match &*request.user {
        "nice weather" => Some(-5.0),
        "sells snuff" => None,
        _ => Some(3.0),
    };
    // No case of the edited policy is judged until all previews were told.
    let (told, wait) = std::sync::mpsc::channel();
    let (wait, once) = (std::sync::Mutex::new(wait), std::sync::Once::new());
    let script = move |prefix: &engine::Prefix, request: &engine::Request| {
        if prefix.developer.contains("S2") {
            once.call_once(|| wait.lock().unwrap().recv_timeout(PATIENCE).unwrap());
        }
        reads(prefix, request)
    };
    let space = with(Replay::new(script).with_previews(previews)).await;
    let first = space.finished(POLICY).await;
    assert!(first.rows.iter().all(|row| row.preview.is_none()));

    let (mut previewed, mut judged, mut events) = (Vec::new(), Vec::new(), Vec::new());
    let on_event = |event: RunEvent| {
        if let RunEvent::Outcomes { rows, .. } = &event {
            let (open, done): (Vec<CaseRow>, Vec<CaseRow>) =
                rows.iter().cloned().partition(|row| row.verdict.is_none());
            previewed.extend(open);
            judged.extend(done);
            if previewed.len() == 3 {
                let _ = told.send(());
            }
        }
        events.push(event);
    };
    let edited = request(&with_exception());
    space.studio.evaluate(edited, on_event).await.unwrap();
    assert!(judged.iter().all(|row| row.preview.is_none()));
    assert_eq!((previewed.len(), judged.len()), (3, 4));
    for row in previewed {
        let preview = row.preview.expect("told for its preview");
        let expected = match &*row.case {
            "c" => (Verdict::Safe, -5.0),
            "a" | "b" => (Verdict::Violates, 3.0),
            other => panic!("no preview was had of {other}"),
        };
        assert_eq!((preview.verdict, preview.margin), expected);
        assert!(row.before.is_some() && row.flip.is_none() && row.margin.is_none());
    }
    let Some(RunEvent::Finished { view }) = events.last() else {
        panic!("no end: {events:?}");
    };
    assert!(view.rows.iter().all(|row| row.preview.is_none()));
    let flipped = view.rows.iter().filter(|row| row.flip.is_some());
    assert_eq!(flipped.map(|row| &*row.case).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn a_newer_request_takes_the_place_of_one_that_waits() {
    let space = workspace().await;
    let mut first = request(POLICY);
    // Long enough that only the cancellation can end the wait.
    first.delay_ms = 600_000;
    let mut events = Vec::new();
    let older = space.studio.evaluate(first, |event| events.push(event));
    let newer = async {
        tokio::task::yield_now().await;
        space.finished(&with_exception()).await
    };
    let (older, newer) = tokio::join!(older, newer);
    assert!(older.is_ok());
    assert_eq!(events, [RunEvent::Cancelled { run: None }]);
    assert_eq!(newer.summary.run, RunId(1));
    assert_eq!(space.replay.calls(), 1);
}

#[tokio::test]
async fn a_newer_request_stops_one_that_runs_and_keeps_its_outcomes() {
    let space = slow(PAUSE).await;
    let (wake, woken) = tokio::sync::oneshot::channel();
    let mut wake = Some(wake);
    let mut events = Vec::new();
    let older = space.studio.evaluate(request(POLICY), |event| {
        if matches!(event, RunEvent::Outcomes { .. })
            && let Some(wake) = wake.take()
        {
            wake.send(()).unwrap();
        }
        events.push(event);
    });
    let newer = async {
        woken.await.unwrap();
        space.finished(&with_exception()).await
    };
    let (older, newer) = tokio::join!(older, newer);
    assert!(older.is_ok());
    assert_eq!(
        events.last(),
        Some(&RunEvent::Cancelled {
            run: Some(RunId(1))
        })
    );
    assert_eq!(newer.summary.run, RunId(2));
    let kept = space.studio.run_view(RunId(1), None).await.unwrap();
    assert_eq!(kept.summary.state, RunState::Interrupted);
    let judged = kept.rows.iter().filter(|row| row.verdict.is_some()).count();
    assert!((1..4).contains(&judged), "{judged}");
}

#[tokio::test]
async fn a_run_cancelled_before_its_first_outcome_leaves_no_trace() {
    let space = slow(PAUSE).await;
    let studio = space.studio.clone();
    let mut events = Vec::new();
    space
        .studio
        .evaluate(request(POLICY), |event| {
            if matches!(event, RunEvent::Started { .. }) {
                studio.cancel();
            }
            events.push(event);
        })
        .await
        .unwrap();
    assert_eq!(events.last(), Some(&RunEvent::Cancelled { run: None }));
    assert!(space.studio.runs("tobacco").await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_text_again_is_unchanged_and_asks_nothing() {
    let space = workspace().await;
    let first = space.finished(POLICY).await;
    // White space at line ends is nothing to the model.
    let events = space
        .run(&POLICY.replace("tobacco.\n", "tobacco.  \n"))
        .await;
    let [RunEvent::Unchanged { view }] = &events[..] else {
        panic!("changed: {events:?}");
    };
    assert_eq!(view, &first);
    assert_eq!(space.replay.calls(), 1);
    assert_eq!(space.studio.runs("tobacco").await.unwrap().len(), 1);
}

#[tokio::test]
async fn going_back_is_a_run_of_known_outcomes() {
    let space = workspace().await;
    space.finished(POLICY).await;
    space.finished(&with_exception()).await;
    let back = space.finished(POLICY).await;
    assert_eq!(back.summary.run, RunId(3));
    assert!(back.rows.iter().all(|row| row.cached));
    assert_eq!(space.replay.calls(), 2);
}

#[tokio::test]
async fn a_new_case_alone_is_asked() {
    let space = workspace().await;
    space.finished(POLICY).await;
    let added = r#"{"id":"e","content":"sells tea","kind":"user_input"}"#;
    std::fs::write(
        space.folder.path().join("fixtures/tobacco.jsonl"),
        format!("{SUITE}{added}\n"),
    )
    .unwrap();
    let view = space.finished(POLICY).await;
    assert_eq!(space.replay.asked().len(), 5);
    assert_eq!(view.rows.len(), 5);
    assert_eq!(view.rows.iter().filter(|row| row.cached).count(), 4);
}

#[tokio::test]
async fn a_label_edit_changes_the_figures_and_asks_nothing() {
    let space = workspace().await;
    space.finished(POLICY).await;
    let relabelled = SUITE.replace(
        r#""sells snuff","kind":"user_input","expected":"safe""#,
        r#""sells snuff","kind":"user_input","expected":"violates""#,
    );
    assert_ne!(relabelled, SUITE);
    std::fs::write(
        space.folder.path().join("fixtures/tobacco.jsonl"),
        relabelled,
    )
    .unwrap();
    let view = space.finished(POLICY).await;
    assert_eq!(space.replay.calls(), 1);
    assert_eq!(view.figures.metrics.true_positives, 2);
    assert_eq!(view.figures.metrics.false_positives, 1);
    // Both runs are measured by the present labels, so that no label edit looks like a flip.
    let flips = view.figures.flips;
    assert_eq!((flips.fixed, flips.broken, flips.changed), (0, 0, 0));
}

#[tokio::test]
async fn an_interrupted_run_is_resumed_where_it_stopped() {
    let space = slow(PAUSE).await;
    let events = space.cancelled_after(POLICY, 2).await;
    assert_eq!(
        events.last(),
        Some(&RunEvent::Cancelled {
            run: Some(RunId(1))
        })
    );
    let asked = space.replay.asked().len();
    let mut events = Vec::new();
    space
        .studio
        .resume(RunId(1), |event| events.push(event))
        .await
        .unwrap();
    let Some(RunEvent::Finished { view }) = events.last() else {
        panic!("not finished: {events:?}");
    };
    assert_eq!(view.summary.run, RunId(1));
    assert!(view.rows.iter().all(|row| row.verdict.is_some()));
    // What was stored before is not asked again.
    let mut all = space.replay.asked();
    assert!(all.len() < 2 * 4 && all.len() >= asked);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4);
}

#[tokio::test]
async fn evaluating_again_continues_the_interrupted_run() {
    let space = slow(PAUSE).await;
    space.cancelled_after(POLICY, 1).await;
    let view = space.finished(POLICY).await;
    assert_eq!(view.summary.run, RunId(1));
    assert_eq!(space.studio.runs("tobacco").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_an_interrupted_run() {
    let space = slow(PAUSE).await;
    let (wake, woken) = tokio::sync::oneshot::channel();
    let mut wake = Some(wake);
    let studio = space.studio.clone();
    let task = tokio::spawn(async move {
        let on_event = |event: RunEvent| {
            if matches!(event, RunEvent::Outcomes { .. })
                && let Some(wake) = wake.take()
            {
                wake.send(()).unwrap();
            }
        };
        studio.evaluate(request(POLICY), on_event).await
    });
    woken.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    space.finished(&with_exception()).await;
    let view = space.studio.run_view(RunId(1), None).await.unwrap();
    assert_eq!(view.summary.state, RunState::Interrupted);
}

#[tokio::test]
async fn everything_is_still_there_after_reopening() {
    let space = workspace().await;
    let before = space.finished(POLICY).await;
    space.studio.close().await;
    let studio = open(&space.folder, space.replay.clone()).await;
    let document = studio.open_policy("tobacco").await.unwrap();
    assert_eq!(document.current, Some(before));
    assert_eq!(document.runs.len(), 1);
}

#[tokio::test]
async fn the_edited_clause_s_cases_are_judged_first() {
    let space = workspace().await;
    space.finished(POLICY).await;
    let edited = POLICY.replace("Other talk.", "Any other talk.");
    space.finished(&edited).await;
    // Only c rested on S1.
    assert_eq!(space.replay.asked()[4], "nice weather");
}

#[tokio::test]
async fn the_watched_trace_streams() {
    let space = slow(Duration::from_millis(120)).await;
    space.studio.watch_trace(Some("a".to_owned()));
    let events = space.run(POLICY).await;
    let texts: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            RunEvent::TraceText { case, text } if case == "a" => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(!texts.is_empty());
    assert!(
        texts
            .iter()
            .all(|text| "An offer to sell: T1 applies.".starts_with(text))
    );
    assert!(texts.is_sorted_by_key(|text| text.len()));
}

#[tokio::test]
async fn a_reply_without_an_answer_is_unparsed_with_the_reason() {
    let replay = studio::replay::Replay::new(|prefix, request| {
        let mut line = crate::support::reads(prefix, request);
        if request.user.contains("cigars") {
            line.answer = None;
            line.finish = engine::Finish::Length;
        }
        line
    });
    let space = crate::support::with(replay).await;
    let view = space.finished(POLICY).await;
    assert_eq!(view.rows[0].verdict, Some(Verdict::Unparsed));
    assert!(
        view.rows[0]
            .unparsed_reason
            .as_ref()
            .unwrap()
            .contains("cut off")
    );
    assert_eq!(view.figures.metrics.unparsed, 1);
}
