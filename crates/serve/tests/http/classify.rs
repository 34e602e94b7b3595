//! Verdict documents: those of a local run, one by one and many at once.

use crate::support::{Running, Setup, repository, says, seller, start};
use domain::prompt;
use domain::run::Outcome;
use serde_json::{Value, json};
use std::sync::Arc;
use studio::replay::Replay;
use studio::view::{EvaluateRequest, RunEvent};

/// The sample suite as the server is sent it, and its outcomes in a run of the same studio.
async fn local_run(server: &Running) -> (Vec<Value>, Vec<Outcome>) {
    let suite = repository().join("fixtures/tobacco.jsonl");
    let text = std::fs::read_to_string(repository().join("policies/tobacco.md")).unwrap();
    let request = EvaluateRequest {
        policy: "tobacco".to_owned(),
        effort: domain::policy::parse(text.as_bytes()).unwrap().effort,
        text,
        baseline: None,
        delay_ms: 0,
        only: Vec::new(),
    };
    let mut last = None;
    server
        .studio
        .evaluate_suite(request, &suite, |event| last = Some(event))
        .await
        .unwrap();
    let Some(RunEvent::Finished { view }) = last else {
        panic!("not finished: {last:?}");
    };
    let record = server.studio.record(view.summary.run, None).await.unwrap();
    let outcomes = record.cases.into_iter().map(|case| case.outcome.unwrap());
    let lines = std::fs::read_to_string(suite).unwrap();
    let cases = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (cases.collect(), outcomes.collect())
}

