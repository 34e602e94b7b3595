//! Routes, and what every request meets on its way: the counters, the right to ask, the
//! bounds on its body and on its time.

use crate::access::Access;
use crate::dispatch::{Ask, Dispatch, Refused, Ticket, Told};
use crate::error::Refusal;
use crate::metrics::{self, Metrics};
use crate::{chat, classify};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::policy::{self, Effort};
use engine::{GenerateError, Reply};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use studio::Classifier;
use tokio::time::timeout;

pub const OPENAPI: &str = include_str!("../openapi.json");

/// How long a client may take to send a body.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Of a body that is too large so much is read all the same, because a client that is
/// still writing would see a broken connection instead of the answer.
const BODY_DRAIN_BYTES: usize = 16 << 20;
const ROUTES: [&str; 6] = [
    "/v1/chat/completions",
    "/v1/classify",
    "/v1/models",
    "/healthz",
    "/metrics",
    "/openapi.json",
];

/// The address that a request came from; set for each connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

pub struct App {
    pub served: Served,
    pub dispatch: Dispatch,
    pub metrics: Arc<Metrics>,
    pub access: Access,
    pub body_bytes_max: usize,
    pub cases_max: usize,
    pub request_time: Duration,
}

/// The policy that is served.
pub struct Served {
    /// The policy's file as people know it.
    pub file: String,
    /// The served policy, with the effort that is meant where none is asked for.
    pub classifier: Classifier,
    /// The same for low, medium and high.
    pub by_effort: [Classifier; 3],
    /// Whether callers may bring policies of their own.
    pub any_policy: bool,
}

impl Served {
    pub fn new(file: String, classifier: Classifier, any_policy: bool) -> Served {
        Served {
            file,
            by_effort: [Effort::Low, Effort::Medium, Effort::High]
                .map(|effort| classifier.with_effort(effort)),
            classifier,
            any_policy,
        }
    }

    pub fn with_effort(&self, effort: Option<Effort>) -> &Classifier {
        match effort {
            None => &self.classifier,
            Some(Effort::Low) => &self.by_effort[0],
            Some(Effort::Medium) => &self.by_effort[1],
            Some(Effort::High) => &self.by_effort[2],
        }
    }

    /// Judges by a policy that the caller brought, read as a policy file is.
    pub fn brought(
        &self,
        param: &'static str,
        text: &str,
        effort: Option<Effort>,
    ) -> Result<Classifier, Refusal> {
        let policy = policy::parse(text.as_bytes()).map_err(|error| {
            let line = error
                .line
                .map_or_else(String::new, |line| format!("line {line}: "));
            Refusal::field(param, format!("The policy cannot be used: {line}{error}"))
        })?;
        let effort = effort.unwrap_or(policy.effort);
        self.classifier
            .with_policy("The policy", policy, effort)
            .map_err(|failure| Refusal::bad("context_length_exceeded", failure.message))
    }

    /// The model's name, by which requests call it.
    pub fn model(&self) -> &str {
        &self.classifier.judge().info().name
    }

    /// Refuses a model that is not the one served. The policy's id means it too.
    pub fn check_model(&self, asked: Option<&str>) -> Result<(), Refusal> {
        let (model, policy) = (self.model(), &self.classifier.policy().id);
        match asked {
            Some(asked) if asked != model && asked != policy => Err(Refusal {
                param: Some("model"),
                ..Refusal::new(
                    StatusCode::NOT_FOUND,
                    "model_not_found",
                    format!(
                        "There is no model {asked:?} here. Ask for {model:?}, or for the policy {policy:?}."
                    ),
                )
            }),
            _ => Ok(()),
        }
    }
}

pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/classify", post(classify::classify))
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics_text))
        .route("/openapi.json", get(openapi))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

/// Counts the request and asks whether it may go on. Only /healthz needs no right.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.uri().path();
    let route = ROUTES
        .into_iter()
        .find(|route| path == *route || *route == "/v1/models" && path.starts_with("/v1/models/"))
        .unwrap_or("other");
    let admitted = match (route, request.extensions().get::<Peer>()) {
        ("/healthz", _) => Ok(()),
        (_, Some(Peer(peer))) => app.access.admit(request.headers(), *peer),
        (_, None) => Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "The connection has no address.",
        )),
    };
    let response = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    app.metrics
        .request(route, response.status().as_u16(), started.elapsed());
    response
}

async fn not_found() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!(
            "There is nothing here. This server has {}.",
            ROUTES.join(", ")
        ),
    )
}

async fn wrong_method(method: Method) -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{method} means nothing here; /openapi.json says which methods do."),
    )
}

async fn health() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

async fn metrics_text(State(app): State<Arc<App>>) -> Response {
    let head = [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)];
    (head, app.metrics.text()).into_response()
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn models(State(app): State<Arc<App>>) -> Response {
    Json(json!({"object": "list", "data": [model_document(&app.served)]})).into_response()
}

