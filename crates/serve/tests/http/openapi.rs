//! The description at /openapi.json: well-formed, complete, and true of real answers.

use crate::support::{Running, Setup, seller, start};
use jsonschema::Validator;
use serde_json::{Value, json};
use serve::{Limits, OPENAPI};
use std::collections::BTreeSet;
use std::sync::Arc;
use studio::replay::Replay;

fn description() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// A schema of the description's components, with what it refers to.
fn schema(name: &str) -> Validator {
    let description = description();
    assert!(
        description["components"]["schemas"][name].is_object(),
        "{name}"
    );
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": description["components"],
    });
    jsonschema::validator_for(&schema).unwrap()
}

fn check(name: &str, document: &Value) {
    let errors: Vec<String> = schema(name)
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:?} in {document}");
}

/// Every `$ref` in the description.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value.as_str()) {
                    ("$ref", Some(target)) => {
                        found.insert(target.to_owned());
                    }
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn references_resolve_and_schemas_are_schemas() {
    let description = description();
    assert_eq!(description["openapi"], "3.1.0");
    assert!(description["info"]["title"].is_string());
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    assert!(found.len() > 10);
    for target in &found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{target}");
    }
    for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::meta::is_valid(schema), "{name}");
        let used = found.contains(&format!("#/components/schemas/{name}"));
        assert!(used, "{name} is referred to nowhere");
    }
}

#[tokio::test]
async fn every_operation_exists_and_describes_itself() {
    let server = start(Setup::replay(Arc::new(Replay::new(seller)))).await;
    let description = description();
    let mut ids = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
            assert!(operation["summary"].is_string(), "{path}");
            assert!(operation["responses"]["200"].is_object(), "{path}");
            let url = format!("{}{}", server.url, path.replace("{model}", "replay"));
            let response = match method.as_str() {
                "get" => server.client.get(url).send().await.unwrap(),
                "post" => server
                    .client
                    .post(url)
                    .json(&json!({}))
                    .send()
                    .await
                    .unwrap(),
                other => panic!("{other}"),
            };
            assert!(
                ![404, 405].contains(&response.status().as_u16()),
                "{method} {path}"
            );
        }
    }
    // And nothing is served that is not described: the refusal names every route.
    let refused: Value = server.get("/nothing").await.json().await.unwrap();
    let message = refused["error"]["message"].as_str().unwrap();
    for path in message
        .split([' ', ','])
        .filter(|word| word.starts_with('/'))
    {
        let path = path.trim_end_matches('.');
        assert!(description["paths"][path].is_object(), "{path}");
    }
}

async fn streamed(server: &Running, body: &Value) -> Vec<Value> {
    let text = server
        .post("/v1/chat/completions", body)
        .await
        .text()
        .await
        .unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[tokio::test]
async fn real_answers_are_as_described() {
    let server = start(Setup::pebble()).await;
    let one = json!({"id": "a", "content": "Two cartons of cigarettes for sale."});
    check("ClassifyRequest", &one);
    check("Verdict", &server.ask("/v1/classify", &one).await);
    let turns = json!([{"role": "user", "text": "Are cigars cool?"}]);
    let many = json!({"cases": [{"content": "x"}, {"id": "b", "content": turns, "kind": "conversation"}], "effort": "medium"});
    check("ClassifyRequest", &many);
    check("VerdictList", &server.ask("/v1/classify", &many).await);

    let chat = json!({
        "model": "pebble",
        "logprobs": true,
        "messages": [{"role": "user", "content": "Two cartons of cigarettes for sale."}],
    });
    check("ChatRequest", &chat);
    check(
        "ChatCompletion",
        &server.ask("/v1/chat/completions", &chat).await,
    );
    let mut streaming = chat.clone();
    streaming["stream"] = json!(true);
    streaming["stream_options"] = json!({"include_usage": true});
    check("ChatRequest", &streaming);
    let chunks = streamed(&server, &streaming).await;
    assert!(chunks.len() > 3);
    for chunk in &chunks {
        check("ChatCompletionChunk", chunk);
    }

    let models: Value = server.get("/v1/models").await.json().await.unwrap();
    check("ModelList", &models);
    let health: Value = server.get("/healthz").await.json().await.unwrap();
    check("Health", &health);
    let refused = server.post("/v1/classify", &json!({})).await;
    check("Error", &refused.json().await.unwrap());
}

#[tokio::test]
async fn refusals_are_as_described() {
    let tokens = vec!["0123456789abcdef".to_owned()];
    let limits = Limits {
        body_bytes_max: 10,
        ..Limits::default()
    };
    let setup = Setup {
        tokens,
        limits,
        ..Setup::replay(Arc::new(Replay::new(seller)))
    };
    let server = start(setup).await;
    check(
        "Error",
        &server.get("/v1/models").await.json().await.unwrap(),
    );
    // The schema tells an error from other documents.
    assert!(!schema("Error").is_valid(&json!({"status": "ok"})));
    assert!(!schema("Verdict").is_valid(&json!({"verdict": "maybe"})));
}
