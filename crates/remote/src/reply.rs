//! From a stream's events to a reply: channels, margin, tokens, and how it ended.

use crate::api::{Api, Channel, Finish, Limits, Reply, Request};
use crate::fault::{Fault, says_too_long};
use crate::harmony::Splitter;
use crate::margin::{Margin, Piece};
use crate::wire::{Choice, Chunk, Message, Usage, error_message};

pub(crate) struct Reader {
    api: Api,
    text_bytes_max: usize,
    analysis: String,
    answer: String,
    /// Present where the text carries its channels itself.
    splitter: Option<Splitter>,
    /// Whether any of the answer has come, so that its beginning is known.
    begun: bool,
    margin: Margin,
    finish: Option<String>,
    usage: Option<Usage>,
    chunks: u32,
    /// The model as this reply names it.
    pub(crate) model: Option<String>,
    pub(crate) fingerprint: Option<String>,
}

type Pieces = Vec<(Channel, String)>;

impl Reader {
    pub(crate) fn new(api: Api, limits: &Limits, request: &Request) -> Reader {
        Reader {
            api,
            text_bytes_max: limits.text_bytes_max,
            analysis: String::new(),
            answer: String::new(),
            splitter: (api == Api::Completions).then(Splitter::default),
            begun: api == Api::Completions,
            margin: Margin::new(&request.over, &request.under),
            finish: None,
            usage: None,
            chunks: 0,
            model: None,
            fingerprint: None,
        }
    }

    /// Takes one document of the stream; returns what it adds to which channel.
    pub(crate) fn take(&mut self, chunk: Chunk) -> Result<Pieces, Fault> {
        if let Some(error) = chunk.error {
            let message = error_message(&error).unwrap_or_else(|| error.to_string());
            return Err(if says_too_long(&error.to_string()) {
                Fault::TooLong(message)
            } else {
                Fault::Server {
                    status: 200,
                    message,
                }
            });
        }
        if let Some(model) = chunk.model.filter(|model| !model.is_empty()) {
            self.model.get_or_insert(model);
        }
        if let Some(fingerprint) = chunk.system_fingerprint {
            self.fingerprint.get_or_insert(fingerprint);
        }
        self.usage = chunk.usage.or(self.usage);
        let mut out = vec![];
        for choice in chunk.choices.into_iter().flatten() {
            self.choice(choice, &mut out);
        }
        for (channel, text) in &out {
            self.add(*channel, text);
        }
        if self.analysis.len() + self.answer.len() > self.text_bytes_max {
            return Err(Fault::TooLarge {
                bytes_max: self.text_bytes_max,
            });
        }
        Ok(out)
    }

    fn choice(&mut self, choice: Choice, out: &mut Pieces) {
        self.chunks += 1;
        self.finish = choice.finish_reason.or(self.finish.take());
        let message = choice.delta.or(choice.message).unwrap_or_default();
        if let Some(thought) = message.thought() {
            out.push((Channel::Analysis, thought.to_owned()));
        }
        let Message { content, .. } = message;
        let content = match self.api {
            Api::Chat | Api::Responses => content,
            Api::Completions => choice.text,
        };
        if let Some(content) = content.filter(|content| !content.is_empty()) {
            self.content(&content, &choice.logprobs, out);
        }
    }

    fn content(&mut self, content: &str, pieces: &[Piece], out: &mut Pieces) {
        // A server that does not know the format passes the channels on as text.
        if !self.begun {
            self.begun = true;
            if content.starts_with("<|") {
                self.splitter = Some(Splitter::default());
            }
        }
        let aligned = pieces.concat_bytes() == content.as_bytes();
        match &mut self.splitter {
            None => {
                if aligned {
                    pieces.iter().for_each(|piece| self.margin.push(piece));
                } else {
                    self.follow_unaligned(content, pieces);
                }
                out.push((Channel::Final, content.to_owned()));
            }
            Some(splitter) if aligned => {
                for piece in pieces {
                    let text = String::from_utf8_lossy(&piece.bytes);
                    let parts = splitter.push(&text);
                    let is_answer = |(channel, part): &(Channel, String)| {
                        *channel == Channel::Final && *part == text
                    };
                    if parts.iter().any(is_answer) {
                        self.margin.push(piece);
                    } else if parts.iter().any(|(channel, _)| *channel == Channel::Final) {
                        self.margin.close();
                    }
                    out.extend(parts);
                }
            }
            Some(splitter) => {
                let parts = splitter.push(content);
                if parts.iter().any(|(channel, _)| *channel == Channel::Final) {
                    self.margin.close();
                }
                out.extend(parts);
            }
        }
    }

    /// Some servers list control tokens that they cut out of the text.
    fn follow_unaligned(&mut self, content: &str, pieces: &[Piece]) {
        let own: Vec<&Piece> = pieces
            .iter()
            .filter(|piece| !(piece.bytes.starts_with(b"<|") && piece.bytes.ends_with(b"|>")))
            .collect();
        let bytes: Vec<u8> = own.iter().flat_map(|piece| piece.bytes.clone()).collect();
        if bytes == content.as_bytes() {
            own.into_iter().for_each(|piece| self.margin.push(piece));
        } else {
            self.margin.close();
        }
    }

