//! A model on a server as the model of a run: whatever the server does, no case is lost,
//! and nothing leaves this machine without leave.

#[path = "../../../remote/tests/faulty/mod.rs"]
#[expect(dead_code, reason = "the client's own tests use the rest of it")]
mod faulty;

use crate::support::{POLICY, SUITE, request, with_exception};
use domain::flip::Certainty;
use domain::run::RunId;
use domain::verdict::Verdict;
use faulty::{Act, Faulty, MODEL};
use std::path::Path;
use std::time::{Duration, Instant};
use studio::view::{Code, ConfirmRequest, Failure, RunEvent, RunState, RunView, ServerOptions};
use studio::{Keys, Limits, Options, Outside, Studio};
use tempfile::TempDir;
use tokio::net::TcpListener;

fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["policies", "fixtures"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("policies/tobacco.md"), POLICY).unwrap();
    std::fs::write(folder.path().join("fixtures/tobacco.jsonl"), SUITE).unwrap();
    folder
}

fn outside(keys: &Path) -> Outside {
    Outside {
        keys: Some(Keys::in_folder(keys)),
        limits: Some(Limits {
            concurrency: 2,
            idle: Duration::from_millis(300),
            attempts_max: 2,
            backoff_first: Duration::from_millis(5),
            backoff_most: Duration::from_millis(20),
            patience: Duration::from_millis(500),
            failures_in_a_row_max: 10,
            ..Limits::default()
        }),
        ..Outside::default()
    }
}

async fn open(folder: &TempDir, address: &str) -> Studio {
    let options = Options {
        model: Some(address.to_owned()),
        outside: outside(&folder.path().join("../nowhere")),
        ..Options::default()
    };
    Studio::open(folder.path(), options).await.unwrap()
}

/// As `support::reads` does, for the texts of SUITE.
fn sensible(user: &str) -> Act {
    if user.contains("sells") {
        Act::Answer("An offer to sell: T1 applies.", "VIOLATES T1")
    } else {
        Act::Answer("Other talk: S1 applies.", "SAFE S1")
    }
}

async fn evaluate(studio: &Studio) -> Result<RunView, Failure> {
    let mut last = None;
    let done = studio
        .evaluate(request(POLICY), |event| last = Some(event))
        .await;
    ended(done.map(|_| ()), last)
}

async fn resume(studio: &Studio, run: RunId) -> Result<RunView, Failure> {
    let mut last = None;
    let done = studio.resume(run, |event| last = Some(event)).await;
    ended(done.map(|_| ()), last)
}

fn ended(done: Result<(), Failure>, last: Option<RunEvent>) -> Result<RunView, Failure> {
    done?;
    match last {
        Some(RunEvent::Finished { view }) => Ok(view),
        other => panic!("not finished: {other:?}"),
    }
}

#[tokio::test]
async fn a_run_by_a_server_is_recorded_with_who_it_was_and_what_it_cost() {
    let server = Faulty::start(|user, _| sensible(user)).await;
    let folder = workspace();
    let address = format!("{}#{MODEL}", server.url);
    let studio = open(&folder, &address).await;
    let options = ServerOptions {
        price_prompt: Some(1.0),
        price_generated: Some(10.0),
        currency: Some("EUR".to_owned()),
        ..ServerOptions::default()
    };
    let added = studio.add_server(&address, &options).await.unwrap();
    assert!(!added.leaves_machine && added.allowed && added.stored);

    let view = evaluate(&studio).await.unwrap();
    let verdicts: Vec<Verdict> = view.rows.iter().map(|row| row.verdict.unwrap()).collect();
    use Verdict::{Safe, Violates};
    assert_eq!(verdicts, [Violates, Violates, Safe, Violates]);
    let said = view.summary.settings.server.as_ref().unwrap();
    assert_eq!(
        (said.url.as_str(), said.model.as_str()),
        (server.url.as_str(), MODEL)
    );
    assert!(!said.repeats);
    // 4 cases of 20 tokens read, 16 of them in the cache, and 4 written.
    let usage = view.usage.unwrap();
    assert_eq!(
        (
            usage.prompt_tokens,
            usage.reused_tokens,
            usage.generated_tokens
        ),
        (80, 64, 16)
    );
    assert!((usage.cost.unwrap() - (80.0 + 160.0) / 1e6).abs() < 1e-12);
    assert_eq!(usage.currency.as_deref(), Some("EUR"));
    let record = studio.record(view.summary.run, None).await.unwrap();
    let outcome = record.cases[0].outcome.as_ref().unwrap();
    assert_eq!(outcome.trace, "An offer to sell: T1 applies.");

    let models = studio.models();
    let own = models.iter().find(|model| model.id == address).unwrap();
    assert_eq!(
        own.digest.as_deref(),
        Some(view.summary.model_digest.as_str())
    );
    assert_ne!(view.summary.model_digest, "");
    studio.remove_server(&address).await.unwrap();
    assert!(studio.server_list().is_empty());
}

