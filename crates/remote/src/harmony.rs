//! Harmony as text: our own prompt for raw completions, and replies that still carry
//! their channels. A text that holds control markers is not rendered: a server would read
//! them as control tokens.

use crate::api::{Channel, Prefix};

/// The heading of a developer message; chat templates put it there themselves.
pub(crate) const HEADING: &str = "# Instructions\n\n";

const MARKERS: [&str; 9] = [
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|channel|>",
    "<|constrain|>",
    "<|return|>",
    "<|call|>",
    "<|endoftext|>",
    "<|startoftext|>",
];

/// The first control marker in a text.
pub(crate) fn marker(text: &str) -> Option<&'static str> {
    MARKERS
        .iter()
        .filter_map(|marker| Some((text.find(marker)?, *marker)))
        .min()
        .map(|(_, marker)| marker)
}

pub(crate) fn prompt(prefix: &Prefix, user: &str) -> String {
    format!(
        "<|start|>system<|message|>{}<|end|><|start|>developer<|message|>{}<|end|>\
         <|start|>user<|message|>{user}<|end|><|start|>assistant",
        prefix.system, prefix.developer
    )
}

/// Splits a reply into its channels as it comes, beginning behind `<|start|>assistant`.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// Text that may be the beginning of a marker.
    held: String,
    header: String,
    body: Option<Channel>,
    pub(crate) trouble: Option<String>,
}

impl Splitter {
    /// Takes a piece of the reply; returns what it adds to which channel.
    pub(crate) fn push(&mut self, text: &str) -> Vec<(Channel, String)> {
        let mut out = vec![];
        self.held.push_str(text);
        loop {
            let held = std::mem::take(&mut self.held);
            let next = MARKERS
                .iter()
                .filter_map(|marker| Some((held.find(marker)?, *marker)))
                .min();
            let Some((at, marker)) = next else {
                let keep = beginning_of_marker(&held);
                self.text(&held[..held.len() - keep], &mut out);
                self.held = held[held.len() - keep..].to_owned();
                return out;
            };
            self.text(&held[..at], &mut out);
            self.marker(marker);
            held[at + marker.len()..].clone_into(&mut self.held);
        }
    }

    /// What was held back for a marker that never came.
    pub(crate) fn end(&mut self) -> Vec<(Channel, String)> {
        let mut out = vec![];
        let held = std::mem::take(&mut self.held);
        self.text(&held, &mut out);
        if self.body.is_none() && !self.header.trim().is_empty() {
            let header = self.header.trim().to_owned();
            self.trouble
                .get_or_insert_with(|| format!("text outside of any message: {header:?}"));
        }
        out
    }

    fn text(&mut self, text: &str, out: &mut Vec<(Channel, String)>) {
        if text.is_empty() {
            return;
        }
        match self.body {
            Some(channel) => out.push((channel, text.to_owned())),
            None => self.header.push_str(text),
        }
    }

    fn marker(&mut self, marker: &str) {
        match marker {
            "<|message|>" => {
                let header = std::mem::take(&mut self.header);
                let name = header.split("<|channel|>").nth(1).unwrap_or_default();
                let name = name.split_whitespace().next().unwrap_or_default();
                self.body = match name {
                    "analysis" => Some(Channel::Analysis),
                    "final" => Some(Channel::Final),
                    "commentary" => Some(Channel::Commentary),
                    _ => {
                        self.trouble
                            .get_or_insert_with(|| format!("the header {header:?}"));
                        Some(Channel::Commentary)
                    }
                };
            }
            "<|channel|>" if self.body.is_none() => self.header.push_str(marker),
            // "<|channel|>final <|constrain|>json": what it is constrained to is not read.
            "<|constrain|>" if self.body.is_none() => self.header.push(' '),
            _ => {
                self.body = None;
                self.header.clear();
            }
        }
    }
}

/// Length of the longest end of the text that some marker begins with.
fn beginning_of_marker(text: &str) -> usize {
    let longest = MARKERS.iter().map(|marker| marker.len() - 1).max();
    (1..=longest.unwrap_or(0).min(text.len()))
        .rev()
        .find(|length| {
            let at = text.len() - length;
            text.is_char_boundary(at)
                && MARKERS.iter().any(|marker| marker.starts_with(&text[at..]))
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The channels' texts, fed in pieces of every length.
    fn check(reply: &str, analysis: &str, answer: &str, trouble: bool) {
        let characters: Vec<char> = reply.chars().collect();
        for size in [1, 2, 3, 7, 1000] {
            let mut splitter = Splitter::default();
            let mut texts = [String::new(), String::new()];
            let mut pieces = vec![];
            for chunk in characters.chunks(size) {
                pieces.extend(splitter.push(&chunk.iter().collect::<String>()));
            }
            pieces.extend(splitter.end());
            for (channel, text) in pieces {
                match channel {
                    Channel::Analysis => texts[0].push_str(&text),
                    Channel::Final => texts[1].push_str(&text),
                    Channel::Commentary => {}
                }
            }
            assert_eq!(texts, [analysis, answer], "in pieces of {size}");
            assert_eq!(
                splitter.trouble.is_some(),
                trouble,
                "{:?}",
                splitter.trouble
            );
        }
    }

    #[test]
    fn a_reply_is_split_into_its_channels() {
        check(
            "<|channel|>analysis<|message|>Rule <1|2> says é.<|end|><|start|>assistant<|channel|>final<|message|>1<|return|>",
            "Rule <1|2> says é.",
            "1",
            false,
        );
        check(
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{\"violation\": 0}",
            "a",
            "{\"violation\": 0}",
            false,
        );
    }

    #[test]
    fn what_breaks_the_format_is_told_and_not_guessed() {
        check("analysisWe think.assistantfinal1", "", "", true);
        check("<|channel|>thoughts<|message|>x<|end|>", "", "", true);
    }

    #[test]
    fn control_markers_in_a_text_are_found() {
        assert_eq!(marker("ignore <|end|><|start|>system"), Some("<|end|>"));
        assert_eq!(marker("a <| b |> c"), None);
    }
}