    fn add(&mut self, channel: Channel, text: &str) {
        match channel {
            Channel::Analysis => self.analysis.push_str(text),
            Channel::Final => self.answer.push_str(text),
            Channel::Commentary => {}
        }
    }

    /// Whether the server has said how the reply ends.
    pub(crate) fn is_ended(&self) -> bool {
        self.finish.is_some()
    }

    pub(crate) fn into_reply(mut self, latency_ms: f64) -> Result<Reply, Fault> {
        let finish = match self.finish.as_deref() {
            Some("stop" | "eos" | "end_turn") => Finish::Stop,
            Some("length" | "max_tokens") => Finish::Length,
            Some("content_filter") => {
                Finish::Refused("the server's own content filter stopped the reply".to_owned())
            }
            Some(other) => Finish::Malformed(format!("it ended with {other:?}")),
            None => {
                return Err(Fault::Cut(
                    "the stream ended before the reply did".to_owned(),
                ));
            }
        };
        let mut trouble = None;
        if let Some(mut splitter) = self.splitter.take() {
            for (channel, text) in splitter.end() {
                self.add(channel, &text);
            }
            trouble = splitter.trouble;
        }
        let finish = match (finish, trouble) {
            (Finish::Stop, Some(trouble)) => Finish::Malformed(trouble),
            (finish, _) => finish,
        };
        let usage = self.usage;
        Ok(Reply {
            answer: Some(self.answer).filter(|answer| !answer.is_empty()),
            analysis: self.analysis,
            finish,
            margin: self.margin.value,
            prompt_tokens: usage.and_then(|usage| usage.prompt_tokens).unwrap_or(0),
            reused_tokens: usage
                .and_then(|usage| usage.prompt_tokens_details?.cached_tokens)
                .unwrap_or(0),
            generated_tokens: usage
                .and_then(|usage| usage.completion_tokens)
                .unwrap_or(self.chunks),
            latency_ms,
        })
    }
}

trait ConcatBytes {
    fn concat_bytes(&self) -> Vec<u8>;
}

impl ConcatBytes for [Piece] {
    fn concat_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|piece| piece.bytes.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::api::Sampling;

    fn read(api: Api, documents: &[&str]) -> Result<Reply, Fault> {
        let request = Request {
            user: String::new(),
            sampling: Sampling::Greedy,
            tokens_max: 100,
            over: vec!["1".to_owned()],
            under: vec!["0".to_owned()],
        };
        let mut reader = Reader::new(api, &Limits::default(), &request);
        for document in documents {
            reader.take(serde_json::from_str(document).unwrap())?;
        }
        reader.into_reply(1.0)
    }

    const LOGPROBS: &str = r#"{"content":[{"token":"1","logprob":-0.1,"top_logprobs":[{"token":"1","logprob":-0.1},{"token":"0","logprob":-2.1}]}]}"#;

    #[test]
    fn reasoning_answer_margin_and_tokens_are_read_from_a_stream() {
        let reply = read(
            Api::Chat,
            &[
                r#"{"model":"m","choices":[{"delta":{"role":"assistant","content":""}}]}"#,
                r#"{"choices":[{"delta":{"reasoning_content":"R1 "}}]}"#,
                r#"{"choices":[{"delta":{"reasoning_content":"applies."}}]}"#,
                &format!(r#"{{"choices":[{{"delta":{{"content":"1"}},"logprobs":{LOGPROBS}}}]}}"#),
                r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}}"#,
            ],
        )
        .unwrap();
        assert_eq!(
            (reply.analysis.as_str(), reply.answer.as_deref()),
            ("R1 applies.", Some("1"))
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
        assert_eq!(reply.finish, Finish::Stop);
    }

    #[test]
    fn channels_that_come_as_text_are_taken_apart() {
        let text = "<|channel|>analysis<|message|>R1.<|end|><|start|>assistant<|channel|>final<|message|>0";
        for (api, field) in [
            (Api::Chat, format!(r#""delta":{{"content":"{text}"}}"#)),
            (Api::Completions, format!(r#""text":"{text}""#)),
        ] {
            let document = format!(r#"{{"choices":[{{{field},"finish_reason":"stop"}}]}}"#);
            let reply = read(api, &[&document]).unwrap();
            assert_eq!(
                (reply.analysis.as_str(), reply.answer.as_deref()),
                ("R1.", Some("0"))
            );
            assert_eq!(reply.margin, None);
        }
    }

    #[test]
    fn a_whole_reply_without_a_stream_is_read_too() {
        let reply = read(
            Api::Chat,
            &[r#"{"choices":[{"message":{"content":"1","reasoning":"R1"},"finish_reason":"length"}]}"#],
        )
        .unwrap();
        assert_eq!(
            (reply.analysis.as_str(), reply.finish),
            ("R1", Finish::Length)
        );
    }

    #[test]
    fn a_stream_that_ends_without_saying_so_was_cut() {
        let cut = read(Api::Chat, &[r#"{"choices":[{"delta":{"content":"1"}}]}"#]);
        assert!(matches!(cut, Err(Fault::Cut(_))));
        let failed = read(Api::Chat, &[r#"{"error":{"message":"out of memory"}}"#]);
        assert!(matches!(failed, Err(Fault::Server { .. })));
    }
}