async fn model(
    State(app): State<Arc<App>>,
    axum::extract::Path(name): axum::extract::Path<String>,
) -> Result<Response, Refusal> {
    app.served.check_model(Some(&name))?;
    Ok(Json(model_document(&app.served)).into_response())
}

fn model_document(served: &Served) -> serde_json::Value {
    let classifier = &served.classifier;
    let info = classifier.judge().info();
    json!({
        "id": info.name,
        "object": "model",
        "created": 0,
        "owned_by": "touchstone",
        "touchstone": {
            "policy": classify::policy_document(classifier.policy()),
            "model": classify::model_document(classifier),
            "settings": classifier.settings(),
            "context_tokens": info.context_tokens,
            "any_policy": served.any_policy,
        },
    })
}

/// A request's body as JSON of the wanted form.
pub async fn read<T: DeserializeOwned>(app: &App, request: Request) -> Result<T, Refusal> {
    if !is_json(request.headers()) {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send the body as `Content-Type: application/json`.",
        ));
    }
    let body = timeout(BODY_TIME, collect(app, request)).await;
    let body = body.map_err(|_elapsed| {
        Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            format!("The body did not come within {} s.", BODY_TIME.as_secs()),
        )
    })??;
    serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad("invalid_json", format!("The body cannot be read: {error}.")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

async fn collect(app: &App, request: Request) -> Result<Bytes, Refusal> {
    let bytes_max = app.body_bytes_max;
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let body = request.into_body();
    if declared.is_some_and(|declared| declared > bytes_max) {
        drain(body).await;
        return Err(too_large(bytes_max));
    }
    let mut stream = body.into_data_stream();
    let mut read = Vec::with_capacity(declared.unwrap_or_default());
    while let Some(chunk) = futures_util::StreamExt::next(&mut stream).await {
        let chunk = chunk.map_err(|error| {
            Refusal::bad("incomplete_body", format!("The body broke off: {error}."))
        })?;
        if read.len() + chunk.len() > bytes_max {
            drain(Body::from_stream(stream)).await;
            return Err(too_large(bytes_max));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.into())
}

fn too_large(bytes_max: usize) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!(
            "The body is larger than {bytes_max} bytes. Send fewer cases in one request, or start the server with a larger --body-max."
        ),
    )
}

async fn drain(body: Body) {
    let mut stream = body.into_data_stream();
    let mut left = BODY_DRAIN_BYTES;
    while let Some(Ok(chunk)) = futures_util::StreamExt::next(&mut stream).await {
        left = left.saturating_sub(chunk.len());
        if left == 0 {
            return;
        }
    }
}

/// Puts cases into the queue, all or none.
pub fn ask(app: &App, asks: Vec<Ask>) -> Result<Vec<Ticket>, Refusal> {
    app.dispatch.ask(asks).map_err(|refused| match refused {
        Refused::Full { retry_after_s } => Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "queue_full",
            format!(
                "More cases wait than this server's queue holds. Try again in {retry_after_s} s."
            ),
        )
        .again(retry_after_s),
        Refused::Stopping => stopping(),
    })
}

fn stopping() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "stopping",
        "The server is stopping and takes no more cases.",
    )
    .again(5)
}

pub fn too_late(app: &App) -> Refusal {
    Refusal::new(
        StatusCode::GATEWAY_TIMEOUT,
        "timeout",
        format!(
            "There was no verdict within {} s. Lower the effort, or start the server with a longer --timeout.",
            app.request_time.as_secs()
        ),
    )
}

/// Why a case ended without a reply.
pub fn failed(error: Option<&GenerateError>) -> Refusal {
    match error {
        Some(GenerateError::TooLong(message)) => {
            Refusal::bad("context_length_exceeded", message.clone())
        }
        Some(GenerateError::Internal(message)) => Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "model_error",
            format!("The model failed: {message}"),
        ),
        Some(GenerateError::Unanswered(missing)) => {
            let why = missing.first().map_or("there is no answer", |(_, why)| why);
            Refusal::new(StatusCode::BAD_GATEWAY, "model_error", why)
        }
        Some(GenerateError::Cancelled) => stopping(),
        None => Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "model_error",
            "The model failed without saying why. The server's log has more.",
        ),
    }
}

/// The reply to one case, and the pieces of its final message where they were asked for.
pub async fn reply(mut ticket: Ticket) -> Result<(Reply, Vec<String>), Refusal> {
    let mut pieces = Vec::new();
    loop {
        match ticket.next().await {
            Some(Told::Text(engine::Channel::Final, text)) => pieces.push(text),
            Some(Told::Text(..)) => {}
            Some(Told::Finished(reply)) => return Ok((*reply, pieces)),
            Some(Told::Failed(error)) => return Err(failed(Some(&error))),
            None => return Err(failed(None)),
        }
    }
}
