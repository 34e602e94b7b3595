//! Who may ask, how much and how often; and the end in good order.

use crate::support::{Gate, Running, Setup, error, gated, says, seller, start};
use reqwest::Response;
use serde_json::{Value, json};
use serve::{Limits, Place, Server};
use std::sync::Arc;
use std::time::Duration;
use studio::replay::Replay;
use tokio::task::JoinHandle;

const CLASSIFY: &str = "/v1/classify";
const QUEUED: &str = "touchstone_queue_depth ";
const IN_FLIGHT: &str = "touchstone_in_flight ";

fn plain() -> Setup {
    Setup::replay(Arc::new(Replay::new(seller)))
}

fn with_limits(limits: Limits) -> (Gate, Arc<Replay>, Setup) {
    let (gate, replay) = gated();
    let setup = Setup {
        limits,
        ..Setup::replay(replay.clone())
    };
    (gate, replay, setup)
}

/// Asks in the background.
fn ask(server: &Running, body: Value) -> JoinHandle<Response> {
    let request = server.client.post(format!("{}{CLASSIFY}", server.url));
    tokio::spawn(async move { request.json(&body).send().await.unwrap() })
}

fn content(text: &str) -> Value {
    json!({"content": text})
}

#[tokio::test]
async fn routes_methods_types_and_json_are_checked() {
    let server = start(plain()).await;
    assert_eq!(server.get("/healthz").await.status(), 200);
    assert_eq!(error(server.get("/v1/nothing").await).await.0, 404);
    assert_eq!(error(server.get(CLASSIFY).await).await.0, 405);
    let url = format!("{}{CLASSIFY}", server.url);
    let form = server
        .client
        .post(&url)
        .body("content=x")
        .send()
        .await
        .unwrap();
    assert_eq!(error(form).await.0, 415);
    let json = server
        .client
        .post(&url)
        .header("content-type", "application/json");
    let broken = json.body("{\"content\": ").send().await.unwrap();
    let (status, refused) = error(broken).await;
    assert_eq!((status, &refused["code"]), (400, &json!("invalid_json")));
    let elsewhere = server.client.get(format!("{}/v1/models", server.url));
    let elsewhere = elsewhere
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(error(elsewhere).await.0, 403);
    let models: Value = server.get("/v1/models").await.json().await.unwrap();
    assert_eq!(models["data"][0]["id"], "replay");
    assert_eq!(server.get("/v1/models/replay").await.status(), 200);
    assert_eq!(server.get("/v1/models/tobacco").await.status(), 200);
    assert_eq!(error(server.get("/v1/models/gpt-4").await).await.0, 404);
    let requests = server
        .metric("touchstone_requests_total{route=\"other\",status=\"404\"} ")
        .await;
    assert_eq!(requests, Some(1.0));
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let limits = Limits {
        body_bytes_max: 1000,
        ..Limits::default()
    };
    let (gate, _, setup) = with_limits(limits);
    gate.open();
    let server = start(setup).await;
    assert_eq!(
        server
            .post(CLASSIFY, &content(&"x".repeat(900)))
            .await
            .status(),
        200
    );
    let (status, refused) = server
        .refusal(CLASSIFY, &content(&"x".repeat(100_000)))
        .await;
    assert_eq!((status, &refused["code"]), (413, &json!("body_too_large")));
    // Without a declared length it is counted as it comes.
    let chunks = (0..50).map(|_| Ok::<_, std::io::Error>("x".repeat(100)));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let request = server.client.post(format!("{}{CLASSIFY}", server.url));
    let request = request.header("content-type", "application/json");
    assert_eq!(error(request.body(body).send().await.unwrap()).await.0, 413);
}

#[tokio::test]
async fn beyond_loopback_a_token_is_needed() {
    let token = "0123456789abcdef".to_owned();
    let setup = Setup {
        tokens: vec![token.clone()],
        ..plain()
    };
    let server = start(setup).await;
    for path in ["/v1/models", "/metrics", "/openapi.json", "/nothing"] {
        let response = server.get(path).await;
        let challenge = response.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
        assert_eq!(error(response).await.0, 401, "{path}");
    }
    assert_eq!(server.get("/healthz").await.status(), 200);
    assert_eq!(server.refusal(CLASSIFY, &content("x")).await.0, 401);
    for (given, status) in [(token.as_str(), 200), ("0123456789abcdeX", 401)] {
        let request = server.client.post(format!("{}{CLASSIFY}", server.url));
        // With a token any name will do.
        let request = request.bearer_auth(given).header("host", "judge.example");
        let response = request.json(&content("x")).send().await.unwrap();
        assert_eq!(response.status(), status, "{given}");
    }

    let policy = domain::policy::parse(crate::support::POLICY.as_bytes()).unwrap();
    let effort = policy.effort;
    let classifier = server
        .studio
        .classifier("p.md", policy, effort)
        .await
        .unwrap();
    let place = Place {
        address: "0.0.0.0".parse().unwrap(),
        port: 0,
        tokens: Vec::new(),
    };
    let refused = Server::bind(
        &place,
        Limits::default(),
        "p.md".to_owned(),
        classifier,
        false,
    )
    .await;
    let message = refused.err().unwrap().to_string();
    assert!(message.contains("--token-file"), "{message}");
}

