//! Reads a harmony reply token by token, beginning behind `<|start|>assistant`. A reply that
//! breaks the format yields what text there is and the reason; nothing is guessed.
//!
//! It knows nothing but the standard library, so that the fuzz targets take this file as it
//! is, without the model (fuzz/targets.rs).

/// A header is a role and a channel; one that runs on is none.
pub(crate) const HEADER_TOKENS_MAX: u32 = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Analysis,
    Commentary,
    Final,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// The model ended its reply.
    Stop,
    /// `tokens_max` or the context's end was reached.
    Length,
    /// The prompt alone does not fit the context.
    PromptTooLong {
        prompt_tokens: u32,
        context_tokens: u32,
    },
    /// The header between messages could not be read.
    Malformed(String),
    /// A server will not answer this request, now or later.
    Refused(String),
}

/// What a token id means to the reader of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a [u8]),
    Start,
    End,
    Message,
    Channel,
    Constrain,
    /// Ends the reply.
    Stop,
    /// A control token without a meaning here, or an id without a piece.
    Other,
}

/// One message of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub channel: Channel,
    pub text: String,
}

/// A reply as far as it was read.
#[derive(Debug)]
pub struct Parser {
    state: State,
    pub messages: Vec<Message>,
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
pub(crate) fn take_complete(held: &mut Vec<u8>) -> String {
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
