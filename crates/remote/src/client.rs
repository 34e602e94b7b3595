//! A server that is spoken to: the connection, one request and its reply, and what the
//! server said of itself. Redirects are never followed: they would lead content to a host
//! that nobody agreed to.

use crate::api::{Api, Channel, Event, Identity, Kind, Limits, Listed, Prefix, Reply, Request};
use crate::body::{Habits, greeting};
use crate::endpoint::Endpoint;
use crate::fault::{Fault, says_too_long};
use crate::generate::backoff;
use crate::keys::Key;
use crate::reply::Reader;
use crate::responses::Translator;
use crate::stream::{Lines, document, glimpse, next};
use crate::wire::{Chunk, error_message};
use crate::{harmony, probe};
use reqwest::{RequestBuilder, Response, StatusCode, header, redirect};
use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

/// How to speak to which model where.
#[derive(Debug, Clone)]
pub struct Connect {
    pub endpoint: Endpoint,
    /// The model's id; where there is none, the server's only one.
    pub model: Option<String>,
    pub key: Option<Key>,
    pub api: Api,
    pub limits: Limits,
}

/// A model on a server, ready to answer. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) line: Line,
    habits: Habits,
    identity: Arc<Identity>,
}

/// The way to a server, before anything is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    http: reqwest::Client,
    pub(crate) endpoint: Endpoint,
    key: Option<Key>,
    pub(crate) limits: Limits,
}

/// Where an attempt reports to.
pub(crate) struct Listener<'a> {
    pub index: usize,
    pub events: &'a Sender<Event>,
    /// Told with the first piece of a reply: the shared prefix has been read by then.
    pub warm: &'a Notify,
}

impl Client {
    /// Finds out who answers there: lists the models, asks what the server is, and has it
    /// say one word. Nothing of any policy or case is sent.
    pub async fn connect(ask: Connect) -> Result<Client, Fault> {
        let line = Line::new(ask.endpoint, ask.key, ask.limits)?;
        let listed = probe::models(&line).await?;
        let model = choose(&line.endpoint, ask.model, &listed)?;
        let mut identity = probe::identify(&line, &model, &listed, ask.api).await;
        let mut habits = Habits::new(identity.kind, ask.api, &line.endpoint);
        let (prefix, request) = greeting(identity.kind);
        let greeted = loop {
            let ask = || {
                let body = habits.body(&model, &prefix, &request);
                line.attempt(&habits, body, &request, None)
            };
            match line.patiently(ask).await {
                Err(Fault::Refused {
                    status: 400 | 422,
                    message,
                }) if habits.yield_to(&message) => {
                    tracing::debug!(%message, "the server takes less than was asked of it");
                }
                other => break other?,
            }
        };
        identity.answers_as = greeted.model;
        identity.fingerprint = fingerprint(&identity, &line.endpoint, greeted.fingerprint);
        Ok(Client {
            line,
            habits,
            identity: Arc::new(identity),
        })
    }

    /// The models that a server lists. Nothing else is sent.
    pub async fn models(
        endpoint: &Endpoint,
        key: Option<Key>,
        limits: Limits,
    ) -> Result<Vec<Listed>, Fault> {
        probe::models(&Line::new(endpoint.clone(), key, limits)?).await
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn host(&self) -> &str {
        self.line.host()
    }

    pub(crate) async fn ask(
        &self,
        prefix: &Prefix,
        request: &Request,
        listener: Listener<'_>,
    ) -> Result<Reply, Fault> {
        let body = self.habits.body(&self.identity.model, prefix, request);
        let answered = self
            .line
            .attempt(&self.habits, body, request, Some(listener))
            .await?;
        let same = |expected: &Option<String>, found: Option<String>| match (expected, found) {
            (Some(expected), Some(found)) if *expected != found => Err(Fault::ModelChanged {
                expected: expected.clone(),
                found,
            }),
            _ => Ok(()),
        };
        same(&self.identity.answers_as, answered.model)?;
        let found = fingerprint(&self.identity, &self.line.endpoint, answered.fingerprint);
        same(&self.identity.fingerprint, found)?;
        Ok(answered.reply)
    }

    /// Why a text must not be sent, if so.
    pub(crate) fn objection(&self, prefix: &Prefix, request: &Request) -> Option<String> {
        if self.habits.keeps_markers_apart() {
            return None;
        }
        let (what, marker) = [("policy", &prefix.developer), ("case", &request.user)]
            .into_iter()
            .find_map(|(what, text)| Some((what, harmony::marker(text)?)))?;
        Some(format!(
            "the {what} holds {marker}, which {} would read as a control token and not as text; \
             it was not sent",
            self.identity.kind.name()
        ))
    }
}

pub(crate) struct Answered {
    pub reply: Reply,
    pub model: Option<String>,
    pub fingerprint: Option<String>,
}

impl Line {
    pub(crate) fn new(endpoint: Endpoint, key: Option<Key>, limits: Limits) -> Result<Line, Fault> {
        // A provider that is there already is as good as this one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("touchstone/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(limits.connect)
            .pool_max_idle_per_host(limits.concurrency);
        if endpoint.is_loopback() {
            // Port 0 stands for the address's own.
            let here = [
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
            ];
            builder = builder.no_proxy().resolve_to_addrs("localhost", &here);
        }
        let http = builder
            .build()
            .map_err(|error| Fault::Input(format!("No connection can be made: {error}.")))?;
        Ok(Line {
            http,
            endpoint,
            key,
            limits,
        })
    }

