//! Harmony: renders prompts into tokens. `reply` reads what comes back.

use crate::vocabulary::Vocabulary;
use crate::{Effort, Prefix};

/// The system block, without the date that the model's chat template adds: the same prompt
/// must be the same tomorrow.
pub fn system(effort: Effort) -> String {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::reply::{Finish, HEADER_TOKENS_MAX, Message, Parser, Piece, take_complete};
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