#[tokio::test]
async fn another_way_of_asking_holds_at_once_and_is_another_model() {
    let server = Faulty::start(|user, _| sensible(user)).await;
    let folder = workspace();
    let address = format!("{}#{MODEL}", server.url);
    let studio = open(&folder, &address).await;
    let chat = evaluate(&studio).await.unwrap();
    let options = ServerOptions {
        responses: true,
        ..ServerOptions::default()
    };
    let added = studio.add_server(&address, &options).await.unwrap();
    assert_eq!(added.options, options);
    let view = evaluate(&studio).await.unwrap();
    let api = |view: &RunView| view.summary.settings.server.clone().unwrap().api;
    assert_eq!(
        (api(&chat).as_str(), api(&view).as_str()),
        ("chat", "responses")
    );
    assert_ne!(chat.summary.model_digest, view.summary.model_digest);
    let asked = server.bodies();
    assert!(asked[..4].iter().all(|body| body["messages"].is_array()));
    assert!(asked[4..].iter().all(|body| body["input"].is_array()));
    assert_eq!(asked.len(), 8, "each case is judged anew");
    for (one, other) in chat.rows.iter().zip(&view.rows) {
        assert_eq!((one.verdict, one.margin), (other.verdict, other.margin));
    }
    let both = ServerOptions {
        raw: true,
        ..options
    };
    let refused = studio.add_server(&address, &both).await.unwrap_err();
    assert!(refused.message.contains("either"), "{}", refused.message);
}

/// What the server makes of "b" is the policy's doing; "d" it answers this way or that, as
/// a server that batches its requests may.
fn of_two_minds(body: &serde_json::Value, _: usize) -> Act {
    let user = faulty::user(body);
    let excepts = body["messages"].to_string().contains("S2");
    let heads = match body["seed"].as_u64() {
        Some(seed) => (seed * 5 + u64::from(excepts)) % 4 < 2,
        None => !excepts,
    };
    if (user.contains("museum") && excepts) || (user.contains("snuff") && !heads) {
        Act::Answer("S1 applies.", "SAFE S1")
    } else {
        sensible(&user)
    }
}

#[tokio::test]
async fn a_server_that_promises_no_repeats_is_asked_again_before_a_flip_is_called_real() {
    let server = Faulty::reading(of_two_minds).await;
    let folder = workspace();
    let address = format!("{}#{MODEL}", server.url);
    let studio = open(&folder, &address).await;
    let a = evaluate(&studio).await.unwrap().summary.run;
    let edited = request(&with_exception());
    let mut last = None;
    let done = studio.evaluate(edited, |event| last = Some(event)).await;
    let b = ended(done.map(|_| ()), last).unwrap().summary.run;

    let certainties = |flips: Vec<domain::flip::Flip>| -> Vec<(String, Certainty)> {
        let each = flips.into_iter();
        each.map(|flip| (flip.case, flip.certainty)).collect()
    };
    let untested = certainties(studio.compare(a, b).await.unwrap().flips);
    let undecided = |case: &str| (case.to_owned(), Certainty::Undecided);
    assert_eq!(untested, [undecided("b"), undecided("d")]);
    let before = server.bodies().len();
    let found = studio.confirm(ConfirmRequest::new(a, b), |_| {}).await;
    assert_eq!(
        found.unwrap().effort.asked as usize,
        server.bodies().len() - before
    );
    let tested = certainties(studio.compare(a, b).await.unwrap().flips);
    assert_eq!(
        tested,
        [
            ("b".to_owned(), Certainty::Real),
            ("d".to_owned(), Certainty::Noise)
        ]
    );
    let seeds = server.bodies();
    assert!(
        seeds[before..]
            .iter()
            .all(|body| body["seed"].is_u64() && body["temperature"] == 1.0)
    );
}

