//! `/responses`, translated: its events and documents become the pieces that chat
//! completions have, so that one reader reads both. What is no text, no end and no error is
//! skipped.

use crate::wire::{Choice, Chunk, Message, PromptDetails, Usage, logprobs_of};
use serde::Deserialize;
use serde_json::{Value, json};

/// Some servers stream the reasoning itself, others a summary, some both: the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Text,
    Summary,
}

/// Follows one reply.
#[derive(Debug, Default)]
pub(crate) struct Translator {
    reasoning: Option<Source>,
    /// Whether any of the answer came in pieces.
    answered: bool,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    delta: Option<Value>,
    #[serde(default)]
    logprobs: Option<Value>,
    #[serde(default)]
    response: Option<Document>,
    #[serde(default)]
    message: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

/// A reply as a whole; while it is under way most of it is missing.
#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    output: Option<Vec<Item>>,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Incomplete {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Item {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    content: Option<Vec<Part>>,
    #[serde(default)]
    summary: Option<Vec<Part>>,
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    logprobs: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Counts {
    #[serde(default)]
    input_tokens: Option<u32>,
    #[serde(default)]
    output_tokens: Option<u32>,
    #[serde(default)]
    input_tokens_details: Option<PromptDetails>,
}

impl Translator {
    /// One event of a stream, or a whole reply; nothing where it is neither.
    pub(crate) fn chunk(&mut self, data: &[u8]) -> Option<Chunk> {
        let event: Event = serde_json::from_slice(data).ok()?;
        if event.kind.is_empty() {
            return self.document(data, event.error);
        }
        Some(match event.kind.as_str() {
            "response.reasoning_text.delta" => self.thought(Source::Text, event.delta),
            "response.reasoning_summary_text.delta" => self.thought(Source::Summary, event.delta),
            "response.output_text.delta" => {
                self.answered = true;
                content(text(event.delta), event.logprobs)
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                let mut chunk = self.end(event.response?);
                let failed = event.kind == "response.failed" && chunk.error.is_none();
                chunk.error = chunk.error.or_else(|| failed.then(|| json!("it failed")));
                chunk
            }
            "error" => Chunk {
                error: Some(
                    event
                        .error
                        .or(event.message)
                        .unwrap_or_else(|| json!("it failed")),
                ),
                ..Chunk::default()
            },
            _ => Chunk {
                model: event.response.and_then(|response| response.model),
                choices: Some(vec![]),
                ..Chunk::default()
            },
        })
    }

    fn document(&mut self, data: &[u8], error: Option<Value>) -> Option<Chunk> {
        let document: Document = serde_json::from_slice(data).ok()?;
        let is_reply = document.status.is_some() && document.output.is_some();
        if is_reply {
            return Some(self.end(document));
        }
        error
            .or(document.error)
            .filter(|error| !error.is_null())
            .map(|error| Chunk {
                error: Some(error),
                ..Chunk::default()
            })
    }

    fn thought(&mut self, source: Source, delta: Option<Value>) -> Chunk {
        let counts = *self.reasoning.get_or_insert(source) == source;
        let reasoning = text(delta).filter(|_| counts);
        of(Choice {
            delta: Some(Message {
                reasoning,
                ..Message::default()
            }),
            ..Choice::default()
        })
    }

