//! Chat completions as server-sent events. The reasoning is sent as it is generated; the
//! answer in one piece, once it is whole, because a part of an answer is no verdict.

use crate::app::{self, App};
use crate::chat::{Ending, Head};
use crate::dispatch::{Ticket, Told};
use crate::error::Refusal;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use engine::{Channel, Reply};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A comment is sent after so much silence, so that nothing on the way gives up.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

struct Stream {
    app: Arc<App>,
    head: Head,
    ticket: Ticket,
    deadline: Instant,
    usage: bool,
    pieces: Vec<String>,
    /// The reasoning sent so far.
    reasoning: String,
    /// Not sent yet.
    ready: VecDeque<String>,
    ended: bool,
}

pub fn respond(
    app: Arc<App>,
    head: Head,
    ticket: Ticket,
    deadline: Instant,
    usage: bool,
) -> Response {
    let mut stream = Stream {
        app,
        head,
        ticket,
        deadline,
        usage,
        pieces: Vec::new(),
        reasoning: String::new(),
        ready: VecDeque::new(),
        ended: false,
    };
    stream.delta(&json!({"role": "assistant", "content": ""}), None, None);
    let events = futures_util::stream::unfold(stream, |mut stream| async move {
        let data = stream.next().await?;
        Some((Ok::<_, Infallible>(Event::default().data(data)), stream))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

impl Stream {
    async fn next(&mut self) -> Option<String> {
        while self.ready.is_empty() && !self.ended {
            match timeout_at(self.deadline, self.ticket.next()).await {
                Ok(Some(told)) => self.take(told),
                Ok(None) => self.refuse(&app::failed(None)),
                Err(_elapsed) => {
                    let refusal = app::too_late(&self.app);
                    self.refuse(&refusal);
                }
            }
        }
        self.ready.pop_front()
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Text(Channel::Analysis, text) => self.reason(&text),
            Told::Text(Channel::Final, text) => self.pieces.push(text),
            Told::Text(Channel::Commentary, _) => {}
            Told::Finished(reply) => self.finish(*reply),
            Told::Failed(error) => self.refuse(&app::failed(Some(&error))),
        }
    }

    fn reason(&mut self, text: &str) {
        self.reasoning.push_str(text);
        let delta = json!({"reasoning_content": text, "reasoning": text});
        self.delta(&delta, None, None);
    }

    /// A server behind this one may have begun anew; what was sent cannot be taken back,
    /// so the reasoning that counts follows it whole.
    fn complete_reasoning(&mut self, analysis: &str) {
        let missing = match analysis.strip_prefix(&self.reasoning) {
            Some(rest) => rest.to_owned(),
            None => format!("\n\n{analysis}"),
        };
        if !missing.is_empty() {
            self.reason(&missing);
        }
    }

    fn finish(&mut self, reply: Reply) {
        self.complete_reasoning(&reply.analysis);
        let ending = match Ending::of(&self.app, &self.head, reply, &self.pieces) {
            Ok(ending) => ending,
            Err(refusal) => return self.refuse(&refusal),
        };
        if let Some(content) = &ending.content {
            self.delta(&json!({"content": content}), ending.logprobs.as_ref(), None);
        }
        self.delta(&json!({}), None, Some(&ending));
        if self.usage {
            let mut chunk = self.head.document("chat.completion.chunk");
            chunk["choices"] = json!([]);
            chunk["usage"] = ending.usage();
            self.ready.push_back(chunk.to_string());
        }
        self.ready.push_back("[DONE]".to_owned());
        self.ended = true;
    }

    /// The head of the answer is long sent, so the refusal is an event.
    fn refuse(&mut self, refusal: &Refusal) {
        self.ready.push_back(refusal.document().to_string());
        self.ended = true;
    }

    fn delta(&mut self, delta: &Value, logprobs: Option<&Value>, ending: Option<&Ending>) {
        let mut chunk = self.head.document("chat.completion.chunk");
        chunk["choices"] = json!([{
            "index": 0,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": ending.map(|ending| ending.finish_reason),
        }]);
        if self.usage {
            chunk["usage"] = Value::Null;
        }
        if let Some(ending) = ending {
            chunk["touchstone"] = ending.reading();
        }
        self.ready.push_back(chunk.to_string());
    }
}