#[tokio::test]
async fn no_case_is_lost_to_a_faulty_server_and_the_run_goes_on_when_it_is_mended() {
    for act in [
        Act::Hang,
        Act::HangInside,
        Act::Cut,
        Act::Html,
        Act::WrongJson,
        Act::Huge,
        Act::OtherModel("SAFE S1"),
        Act::Busy("60"),
        Act::Status(500, "no memory".to_owned()),
    ] {
        let shown = format!("{act:?}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // The first two times that "b" is asked for, the server is faulty; then it is mended.
        let server = Faulty::on(listener, move |user, nth| match user {
            "sells a museum pipe" if nth < 2 => act.clone(),
            _ => sensible(user),
        });
        let folder = workspace();
        let studio = open(&folder, &server.url).await;
        let mut failure = evaluate(&studio).await.unwrap_err();
        assert_eq!(failure.code, Code::Model, "{shown}: {failure}");
        assert!(
            failure
                .message
                .contains("1 of 4 cases have no answer yet. b: "),
            "{failure}"
        );
        let runs = studio.runs("tobacco").await.unwrap();
        assert_eq!(
            (runs.len(), runs[0].state, runs[0].metrics.cases),
            (1, RunState::Interrupted, 3)
        );
        // What is retried less often than the server is faulty needs another resumption.
        let view = loop {
            match resume(&studio, runs[0].run).await {
                Ok(view) => break view,
                Err(again) => failure = again,
            }
            assert!(server.bodies().len() < 10, "{shown}: {failure}");
        };
        assert!(view.rows.iter().all(|row| row.verdict.is_some()), "{shown}");
        let asked: Vec<String> = server.bodies().iter().map(faulty::user).collect();
        for user in ["sells cigars", "nice weather", "sells snuff"] {
            let times = asked.iter().filter(|asked| *asked == user).count();
            assert_eq!(times, 1, "{shown}: {user} was asked again");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_fails_the_run_and_the_next_attempt_finds_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let folder = workspace();
    let studio = open(&folder, &format!("http://{address}/v1")).await;
    let failure = evaluate(&studio).await.unwrap_err();
    assert_eq!(failure.code, Code::Model);
    assert!(failure.message.contains("cannot be reached"), "{failure}");
    assert!(studio.runs("tobacco").await.unwrap().is_empty());
    let listener = TcpListener::bind(address).await.unwrap();
    let _server = Faulty::on(listener, |user, _| sensible(user));
    evaluate(&studio).await.unwrap();
}

#[tokio::test]
async fn cancelling_ends_the_requests_and_keeps_what_was_judged() {
    let server = Faulty::start(|user, _| match user {
        "nice weather" | "sells snuff" => Act::HangInside,
        _ => sensible(user),
    })
    .await;
    let folder = workspace();
    let mut options = Options {
        model: Some(server.url.clone()),
        outside: outside(folder.path()),
        ..Options::default()
    };
    options.outside.limits.as_mut().unwrap().idle = Duration::from_secs(60);
    let studio = Studio::open(folder.path(), options).await.unwrap();
    let mut last = None;
    let canceller = studio.clone();
    let started = Instant::now();
    studio
        .evaluate(request(POLICY), |event| {
            if let RunEvent::Outcomes { progress, .. } | RunEvent::Progress { progress } = &event
                && progress.done == 2
                && progress.running == 2
            {
                canceller.cancel();
            }
            last = Some(event);
        })
        .await
        .unwrap();
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(
        matches!(last, Some(RunEvent::Cancelled { run: Some(_) })),
        "{last:?}"
    );
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.running() > 0 {
        assert!(Instant::now() < deadline, "the server still works");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.dropped(), 2);
}

/// This machine under an address that is not loopback, where it has one.
async fn by_other_address(server: &Faulty) -> String {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: connecting a datagram socket only chooses a route.
    let routed = socket
        .connect("192.0.2.1:9")
        .and_then(|()| socket.local_addr());
    let port = server.url.rsplit(':').next().unwrap();
    match routed {
        Ok(own) if !own.ip().is_loopback() => format!("http://{}:{port}", own.ip()),
        _ => format!("http://0.0.0.0:{port}"),
    }
}

#[tokio::test]
async fn nothing_leaves_the_machine_before_somebody_allows_the_host() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let server = Faulty::on(listener, |user, _| sensible(user));
    let address = by_other_address(&server).await;
    let host = address
        .trim_start_matches("http://")
        .split(':')
        .next()
        .unwrap()
        .to_owned();
    let folder = workspace();
    // As a workspace from elsewhere would bring it along.
    let config = format!("model = \"{address}\"\n");
    std::fs::write(folder.path().join("touchstone.toml"), config).unwrap();
    let options = |hosts: &[&str], plain_http| Options {
        outside: Outside {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            plain_http,
            ..outside(folder.path())
        },
        ..Options::default()
    };
    let refused = |failure: Failure, says: &str| {
        assert_eq!(failure.code, Code::Consent, "{failure}");
        assert!(
            failure.message.contains(&host) && failure.message.contains(says),
            "{failure}"
        );
        assert!(server.all_bodies().is_empty(), "something was sent");
    };
    let studio = Studio::open(folder.path(), options(&[], false))
        .await
        .unwrap();
    let shown = studio
        .models()
        .into_iter()
        .find_map(|model| model.server)
        .unwrap();
    assert!(shown.leaves_machine && !shown.allowed && shown.host == host);
    refused(evaluate(&studio).await.unwrap_err(), "leave this machine");
    refused(
        studio.server_models(&address).await.unwrap_err(),
        "leave this machine",
    );
    refused(
        studio.test_server(&address).await.unwrap_err(),
        "leave this machine",
    );
    refused(
        studio.select_model(&address).await.unwrap_err(),
        "leave this machine",
    );
    // Leave for the host is not leave to do without encryption.
    studio.decide_host(&host, true, false).await.unwrap();
    refused(evaluate(&studio).await.unwrap_err(), "not encrypted");
    studio.decide_host(&host, true, true).await.unwrap();
    evaluate(&studio).await.unwrap();
    // It stays with the workspace, until it is taken back, which counts at once.
    assert_eq!(studio.allowed_hosts().len(), 1);
    studio.decide_host(&host, false, false).await.unwrap();
    let before = server.all_bodies().len();
    let changed = request(&POLICY.replace("Other talk", "Any other talk"));
    let failure = studio.evaluate(changed.clone(), |_| {}).await.unwrap_err();
    assert_eq!(
        (failure.code, server.all_bodies().len()),
        (Code::Consent, before)
    );
    studio.close().await;
    // For one process alone, nothing is stored.
    let studio = Studio::open(folder.path(), options(&[&host], true))
        .await
        .unwrap();
    studio.evaluate(changed, |_| {}).await.unwrap();
    assert!(studio.allowed_hosts().is_empty());
}

#[tokio::test]
async fn a_key_reaches_no_file_of_the_workspace() {
    const KEY: &str = "sk-fedcba9876543210";
    let server = Faulty::start(|user, nth| match (user, nth) {
        ("sells cigars", _) => Act::AnswerKey,
        ("sells snuff", _) => Act::EchoKey(400),
        _ => sensible(user),
    })
    .await;
    let folder = workspace();
    let keys = tempfile::tempdir().unwrap();
    let options = Options {
        model: Some(server.url.clone()),
        outside: outside(keys.path()),
        ..Options::default()
    };
    let studio = Studio::open(folder.path(), options).await.unwrap();
    let said = studio.set_server_key(&server.url, Some(KEY)).await.unwrap();
    assert!(said.contains("keys.json") && !said.contains(KEY), "{said}");
    let failure = evaluate(&studio).await.unwrap_err();
    assert!(
        failure.message.contains("[key]") && !failure.message.contains(KEY),
        "{failure}"
    );
    let runs = studio.runs("tobacco").await.unwrap();
    let record = studio.record(runs[0].run, None).await.unwrap();
    let echoed = record.cases[0].outcome.as_ref().unwrap();
    assert!(
        echoed.trace.contains("[key]"),
        "the server did echo the key: {echoed:?}"
    );
    studio.close().await;
    let mut files = 0;
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
            assert!(!found, "{} holds the key", path.display());
        }
    }
    assert!(files >= 3, "the workspace was not looked through");
    assert!(
        studio
            .set_server_key(&server.url, None)
            .await
            .unwrap()
            .contains("removed")
    );
}
