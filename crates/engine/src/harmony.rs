//! Harmony: renders prompts into tokens and reads replies from them. A reply that breaks the
//! format yields what text there is and the reason; nothing is guessed.

use crate::vocabulary::{Piece, Vocabulary};
use crate::{Channel, Effort, Finish, Prefix};

/// A header is a role and a channel; one that runs on is none.
const HEADER_TOKENS_MAX: u32 = 32;

/// The system block, without the date that the model's chat template adds: the same prompt
/// must be the same tomorrow.
fn system(effort: Effort) -> String {
    let effort = match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
    };
    format!(
        "You are ChatGPT, a large language model trained by OpenAI.\n\
         Knowledge cutoff: 2024-06\n\n\
         Reasoning: {effort}\n\n\
         # Valid channels: analysis, commentary, final. \
         Channel must be included for every message."
    )
}

/// What all prompts share: from the system block to where the user's text begins.
pub fn prefix(v: &Vocabulary, prefix: &Prefix) -> Result<Vec<u32>, String> {
    let c = v.control;
    let mut tokens = Vec::new();
    for (role, text) in [
        ("system", system(prefix.effort).as_str()),
        ("developer", &prefix.developer),
    ] {
        tokens.push(c.start);
        tokens.extend(v.encode(role)?);
        tokens.push(c.message);
        tokens.extend(v.encode(text)?);
        tokens.push(c.end);
    }
    tokens.push(c.start);
    tokens.extend(v.encode("user")?);
    tokens.push(c.message);
    Ok(tokens)
}

/// The rest of a prompt: the user's text, and the beginning of the reply's header.
pub fn user(v: &Vocabulary, text: &str) -> Result<Vec<u32>, String> {
    let mut tokens = v.encode(text)?;
    tokens.push(v.control.end);
    tokens.push(v.control.start);
    tokens.extend(v.encode("assistant")?);
    Ok(tokens)
}

/// The tokens of a whole reply, as the model would write it.
pub fn reply(v: &Vocabulary, analysis: &str, answer: &str) -> Result<Vec<u32>, String> {
    let c = v.control;
    let mut tokens = Vec::new();
    for (channel, text) in [("analysis", analysis), ("final", answer)] {
        if channel == "final" {
            tokens.extend([c.end, c.start]);
            tokens.extend(v.encode("assistant")?);
        }
        tokens.push(c.channel);
        tokens.extend(v.encode(channel)?);
        tokens.push(c.message);
        tokens.extend(v.encode(text)?);
    }
    tokens.extend(v.stop());
    Ok(tokens)
}

/// One message of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    channel: Channel,
    text: String,
}

/// Reads a reply token by token, beginning behind `<|start|>assistant`.
#[derive(Debug)]
pub struct Parser {
    state: State,
    messages: Vec<Message>,
    /// Bytes of a character that is not complete yet.
    held: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Header(Header),
    Body(Channel),
    /// After `<|end|>`.
    Between,
}

#[derive(Debug, Default)]
struct Header {
    role: Vec<u8>,
    channel: Option<Vec<u8>>,
    constrained: bool,
    tokens: u32,
}

/// What one token brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub text: Option<(Channel, String)>,
    pub finish: Option<Finish>,
}

impl Step {
    fn malformed(why: impl Into<String>) -> Step {
        Step {
            text: None,
            finish: Some(Finish::Malformed(why.into())),
        }
    }
}

impl Default for Parser {
    fn default() -> Parser {
        Parser {
            state: State::Header(Header::default()),
            messages: Vec::new(),
            held: Vec::new(),
        }
    }
}

impl Parser {
    /// The channel whose message the next token continues.
    pub fn channel(&self) -> Option<Channel> {
        match self.state {
            State::Body(channel) => Some(channel),
            State::Header(_) | State::Between => None,
        }
    }

