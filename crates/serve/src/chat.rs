//! `/v1/chat/completions`, as OpenAI's clients speak it. The policy is the server's; the
//! user's messages are the content. A parameter that would change the answer and cannot
//! be honoured is refused; one that would not is ignored.

use crate::app::{self, App};
use crate::classify;
use crate::deciding::deciding_token;
use crate::dispatch::{Ask, Ticket};
use crate::error::Refusal;
use crate::stream;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::case::{Case, CaseKind, Content, Role, Turn};
use domain::policy::Effort;
use domain::prompt;
use domain::run::{Outcome, Sampling, Settings};
use engine::{Finish, Reply};
use serde::Deserialize;
use serde_json::{Number, Value, json};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use studio::Classifier;
use tokio::time::{Instant, timeout_at};

const TEMPERATURE_MAX: f64 = 2.0;
/// How the policy is headed where the developer message carries it.
const HEADING: &str = "# Instructions\n\n";

#[derive(Debug, Deserialize)]
struct ChatRequest {
    model: Option<String>,
    messages: Vec<Message>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    reasoning_effort: Option<Effort>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    seed: Option<Number>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    logprobs: Option<bool>,
    n: Option<u32>,
    stop: Option<Value>,
    tools: Option<Vec<Value>>,
    functions: Option<Vec<Value>>,
    response_format: Option<ResponseFormat>,
    logit_bias: Option<serde_json::Map<String, Value>>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct ResponseFormat {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Option<MessageContent>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum MessageContent {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

/// What every answer to one request repeats.
pub struct Head {
    pub id: String,
    pub created: u64,
    pub classifier: Classifier,
    pub logprobs: bool,
}

pub async fn completions(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Refusal> {
    let asked: ChatRequest = app::read(&app, request).await?;
    app.served.check_model(asked.model.as_deref())?;
    check_supported(&asked)?;
    let (policy, case) = split(&asked.messages)?;
    let classifier = classifier(&app, policy, asked.reasoning_effort)?;
    let settings = settings(&asked, classifier.settings())?;
    let streamed = asked.stream.unwrap_or_default();
    let head = Head {
        id: format!("chatcmpl-{:016x}", random()),
        created: now_s(),
        logprobs: asked.logprobs.unwrap_or_default(),
        classifier,
    };
    let ask = Ask {
        prefix: head.classifier.prefix().clone(),
        request: head.classifier.request(&case, &settings),
        stream: streamed || head.logprobs,
    };
    let deadline = Instant::now() + app.request_time;
    let mut tickets = app::ask(&app, vec![ask])?;
    let ticket = tickets.pop().expect("one case was asked about");
    if streamed {
        let usage = asked
            .stream_options
            .and_then(|options| options.include_usage);
        return Ok(stream::respond(
            app,
            head,
            ticket,
            deadline,
            usage.unwrap_or_default(),
        ));
    }
    let whole = timeout_at(deadline, whole(&app, &head, ticket)).await;
    let document = whole.map_err(|_elapsed| app::too_late(&app))??;
    Ok(Json(document).into_response())
}

/// Refuses what would change the answer and is not done here.
fn check_supported(asked: &ChatRequest) -> Result<(), Refusal> {
    let refuse = |param, message: &str| Err(Refusal::field(param, message));
    if asked.n.is_some_and(|n| n != 1) {
        return refuse("n", "One answer is given for each request: leave `n` out.");
    }
    let empty = |list: &Option<Vec<Value>>| list.as_ref().is_none_or(Vec::is_empty);
    if !empty(&asked.tools) || !empty(&asked.functions) {
        return refuse(
            "tools",
            "A policy judges; it calls no tools. Leave them out.",
        );
    }
    if asked
        .stop
        .as_ref()
        .is_some_and(|stop| !stop.is_null() && *stop != json!([]))
    {
        return refuse("stop", "A verdict is not cut short: leave `stop` out.");
    }
    if asked
        .response_format
        .as_ref()
        .is_some_and(|format| format.kind != "text")
    {
        return refuse(
            "response_format",
            "The policy's output contract says how the answer looks: leave `response_format` out.",
        );
    }
    let biased = asked
        .logit_bias
        .as_ref()
        .is_some_and(|bias| !bias.is_empty());
    let penalty = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    if biased || penalty(asked.presence_penalty) || penalty(asked.frequency_penalty) {
        return refuse(
            "logit_bias",
            "Biases and penalties would bend the verdict: leave them out.",
        );
    }
    Ok(())
}

/// The policy that the caller sends, if any, and the content.
fn split(messages: &[Message]) -> Result<(Option<String>, Case), Refusal> {
    let mut policy = None;
    let mut turns = Vec::new();
    for message in messages {
        let text = text(message)?;
        match message.role.as_str() {
            "system" | "developer" if turns.is_empty() && policy.is_none() => policy = Some(text),
            "system" | "developer" => {
                return Err(Refusal::field(
                    "messages",
                    "At most one system or developer message, and it comes first: it carries the policy.",
                ));
            }
            "user" => turns.push((Role::User, text)),
            "assistant" => turns.push((Role::Assistant, text)),
            other => {
                return Err(Refusal::field(
                    "messages",
                    format!(
                        "A message of the role {other:?} cannot be judged: use user and assistant."
                    ),
                ));
            }
        }
    }
    Ok((policy, content(turns)?))
}

/// One user message is a text as it stands; more are a conversation.
fn content(mut turns: Vec<(Role, String)>) -> Result<Case, Refusal> {
    match turns.as_mut_slice() {
        [] => Err(Refusal::field(
            "messages",
            "There is nothing to judge: send the content as a user message.",
        )),
        [(Role::User, text)] => {
            let text = std::mem::take(text);
            Ok(classify::case(Content::Text(text), CaseKind::UserInput))
        }
        _ => {
            let turns = turns.into_iter().map(|(role, text)| Turn { role, text });
            Ok(classify::case(
                Content::Turns(turns.collect()),
                CaseKind::Conversation,
            ))
        }
    }
}

fn text(message: &Message) -> Result<String, Refusal> {
    match &message.content {
        None => Ok(String::new()),
        Some(MessageContent::Text(text)) => Ok(text.clone()),
        Some(MessageContent::Parts(parts)) => {
            let texts: Option<Vec<&str>> = parts
                .iter()
                .map(|part| part.text.as_deref().filter(|_| part.kind == "text"))
                .collect();
            let texts = texts.ok_or_else(|| {
                Refusal::field(
                    "messages",
                    "Only text can be judged: send parts of the type text alone.",
                )
            })?;
            Ok(texts.join("\n"))
        }
    }
}

/// Who judges: the served policy, where the caller sends none or the same; the caller's,
/// where the server takes any.
fn classifier(
    app: &App,
    policy: Option<String>,
    effort: Option<Effort>,
) -> Result<Classifier, Refusal> {
    let served = app.served.with_effort(effort);
    let Some(text) = policy else {
        return Ok(served.clone());
    };
    let text = text.trim_end();
    if text == served.policy().body || text == prompt::developer(served.policy()) {
        return Ok(served.clone());
    }
    if app.served.any_policy {
        let text = text.strip_prefix(HEADING).unwrap_or(text);
        return app.served.brought("messages", text, effort);
    }
    Err(Refusal {
        code: "policy_differs",
        ..Refusal::field(
            "messages",
            format!(
                "The system or developer message is not the policy that is served here ({}, revision {}). \
                 Leave it out, send that policy's text, or start the server with --any-policy.",
                app.served.file,
                &served.policy().revision.0[..12]
            ),
        )
    })
}

/// A run's settings, but for what the caller asks of sampling and length.
fn settings(asked: &ChatRequest, served: &Settings) -> Result<Settings, Refusal> {
    let temperature = asked.temperature.unwrap_or_default();
    if !(0.0..=TEMPERATURE_MAX).contains(&temperature) {
        return Err(Refusal::field(
            "temperature",
            "The temperature is between 0 and 2.",
        ));
    }
    let top_p = asked.top_p.unwrap_or(1.0);
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(Refusal::field(
            "top_p",
            "top_p is greater than 0 and at most 1.",
        ));
    }
    let sampling = if temperature == 0.0 {
        Sampling::Greedy
    } else {
        Sampling::Seeded {
            seed: asked.seed.as_ref().and_then(seed).unwrap_or_else(random),
            temperature,
            top_p,
        }
    };
    let asked_max = asked.max_completion_tokens.or(asked.max_tokens);
    if asked_max == Some(0) {
        return Err(Refusal::field(
            "max_completion_tokens",
            "A verdict needs a token at least.",
        ));
    }
    Ok(Settings {
        sampling,
        tokens_max: asked_max.map_or(served.tokens_max, |max| max.min(served.tokens_max)),
        ..served.clone()
    })
}

/// The document of an answer that is not streamed.
async fn whole(app: &App, head: &Head, ticket: Ticket) -> Result<Value, Refusal> {
    let (reply, pieces) = app::reply(ticket).await?;
    let ending = Ending::of(app, head, reply, &pieces)?;
    let mut document = head.document("chat.completion");
    document["choices"] = json!([{
        "index": 0,
        "message": {
            "role": "assistant",
            "content": ending.content,
            "reasoning_content": ending.outcome.trace,
            "reasoning": ending.outcome.trace,
            "refusal": null,
        },
        "logprobs": ending.logprobs,
        "finish_reason": ending.finish_reason,
    }]);
    document["usage"] = ending.usage();
    document["touchstone"] = ending.reading();
    Ok(document)
}

impl Head {
    /// The fields that every document of this answer begins with.
    pub fn document(&self, object: &str) -> Value {
        let info = self.classifier.judge().info();
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": info.name,
            "system_fingerprint": self.fingerprint(),
        })
    }

    /// Changes with the model or the template; the policy has a revision of its own.
    fn fingerprint(&self) -> String {
        let digest = &self.classifier.judge().info().digest;
        format!(
            "{}-t{}",
            digest.chars().take(12).collect::<String>(),
            self.classifier.settings().template_version
        )
    }
}

/// How an answer ends.
pub struct Ending {
    pub outcome: Outcome,
    /// The final message; absent where there is none that is whole enough to be read.
    pub content: Option<String>,
    pub finish_reason: &'static str,
    pub logprobs: Option<Value>,
    policy: Value,
    model: Value,
}

impl Ending {
    pub fn of(app: &App, head: &Head, reply: Reply, pieces: &[String]) -> Result<Ending, Refusal> {
        let (content, finish_reason) = match &reply.finish {
            Finish::Stop => (reply.answer.clone(), "stop"),
            Finish::Length => (reply.answer.clone(), "length"),
            // What stands before a broken header may look like an answer and is none.
            Finish::Malformed(_) | Finish::Refused(_) => (None, "stop"),
            Finish::PromptTooLong {
                prompt_tokens,
                context_tokens,
            } => {
                return Err(Refusal {
                    param: Some("messages"),
                    ..Refusal::bad(
                        "context_length_exceeded",
                        format!(
                            "Policy and content have {prompt_tokens} tokens; the model reads {context_tokens}. Shorten the content."
                        ),
                    )
                });
            }
        };
        let outcome = head.classifier.outcome(String::new(), reply);
        app.metrics.verdict(outcome.verdict);
        let logprobs = outcome
            .margin
            .filter(|_| head.logprobs)
            .and_then(|margin| deciding_token(head.classifier.sides(), pieces, margin));
        Ok(Ending {
            content,
            finish_reason,
            logprobs,
            policy: classify::policy_document(head.classifier.policy()),
            model: classify::model_document(&head.classifier),
            outcome,
        })
    }

    pub fn usage(&self) -> Value {
        let tokens = &self.outcome.tokens;
        json!({
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.generated,
            "total_tokens": tokens.prompt + tokens.generated,
            "prompt_tokens_details": {"cached_tokens": tokens.reused},
        })
    }

    /// What OpenAI's form has no place for.
    pub fn reading(&self) -> Value {
        let mut reading = classify::reading(&self.outcome);
        reading["policy"] = self.policy.clone();
        reading["model"] = self.model.clone();
        reading
    }
}

/// Negative seeds are as good as others; fractions are none.
fn seed(number: &Number) -> Option<u64> {
    let negative = || number.as_i64().map(i64::cast_unsigned);
    number.as_u64().or_else(negative)
}

/// Not for secrets: a seed nobody chose, or a part of an id.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