    pub(crate) fn host(&self) -> &str {
        self.endpoint.host()
    }

    pub(crate) fn get(&self, url: reqwest::Url) -> RequestBuilder {
        self.signed(self.http.get(url))
    }

    pub(crate) fn post(&self, url: reqwest::Url, body: &Value) -> RequestBuilder {
        self.signed(self.http.post(url)).json(body)
    }

    fn signed(&self, builder: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => builder.header(header::AUTHORIZATION, key.bearer()),
            None => builder,
        }
    }

    /// A server may repeat the key in what it says; it goes no further.
    fn redact(&self, text: String) -> String {
        match &self.key {
            Some(key) => key.redact(text),
            None => text,
        }
    }

    /// Sends, and returns the response whose status is good.
    pub(crate) async fn send(&self, builder: RequestBuilder) -> Result<Response, Fault> {
        let idle = self.limits.idle;
        let sent = tokio::time::timeout(idle, builder.send()).await;
        let response = sent
            .map_err(|_elapsed| Fault::Silent(idle))?
            .map_err(|error| Fault::of_transport(self.host(), idle, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            let place = header_text(&response, header::LOCATION).unwrap_or_default();
            let place: String = place.chars().take(100).collect();
            return Err(Fault::Redirected(self.redact(place)));
        }
        let retry_after = header_text(&response, header::RETRY_AFTER)
            .and_then(|text| text.trim().parse().ok())
            .filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
            .map(|seconds| Duration::from_secs_f64(seconds.min(86_400.0)));
        // An error's document may be cut or endless as well; its status is enough then.
        let body = document(response, self.host(), &self.limits).await;
        Err(self.refusal(status, &body.unwrap_or_default(), retry_after))
    }

    fn refusal(&self, status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Fault {
        let document: Option<Value> = serde_json::from_slice(body).ok();
        let message = document
            .as_ref()
            .and_then(error_message)
            .unwrap_or_else(|| glimpse(body));
        let message: String = self.redact(message).chars().take(500).collect();
        let code = status.as_u16();
        let too_long = says_too_long(&String::from_utf8_lossy(body));
        match status {
            StatusCode::TOO_MANY_REQUESTS => Fault::Busy {
                status: code,
                message,
                retry_after,
            },
            StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() => Fault::Busy {
                status: code,
                message,
                retry_after,
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Fault::Key {
                message: match &self.key {
                    Some(_) => format!(
                        "{} refused the stored key (status {code}): {message}",
                        self.host()
                    ),
                    None => format!("{} wants a key (status {code}): {message}", self.host()),
                },
            },
            StatusCode::REQUEST_TIMEOUT => Fault::Server {
                status: code,
                message,
            },
            _ if status.is_server_error() => Fault::Server {
                status: code,
                message,
            },
            _ if too_long => Fault::TooLong(message),
            _ => Fault::Refused {
                status: code,
                message,
            },
        }
    }

    /// Asks once and reads the reply as it comes.
    pub(crate) async fn attempt(
        &self,
        habits: &Habits,
        body: Value,
        request: &Request,
        listener: Option<Listener<'_>>,
    ) -> Result<Answered, Fault> {
        let started = Instant::now();
        let total = self.limits.total;
        let reading = self.read(habits, body, request, listener);
        let reader = tokio::time::timeout(total, reading)
            .await
            .map_err(|_elapsed| Fault::Endless(total))??;
        let (model, fingerprint) = (reader.model.clone(), reader.fingerprint.clone());
        let mut reply = reader.into_reply(started.elapsed().as_secs_f64() * 1e3)?;
        reply.analysis = self.redact(reply.analysis);
        reply.answer = reply.answer.map(|answer| self.redact(answer));
        Ok(Answered {
            reply,
            model,
            fingerprint,
        })
    }

    async fn read(
        &self,
        habits: &Habits,
        body: Value,
        request: &Request,
        listener: Option<Listener<'_>>,
    ) -> Result<Reader, Fault> {
        let url = self.endpoint.at(habits.path());
        let mut response = self.send(self.post(url, &body)).await?;
        let kind = header_text(&response, header::CONTENT_TYPE).unwrap_or_default();
        let mut reader = Reader::new(habits.api, &self.limits, request);
        let mut translator = (habits.api == Api::Responses).then(Translator::default);
        if !kind.starts_with("text/event-stream") {
            let body = document(response, self.host(), &self.limits).await?;
            let chunk = self.parse(&body, translator.as_mut())?;
            tell(reader.take(chunk)?, listener.as_ref()).await;
            return Ok(reader);
        }
        let mut lines = Lines::default();
        let mut wire_bytes = 0;
        loop {
            let bytes = match next(&mut response, self.host(), self.limits.idle).await {
                Ok(bytes) => bytes,
                // Some servers close without ceremony once all is said.
                Err(Fault::Cut(_)) if reader.is_ended() => None,
                Err(fault) => return Err(fault),
            };
            let events = match &bytes {
                Some(bytes) => lines.push(bytes),
                None => lines.end().into_iter().collect(),
            };
            for data in events {
                if data == "[DONE]" {
                    return Ok(reader);
                }
                let chunk = self.parse(data.as_bytes(), translator.as_mut())?;
                tell(reader.take(chunk)?, listener.as_ref()).await;
                // Its last event says everything, and no [DONE] need follow.
                if translator.is_some() && reader.is_ended() {
                    return Ok(reader);
                }
            }
            wire_bytes += bytes.as_ref().map_or(0, Vec::len);
            if wire_bytes > self.limits.wire_bytes_max || lines.held() > self.limits.text_bytes_max
            {
                return Err(Fault::TooLarge {
                    bytes_max: self.limits.wire_bytes_max.min(self.limits.text_bytes_max),
                });
            }
            if bytes.is_none() {
                return Ok(reader);
            }
        }
    }

    fn parse(&self, data: &[u8], translator: Option<&mut Translator>) -> Result<Chunk, Fault> {
        let foreign = || Fault::Foreign(self.redact(glimpse(data)));
        let chunk = match translator {
            Some(translator) => translator.chunk(data),
            None => serde_json::from_slice(data).ok(),
        };
        let chunk = chunk.ok_or_else(foreign)?;
        let says_nothing =
            chunk.choices.is_none() && chunk.usage.is_none() && chunk.error.is_none();
        if says_nothing {
            Err(foreign())
        } else {
            Ok(chunk)
        }
    }

    /// Tries again what failed in passing, a few times.
    pub(crate) async fn patiently<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        const ATTEMPTS_MAX: u32 = 3;
        let mut attempt = 1;
        loop {
            match ask().await {
                Err(fault) if fault.is_passing() && attempt < ATTEMPTS_MAX => {
                    tokio::time::sleep(backoff(&self.limits, attempt, &fault)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

async fn tell(pieces: Vec<(Channel, String)>, listener: Option<&Listener<'_>>) {
    let Some(Listener {
        index,
        events,
        warm,
    }) = listener
    else {
        return;
    };
    for (channel, text) in pieces {
        warm.notify_one();
        // Nobody listens any more: whoever did ends this request too.
        let _ = events
            .send(Event::Text {
                index: *index,
                channel,
                text,
            })
            .await;
    }
}

fn header_text(response: &Response, name: header::HeaderName) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// The part of a fingerprint that stands for the model and lasts, if any.
fn fingerprint(identity: &Identity, endpoint: &Endpoint, said: Option<String>) -> Option<String> {
    let said = said.filter(|said| !said.is_empty())?;
    match identity.kind {
        // What follows names the policy, which is ours to change.
        Kind::Touchstone => said.split('-').next().map(str::to_owned),
        // Hosted services name another one from reply to reply.
        Kind::Other if !endpoint.is_loopback() => None,
        Kind::Vllm | Kind::LlamaServer | Kind::Ollama | Kind::LmStudio | Kind::Other => Some(said),
    }
}

fn choose(endpoint: &Endpoint, asked: Option<String>, listed: &[Listed]) -> Result<String, Fault> {
    let ids: Vec<&str> = listed.iter().map(|model| model.id.as_str()).collect();
    let choices = || {
        let list = ids.iter().take(20).map(|id| endpoint.with_model(id));
        list.collect::<Vec<_>>().join(", ")
    };
    match asked {
        // Some servers list nothing, or answer to more names than they list.
        Some(id) if ids.is_empty() || ids.contains(&id.as_str()) => Ok(id),
        Some(id) => Err(Fault::Input(format!(
            "{endpoint} has no model {id}. It has: {}.",
            choices()
        ))),
        None => match ids.as_slice() {
            [only] => Ok((*only).to_owned()),
            [] => Err(Fault::Input(format!(
                "{endpoint} lists no model. Name one: {endpoint}#MODEL."
            ))),
            _ => Err(Fault::Input(format!(
                "{endpoint} has several models. Name one: {}.",
                choices()
            ))),
        },
    }
}
