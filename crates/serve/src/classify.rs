//! `/v1/classify`: contents in, verdict documents out; one, or many at once.

use crate::app::{self, App};
use crate::dispatch::{Ask, Ticket};
use crate::error::Refusal;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::case::{Case, CaseKind, Content};
use domain::policy::{Effort, Policy};
use domain::run::{Outcome, Settings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use studio::Classifier;
use tokio::time::timeout;

/// One content (`content`), or many (`cases`).
#[derive(Debug, Deserialize)]
struct ClassifyRequest {
    id: Option<String>,
    content: Option<Content>,
    kind: Option<CaseKind>,
    cases: Option<Vec<CaseRequest>>,
    effort: Option<Effort>,
    /// A policy file's text, where the server takes any.
    policy: Option<String>,
    model: Option<String>,
}

/// A line of a suite will do; what it expects is not looked at.
#[derive(Debug, Deserialize)]
struct CaseRequest {
    id: Option<String>,
    content: Content,
    kind: Option<CaseKind>,
}

/// The verdict document.
#[derive(Debug, Serialize)]
struct VerdictDocument<'a> {
    object: &'static str,
    id: Option<&'a str>,
    #[serde(flatten)]
    reading: Value,
    trace: &'a str,
    answer: &'a str,
    tokens: Value,
    latency_ms: f64,
    policy: Value,
    model: Value,
    settings: &'a Settings,
}

pub async fn classify(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refusal> {
    let mut asked: ClassifyRequest = app::read(&app, request).await?;
    app.served.check_model(asked.model.as_deref())?;
    let classifier = classifier(&app, &asked)?;
    let many = asked.cases.is_some();
    let cases = cases(&app, &mut asked)?;
    let (ids, cases): (Vec<Option<String>>, Vec<Case>) = cases.into_iter().unzip();
    let settings = classifier.settings();
    let asks = cases
        .iter()
        .map(|case| Ask {
            prefix: classifier.prefix().clone(),
            request: classifier.request(case, settings),
            stream: false,
        })
        .collect();
    let tickets = app::ask(&app, asks)?;
    let outcomes = timeout(app.request_time, outcomes(&app, &classifier, tickets)).await;
    let outcomes = outcomes.map_err(|_elapsed| app::too_late(&app))??;
    let documents: Vec<VerdictDocument<'_>> = ids
        .iter()
        .zip(&outcomes)
        .map(|(id, outcome)| document(&classifier, id.as_deref(), outcome))
        .collect();
    Ok(match (many, documents.first()) {
        (false, Some(document)) => Json(document).into_response(),
        _ => Json(json!({"object": "list", "data": documents})).into_response(),
    })
}

fn classifier(app: &App, asked: &ClassifyRequest) -> Result<Classifier, Refusal> {
    match &asked.policy {
        None => Ok(app.served.with_effort(asked.effort).clone()),
        Some(text) if app.served.any_policy => app.served.brought("policy", text, asked.effort),
        Some(_) => Err(Refusal::field(
            "policy",
            "This server judges by its own policy. Leave the field out, or start the server with --any-policy.",
        )),
    }
}

fn cases(app: &App, asked: &mut ClassifyRequest) -> Result<Vec<(Option<String>, Case)>, Refusal> {
    let requests = match (asked.content.take(), asked.cases.take()) {
        (Some(content), None) => vec![CaseRequest {
            id: asked.id.take(),
            content,
            kind: asked.kind,
        }],
        (None, Some(cases)) => cases,
        (Some(_), Some(_)) => {
            return Err(Refusal::field(
                "cases",
                "Give `content` or `cases`, not both.",
            ));
        }
        (None, None) => {
            return Err(Refusal::field(
                "content",
                "Give the `content` to judge, or several as `cases`.",
            ));
        }
    };
    if requests.is_empty() {
        return Err(Refusal::field("cases", "There is no case in `cases`."));
    }
    if requests.len() > app.cases_max {
        return Err(Refusal::field(
            "cases",
            format!(
                "{} cases are more than one request may bring: at most {}. Send them in several requests.",
                requests.len(),
                app.cases_max
            ),
        ));
    }
    if requests.iter().any(|case| is_empty(&case.content)) {
        return Err(Refusal::field(
            "content",
            "A conversation needs a turn at least.",
        ));
    }
    Ok(requests
        .into_iter()
        .map(|request| {
            let kind = request.kind.unwrap_or(match request.content {
                Content::Text(_) => CaseKind::UserInput,
                Content::Turns(_) => CaseKind::Conversation,
            });
            (request.id, case(request.content, kind))
        })
        .collect())
}

fn is_empty(content: &Content) -> bool {
    match content {
        Content::Text(_) => false,
        Content::Turns(turns) => turns.is_empty(),
    }
}

/// A case as far as the model reads it.
pub fn case(content: Content, kind: CaseKind) -> Case {
    Case::new(String::new(), content, kind)
}

async fn outcomes(
    app: &App,
    classifier: &Classifier,
    tickets: Vec<Ticket>,
) -> Result<Vec<Outcome>, Refusal> {
    let mut outcomes = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        let (reply, _) = app::reply(ticket).await?;
        let outcome = classifier.outcome(String::new(), reply);
        app.metrics.verdict(outcome.verdict);
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn document<'a>(
    classifier: &'a Classifier,
    id: Option<&'a str>,
    outcome: &'a Outcome,
) -> VerdictDocument<'a> {
    VerdictDocument {
        object: "verdict",
        id,
        reading: reading(outcome),
        trace: &outcome.trace,
        answer: &outcome.answer,
        tokens: json!({
            "prompt": outcome.tokens.prompt,
            "reused": outcome.tokens.reused,
            "generated": outcome.tokens.generated,
        }),
        latency_ms: outcome.latency_ms,
        policy: policy_document(classifier.policy()),
        model: model_document(classifier),
        settings: classifier.settings(),
    }
}

/// What was decided.
pub fn reading(outcome: &Outcome) -> Value {
    json!({
        "verdict": outcome.verdict,
        "label": outcome.label,
        "rules": outcome.rules,
        "unparsed_reason": outcome.unparsed_reason,
        "margin": outcome.margin,
    })
}

/// Which policy decided.
pub fn policy_document(policy: &Policy) -> Value {
    json!({"id": policy.id, "title": policy.title, "revision": policy.revision})
}

/// Which model decided.
pub fn model_document(classifier: &Classifier) -> Value {
    let info = classifier.judge().info();
    json!({
        "name": info.name,
        "digest": info.digest,
        "device": info.device,
        "demonstration": classifier.demonstration(),
    })
}