#[tokio::test]
async fn a_full_queue_refuses_and_says_when_to_come_again() {
    let limits = Limits {
        queue_max: 2,
        ..Limits::default()
    };
    let (gate, _, setup) = with_limits(limits);
    let server = start(setup).await;
    let first = ask(&server, content("I sell"));
    server.until(IN_FLIGHT, 1.0).await;
    let others = [ask(&server, content("a")), ask(&server, content("b"))];
    server.until(QUEUED, 2.0).await;
    let refused = server.post(CLASSIFY, &content("c")).await;
    let after_s: u32 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&after_s));
    let (status, refused) = error(refused).await;
    assert_eq!((status, &refused["code"]), (429, &json!("queue_full")));
    gate.open();
    assert_eq!(first.await.unwrap().status(), 200);
    for other in others {
        assert_eq!(other.await.unwrap().status(), 200);
    }
    assert_eq!(server.post(CLASSIFY, &content("c")).await.status(), 200);
    assert_eq!(server.metric(QUEUED).await, Some(0.0));
}

#[tokio::test]
async fn cases_that_wait_together_are_judged_together() {
    let (gate, replay, setup) = with_limits(Limits::default());
    let server = start(setup).await;
    let first = ask(&server, content("first"));
    server.until(IN_FLIGHT, 1.0).await;
    let others: Vec<_> = (0..12)
        .map(|i| ask(&server, content(&format!("case {i}"))))
        .collect();
    server.until(QUEUED, 12.0).await;
    gate.open();
    for other in others.into_iter().chain([first]) {
        assert_eq!(other.await.unwrap().status(), 200);
    }
    // The first alone, as nobody else was there; then all that had come.
    assert_eq!(replay.calls(), 2);
}

#[tokio::test]
async fn a_case_that_is_given_up_leaves_the_queue() {
    let (gate, replay, setup) = with_limits(Limits::default());
    let server = start(setup).await;
    let first = ask(&server, content("first"));
    server.until(IN_FLIGHT, 1.0).await;
    let second = ask(&server, content("second"));
    server.until(QUEUED, 1.0).await;
    second.abort();
    server.until(QUEUED, 0.0).await;
    gate.open();
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!(server.post(CLASSIFY, &content("third")).await.status(), 200);
    assert_eq!(replay.asked(), ["first", "third"]);
}

#[tokio::test]
async fn a_model_that_panics_fails_its_case_and_not_the_server() {
    let replay = Replay::new(|prefix, request| match request.user.as_str() {
        "bad" => panic!("on purpose"),
        _ => seller(prefix, request),
    });
    let server = start(Setup::replay(Arc::new(replay))).await;
    let (status, refused) = server.refusal(CLASSIFY, &content("bad")).await;
    assert_eq!((status, &refused["code"]), (500, &json!("model_error")));
    assert_eq!(server.post(CLASSIFY, &content("good")).await.status(), 200);
    assert_eq!(server.metric(IN_FLIGHT).await, Some(0.0));
}

#[tokio::test]
async fn a_verdict_that_is_late_is_given_up() {
    let limits = Limits {
        request_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let (gate, _, setup) = with_limits(limits);
    let server = start(setup).await;
    let (status, refused) = server.refusal(CLASSIFY, &content("x")).await;
    assert_eq!((status, &refused["code"]), (504, &json!("timeout")));
    let chat = json!({"stream": true, "messages": [{"role": "user", "content": "x"}]});
    let streamed = server.post("/v1/chat/completions", &chat).await;
    assert_eq!(streamed.status(), 200);
    assert!(
        streamed
            .text()
            .await
            .unwrap()
            .contains("\"code\":\"timeout\"")
    );
    gate.open();
}

#[tokio::test]
async fn a_client_has_a_rate() {
    let limits = Limits {
        rate_per_s: Some(3),
        ..Limits::default()
    };
    let (gate, _, setup) = with_limits(limits);
    gate.open();
    let server = start(setup).await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let response = server.get("/v1/models").await;
        statuses.push(response.status().as_u16());
        if response.status() == 429 {
            assert_eq!(response.headers()["retry-after"], "1");
            assert_eq!(error(response).await.1["code"], "rate_limit_exceeded");
        }
    }
    assert_eq!(statuses[..3], [200, 200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn a_stop_finishes_what_was_accepted_and_refuses_the_rest() {
    let (gate, _, setup) = with_limits(Limits::default());
    let server = start(setup).await;
    let first = ask(&server, content("I sell"));
    server.until(IN_FLIGHT, 1.0).await;
    let second = ask(&server, content("second"));
    server.until(QUEUED, 1.0).await;
    server.stop.stop();
    let refused = async {
        // A client of its own, with no connection open yet.
        while crate::support::client()
            .get(&server.url)
            .send()
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused)
        .await
        .unwrap();
    assert!(!server.task.is_finished());
    gate.open();
    for (accepted, verdict) in [(first, "violates"), (second, "safe")] {
        let response = accepted.await.unwrap();
        assert_eq!(response.status(), 200);
        let document: Value = response.json().await.unwrap();
        assert_eq!(document["verdict"], verdict);
    }
    server.task.await.unwrap();
}

#[tokio::test]
async fn an_abort_gives_up_what_is_under_way() {
    let replay = Replay::new(|_, _| says(&"word ".repeat(10_000), "SAFE"));
    let replay = Arc::new(replay.with_pause(Duration::from_millis(5)));
    let server = start(Setup::replay(replay)).await;
    let request = server.client.post(format!("{}{CLASSIFY}", server.url));
    let pending = tokio::spawn(async move { request.json(&content("x")).send().await });
    server.until(IN_FLIGHT, 1.0).await;
    server.stop.abort();
    server.task.await.unwrap();
    // Cut, or refused in time: but not answered.
    let ended = pending.await.unwrap();
    assert!(ended.is_err() || ended.is_ok_and(|response| response.status() == 503));
}
