//! A judge that answers from a script instead of a model: for tests of everything
//! around the model. It keeps the engine's contract: order, events, cancellation.

use crate::judge::Judge;
use engine::{Cancel, Channel, Event, Finish, GenerateError, ModelInfo, Prefix, Reply, Request};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What the script says about one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub analysis: String,
    pub answer: Option<String>,
    pub margin: Option<f64>,
    pub finish: Finish,
}

type Script = dyn Fn(&Prefix, &Request) -> Line + Send + Sync;
/// The margin behind a request's draft.
type Previews = dyn Fn(&Request) -> Option<f64> + Send + Sync;

pub struct Replay {
    info: ModelInfo,
    script: Box<Script>,
    previews: Option<Box<Previews>>,
    /// Between two words of a reply; a cancellation is noticed there.
    pause: Duration,
    asked: Mutex<Vec<String>>,
    calls: AtomicU32,
}

impl Replay {
    pub fn new(script: impl Fn(&Prefix, &Request) -> Line + Send + Sync + 'static) -> Replay {
        Replay {
            info: ModelInfo {
                name: "replay".to_owned(),
                digest: "5e".repeat(32),
                device: "script".to_owned(),
                numerics: engine::Numerics::Exact,
                bytes: 0,
                parameters: 0,
                layers: 0,
                vocab: 0,
                context_tokens: 4096,
            },
            script: Box::new(script),
            previews: None,
            pause: Duration::ZERO,
            asked: Mutex::default(),
            calls: AtomicU32::new(0),
        }
    }

    pub fn with_pause(mut self, pause: Duration) -> Replay {
        self.pause = pause;
        self
    }

    /// Before the first reply, this is said of each request that has a draft.
    pub fn with_previews(
        mut self,
        previews: impl Fn(&Request) -> Option<f64> + Send + Sync + 'static,
    ) -> Replay {
        self.previews = Some(Box::new(previews));
        self
    }

    pub fn with_context_tokens(mut self, context_tokens: u32) -> Replay {
        self.info.context_tokens = context_tokens;
        self
    }

    pub fn with_digest(mut self, digest: &str) -> Replay {
        self.info.digest = digest.to_owned();
        self
    }

    /// The user texts of all requests answered whole so far, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }

    /// How often `generate` was called.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
}

fn words(text: &str) -> u32 {
    text.split_whitespace().count() as u32
}

impl Judge for Replay {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn prompt_tokens(&self, prefix: &Prefix, user: &str) -> u32 {
        words(&prefix.developer) + words(user)
    }

    fn generate(
        &self,
        prefix: &Prefix,
        requests: &[Request],
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), GenerateError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let tokens = words(&prefix.developer);
        on_event(Event::PrefixReady {
            tokens,
            reused: 0,
            elapsed_ms: 1.0,
        });
        if let Some(previews) = &self.previews {
            for (index, request) in requests.iter().enumerate() {
                let margin = request.draft.as_ref().and_then(|_| previews(request));
                if let Some(margin) = margin {
                    on_event(Event::Preview { index, margin });
                }
            }
        }
        for (index, request) in requests.iter().enumerate() {
            let line = (self.script)(prefix, request);
            for word in line.analysis.split_inclusive(' ') {
                if cancel.is_cancelled() {
                    return Err(GenerateError::Cancelled);
                }
                on_event(Event::Text {
                    index,
                    channel: Channel::Analysis,
                    text: word.to_owned(),
                });
                if !self.pause.is_zero() {
                    std::thread::sleep(self.pause);
                }
            }
            if cancel.is_cancelled() {
                return Err(GenerateError::Cancelled);
            }
            self.asked
                .lock()
                .expect("no holder of this lock panics")
                .push(request.user.clone());
            on_event(Event::Finished {
                index,
                reply: Reply {
                    prompt_tokens: tokens + words(&request.user),
                    reused_tokens: tokens,
                    generated_tokens: words(&line.analysis) + 1,
                    drafted_tokens: 0,
                    accepted_tokens: 0,
                    latency_ms: 1.0,
                    analysis: line.analysis,
                    answer: line.answer,
                    finish: line.finish,
                    margin: line.margin,
                },
            });
        }
        Ok(())
    }
}