    /// The end of a reply; what did not come in pieces is taken from it whole.
    fn end(&mut self, document: Document) -> Chunk {
        let incomplete = document
            .incomplete_details
            .and_then(|details| details.reason);
        let finish = match (document.status.as_deref(), incomplete.as_deref()) {
            (Some("completed"), _) => Some("stop".to_owned()),
            (_, Some("max_output_tokens" | "max_tokens")) => Some("length".to_owned()),
            (_, Some(reason)) => Some(reason.to_owned()),
            (status, None) => status.map(str::to_owned),
        };
        let mut choices = vec![];
        for item in document.output.into_iter().flatten() {
            match item.kind.as_str() {
                "reasoning" if self.reasoning.is_none() => {
                    let parts = item.content.filter(|parts| !parts.is_empty());
                    let parts = parts.or(item.summary).unwrap_or_default();
                    let whole: Vec<String> = parts.into_iter().filter_map(|p| p.text).collect();
                    choices.push(Choice {
                        delta: Some(Message {
                            reasoning: Some(whole.join("\n")),
                            ..Message::default()
                        }),
                        ..Choice::default()
                    });
                }
                "message" if !self.answered => {
                    for part in item.content.unwrap_or_default() {
                        choices.extend(
                            content(part.text, part.logprobs)
                                .choices
                                .into_iter()
                                .flatten(),
                        );
                    }
                }
                _ => {}
            }
        }
        choices.push(Choice {
            finish_reason: finish,
            ..Choice::default()
        });
        Chunk {
            model: document.model,
            choices: Some(choices),
            usage: document.usage.map(|counts| Usage {
                prompt_tokens: counts.input_tokens,
                completion_tokens: counts.output_tokens,
                prompt_tokens_details: counts.input_tokens_details,
            }),
            error: document.error.filter(|error| !error.is_null()),
            ..Chunk::default()
        }
    }
}

fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn content(text: Option<String>, logprobs: Option<Value>) -> Chunk {
    of(Choice {
        delta: Some(Message {
            content: text,
            ..Message::default()
        }),
        // The tokens stand here bare; chat has them under `content`.
        logprobs: logprobs.map_or_else(Vec::new, |tokens| logprobs_of(json!({"content": tokens}))),
        ..Choice::default()
    })
}

fn of(choice: Choice) -> Chunk {
    Chunk {
        choices: Some(vec![choice]),
        ..Chunk::default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use crate::api::{Api, Finish, Limits, Reply, Request, Sampling};
    use crate::fault::Fault;
    use crate::reply::Reader;

    fn read(events: &[&str]) -> Result<Reply, Fault> {
        let request = Request {
            user: String::new(),
            sampling: Sampling::Greedy,
            tokens_max: 100,
            over: vec!["1".to_owned()],
            under: vec!["0".to_owned()],
        };
        let mut reader = Reader::new(Api::Responses, &Limits::default(), &request);
        let mut translator = super::Translator::default();
        for event in events {
            reader.take(translator.chunk(event.as_bytes()).unwrap())?;
        }
        reader.into_reply(1.0)
    }

    const TOKEN: &str = r#"[{"token":"1","logprob":-0.1,"top_logprobs":[{"token":"1","logprob":-0.1},{"token":"0","logprob":-2.1}]}]"#;
    const USAGE: &str =
        r#"{"input_tokens":7,"output_tokens":5,"input_tokens_details":{"cached_tokens":4}}"#;

    #[test]
    fn a_stream_gives_reasoning_answer_margin_and_tokens() {
        let answer =
            format!(r#"{{"type":"response.output_text.delta","delta":"1","logprobs":{TOKEN}}}"#);
        let end = format!(
            r#"{{"type":"response.completed","response":{{"model":"m","status":"completed","usage":{USAGE},
            "output":[{{"type":"reasoning","content":[{{"type":"reasoning_text","text":"R1 applies."}}]}},
            {{"type":"message","content":[{{"type":"output_text","text":"1"}}]}}]}}}}"#
        );
        let reply = read(&[
            r#"{"type":"response.created","response":{"model":"m","status":"in_progress","output":[]}}"#,
            r#"{"type":"response.output_item.added","item":{"type":"reasoning"}}"#,
            r#"{"type":"response.reasoning_text.delta","delta":"R1 "}"#,
            r#"{"type":"response.reasoning_summary_text.delta","delta":"in short"}"#,
            r#"{"type":"response.reasoning_text.delta","delta":"applies."}"#,
            &answer,
            &end,
        ])
        .unwrap();
        assert_eq!(
            (
                reply.analysis.as_str(),
                reply.answer.as_deref(),
                &reply.finish
            ),
            ("R1 applies.", Some("1"), &Finish::Stop)
        );
        assert!((reply.margin.unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(
            (
                reply.prompt_tokens,
                reply.reused_tokens,
                reply.generated_tokens
            ),
            (7, 4, 5)
        );
    }

    #[test]
    fn a_summary_or_a_whole_document_will_do() {
        let end = r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"#;
        let summed = read(&[
            r#"{"type":"response.reasoning_summary_text.delta","delta":"in short"}"#,
            end,
        ])
        .unwrap();
        assert_eq!(
            (summed.analysis.as_str(), summed.finish),
            ("in short", Finish::Length)
        );
        let whole = format!(
            r#"{{"object":"response","model":"m","status":"completed","output":[
            {{"type":"reasoning","summary":[{{"type":"summary_text","text":"R1"}}]}},
            {{"type":"message","content":[{{"type":"output_text","text":"1","logprobs":{TOKEN}}}]}}]}}"#
        );
        let whole = read(&[&whole]).unwrap();
        assert_eq!(
            (
                whole.analysis.as_str(),
                whole.answer.as_deref(),
                whole.margin.is_some()
            ),
            ("R1", Some("1"), true)
        );
    }

    #[test]
    fn failures_and_cuts_are_told_from_replies() {
        for failed in [
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"out of memory"}}}"#,
            r#"{"type":"error","message":"out of memory"}"#,
            r#"{"error":{"message":"out of memory"}}"#,
        ] {
            let fault = read(&[failed]).unwrap_err().to_string();
            assert!(fault.contains("out of memory"), "{fault}");
        }
        let cut = read(&[r#"{"type":"response.output_text.delta","delta":"1"}"#]);
        assert!(matches!(cut, Err(Fault::Cut(_))));
        let mut translator = super::Translator::default();
        for foreign in ["{\"status\":\"ok\"}", "{\"choices\": [", "[]"] {
            assert!(translator.chunk(foreign.as_bytes()).is_none(), "{foreign}");
        }
    }
}
