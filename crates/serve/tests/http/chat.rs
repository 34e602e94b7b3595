//! Chat completions, whole and streamed.

use crate::support::{Running, Setup, says, seller, start};
use engine::{Effort, Finish, Sampling};
use serde_json::{Value, json};
use std::sync::Arc;
use studio::replay::{Line, Replay};

const CHAT: &str = "/v1/chat/completions";

fn user(content: &str) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

/// The chunks of a streamed answer; every event is one, and `[DONE]` ends them.
async fn chunks(server: &Running, body: &Value) -> Vec<Value> {
    let response = server
        .post(CHAT, &with(body.clone(), "stream", json!(true)))
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    let mut data: Vec<&str> = text
        .split("\n\n")
        .filter(|event| !event.is_empty() && !event.starts_with(':'))
        .map(|event| event.strip_prefix("data: ").unwrap())
        .collect();
    assert_eq!(data.pop(), Some("[DONE]"));
    data.into_iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn joined(chunks: &[Value], field: &str) -> String {
    chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"][field].as_str())
        .collect()
}

/// A stream says what the whole answer says.
async fn check_stream(server: &Running, body: &Value) {
    let whole = server.ask(CHAT, body).await;
    let usage = with(
        body.clone(),
        "stream_options",
        json!({"include_usage": true}),
    );
    let chunks = chunks(server, &usage).await;
    let message = &whole["choices"][0]["message"];
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(
        joined(&chunks, "reasoning_content"),
        message["reasoning_content"].as_str().unwrap()
    );
    assert_eq!(
        joined(&chunks, "reasoning"),
        message["reasoning"].as_str().unwrap()
    );
    assert_eq!(
        joined(&chunks, "content"),
        message["content"].as_str().unwrap_or_default()
    );
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], chunks[0]["id"]);
        assert_eq!(chunk["model"], whole["model"]);
        assert_eq!(chunk["system_fingerprint"], whole["system_fingerprint"]);
    }
    let [.., end, usage] = chunks.as_slice() else {
        panic!("{chunks:?}");
    };
    assert_eq!(usage["choices"], json!([]));
    for field in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert_eq!(usage["usage"][field], whole["usage"][field], "{field}");
    }
    assert_eq!(
        end["choices"][0]["finish_reason"],
        whole["choices"][0]["finish_reason"]
    );
    assert_eq!(end["touchstone"], whole["touchstone"]);
    let before = &chunks[..chunks.len() - 2];
    assert!(
        before
            .iter()
            .all(|chunk| chunk["choices"][0]["finish_reason"].is_null())
    );
}

#[tokio::test]
async fn a_stream_says_what_the_whole_answer_says() {
    let server = start(Setup::pebble()).await;
    for content in [
        "Two cartons of cigarettes for sale.",
        "The museum shows pipes.",
        "",
    ] {
        check_stream(&server, &user(content)).await;
    }
}

#[tokio::test]
async fn the_deciding_token_is_given_where_it_is_asked_for() {
    let server = start(Setup::pebble()).await;
    let body = with(
        user("Two cartons of cigarettes for sale."),
        "logprobs",
        json!(true),
    );
    let whole = server.ask(CHAT, &body).await;
    let margin = whole["touchstone"]["margin"].as_f64();
    let entries = whole["choices"][0]["logprobs"]["content"].as_array();
    assert_eq!(entries.is_some(), margin.is_some());
    if let (Some(margin), Some(entries)) = (margin, entries) {
        let text: String = entries
            .iter()
            .filter_map(|entry| entry["token"].as_str())
            .collect();
        assert_eq!(
            text,
            whole["choices"][0]["message"]["content"].as_str().unwrap()
        );
        let mut decided = entries
            .iter()
            .filter(|entry| entry["top_logprobs"] != json!([]));
        let (entry, more) = (decided.next().unwrap(), decided.next());
        assert_eq!(more, None);
        let top = entry["top_logprobs"].as_array().unwrap();
        let difference = top[0]["logprob"].as_f64().unwrap() - top[1]["logprob"].as_f64().unwrap();
        assert!((difference - margin.abs()).abs() < 1e-9);
    }
    let streamed = chunks(&server, &body).await;
    let given = streamed
        .iter()
        .find(|chunk| !chunk["choices"][0]["logprobs"].is_null());
    assert_eq!(given.is_some(), margin.is_some());
    let without = server
        .ask(CHAT, &user("Two cartons of cigarettes for sale."))
        .await;
    assert!(without["choices"][0]["logprobs"].is_null());
}

