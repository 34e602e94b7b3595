//! Answers that are a label or a digit, perhaps followed by rule ids and an explanation.

use super::{Reading, answers, parsed, quote};
use crate::code;
use crate::policy::{OutputContract, OutputKind};
use crate::verdict::Expected;
use regex::Regex;
use std::sync::LazyLock;

pub(super) fn read(contract: &OutputContract, text: &str) -> Result<Reading, String> {
    let choices = answers(contract);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let Some((index, rest)) = leading(&choices, first) else {
        return Err(no_answer(&choices, text));
    };
    if contract.kind == OutputKind::Binary && is_list_number(rest) {
        return Err(format!(
            "The answer begins like a numbered list, not with 1 or 0: {}.",
            quote(text)
        ));
    }
    let mut named = vec![index];
    let mut rest = also_named(&choices, rest, &mut named);
    let mut lines = lines.peekable();
    if let Some(line) = lines.next_if(|line| rest.is_empty() && holds_only_codes(line)) {
        rest = line;
    }
    for line in lines {
        // Only a line that is an answer by itself competes; prose may mention labels.
        if let Some((other, "")) = leading(&choices, line) {
            named.push(other);
        }
    }
    named.sort_unstable();
    named.dedup();
    if named
        .iter()
        .any(|other| choices[*other].1 != choices[index].1)
    {
        let labels: Vec<&str> = named.iter().map(|other| choices[*other].0).collect();
        return Err(format!(
            "The answer contradicts itself: it names {}.",
            labels.join(" and ")
        ));
    }
    let (label, side): (&str, Expected) = choices[index];
    let label = match contract.kind {
        OutputKind::Binary => None,
        OutputKind::Label | OutputKind::Json => (named.len() == 1).then(|| label.to_owned()),
    };
    Ok(parsed(side, label, rules(rest)))
}

/// The choice that a line begins with, and what follows it on the line.
fn leading<'a>(choices: &[(&str, Expected)], line: &'a str) -> Option<(usize, &'a str)> {
    static LEAD_IN: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"^(?i:(?:the\s+)?(?:final\s+)?(?:answer|verdict|label|output|classification|decision|result|violation|结论|答案|判定|标签|输出)(?:\s+is)?)[*_]*\s*[:：=]?\s*",
        )
    });
    // Try as it stands first: a label may itself be a lead-in word.
    choice_at(choices, line).or_else(|| {
        let bare = line.trim_start_matches(WRAPPERS);
        let found = LEAD_IN.find(bare)?;
        choice_at(choices, &bare[found.end()..])
    })
}

const WRAPPERS: [char; 12] = [
    '*', '_', '`', '"', '\'', '“', '”', '「', '」', '[', '#', ' ',
];

fn choice_at<'a>(choices: &[(&str, Expected)], text: &'a str) -> Option<(usize, &'a str)> {
    let text = text.trim_start_matches(WRAPPERS);
    let mut best: Option<(usize, usize)> = None;
    for (index, (choice, _)) in choices.iter().enumerate() {
        let Some(end) = prefix_end(text, choice) else {
            continue;
        };
        if best.is_none_or(|(_, longest)| end > longest) {
            best = Some((index, end));
        }
    }
    let (index, end) = best?;
    let rest = text[end..]
        .trim_start_matches(['*', '_', '`', '"', '\'', '”', '」', ']'])
        .trim();
    Some((index, if is_filler(rest) { "" } else { rest }))
}

fn is_filler(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '.' | '。' | '!' | ' '))
}

