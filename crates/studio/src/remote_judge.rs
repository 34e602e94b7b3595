//! A model on a server as a judge: the engine's contract kept over a network. The client
//! works on the runtime; the judge's own thread hands its events on, and ends the work as
//! soon as someone cancels.

use crate::judge::Judge;
use domain::run::Server;
use engine::{Cancel, Event, Finish, GenerateError, ModelInfo, Prefix, Reply, Request};
use remote::{Api, Client, Identity};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

const EVENTS_MAX: usize = 256;
/// A cancellation is noticed within this time, even when the server says nothing.
const CANCEL_EVERY: Duration = Duration::from_millis(20);

pub(crate) struct RemoteJudge {
    client: Client,
    info: ModelInfo,
    server: Server,
    runtime: Handle,
}

impl RemoteJudge {
    /// Must be called on the runtime that the requests shall run on.
    pub(crate) fn new(client: Client) -> RemoteJudge {
        let identity = client.identity();
        RemoteJudge {
            info: info(identity, client.host()),
            server: server(identity),
            client,
            runtime: Handle::current(),
        }
    }
}

/// Everything that the server said is the model's identity: another version, quantisation
/// or address is another model, whose outcomes are not mixed with this one's.
fn info(identity: &Identity, host: &str) -> ModelInfo {
    let said = serde_json::to_vec(identity).expect("an identity is plain data");
    ModelInfo {
        name: identity.model.clone(),
        digest: domain::hex_digest(&said),
        device: format!("{} · {host}", identity.kind.name()),
        numerics: engine::Numerics::Exact,
        bytes: 0,
        parameters: 0,
        layers: 0,
        vocab: 0,
        context_tokens: identity.context_tokens.unwrap_or(u32::MAX),
    }
}

fn server(identity: &Identity) -> Server {
    Server {
        url: identity.url.clone(),
        model: identity.model.clone(),
        software: identity.kind.name().to_owned(),
        version: identity.version.clone(),
        fingerprint: identity.fingerprint.clone(),
        quantization: identity.quantization.clone(),
        api: match identity.api {
            Api::Chat => "chat",
            Api::Responses => "responses",
            Api::Completions => "completions",
        }
        .to_owned(),
        repeats: identity.repeats,
    }
}

impl Judge for RemoteJudge {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Only the server has the vocabulary.
    fn prompt_tokens(&self, _prefix: &Prefix, _user: &str) -> u32 {
        0
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.server)
    }

    fn is_demonstration(&self) -> bool {
        self.client.identity().demonstration
    }

    fn generate(
        &self,
        prefix: &Prefix,
        requests: &[Request],
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        if cancel.is_cancelled() {
            return Err(GenerateError::Cancelled);
        }
        let (sender, mut events) = mpsc::channel(EVENTS_MAX);
        let (client, prefix) = (self.client.clone(), to_prefix(prefix));
        let requests: Vec<remote::Request> = requests.iter().map(to_request).collect();
        let work = self
            .runtime
            .spawn(async move { client.generate(&prefix, &requests, sender).await });
        let mut unanswered = vec![];
        let mut cancelled = false;
        // Under load many are there at once, and this thread wakes once for all of them.
        let mut batch = Vec::with_capacity(EVENTS_MAX);
        loop {
            let next = self.runtime.block_on(async {
                timeout(CANCEL_EVERY, events.recv_many(&mut batch, EVENTS_MAX)).await
            });
            cancelled = cancelled || cancel.is_cancelled();
            if cancelled {
                break;
            }
            match next {
                Err(_elapsed) => {}
                Ok(0) => break,
                Ok(_) => {
                    for event in batch.drain(..) {
                        match event {
                            remote::Event::Failed { index, message } => {
                                unanswered.push((index, message));
                            }
                            event => on_event(to_event(event)),
                        }
                    }
                }
            }
        }
        if cancelled {
            work.abort();
        }
        // The requests have ended once the task has.
        match self.runtime.block_on(work) {
            _ if cancelled => Err(GenerateError::Cancelled),
            Err(error) => Err(GenerateError::Internal(format!(
                "Asking the server ended unexpectedly: {error}"
            ))),
            Ok(()) if unanswered.is_empty() => Ok(()),
            Ok(()) => {
                unanswered.sort_by_key(|(index, _)| *index);
                Err(GenerateError::Unanswered(unanswered))
            }
        }
    }
}

fn to_prefix(prefix: &Prefix) -> remote::Prefix {
    remote::Prefix {
        effort: match prefix.effort {
            engine::Effort::Low => remote::Effort::Low,
            engine::Effort::Medium => remote::Effort::Medium,
            engine::Effort::High => remote::Effort::High,
        },
        system: engine::system_block(prefix.effort),
        developer: prefix.developer.clone(),
    }
}

fn to_request(request: &Request) -> remote::Request {
    remote::Request {
        user: request.user.clone(),
        sampling: match request.sampling {
            engine::Sampling::Greedy => remote::Sampling::Greedy,
            engine::Sampling::Seeded {
                seed,
                temperature,
                top_p,
            } => remote::Sampling::Seeded {
                seed,
                temperature,
                top_p,
            },
        },
        tokens_max: request.tokens_max,
        over: request.alternatives.over.clone(),
        under: request.alternatives.under.clone(),
    }
}

fn to_event(event: remote::Event) -> Event {
    match event {
        // How many tokens the prefix has is not known here.
        remote::Event::Warm { elapsed_ms } => Event::PrefixReady {
            tokens: 0,
            reused: 0,
            elapsed_ms,
        },
        remote::Event::Text {
            index,
            channel,
            text,
        } => Event::Text {
            index,
            channel: match channel {
                remote::Channel::Analysis => engine::Channel::Analysis,
                remote::Channel::Commentary => engine::Channel::Commentary,
                remote::Channel::Final => engine::Channel::Final,
            },
            text,
        },
        // A failure ends the request as far as this call goes.
        remote::Event::Again { index } | remote::Event::Failed { index, .. } => {
            Event::Restarted { index }
        }
        remote::Event::Finished { index, reply } => Event::Finished {
            index,
            reply: Reply {
                analysis: reply.analysis,
                answer: reply.answer,
                finish: match reply.finish {
                    remote::Finish::Stop => Finish::Stop,
                    remote::Finish::Length => Finish::Length,
                    remote::Finish::Malformed(why) => Finish::Malformed(why),
                    remote::Finish::Refused(why) => Finish::Refused(why),
                },
                margin: reply.margin,
                prompt_tokens: reply.prompt_tokens,
                reused_tokens: reply.reused_tokens,
                generated_tokens: reply.generated_tokens,
                // A server drafts for itself, if at all.
                drafted_tokens: 0,
                accepted_tokens: 0,
                latency_ms: reply.latency_ms,
            },
        },
    }
}