#[tokio::test]
async fn an_answer_that_broke_off_is_not_given_as_one() {
    let replay = Replay::new(|_, request| Line {
        finish: match request.user.as_str() {
            "malformed" => Finish::Malformed("no channel".to_owned()),
            "long" => Finish::Length,
            _ => Finish::PromptTooLong {
                prompt_tokens: 5000,
                context_tokens: 4096,
            },
        },
        ..says("Hm.", "VIOLATES")
    });
    let server = start(Setup::replay(Arc::new(replay))).await;
    let malformed = server.ask(CHAT, &user("malformed")).await;
    assert!(malformed["choices"][0]["message"]["content"].is_null());
    assert_eq!(malformed["touchstone"]["verdict"], "unparsed");
    assert_eq!(
        joined(&chunks(&server, &user("malformed")).await, "content"),
        ""
    );
    let long = server.ask(CHAT, &user("long")).await;
    assert_eq!(long["choices"][0]["finish_reason"], "length");
    assert_eq!(long["touchstone"]["verdict"], "unparsed");
    let (status, error) = server.refusal(CHAT, &user("x")).await;
    assert_eq!(
        (status, &error["code"]),
        (400, &json!("context_length_exceeded"))
    );
    let streamed = with(user("x"), "stream", json!(true));
    let text = server.post(CHAT, &streamed).await.text().await.unwrap();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let last: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "context_length_exceeded");
}

#[tokio::test]
async fn the_policy_is_the_servers() {
    let server = start(Setup::replay(Arc::new(Replay::new(seller)))).await;
    let body = "# Tobacco\n\nT1 Offers to sell tobacco.";
    let rendered = format!("# Instructions\n\n{body}");
    for (role, text) in [("system", body), ("developer", &rendered)] {
        let messages = json!({"messages": [
            {"role": role, "content": text},
            {"role": "user", "content": [{"type": "text", "text": "I sell"}]},
        ]});
        let answer = server.ask(CHAT, &messages).await;
        assert_eq!(answer["choices"][0]["message"]["content"], "VIOLATES T1");
    }
    let other = json!({"messages": [
        {"role": "system", "content": "You are helpful."},
        {"role": "user", "content": "I sell"},
    ]});
    let (status, error) = server.refusal(CHAT, &other).await;
    assert_eq!((status, &error["code"]), (400, &json!("policy_differs")));
}

#[tokio::test]
async fn what_would_bend_the_verdict_is_refused() {
    let server = start(Setup::replay(Arc::new(Replay::new(seller)))).await;
    let fields = [
        ("n", json!(2)),
        ("stop", json!(["x"])),
        ("tools", json!([{"type": "function"}])),
        ("response_format", json!({"type": "json_object"})),
        ("temperature", json!(3)),
        ("top_p", json!(0)),
        ("presence_penalty", json!(0.5)),
        ("max_tokens", json!(0)),
        ("reasoning_effort", json!("minimal")),
    ];
    for (field, value) in fields {
        let (status, error) = server.refusal(CHAT, &with(user("x"), field, value)).await;
        assert_eq!(status, 400, "{field}: {error}");
    }
    let roles = [
        json!([]),
        json!([{"role": "tool", "content": "x"}]),
        json!([{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]),
        json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
    ];
    for messages in roles {
        let (status, error) = server.refusal(CHAT, &json!({"messages": messages})).await;
        assert_eq!(
            (status, &error["param"]),
            (400, &json!("messages")),
            "{error}"
        );
    }
    let harmless = json!({"n": 1, "stop": null, "tools": [], "user": "me", "store": false,
        "response_format": {"type": "text"}, "frequency_penalty": 0,
        "model": "replay", "messages": user("x")["messages"]});
    server.ask(CHAT, &harmless).await;
}

#[tokio::test]
async fn effort_sampling_and_length_reach_the_model() {
    let replay = Replay::new(|prefix, request| {
        let effort = match prefix.effort {
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
        };
        let sampling = match request.sampling {
            Sampling::Greedy => "greedy".to_owned(),
            Sampling::Seeded {
                seed,
                temperature,
                top_p,
            } => format!("{seed} {temperature} {top_p}"),
        };
        let turns = request.user.replace('\n', "/");
        says(
            &format!("{effort} | {sampling} | {} | {turns}", request.tokens_max),
            "SAFE",
        )
    });
    let server = start(Setup::replay(Arc::new(replay))).await;
    let ask = async |body: Value| -> String {
        let answer = server.ask(CHAT, &body).await;
        let said = &answer["choices"][0]["message"]["reasoning"];
        said.as_str().unwrap().to_owned()
    };
    assert_eq!(ask(user("x")).await, "low | greedy | 512 | x");
    let high = with(user("x"), "reasoning_effort", json!("high"));
    assert_eq!(ask(high.clone()).await, "high | greedy | 8192 | x");
    assert_eq!(
        ask(with(high, "max_tokens", json!(9))).await,
        "high | greedy | 9 | x"
    );
    let seeded = json!({"temperature": 0.5, "top_p": 0.9, "seed": 7, "max_completion_tokens": 9000,
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]});
    assert_eq!(
        ask(seeded).await,
        "low | 7 0.5 0.9 | 512 | User: a//Assistant: b"
    );
    for (given, seed) in [(json!(-1), u64::MAX), (json!(u64::MAX), u64::MAX)] {
        let body = with(with(user("x"), "temperature", json!(1)), "seed", given);
        assert_eq!(ask(body).await, format!("low | {seed} 1 1 | 512 | x"));
    }
    let unseeded = with(user("x"), "temperature", json!(1));
    assert_ne!(ask(unseeded.clone()).await, ask(unseeded).await);
}