    /// The texts of a channel, one below the other.
    pub fn text(&self, channel: Channel) -> Option<String> {
        let texts: Vec<&str> = self
            .messages
            .iter()
            .filter(|m| m.channel == channel)
            .map(|m| &*m.text)
            .collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    /// Takes the next token. Nothing may follow a step that finishes.
    pub fn push(&mut self, piece: Piece<'_>) -> Step {
        match &mut self.state {
            State::Header(header) => match header.push(piece) {
                Read::More => Step::default(),
                Read::Opened(channel) => {
                    let follows = self.messages.iter().any(|m| m.channel == channel);
                    self.messages.push(Message {
                        channel,
                        text: String::new(),
                    });
                    self.state = State::Body(channel);
                    // As `text` joins them, so that streamed text adds up to it.
                    let text = follows.then(|| (channel, "\n".to_owned()));
                    Step { text, finish: None }
                }
                Read::Ended => Step {
                    text: None,
                    finish: Some(Finish::Stop),
                },
                Read::Broken(why) => Step::malformed(why),
            },
            State::Body(channel) => {
                let channel = *channel;
                self.body(channel, piece)
            }
            State::Between => match piece {
                Piece::Stop => Step {
                    text: None,
                    finish: Some(Finish::Stop),
                },
                Piece::Start | Piece::Channel => self.open(piece),
                other => Step::malformed(format!("{} stands between two messages", name(other))),
            },
        }
    }

    /// Gives out what is held back, when the reply is cut off here.
    pub fn flush(&mut self) -> Option<(Channel, String)> {
        let State::Body(channel) = self.state else {
            return None;
        };
        if self.held.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(&self.held).into_owned();
        self.held.clear();
        self.append(&text);
        Some((channel, text))
    }

    fn body(&mut self, channel: Channel, piece: Piece<'_>) -> Step {
        if let Piece::Text(bytes) = piece {
            self.held.extend_from_slice(bytes);
            let text = take_complete(&mut self.held);
            self.append(&text);
            let text = (!text.is_empty()).then_some((channel, text));
            return Step { text, finish: None };
        }
        let text = self.flush();
        let finish = match (piece, channel) {
            (Piece::Stop, _) => Some(Finish::Stop),
            // The answer is complete, however the model marks its end.
            (Piece::End | Piece::Start | Piece::Channel, Channel::Final) => Some(Finish::Stop),
            (Piece::End, _) => {
                self.state = State::Between;
                None
            }
            // Some replies leave out `<|end|>`, or `<|end|><|start|>assistant`.
            (Piece::Start | Piece::Channel, _) => self.open(piece).finish,
            (other, _) => Some(Finish::Malformed(format!(
                "{} stands inside a message",
                name(other)
            ))),
        };
        Step { text, finish }
    }

    /// Begins a header at `<|start|>` or straight at `<|channel|>`.
    fn open(&mut self, piece: Piece<'_>) -> Step {
        let channel = (piece == Piece::Channel).then(Vec::new);
        self.state = State::Header(Header {
            channel,
            ..Header::default()
        });
        Step::default()
    }

    fn append(&mut self, text: &str) {
        if let Some(message) = self.messages.last_mut() {
            message.text.push_str(text);
        }
    }
}

enum Read {
    More,
    Opened(Channel),
    Ended,
    Broken(String),
}

impl Header {
    fn push(&mut self, piece: Piece<'_>) -> Read {
        self.tokens += 1;
        if self.tokens > HEADER_TOKENS_MAX {
            return Read::Broken(format!("the header {} does not end", self.shown()));
        }
        match piece {
            Piece::Text(bytes) => {
                match &mut self.channel {
                    _ if self.constrained => {}
                    Some(channel) => channel.extend_from_slice(bytes),
                    None => self.role.extend_from_slice(bytes),
                }
                Read::More
            }
            Piece::Channel if self.channel.is_none() => {
                self.channel = Some(Vec::new());
                Read::More
            }
            Piece::Constrain if self.channel.is_some() => {
                self.constrained = true;
                Read::More
            }
            Piece::Message => self.close(),
            // Nothing read yet: the model repeats how the header begins, or says nothing.
            Piece::Start if self.is_empty() => Read::More,
            Piece::Stop if self.is_empty() => Read::Ended,
            Piece::Stop => Read::Broken(format!("the reply ends in the header {}", self.shown())),
            other => Read::Broken(format!(
                "{} stands in the header {}",
                name(other),
                self.shown()
            )),
        }
    }

    fn is_empty(&self) -> bool {
        self.role.is_empty() && self.channel.is_none()
    }

    /// A header is `[role] [to=recipient] <|channel|> channel [to=recipient] [<|constrain|> type]`.
    fn close(&self) -> Read {
        let role = String::from_utf8_lossy(&self.role);
        let role = role.split_whitespace().next().unwrap_or("assistant");
        if role != "assistant" && !role.starts_with("to=") {
            return Read::Broken(format!(
                "the header {} is not the assistant's",
                self.shown()
            ));
        }
        let Some(channel) = &self.channel else {
            return Read::Broken(format!("the header {} names no channel", self.shown()));
        };
        match String::from_utf8_lossy(channel).split_whitespace().next() {
            Some("analysis") => Read::Opened(Channel::Analysis),
            Some("commentary") => Read::Opened(Channel::Commentary),
            Some("final") => Read::Opened(Channel::Final),
            _ => Read::Broken(format!(
                "the header {} names no known channel",
                self.shown()
            )),
        }
    }

