//! A server that misbehaves on request: what it does depends on the user's text and on how
//! often that text was asked. It keeps what it was sent.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

pub const MODEL: &str = "tiny-gpt-oss";

#[derive(Debug, Clone)]
pub enum Act {
    /// Reasoning and answer, streamed, with log-probabilities.
    Answer(&'static str, &'static str),
    /// The same, after so long.
    After(Duration, &'static str),
    /// One document in place of a stream.
    Whole(&'static str),
    /// Another model's name on a good answer.
    OtherModel(&'static str),
    /// Accepts the request and says nothing.
    Hang,
    /// Says something, then nothing.
    HangInside,
    /// Breaks the connection in the middle.
    Cut,
    /// Ends the stream in good order, but before the reply's end.
    Stop,
    Html,
    WrongJson,
    /// Valid JSON of another interface.
    OtherJson,
    Huge,
    Busy(&'static str),
    Status(u16, String),
    Redirect(String),
    /// Gives the request's key back in the error's text.
    EchoKey(u16),
    /// Gives it back in the answer.
    AnswerKey,
    /// Refuses requests with this field, and answers others.
    Without(&'static str),
}

/// What to do about a request's body, asked this many times before.
type Script = dyn Fn(&Value, usize) -> Act + Send + Sync;

pub struct Faulty {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    asked: Mutex<HashMap<String, usize>>,
    bodies: Mutex<Vec<Value>>,
    running: AtomicUsize,
    running_most: AtomicUsize,
    /// Requests whose connection went away before their reply was whole.
    dropped: AtomicUsize,
}

/// Counts a request as running until its reply is whole or its connection gone.
struct Running(Arc<Shared>, bool);

impl Running {
    fn start(shared: &Arc<Shared>) -> Running {
        let running = shared.running.fetch_add(1, Ordering::SeqCst) + 1;
        shared.running_most.fetch_max(running, Ordering::SeqCst);
        Running(shared.clone(), false)
    }

    fn finish(&mut self) {
        self.1 = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        if !self.1 {
            self.0.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Faulty {
    pub async fn start(script: impl Fn(&str, usize) -> Act + Send + Sync + 'static) -> Faulty {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Faulty::on(listener, script)
    }

    /// One that looks at the whole request: instructions and seed too.
    pub async fn reading(script: impl Fn(&Value, usize) -> Act + Send + Sync + 'static) -> Faulty {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Faulty::serve(listener, Box::new(script))
    }

    /// On a port of choice, so that a server can come back where it was.
    pub fn on(
        listener: TcpListener,
        script: impl Fn(&str, usize) -> Act + Send + Sync + 'static,
    ) -> Faulty {
        Faulty::serve(
            listener,
            Box::new(move |body, nth| script(&user(body), nth)),
        )
    }

    fn serve(listener: TcpListener, script: Box<Script>) -> Faulty {
        let shared = Arc::new(Shared {
            script,
            asked: Mutex::default(),
            bodies: Mutex::default(),
            running: AtomicUsize::new(0),
            running_most: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
        });
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let app = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(chat))
            .route("/v1/responses", post(chat))
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Faulty { url, shared }
    }

    /// What was sent for cases, in order; greetings left out.
    pub fn bodies(&self) -> Vec<Value> {
        let bodies = self.shared.bodies.lock().expect("not poisoned");
        let of_case = |body: &&Value| user(body) != "Hello";
        bodies.iter().filter(of_case).cloned().collect()
    }

    /// Everything that was sent, greetings too.
    pub fn all_bodies(&self) -> Vec<Value> {
        self.shared.bodies.lock().expect("not poisoned").clone()
    }

    pub fn running_most(&self) -> usize {
        self.shared.running_most.load(Ordering::SeqCst)
    }

    pub fn running(&self) -> usize {
        self.shared.running.load(Ordering::SeqCst)
    }

    pub fn dropped(&self) -> usize {
        self.shared.dropped.load(Ordering::SeqCst)
    }
}

pub fn user(body: &Value) -> String {
    let messages = body["messages"].as_array().or(body["input"].as_array());
    let last = messages.and_then(|messages| messages.last());
    last.and_then(|message| message["content"].as_str())
        .unwrap_or_default()
        .to_owned()
}

async fn models() -> Response {
    json_response(
        json!({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "tests"}]}),
    )
}

async fn chat(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    let body: Value = serde_json::from_str(&body).expect("the client sends JSON");
    let text = user(&body);
    let nth = {
        let mut asked = shared.asked.lock().expect("not poisoned");
        let nth = asked.entry(text.clone()).or_default();
        *nth += 1;
        *nth - 1
    };
    let sent = body.clone();
    let says: fn(Vec<String>) -> Vec<String> = match sent.get("input") {
        Some(_) => as_responses,
        None => |events| events,
    };
    shared.bodies.lock().expect("not poisoned").push(body);
    let mut running = Running::start(&shared);
    let act = match (shared.script)(&sent, nth) {
        Act::Without(field) => Act::Without(field),
        _ if text == "Hello" => Act::Answer("", "Hi"),
        act => act,
    };
    let key = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .trim_start_matches("Bearer ")
        .to_owned();
    match act {
        Act::Without(field) if sent.get(field).is_some() => {
            running.finish();
            let message = format!("Unknown parameter: {field}");
            (
                StatusCode::BAD_REQUEST,
                json!({"error": {"message": message}}).to_string(),
            )
                .into_response()
        }
        Act::Without(_) => stream(running, says(answer_events(MODEL, "R1 is met.", "1")), true),
        Act::Answer(analysis, answer) => {
            stream(running, says(answer_events(MODEL, analysis, answer)), true)
        }
        Act::AnswerKey => stream(
            running,
            says(answer_events(MODEL, &key, &format!("1 {key}"))),
            true,
        ),
        Act::OtherModel(answer) => {
            stream(running, says(answer_events("another", "", answer)), true)
        }
        Act::After(pause, answer) => {
            tokio::time::sleep(pause).await;
            stream(running, says(answer_events(MODEL, "slow", answer)), true)
        }
        Act::Whole(answer) => {
            running.finish();
            json_response(
                json!({"model": MODEL, "choices": [{"message": {"content": answer, "reasoning": "whole"},
                "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}),
            )
        }
        Act::Hang => {
            std::future::pending::<()>().await;
            unreachable!("pending never ends")
        }
        Act::HangInside => stream(running, says(beginning()), false),
        Act::Cut => cut(running, &says(beginning())),
        Act::Stop => stream(running, says(beginning()), true),
        Act::Html => {
            running.finish();
            (
                [(header::CONTENT_TYPE, "text/html")],
                "<html><body>Please log in</body></html>",
            )
                .into_response()
        }
        Act::WrongJson => stream(running, vec!["{\"choices\": [".to_owned()], true),
        Act::OtherJson => {
            running.finish();
            json_response(json!({"status": "ok"}))
        }
        Act::Huge => {
            let piece =
                json!({"model": MODEL, "choices": [{"delta": {"content": "x".repeat(10_000)}}]});
            stream(running, says(vec![piece.to_string(); 1000]), true)
        }
        Act::Busy(seconds) => {
            running.finish();
            let headers = [(header::RETRY_AFTER, seconds)];
            (
                StatusCode::TOO_MANY_REQUESTS,
                headers,
                "{\"error\": \"too many\"}",
            )
                .into_response()
        }
        Act::Status(status, message) => {
            running.finish();
            let status = StatusCode::from_u16(status).expect("a status");
            (status, json!({"error": {"message": message}}).to_string()).into_response()
        }
        Act::Redirect(place) => {
            running.finish();
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response()
        }
        Act::EchoKey(status) => {
            running.finish();
            let status = StatusCode::from_u16(status).expect("a status");
            (
                status,
                json!({"error": {"message": format!("Incorrect API key provided: {key}")}})
                    .to_string(),
            )
                .into_response()
        }
    }
}

fn answer_events(model: &str, analysis: &str, answer: &str) -> Vec<String> {
    let likely = json!([{"token": answer, "logprob": -0.05}, {"token": if answer == "1" { "0" } else { "1" }, "logprob": -3.05}]);
    let logprobs =
        json!({"content": [{"token": answer, "logprob": -0.05, "top_logprobs": likely}]});
    let mut events =
        vec![json!({"model": model, "choices": [{"delta": {"role": "assistant", "content": ""}}]})];
    for word in analysis.split_inclusive(' ') {
        events.push(json!({"model": model, "choices": [{"delta": {"reasoning_content": word}}]}));
    }
    events.push(
        json!({"model": model, "choices": [{"delta": {"content": answer}, "logprobs": logprobs}]}),
    );
    events.push(json!({"model": model, "choices": [{"delta": {}, "finish_reason": "stop"}]}));
    events.push(
        json!({"model": model, "choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 16}}}),
    );
    let mut events: Vec<String> = events.iter().map(Value::to_string).collect();
    events.push("[DONE]".to_owned());
    events
}

/// The same events in the words of `/responses`.
fn as_responses(events: Vec<String>) -> Vec<String> {
    let mut out = vec![];
    let mut end = json!({"status": "completed", "output": []});
    let mut is_ended = false;
    for event in events {
        let Ok(event) = serde_json::from_str::<Value>(&event) else {
            continue;
        };
        if out.is_empty() {
            end["model"] = event["model"].clone();
            let begun = json!({"model": event["model"], "status": "in_progress", "output": []});
            out.push(json!({"type": "response.created", "response": begun}));
        }
        let choice = &event["choices"][0];
        is_ended |= choice["finish_reason"] == "stop";
        let delta = &choice["delta"];
        if let Some(text) = delta["reasoning_content"].as_str() {
            out.push(json!({"type": "response.reasoning_text.delta", "delta": text}));
        }
        if let Some(text) = delta["content"].as_str().filter(|text| !text.is_empty()) {
            let tokens = &choice["logprobs"]["content"];
            out.push(
                json!({"type": "response.output_text.delta", "delta": text, "logprobs": tokens}),
            );
        }
        if let Some(usage) = event.get("usage") {
            end["usage"] = json!({"input_tokens": usage["prompt_tokens"],
                "output_tokens": usage["completion_tokens"],
                "input_tokens_details": usage["prompt_tokens_details"]});
        }
    }
    if is_ended {
        out.push(json!({"type": "response.completed", "response": end}));
    }
    out.iter().map(Value::to_string).collect()
}

fn beginning() -> Vec<String> {
    vec![
        json!({"model": MODEL, "choices": [{"delta": {"reasoning_content": "It begins"}}]})
            .to_string(),
    ]
}

/// Sends events; then ends in good order, or says nothing more.
fn stream(mut running: Running, events: Vec<String>, ends: bool) -> Response {
    let (sender, receiver) = tokio::sync::mpsc::channel::<String>(1);
    tokio::spawn(async move {
        for event in events {
            if sender.send(format!("data: {event}\n\n")).await.is_err() {
                return;
            }
        }
        if !ends {
            sender.closed().await;
            return;
        }
        running.finish();
    });
    let events = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let event = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(event), receiver))
    });
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(events),
    )
        .into_response()
}

fn cut(running: Running, events: &[String]) -> Response {
    let first = format!("data: {}\n\n", events[0]);
    let parts = [Ok(first), Err(std::io::Error::other("the cable"))];
    let events = futures_util::stream::unfold(
        (parts.into_iter(), running),
        |(mut parts, running)| async move {
            let part = parts.next()?;
            // The first part must be on its way before the connection goes.
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((part, (parts, running)))
        },
    );
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(events),
    )
        .into_response()
}

fn json_response(document: Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        document.to_string(),
    )
        .into_response()
}
