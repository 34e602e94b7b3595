//! Invariants of the database: a finished run and a revision are never updated, whoever
//! asks; a killed process loses nothing that was committed; a database that cannot be
//! used is named, with the remedy.

#![expect(clippy::unwrap_used, reason = "tests")]

use domain::case::{Case, CaseKind, Content};
use domain::certainty::{Pair, walk};
use domain::flip::Certainty;
use domain::policy::{Effort, OutputContract, OutputKind, RevisionId};
use domain::run::{Outcome, RunId, Sampling, Settings, TokenCounts};
use domain::verdict::{Expected, Verdict};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use store::{
    Model, NewRun, Probe, ProbeKey, Release, Revision, RunState, Sides, SignOff, Store, StoreError,
};

fn case(index: u32) -> (Case, String) {
    let case = Case {
        expected: Some(Expected::Violates),
        ..Case::new(
            format!("case-{index}"),
            Content::Text(format!("content {index}")),
            CaseKind::UserInput,
        )
    };
    let fingerprint = domain::case::fingerprint(&case);
    (case, fingerprint)
}

fn outcome(index: u32) -> Outcome {
    Outcome {
        case: format!("case-{index}"),
        verdict: Verdict::Violates,
        unparsed_reason: None,
        label: Some("VIOLATES".to_owned()),
        rules: vec!["T1".to_owned()],
        margin: Some(f64::from(index) + 0.5),
        trace: format!("A trace, whole: {index} 烟草"),
        answer: "VIOLATES T1".to_owned(),
        tokens: TokenCounts {
            prompt: 100,
            reused: 90,
            generated: 20,
            drafted: 0,
            accepted: 0,
        },
        latency_ms: 12.5,
    }
}

async fn create(store: &Store, count: u32) -> RunId {
    let cases: Vec<_> = (0..count).map(case).collect();
    let run = NewRun {
        revision: &Revision {
            policy: "tobacco".to_owned(),
            revision: RevisionId("ab".repeat(32)),
            file_text: "# Tobacco".to_owned(),
            body: "# Tobacco".to_owned(),
            contract: OutputContract {
                kind: OutputKind::Binary,
                labels: Vec::new(),
            },
        },
        model: &Model {
            digest: "cd".repeat(32),
            name: "pebble".to_owned(),
            demonstration: true,
        },
        settings: &Settings {
            effort: Effort::Low,
            template_version: 1,
            sampling: Sampling::Greedy,
            tokens_max: 512,
            numerics: domain::run::Numerics::Exact,
            server: None,
        },
        cases: &cases,
        started_at_ms: 1,
    };
    store.create_run(&run).await.unwrap()
}

async fn finished(store: &Store) -> RunId {
    let run = create(store, 2).await;
    let outcomes = [(0, outcome(0)), (1, outcome(1))];
    store.append(run, &outcomes, 2).await.unwrap();
    store.set_state(run, RunState::Finished, 3).await.unwrap();
    run
}

/// A connection of our own: the triggers must hold without the store's manners.
async fn raw(path: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path))
        .await
        .unwrap()
}

#[tokio::test]
async fn outcomes_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("studio.db")).await.unwrap();
    let run = finished(&store).await;
    let cases = store.run_cases(run).await.unwrap();
    assert_eq!(cases.len(), 2);
    for (index, found) in (0..).zip(&cases) {
        assert_eq!(found.case, case(index).0);
        assert_eq!(found.outcome.as_ref(), Some(&outcome(index)));
        assert!(!found.cached);
    }
    // The same again: everything is known, nothing needs to be appended.
    let again = create(&store, 3).await;
    let known: Vec<bool> = store
        .run_cases(again)
        .await
        .unwrap()
        .iter()
        .map(|case| case.cached && case.outcome.is_some())
        .collect();
    assert_eq!(known, [true, true, false]);
}

#[tokio::test]
async fn what_is_finished_or_immutable_cannot_be_changed_by_any_statement() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("studio.db");
    let store = Store::open(&path).await.unwrap();
    let run = finished(&store).await;
    store.add_sign_off(&sign_off(run)).await.unwrap();
    store.add_release(&release(run, "1")).await.unwrap();
    let pool = raw(&path).await;
    for statement in [
        "UPDATE sign_offs SET statement = 'other'",
        "DELETE FROM sign_offs",
        "UPDATE releases SET change_log = 'other'",
        "DELETE FROM releases",
        "UPDATE revisions SET file_text = 'other'",
        "DELETE FROM revisions",
        "UPDATE models SET name = 'other'",
        "DELETE FROM models",
        "UPDATE cases SET json = '{}'",
        "DELETE FROM cases",
        "UPDATE runs SET state = 'interrupted', finished_at_ms = NULL",
        "UPDATE runs SET finished_at_ms = 9",
        "DELETE FROM runs",
        "UPDATE run_cases SET expected = 'safe'",
        "DELETE FROM run_cases",
        "UPDATE outcomes SET verdict = 'safe'",
        "DELETE FROM outcomes",
        "UPDATE run_outcomes SET cached = 1",
        "DELETE FROM run_outcomes",
        "INSERT INTO run_cases SELECT run, 9, 'late', case_hash, fingerprint, NULL, NULL \
         FROM run_cases LIMIT 1",
    ] {
        let error = sqlx::query(statement)
            .execute(&pool)
            .await
            .expect_err(statement);
        let message = error.to_string();
        assert!(message.contains(" is never "), "{statement}: {message}");
    }
    assert!(store.append(run, &[(1, outcome(1))], 4).await.is_err());
    assert!(store.set_state(run, RunState::Running, 4).await.is_err());
    assert!(!store.discard_if_empty(run).await.unwrap());
    let cases = store.run_cases(run).await.unwrap();
    assert_eq!(cases[1].outcome, Some(outcome(1)));
}