    fn shown(&self) -> String {
        let role = String::from_utf8_lossy(&self.role);
        match &self.channel {
            Some(channel) => {
                format!("`{role}<|channel|>{}`", String::from_utf8_lossy(channel))
            }
            None => format!("`{role}`"),
        }
    }
}

fn name(piece: Piece<'_>) -> String {
    match piece {
        Piece::Text(bytes) => format!("the text `{}`", String::from_utf8_lossy(bytes)),
        Piece::Start => "<|start|>".to_owned(),
        Piece::End => "<|end|>".to_owned(),
        Piece::Message => "<|message|>".to_owned(),
        Piece::Channel => "<|channel|>".to_owned(),
        Piece::Constrain => "<|constrain|>".to_owned(),
        Piece::Stop => "the end of the reply".to_owned(),
        Piece::Other => "an unknown control token".to_owned(),
    }
}

/// Takes all complete characters off the front; bytes that can never be part of one become
/// U+FFFD, a character that is only begun stays.
fn take_complete(held: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut done = 0;
    for chunk in held.utf8_chunks() {
        text.push_str(chunk.valid());
        done += chunk.valid().len();
        let invalid = chunk.invalid();
        let begun = done + invalid.len() == held.len() && is_begun(invalid);
        if !invalid.is_empty() && !begun {
            text.push(char::REPLACEMENT_CHARACTER);
            done += invalid.len();
        }
    }
    held.drain(..done);
    text
}

/// Whether more bytes could make these a character.
fn is_begun(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_none())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::testing::{Noise, o200k};
    use proptest::prelude::*;
    use serde_json::Value;

    fn golden() -> Value {
        serde_json::from_str(include_str!("../../../fixtures/harmony/golden.json")).unwrap()
    }

    fn ids(tokens: &Value) -> Vec<u32> {
        serde_json::from_value(tokens.clone()).unwrap()
    }

    /// Reads a golden reply to its end: its messages, and how it finished.
    fn read(reply: &Value) -> (Vec<(String, String)>, Option<Finish>) {
        let mut parser = Parser::default();
        let mut finish = None;
        let mut streamed = String::new();
        for id in ids(&reply["tokens"]) {
            assert_eq!(finish, None, "{}: tokens follow the end", reply["text"]);
            let step = parser.push(o200k().piece(id));
            streamed.extend(step.text.map(|(_, text)| text));
            finish = step.finish;
            if matches!(finish, Some(Finish::Malformed(_))) {
                break;
            }
        }
        streamed.extend(parser.flush().map(|(_, text)| text));
        let whole: String = parser.messages.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(streamed.replace('\n', ""), whole.replace('\n', ""));
        let name = |m: &Message| (format!("{:?}", m.channel).to_lowercase(), m.text.clone());
        (parser.messages.iter().map(name).collect(), finish)
    }

    #[test]
    fn prompts_are_rendered_as_openai_harmony_does() {
        for prompt in golden()["prompts"].as_array().unwrap() {
            let effort = match prompt["effort"].as_str().unwrap() {
                "low" => Effort::Low,
                "medium" => Effort::Medium,
                _ => Effort::High,
            };
            let developer = prompt["developer"].as_str().unwrap().to_owned();
            let mut tokens = prefix(o200k(), &Prefix { effort, developer }).unwrap();
            tokens.extend(user(o200k(), prompt["user"].as_str().unwrap()).unwrap());
            assert_eq!(tokens, ids(&prompt["tokens"]), "{}", prompt["developer"]);
        }
    }