/// Everything but times and cache counts.
fn check_same(document: &Value, outcome: &Outcome) {
    let expected = json!({
        "verdict": outcome.verdict,
        "label": outcome.label,
        "rules": outcome.rules,
        "unparsed_reason": outcome.unparsed_reason,
    });
    // A number may lose its last bit where JSON is read.
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs();
    match (document["margin"].as_f64(), outcome.margin) {
        (Some(served), Some(local)) => assert!(close(served, local), "{served} {local}"),
        (served, local) => assert_eq!(served, local, "{}", outcome.case),
    }
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(document[field], *value, "{field} of {}", outcome.case);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verdicts_of_a_sample_suite_are_those_of_a_local_run() {
    let server = start(Setup::pebble()).await;
    let (cases, outcomes) = local_run(&server).await;
    assert!(cases.len() >= 50 && cases.len() == outcomes.len());

    // The suite's own lines, in one request.
    let answer = server.ask("/v1/classify", &json!({"cases": cases})).await;
    let documents = answer["data"].as_array().unwrap();
    assert_eq!(documents.len(), outcomes.len());
    for (document, outcome) in documents.iter().zip(&outcomes) {
        assert_eq!(document["id"], outcome.case);
        check_same(document, outcome);
        assert_eq!(document["trace"], outcome.trace);
        assert_eq!(document["answer"], outcome.answer);
        assert_eq!(document["tokens"]["generated"], outcome.tokens.generated);
    }

    // As another Touchstone asks: a chat for each case, the policy sent along, many at once.
    let text = std::fs::read(repository().join("policies/tobacco.md")).unwrap();
    let policy = domain::policy::parse(&text).unwrap();
    let developer = prompt::developer(&policy);
    let lines = std::fs::read(repository().join("fixtures/tobacco.jsonl")).unwrap();
    let (cases, _) = domain::case::parse_suite(&lines);
    let chats = cases.iter().map(|case| {
        let body = json!({"model": "pebble", "messages": [
            {"role": "developer", "content": developer},
            {"role": "user", "content": prompt::user(case)},
        ]});
        let server = &server;
        async move { server.ask("/v1/chat/completions", &body).await }
    });
    let answers = futures_util::future::join_all(chats).await;
    for (answer, outcome) in answers.iter().zip(&outcomes) {
        let choice = &answer["choices"][0];
        check_same(&answer["touchstone"], outcome);
        assert_eq!(choice["message"]["reasoning_content"], outcome.trace);
        if choice["finish_reason"] == "stop" && choice["message"]["content"].is_string() {
            assert_eq!(choice["message"]["content"], outcome.answer);
        }
    }
    let judged = server.metric("touchstone_case_seconds_count ").await;
    assert_eq!(judged, Some(2.0 * outcomes.len() as f64));
    server.stop.stop();
    server.task.await.unwrap();
}

#[tokio::test]
async fn one_content_gets_one_document() {
    let server = start(Setup::replay(Arc::new(Replay::new(seller)))).await;
    let body = json!({"id": "a", "content": "I sell cigars"});
    let document = server.ask("/v1/classify", &body).await;
    assert_eq!(document["object"], "verdict");
    assert_eq!(document["id"], "a");
    assert_eq!(document["verdict"], "violates");
    assert_eq!(document["label"], "VIOLATES");
    assert_eq!(document["rules"], json!(["T1"]));
    assert_eq!(document["margin"], 2.5);
    assert_eq!(document["trace"], "T1 applies.");
    assert_eq!(document["policy"]["id"], "tobacco");
    assert_eq!(document["policy"]["revision"].as_str().unwrap().len(), 64);
    assert_eq!(document["model"]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(document["settings"]["effort"], "low");

    let turns = json!({"content": [{"role": "user", "text": "do you sell?"}, {"role": "assistant", "text": "No."}]});
    let document = server.ask("/v1/classify", &turns).await;
    assert_eq!(
        (&document["verdict"], &document["id"]),
        (&json!("violates"), &Value::Null)
    );
    let verdicts = server
        .metric("touchstone_verdicts_total{verdict=\"violates\"} ")
        .await;
    assert_eq!(verdicts, Some(2.0));
}

#[tokio::test]
async fn what_cannot_be_judged_is_refused_with_its_field() {
    let server = start(Setup::replay(Arc::new(Replay::new(seller)))).await;
    let bodies = [
        (json!({}), "content"),
        (json!({"content": "x", "cases": []}), "cases"),
        (json!({"cases": []}), "cases"),
        (json!({"content": []}), "content"),
        (json!({"content": "x", "policy": "# Mine"}), "policy"),
        (
            json!({"cases": vec![json!({"content": "x"}); 257]}),
            "cases",
        ),
    ];
    for (body, param) in bodies {
        let (status, error) = server.refusal("/v1/classify", &body).await;
        assert_eq!((status, &error["param"]), (400, &json!(param)), "{error}");
    }
    for body in [
        json!({"content": 7}),
        json!({"content": "x", "effort": "huge"}),
        json!([]),
    ] {
        let (status, error) = server.refusal("/v1/classify", &body).await;
        assert_eq!(
            (status, &error["code"]),
            (400, &json!("invalid_json")),
            "{error}"
        );
    }
    let body = json!({"content": "x", "model": "gpt-4"});
    let (status, error) = server.refusal("/v1/classify", &body).await;
    assert_eq!((status, &error["code"]), (404, &json!("model_not_found")));
}

#[tokio::test]
async fn a_caller_may_bring_a_policy_where_the_server_takes_any() {
    let replay = Replay::new(|prefix, _| match prefix.developer.contains("Spam") {
        true => says("Spam.", "SP2"),
        false => says("Tobacco.", "SAFE"),
    });
    let setup = Setup {
        any_policy: true,
        ..Setup::replay(Arc::new(replay))
    };
    let server = start(setup).await;
    let spam = "---\nid: spam\nlabels: {SP2: violates, SP0: safe}\neffort: high\n---\n# Spam\n";
    let body = json!({"content": "x", "policy": spam});
    let document = server.ask("/v1/classify", &body).await;
    assert_eq!(document["verdict"], "violates");
    assert_eq!(document["policy"]["id"], "spam");
    assert_eq!(document["settings"]["effort"], "high");
    let own = server.ask("/v1/classify", &json!({"content": "x"})).await;
    assert_eq!(
        (&own["verdict"], &own["policy"]["id"]),
        (&json!("safe"), &json!("tobacco"))
    );
    assert_ne!(own["policy"]["revision"], document["policy"]["revision"]);

    let chat = json!({"messages": [
        {"role": "system", "content": format!("# Instructions\n\n{spam}")},
        {"role": "user", "content": "x"},
    ]});
    let answer = server.ask("/v1/chat/completions", &chat).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "SP2");
    assert_eq!(answer["touchstone"]["verdict"], "violates");
    let broken = json!({"content": "x", "policy": "---\nlabels: [\n---\n# Spam"});
    let (status, error) = server.refusal("/v1/classify", &broken).await;
    assert_eq!((status, &error["param"]), (400, &json!("policy")));
}