#[tokio::test]
async fn a_run_that_is_not_finished_can_change_its_state_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("studio.db");
    let store = Store::open(&path).await.unwrap();
    let run = create(&store, 1).await;
    let pool = raw(&path).await;
    let error = sqlx::query("UPDATE runs SET suite_hash = model_digest")
        .execute(&pool)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("only the state"), "{error}");
    store
        .set_state(run, RunState::Interrupted, 2)
        .await
        .unwrap();
    store.set_state(run, RunState::Running, 3).await.unwrap();
    assert!(store.discard_if_empty(run).await.unwrap());
    assert!(matches!(store.run(run).await, Err(StoreError::Missing(_))));
    // A number that was given is not given again.
    assert!(create(&store, 1).await > run);
}

fn sign_off(run: RunId) -> SignOff {
    SignOff {
        run,
        name: "Mara".to_owned(),
        role: "policy owner".to_owned(),
        key: None,
        statement: "I have read it.".to_owned(),
        signed_at_ms: 5,
    }
}

fn release(run: RunId, version: &str) -> Release {
    Release {
        policy: "tobacco".to_owned(),
        version: version.to_owned(),
        run,
        change_log: "The first.".to_owned(),
        gates: Vec::new(),
        released_at_ms: 6,
    }
}

#[tokio::test]
async fn releases_and_sign_offs_come_back_and_bad_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("studio.db")).await.unwrap();
    let run = finished(&store).await;
    let mut second = sign_off(run);
    second.key = Some("sha256:00".to_owned());
    for by in [sign_off(run), second.clone()] {
        store.add_sign_off(&by).await.unwrap();
    }
    assert_eq!(store.sign_offs(run).await.unwrap(), [sign_off(run), second]);
    for version in ["1", "2"] {
        store.add_release(&release(run, version)).await.unwrap();
    }
    let found = store.releases("tobacco").await.unwrap();
    assert_eq!(found, [release(run, "2"), release(run, "1")]);

    let running = create(&store, 3).await;
    let bad_sign_offs: [fn(&mut SignOff); 4] = [
        |by| by.name = "  ".to_owned(),
        |by| by.role = String::new(),
        |by| by.key = Some(String::new()),
        |by| by.statement = "x".repeat(4001),
    ];
    for change in bad_sign_offs {
        let mut by = sign_off(run);
        change(&mut by);
        assert!(store.add_sign_off(&by).await.is_err(), "{by:?}");
    }
    assert!(store.add_sign_off(&sign_off(running)).await.is_err());
    assert!(store.add_sign_off(&sign_off(RunId(99))).await.is_err());
    let bad_releases: [fn(&mut Release); 4] = [
        |release| release.version = "2".to_owned(),
        |release| release.version = " 3".to_owned(),
        |release| release.change_log = "\n".to_owned(),
        |release| release.policy = "spam".to_owned(),
    ];
    for change in bad_releases {
        let mut next = release(run, "3");
        change(&mut next);
        assert!(store.add_release(&next).await.is_err(), "{next:?}");
    }
    assert!(store.add_release(&release(running, "3")).await.is_err());
}

const CHILD: &str = "TOUCHSTONE_STORE_TEST_CHILD";
const OUTCOMES: u32 = 10_000;