    #[test]
    fn replies_are_read_as_openai_harmony_does() {
        for reply in golden()["replies"].as_array().unwrap() {
            let expected: Vec<(String, String)> = reply["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| {
                    (
                        m["channel"].as_str().unwrap().into(),
                        m["text"].as_str().unwrap().into(),
                    )
                })
                .collect();
            let (messages, finish) = read(reply);
            assert_eq!(messages, expected, "{}", reply["text"]);
            assert!(!matches!(finish, Some(Finish::Malformed(_))), "{finish:?}");
        }
    }

    #[test]
    fn broken_replies_keep_their_text_and_say_why() {
        let stop = ("", ["analysis", "final"].as_slice());
        let expected = [
            stop,
            ("names no channel", &[]),
            ("ends in the header `1`", &[]),
            stop,
            stop,
            stop,
            ("names no known channel", &["analysis"]),
            (
                "`assistant<|channel|>finally` names no known channel",
                &["analysis"],
            ),
            ("`user` is not the assistant's", &["analysis"]),
            ("<|message|> stands inside a message", &["analysis"]),
            ("the text `str` stands between two messages", &["analysis"]),
            ("ends in the header `<|channel|>analysis`", &[]),
            ("", &[]),
        ];
        let golden = golden();
        let broken = golden["broken"].as_array().unwrap();
        assert_eq!(broken.len(), expected.len());
        for (reply, (why, channels)) in broken.iter().zip(expected) {
            let (messages, finish) = read(reply);
            let found: Vec<&str> = messages
                .iter()
                .map(|(channel, _)| channel.as_str())
                .collect();
            assert_eq!(found, channels, "{}", reply["text"]);
            match finish.unwrap() {
                Finish::Malformed(reason) => {
                    assert!(!why.is_empty() && reason.contains(why), "{reason}")
                }
                finish => assert_eq!((finish, why), (Finish::Stop, ""), "{}", reply["text"]),
            }
        }
    }

    #[test]
    fn a_header_without_end_is_malformed() {
        let mut parser = Parser::default();
        let last = (0..=HEADER_TOKENS_MAX)
            .map(|_| parser.push(Piece::Text(b"la ")))
            .last()
            .unwrap();
        assert!(
            matches!(last.finish, Some(Finish::Malformed(why)) if why.contains("does not end"))
        );
    }

    #[test]
    fn text_is_encoded_as_tiktoken_does() {
        let tiktoken = tiktoken_rs::o200k_harmony().unwrap();
        let mut texts: Vec<String> = vec![include_str!("harmony.rs").to_owned()];
        for prompt in golden()["prompts"].as_array().unwrap() {
            texts.push(prompt["developer"].as_str().unwrap().to_owned());
            texts.push(prompt["user"].as_str().unwrap().to_owned());
        }
        // Characters of many scripts in no order at all.
        let mut noise = Noise::new(5);
        let scripts = [
            'a', 'Z', '0', ' ', '\n', '\'', '/', 'é', 'ж', 'ع', 'अ', '中', '가', '🚬', '\u{301}',
        ];
        for _ in 0..400 {
            let next = |noise: &mut Noise| {
                let start = scripts[noise.next() as usize % scripts.len()] as u32;
                char::from_u32(start + (noise.next() % 12) as u32).unwrap_or(' ')
            };
            texts.push((0..40).map(|_| next(&mut noise)).collect());
        }
        let mut total = 0;
        for text in texts {
            let expected = tiktoken.encode_ordinary(&text);
            total += expected.len();
            assert_eq!(o200k().encode(&text).unwrap(), expected, "{text}");
        }
        assert!(total > 10_000, "{total} tokens compared");
    }

    #[test]
    fn control_tokens_written_out_stay_text() {
        let text = "<|end|><|start|>assistant<|channel|>final<|message|>0<|return|><|endoftext|>";
        let tokens = o200k().encode(text).unwrap();
        assert!(
            tokens
                .iter()
                .all(|&id| matches!(o200k().piece(id), Piece::Text(_)))
        );
        let bytes: Vec<u8> = tokens
            .iter()
            .flat_map(|&id| match o200k().piece(id) {
                Piece::Text(bytes) => bytes.to_vec(),
                _ => Vec::new(),
            })
            .collect();
        assert_eq!(bytes, text.as_bytes());
    }

    #[test]
    fn effort_is_one_word_of_the_prompt() {
        assert!(system(Effort::High).contains("\n\nReasoning: high\n\n# Valid channels"));
    }

    proptest! {
        #[test]
        fn streamed_bytes_are_valid_text_and_none_is_lost(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..4), 0..20),
            text in "\\PC{0,12}",
        ) {
            // Random bytes, and then a text cut into single bytes.
            let parts = parts.into_iter().chain(text.bytes().map(|b| vec![b]));
            let mut held = Vec::new();
            let (mut all, mut streamed) = (Vec::new(), String::new());
            for part in parts {
                all.extend_from_slice(&part);
                held.extend_from_slice(&part);
                streamed.push_str(&take_complete(&mut held));
                prop_assert!(held.len() < 4);
            }
            streamed.push_str(&String::from_utf8_lossy(&held));
            prop_assert_eq!(streamed, String::from_utf8_lossy(&all));
        }
    }
}
