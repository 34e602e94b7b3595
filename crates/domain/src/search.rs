//! What a person looks for in traces: the words of a query, and the passage of a text that
//! shows them. Where to look is the store's business.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A query of more words is a pasted text; what stands beyond is not looked for.
const TERMS_MAX: usize = 16;
/// Characters shown before the first hit, and in all.
const LEAD_CHARS: usize = 48;
const PASSAGE_CHARS: usize = 220;

/// A piece of a passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PassagePart {
    pub text: String,
    /// It is what was looked for.
    pub hit: bool,
}

/// What must all occur, in any order and whatever the case: words, and phrases in quotes.
pub fn terms(query: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    for (at, piece) in query.split(['"', '“', '”']).enumerate() {
        if at % 2 == 1 {
            terms.push(piece.trim().to_lowercase());
        } else {
            terms.extend(piece.split_whitespace().map(str::to_lowercase));
        }
    }
    terms.retain(|term| !term.is_empty());
    let mut seen = std::collections::BTreeSet::new();
    terms.retain(|term| seen.insert(term.clone()));
    terms.truncate(TERMS_MAX);
    terms
}

/// The part of a text around its first hit, on one line, with every hit marked; nothing
/// where none of the terms occurs.
pub fn passage(text: &str, terms: &[String]) -> Option<Vec<PassagePart>> {
    let folded: Vec<char> = text.chars().map(fold).collect();
    let terms: Vec<Vec<char>> = terms
        .iter()
        .map(|term| term.chars().map(fold).collect())
        .collect();
    let hits = hits(&folded, &terms);
    let first = hits.first()?.0;
    let begin = first.saturating_sub(LEAD_CHARS);
    let chars: Vec<char> = text.chars().collect();
    let end = (begin + PASSAGE_CHARS).min(chars.len());
    let mut parts: Vec<PassagePart> = Vec::new();
    let mut push = |from: usize, to: usize, hit: bool| {
        let (from, to) = (from.max(begin), to.min(end));
        if from < to {
            let piece = chars[from..to].iter();
            let text = piece.map(|c| if c.is_whitespace() { ' ' } else { *c });
            parts.push(PassagePart {
                text: text.collect(),
                hit,
            });
        }
    };
    let mut at = begin;
    for (from, to) in hits {
        push(at, from, false);
        push(from, to, true);
        at = to.max(at);
    }
    push(at, end, false);
    if begin > 0 {
        parts.insert(0, ellipsis());
    }
    if end < chars.len() {
        parts.push(ellipsis());
    }
    Some(joined(parts))
}

/// Neighbours of one kind are one part.
fn joined(parts: Vec<PassagePart>) -> Vec<PassagePart> {
    let mut joined: Vec<PassagePart> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(last) if last.hit == part.hit => last.text.push_str(&part.text),
            _ => joined.push(part),
        }
    }
    joined
}

fn ellipsis() -> PassagePart {
    PassagePart {
        text: "…".to_owned(),
        hit: false,
    }
}

/// One character for one, so that positions stay what they are.
fn fold(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Where terms occur, as half-open ranges of characters that do not overlap, ascending.
fn hits(text: &[char], terms: &[Vec<char>]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let longest = terms
            .iter()
            .filter(|term| text[at..].starts_with(term))
            .map(Vec::len)
            .max();
        match longest {
            Some(length) => {
                found.push((at, at + length));
                at += length;
            }
            None => at += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(text: &str, query: &str) -> Option<String> {
        let parts = passage(text, &terms(query))?;
        let marked = parts.iter().map(|part| match part.hit {
            true => format!("[{}]", part.text),
            false => part.text.clone(),
        });
        Some(marked.collect())
    }

    #[test]
    fn a_query_is_words_and_phrases() {
        assert_eq!(
            terms("  Museum \"sells a Pipe\" museum 禁止  “赌博 网站” "),
            ["museum", "sells a pipe", "禁止", "赌博 网站"]
        );
        assert_eq!(terms("\" \""), Vec::<String>::new());
        assert_eq!(terms("an \"open quote"), ["an", "open quote"]);
        assert_eq!(terms(&"a b c d e f g ".repeat(9)).len(), 7);
    }

    #[test]
    fn hits_are_marked_in_any_case_and_script() {
        assert_eq!(
            show("T1 applies: an OFFER.\nNo offer else.", "offer t1").as_deref(),
            Some("[T1] applies: an [OFFER]. No [offer] else.")
        );
        assert_eq!(
            show("该内容宣传赌博网站，违反 2.1。", "赌博").as_deref(),
            Some("该内容宣传[赌博]网站，违反 2.1。")
        );
        assert_eq!(show("Other talk.", "museum"), None);
    }

    #[test]
    fn a_long_text_is_cut_on_both_sides() {
        let text = format!("{}needle{}", "a ".repeat(200), " b".repeat(200));
        let shown = show(&text, "needle").unwrap_or_default();
        assert!(shown.starts_with("…a ") && shown.ends_with("b…"), "{shown}");
        assert!(shown.contains("[needle]"), "{shown}");
        assert!(shown.chars().count() < PASSAGE_CHARS + 8, "{shown}");
    }

    proptest! {
        #[test]
        fn a_passage_is_of_the_text(text in "[aAbİß一\n ]{0,400}", query in "[ab一İ]{1,3}") {
            if let Some(parts) = passage(&text, &terms(&query)) {
                let whole: String = parts.iter().map(|part| part.text.as_str()).collect();
                let line: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
                prop_assert!(line.contains(whole.trim_matches('…')));
                prop_assert!(parts.iter().any(|part| part.hit));
            }
        }
    }
}
