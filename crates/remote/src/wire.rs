//! The interface's documents as they come over the wire. What is not needed is skipped;
//! what is missing is absent, never zero.

use crate::margin::Piece;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::HashMap;

/// One event of a stream, or a whole reply where the server does not stream.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Chunk {
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub system_fingerprint: Option<String>,
    #[serde(default)]
    pub choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub usage: Option<Usage>,
    #[serde(default)]
    pub error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Choice {
    /// Of a stream; a whole reply has `message`, raw completions have `text`.
    #[serde(default)]
    pub delta: Option<Message>,
    #[serde(default)]
    pub message: Option<Message>,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub finish_reason: Option<String>,
    #[serde(default, deserialize_with = "pieces")]
    pub logprobs: Vec<Piece>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Message {
    #[serde(default, deserialize_with = "text")]
    pub content: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub reasoning: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub reasoning_content: Option<String>,
}

impl Message {
    /// The reasoning, under whichever of its names; some servers send both with one text.
    pub(crate) fn thought(&self) -> Option<&str> {
        [&self.reasoning, &self.reasoning_content]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .find(|text| !text.is_empty())
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Usage {
    #[serde(default)]
    pub prompt_tokens: Option<u32>,
    #[serde(default)]
    pub completion_tokens: Option<u32>,
    #[serde(default)]
    pub prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct PromptDetails {
    #[serde(default)]
    pub cached_tokens: Option<u32>,
}

/// Text, or nothing where a server sends null or something else in its place.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
    #[serde(default)]
    bytes: Option<Vec<u8>>,
    #[serde(default)]
    logprob: Option<f64>,
    #[serde(default)]
    top_logprobs: Option<Vec<Token>>,
}

impl Token {
    fn bytes(&self) -> Vec<u8> {
        self.bytes
            .clone()
            .unwrap_or_else(|| self.token.clone().into_bytes())
    }
}

/// Chat's layout, and that of raw completions.
#[derive(Deserialize)]
struct Logprobs {
    #[serde(default)]
    content: Option<Vec<Token>>,
    #[serde(default)]
    tokens: Option<Vec<String>>,
    #[serde(default)]
    token_logprobs: Option<Vec<Option<f64>>>,
    #[serde(default)]
    top_logprobs: Option<Vec<Option<HashMap<String, f64>>>>,
}

/// Log-probabilities in a layout that is not known are none; they never spoil a reply.
fn pieces<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Piece>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(if value.is_null() {
        vec![]
    } else {
        logprobs_of(value)
    })
}

pub(crate) fn logprobs_of(value: Value) -> Vec<Piece> {
    let Ok(logprobs) = serde_json::from_value::<Logprobs>(value) else {
        return vec![];
    };
    if let Some(tokens) = logprobs.content {
        return tokens.iter().map(of_chat).collect();
    }
    let tokens = logprobs.tokens.unwrap_or_default();
    let own = logprobs.token_logprobs.unwrap_or_default();
    let tops = logprobs.top_logprobs.unwrap_or_default();
    let of_raw = |(at, token): (usize, &String)| {
        let listed = tops.get(at).and_then(Option::as_ref);
        let listed = listed.into_iter().flatten();
        let mut likely: Vec<(Vec<u8>, f64)> = listed
            .map(|(token, logprob)| (token.clone().into_bytes(), *logprob))
            .collect();
        let bytes = token.clone().into_bytes();
        add_own(&mut likely, &bytes, own.get(at).copied().flatten());
        // A map has no order, and sums depend on it.
        likely.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Piece { bytes, likely }
    };
    tokens.iter().enumerate().map(of_raw).collect()
}

fn of_chat(token: &Token) -> Piece {
    let bytes = token.bytes();
    let listed = token.top_logprobs.iter().flatten();
    let mut likely: Vec<(Vec<u8>, f64)> = listed
        .filter_map(|token| Some((token.bytes(), token.logprob?)))
        .collect();
    add_own(&mut likely, &bytes, token.logprob);
    Piece { bytes, likely }
}

fn add_own(likely: &mut Vec<(Vec<u8>, f64)>, bytes: &[u8], logprob: Option<f64>) {
    if likely.iter().all(|(listed, _)| listed != bytes) {
        likely.extend(logprob.map(|logprob| (bytes.to_vec(), logprob)));
    }
}

/// `GET /models`, with what vLLM and `touchstone serve` add.
#[derive(Debug, Deserialize)]
pub(crate) struct ModelList {
    pub data: Vec<ModelEntry>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ModelEntry {
    pub id: String,
    #[serde(default)]
    pub owned_by: Option<String>,
    #[serde(default)]
    pub max_model_len: Option<u32>,
    #[serde(default)]
    pub context_window: Option<u32>,
    /// What llama-server adds.
    #[serde(default)]
    pub meta: Option<Meta>,
    /// What `touchstone serve` adds.
    #[serde(default)]
    pub touchstone: Option<Ours>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Meta {
    #[serde(default)]
    pub ftype: Option<String>,
    #[serde(default)]
    pub n_ctx: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Ours {
    pub model: OurModel,
    pub context_tokens: u32,
    pub settings: OurSettings,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OurModel {
    pub digest: String,
    pub demonstration: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OurSettings {
    /// Present where that server itself asks another.
    #[serde(default)]
    pub server: Option<Value>,
}

/// What an error document says, in whichever of the common layouts.
pub(crate) fn error_message(body: &Value) -> Option<String> {
    let error = body.get("error").unwrap_or(body);
    [
        error.get("message"),
        body.get("message"),
        body.get("detail"),
        Some(error),
    ]
    .into_iter()
    .flatten()
    .find_map(Value::as_str)
    .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn chunk(text: &str) -> Chunk {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn reasoning_is_found_under_each_of_its_names() {
        for (field, found) in [
            ("reasoning", true),
            ("reasoning_content", true),
            ("thinking", false),
        ] {
            let chunk = chunk(&format!(
                r#"{{"choices":[{{"delta":{{"{field}":"because","content":null}}}}]}}"#
            ));
            let choices = chunk.choices.unwrap();
            let thought = choices[0].delta.as_ref().unwrap().thought();
            assert_eq!(thought, found.then_some("because"), "{field}");
        }
    }

    #[test]
    fn both_layouts_of_log_probabilities_are_read_and_others_are_none() {
        let chat = r#"{"choices":[{"delta":{"content":"1"},"logprobs":{"content":[
            {"token":"1","logprob":-0.1,"bytes":[49],"top_logprobs":[{"token":"0","logprob":-2.5,"bytes":[48]}]}]}}]}"#;
        let raw = r#"{"choices":[{"text":"1","logprobs":{"tokens":["1"],"token_logprobs":[-0.1],"top_logprobs":[{"0":-2.5}]}}]}"#;
        for text in [chat, raw] {
            let piece = chunk(text).choices.unwrap()[0].logprobs[0].clone();
            let mut likely = piece.likely;
            likely.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(likely, [(b"0".to_vec(), -2.5), (b"1".to_vec(), -0.1)]);
        }
        let odd = chunk(r#"{"choices":[{"delta":{},"logprobs":[1,2]}]}"#);
        assert!(odd.choices.unwrap()[0].logprobs.is_empty());
    }

    #[test]
    fn error_documents_of_many_servers_are_read() {
        for text in [
            r#"{"error":{"message":"full","type":"x"}}"#,
            r#"{"error":"full"}"#,
            r#"{"message":"full"}"#,
            r#"{"detail":"full"}"#,
        ] {
            let body = serde_json::from_str(text).unwrap();
            assert_eq!(error_message(&body).as_deref(), Some("full"));
        }
    }
}