/// Where `choice` ends at the beginning of `text`, whatever the letter case, if the
/// text does not go on with the same word or number (`10`, `1.5`, `SP2.a` for `SP2`).
fn prefix_end(text: &str, choice: &str) -> Option<usize> {
    let mut end = 0;
    let mut rest = text.chars();
    for wanted in choice.chars() {
        let found = rest.next()?;
        if found != wanted && !found.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
        end += found.len_utf8();
    }
    let next = rest.next();
    let after = rest.next();
    let goes_on = match next {
        None => false,
        Some('.' | '-' | ',') => after.is_some_and(char::is_alphanumeric),
        // Chinese is written without spaces: a label may be followed by text at once.
        Some(c) if code::is_han(c) => choice.chars().last().is_some_and(code::is_han),
        Some(c) => c.is_alphanumeric() || c == '_',
    };
    (!goes_on).then_some(end)
}

/// `1. First, …`: a list, not a verdict.
fn is_list_number(rest: &str) -> bool {
    let text = rest.strip_prefix(['.', ')']);
    text.is_some_and(|text| text.chars().any(char::is_alphanumeric))
}

/// Further choices right behind the first one, set off by separators only
/// (`SAFE / VIOLATES`, `1 or 0`); gives what is left of the line.
fn also_named<'a>(
    choices: &[(&str, Expected)],
    mut rest: &'a str,
    named: &mut Vec<usize>,
) -> &'a str {
    static SEPARATOR: LazyLock<Regex> =
        LazyLock::new(|| code::pattern(r"^(?:\s*(?:[,;/|+&，；、]|(?i:or|and|或|和)\b))*\s*"));
    loop {
        let skipped = SEPARATOR.find(rest).map_or(0, |found| found.end());
        match choice_at(choices, &rest[skipped..]) {
            // `1` and `0` are rule ids as well when text stands between.
            Some((other, after)) => {
                named.push(other);
                rest = after;
            }
            None => return rest,
        }
    }
}

/// Rule ids that follow a label: all of the line where it holds nothing else, else the
/// codes at its beginning.
fn rules(rest: &str) -> Vec<String> {
    let words = words(rest);
    let only_codes = words.iter().all(|word| is_code(word));
    let mut rules: Vec<String> = Vec::new();
    for word in words {
        if !only_codes && !code::is_strong(word) {
            break;
        }
        if !rules.iter().any(|rule| rule == word) {
            rules.push(word.to_owned());
        }
    }
    rules
}

fn words(text: &str) -> Vec<&str> {
    static FILLER: LazyLock<Regex> =
        LazyLock::new(|| code::pattern(r"^(?i:rules?|clauses?|under|per|and|by|see)?$"));
    text.split(|c: char| c.is_whitespace() || ",;，；、/|+&。：".contains(c))
        .map(bare_word)
        .filter(|word| !FILLER.is_match(word))
        .collect()
}

/// A line of rule ids below the label. A digit alone is not one: it may be an answer.
fn holds_only_codes(line: &str) -> bool {
    let words = words(line);
    !words.is_empty() && words.iter().all(|word| is_code(word)) && words != ["0"] && words != ["1"]
}

/// A word without the punctuation around it, except what belongs to a code: `3.2(a)`.
fn bare_word(word: &str) -> &str {
    let word = word.trim_matches(['`', '*', '"', '\'', '“', '”', '[', ']']);
    let short = word.trim_end_matches(['.', ':']);
    if is_code(short) {
        return short;
    }
    short.trim_matches(['(', ')', '（', '）', '-', '–', '—', '.', ':'])
}

/// Strong codes, and what can be a rule id where nothing but rule ids stands: `1`, `a`,
/// `(b)`, and counted ones such as `prohibited-2`.
fn is_code(word: &str) -> bool {
    static WEAK: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(r"^(?:\d{1,3}|[A-Za-z]|\([a-z\d]{1,3}\)|[\p{L}\d]+(?:-[\p{L}\d]+)*-\d{1,3})$")
    });
    code::is_strong(word) || WEAK.is_match(word)
}

fn no_answer(choices: &[(&str, Expected)], text: &str) -> String {
    let allowed: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
    format!(
        "The answer does not begin with {}: {}.",
        allowed.join(" or "),
        quote(text)
    )
}