/// The child of the test below; without its variable it has nothing to do.
#[tokio::test]
async fn child_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let store = Store::open(Path::new(&path)).await.unwrap();
    let run = create(&store, OUTCOMES).await;
    for index in 0..OUTCOMES {
        store
            .append(run, &[(index, outcome(index))], 2)
            .await
            .unwrap();
        println!("committed {}", index + 1);
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("studio.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(|line| line.unwrap());
    let seen = lines.find(|line| line.ends_with("committed 200"));
    assert!(seen.is_some(), "the child ended early");
    // While it lives, its run is its own.
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.run(RunId(1)).await.unwrap().state, RunState::Running);
    store.close().await;
    drop(store);
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();
    let committed = lines
        .filter_map(|line| line.rsplit_once("committed ")?.1.parse().ok())
        .max()
        .unwrap_or(200);
    assert!(committed < OUTCOMES, "the child was never killed");

    let store = Store::open(&path).await.unwrap();
    assert_eq!(
        store.run(RunId(1)).await.unwrap().state,
        RunState::Interrupted
    );
    let cases = store.run_cases(RunId(1)).await.unwrap();
    let kept = cases
        .iter()
        .take_while(|case| case.outcome.is_some())
        .count() as u32;
    assert!(kept >= committed, "{kept} of {committed}");
    for (index, case) in (0..kept).zip(&cases) {
        assert_eq!(case.outcome, Some(outcome(index)));
    }
    // And it goes on where it stopped.
    store
        .set_state(RunId(1), RunState::Running, 3)
        .await
        .unwrap();
    store
        .append(RunId(1), &[(kept, outcome(kept))], 3)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("studio.db");
    let store = Store::open(&path).await.unwrap();
    finished(&store).await;
    store.close().await;
    drop(store);
    let pool = raw(&path).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9001, 'from the future', TRUE, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let error = Store::open(&path).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { version: 9001, .. }),
        "{error:?}"
    );
    assert!(error.is_bad_file());
    let message = error.to_string();
    assert!(
        message.contains("studio.db") && message.contains("newer version"),
        "{message}"
    );
    assert!(message.contains("move the file aside"), "{message}");
    let kept = store::move_aside(&path, 42).unwrap();
    assert!(kept.exists() && !path.exists());
    let fresh = Store::open(&path).await.unwrap();
    assert!(fresh.runs("tobacco", 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_damaged_database_is_named_wherever_the_damage_is() {
    for offset in [0, 4096 * 3] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("studio.db");
        let store = Store::open(&path).await.unwrap();
        finished(&store).await;
        store.close().await;
        drop(store);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[offset..offset + 2048].fill(0xA5);
        std::fs::write(&path, &bytes).unwrap();
        let error = Store::open(&path).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Corrupted { .. }),
            "{offset}: {error:?}"
        );
        assert!(error.to_string().contains("studio.db"), "{error}");
    }
}

#[tokio::test]
async fn a_truncated_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("studio.db");
    let store = Store::open(&path).await.unwrap();
    finished(&store).await;
    store.close().await;
    drop(store);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupted { .. }), "{error:?}");
}

#[tokio::test]
async fn probes_and_confirmations_are_kept_and_never_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("studio.db");
    let store = Store::open(&path).await.unwrap();
    let id = finished(&store).await;
    let run = store.run(id).await.unwrap();
    let settings = |seed| Settings {
        sampling: Sampling::Seeded {
            seed,
            temperature: 1.0,
            top_p: 1.0,
        },
        ..run.settings.clone()
    };
    let (one, other) = (settings(1), settings(2));
    let key = ProbeKey {
        revision: &run.revision,
        model_digest: &run.model.digest,
        settings: &one,
    };
    let probe = |verdict| Probe {
        verdict,
        label: Some("SP2".to_owned()),
        margin: Some(f64::NAN),
    };
    let fingerprint = "ef".repeat(32);
    let said = [(fingerprint.clone(), probe(Verdict::Safe))];
    store.add_probes(&key, &said, 5).await.unwrap();
    let contradicted = [(fingerprint.clone(), probe(Verdict::Violates))];
    store.add_probes(&key, &contradicted, 6).await.unwrap();
    let known = store.probes(&key).await.unwrap();
    assert_eq!(
        (known[&fingerprint].verdict, known[&fingerprint].margin),
        (Verdict::Safe, None)
    );
    let another_seed = ProbeKey {
        settings: &other,
        ..key.clone()
    };
    assert!(store.probes(&another_seed).await.unwrap().is_empty());

    let sides = Sides {
        before: &run.revision,
        after: &run.revision,
        model_digest: &run.model.digest,
        before_settings: &run.settings,
        after_settings: &run.settings,
    };
    let evidence = |pairs: usize| {
        let pair = Pair {
            before_same: true,
            after_same: true,
        };
        (fingerprint.clone(), walk(vec![pair; pairs]))
    };
    for pairs in [4, 8] {
        store
            .add_confirmations(&sides, &[evidence(pairs)], 7)
            .await
            .unwrap();
    }
    let found = store.confirmations(&sides).await.unwrap();
    assert_eq!(found[&fingerprint].certainty, Certainty::Real);

    let raw = raw(&path).await;
    for statement in [
        "UPDATE probes SET verdict = 'violates'",
        "DELETE FROM probes",
        "UPDATE confirmations SET evidence = '{}'",
        "DELETE FROM confirmations",
    ] {
        let refused = sqlx::query(statement).execute(&raw).await.unwrap_err();
        assert!(refused.to_string().contains("never"), "{refused}");
    }
}
