//! Citations: spans of a trace that name clauses.
//!
//! A code is looked up in whatever spelling the model gives it (`sp2.a`, `§4.1` for
//! `4.1`, `第3条` for `第三条`). A number alone is a citation only where a word, a bracket
//! or its place says so: prices, dates and counts are not.

use crate::code;
use crate::policy::Clause;
use crate::run::Citation;
use regex::Regex;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::LazyLock;

/// Every span of `trace` that names a clause of the policy, and every span that looks
/// like a clause code of the policy's style but names none (`clause` absent then).
pub fn find(trace: &str, clauses: &[Clause]) -> Vec<Citation> {
    let names = Names::new(clauses);
    let mut spans = Vec::new();
    generated(trace, clauses, &mut spans);
    strong(trace, &names, &mut spans);
    introduced(trace, &names, &mut spans);
    at_line_start(trace, &names, &mut spans);
    walked(trace, &names, &mut spans);
    in_brackets(trace, &names, &mut spans);
    in_order(trace, spans)
}

/// A citation in bytes.
struct Span {
    start: usize,
    end: usize,
    clause: Option<String>,
}

/// How the policy's clauses are named, for looking up and for telling its style.
struct Names {
    exact: HashSet<String>,
    by_key: HashMap<String, String>,
    /// `SP` where the policy has `SP2.a`.
    prefixes: HashSet<String>,
    has_dotted_letters: bool,
    has_numbers: bool,
    has_dotted_numbers: bool,
    has_articles: bool,
}

impl Names {
    fn new(clauses: &[Clause]) -> Names {
        let explicit = || {
            clauses
                .iter()
                .filter(|clause| clause.explicit)
                .map(|clause| clause.id.as_str())
        };
        let keys: Vec<String> = explicit().map(code::key).collect();
        let numeric = |key: &String| key.starts_with(|c: char| c.is_ascii_digit());
        let mut by_key = HashMap::new();
        for (id, key) in explicit().zip(&keys) {
            by_key.entry(key.clone()).or_insert_with(|| id.to_owned());
        }
        Names {
            exact: explicit().map(str::to_owned).collect(),
            prefixes: keys.iter().filter_map(|key| letter_prefix(key)).collect(),
            has_dotted_letters: keys
                .iter()
                .any(|key| letter_prefix(key).is_some() && key.contains('.')),
            has_numbers: keys.iter().any(|key| numeric(key) && !key.contains('.')),
            has_dotted_numbers: keys.iter().any(|key| numeric(key) && key.contains('.')),
            has_articles: keys.iter().any(|key| key.starts_with('第')),
            by_key,
        }
    }

    fn get(&self, code: &str) -> Option<String> {
        match self.exact.get(code) {
            Some(id) => Some(id.clone()),
            None => self.by_key.get(&code::key(code)).cloned(),
        }
    }

    fn has_children(&self, code: &str) -> bool {
        let prefix = code::key(code) + ".";
        self.by_key.keys().any(|key| key.starts_with(&prefix))
    }
}

/// The letters before the first digit: `sp` of `sp2.a`.
fn letter_prefix(key: &str) -> Option<String> {
    let letters: String = key
        .chars()
        .take_while(|c| c.is_alphabetic() && !code::is_han(*c))
        .collect();
    let digit = key[letters.len()..].starts_with(|c: char| c.is_ascii_digit() || c == '.');
    (!letters.is_empty() && digit).then_some(letters)
}

/// Generated ids stand for themselves, in any letter case.
fn generated(trace: &str, clauses: &[Clause], spans: &mut Vec<Span>) {
    let mut ids: Vec<&str> = clauses
        .iter()
        .filter(|clause| !clause.explicit)
        .map(|clause| clause.id.as_str())
        .collect();
    if ids.is_empty() {
        return;
    }
    ids.sort_by_key(|id| std::cmp::Reverse(id.len()));
    let Some(pattern) = pattern_of(&ids) else {
        return;
    };
    for found in pattern.find_iter(trace) {
        let id = ids
            .iter()
            .find(|id| id.to_lowercase() == found.as_str().to_lowercase());
        if let Some(id) = id
            && id.contains('-')
            && stands_alone(trace, found.start(), found.end())
        {
            spans.push(span(found.start(), found.end(), Some((*id).to_owned())));
        }
    }
}

/// The pattern that finds any of these ids. Traces of one policy come one after another, and
/// making it costs more than searching with it: the last one is kept.
fn pattern_of(ids: &[&str]) -> Option<Rc<Regex>> {
    thread_local! {
        static LAST: RefCell<Option<(Vec<String>, Rc<Regex>)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some((known, pattern)) = last
            && known.as_slice() == ids
        {
            return Some(pattern.clone());
        }
        let any: Vec<String> = ids.iter().map(|id| regex::escape(id)).collect();
        // A section's slug (`harassment`) is a plain word too: only ids
        // of several words are citations by themselves.
        let pattern = Regex::new(&format!("(?i:{})", any.join("|"))).ok()?;
        let pattern = Rc::new(pattern);
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        *last = Some((ids, pattern.clone()));
        Some(pattern)
    })
}

/// Codes that need no introduction: `SP2.a`, `§ 4.1`, `第三条`, and dotted numbers where
/// they are not quantities.
fn strong(trace: &str, names: &Names, spans: &mut Vec<Span>) {
    static CODE: LazyLock<Regex> = LazyLock::new(|| code::pattern(r"(?i:STRONG)"));
    let mut at = 0;
    while let Some(found) = CODE.find_at(trace, at) {
        at = found.end();
        let code = found.as_str();
        if !stands_alone(trace, found.start(), found.end()) {
            // `B2B`, `x.com/T1`: go on behind the whole word, not in the middle of it.
            at += trace[at..]
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(0);
            continue;
        }
        let dotted_number = code.starts_with(char::is_numeric);
        if dotted_number && is_quantity(trace, found.start(), found.end()) {
            continue;
        }
        if let Some((end, clause)) = longest_known(code, names) {
            spans.push(span(found.start(), found.start() + end, Some(clause)));
        } else if is_of_style(code, names) {
            spans.push(span(found.start(), found.end(), None));
        }
    }
}

/// The clause that a code names. A part that can only be a word after a full stop or
/// a remark in brackets (`T1.A user …`, `SP2(no)`) is left off.
fn longest_known(code: &str, names: &Names) -> Option<(usize, String)> {
    if let Some(clause) = names.get(code) {
        return Some((code.len(), clause));
    }
    let cut = code.rfind(['.', '('])?;
    let part = code[cut + 1..].trim_end_matches(')');
    let a_word = part.chars().all(char::is_uppercase) || code[cut..].starts_with('(');
    if !a_word || names.has_children(&code[..cut]) {
        return None;
    }
    names.get(&code[..cut]).map(|clause| (cut, clause))
}

fn is_of_style(code: &str, names: &Names) -> bool {
    let key = code::key(code);
    if code.starts_with('第') {
        return names.has_articles;
    }
    if code.starts_with('§') {
        return names.has_numbers || names.has_dotted_numbers;
    }
    match letter_prefix(&key) {
        // The case tells a code from a word here: `T9` is one, `t9` need not be.
        Some(prefix) => {
            let capital = code.starts_with(char::is_uppercase);
            let lettered = key.contains('.') && key.ends_with(char::is_alphabetic);
            capital && (names.prefixes.contains(&prefix) || (names.has_dotted_letters && lettered))
        }
        // A number that names nothing is as well a decimal or a measure.
        None => false,
    }
}

/// Prices, shares, measures, dates, versions: numbers that count something.
fn is_quantity(text: &str, start: usize, end: usize) -> bool {
    static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"(?i:[$€£¥₹]\s?|\b(?:usd|eur|gbp|rmb|cny|version|v|about|over|under|than|approximately|roughly|costs?|price|rated|score[sd]?)[\s:]+|[\d,.]|约|超过|版本)$",
        )
    });
    static AFTER: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"^(?i:[\d]|,\d|\.\d|\s?(?:%|°|percent|per cent|usd|eur|gbp|dollars?|euros?|cents?|million|billion|thousand|k\b|kg|g\b|mg|ml|cm|mm|km|m\b|gb|mb|am\b|pm\b|hours?|minutes?|seconds?|days?|years?|stars?|points?|times|x\b|元|万|亿|岁|年|月|日|度))",
        )
    });
    let code = &text[start..end];
    let date = code.matches('.').count() == 2
        && code
            .rsplit('.')
            .next()
            .is_some_and(|year| year.len() == 2 || year.len() == 4);
    date || BEFORE.is_match(&text[..start]) || AFTER.is_match(&text[end..])
}

/// Codes behind a word that announces them: `rule 3`, `clauses 1, 2 and 4`, `规则 2`.
fn introduced(trace: &str, names: &Names, spans: &mut Vec<Span>) {
    static LIST: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"(?:\b(?i:rules?|clauses?|sections?|criteri(?:on|a)|items?|articles?|polic(?:y|ies)|paragraphs?|bullets?)\s+(?:(?i:no|number)\.?\s*)?#?|§§?\s*|#|(?:规则|条款|规定)\s*)(TOKEN(?:\s*(?:,|，|、|/|&|;|\s(?i:and|or)\s|和|或|及)\s*TOKEN)*)"
                .replace("TOKEN", TOKEN)
                .as_str(),
        )
    });
    static EACH: LazyLock<Regex> = LazyLock::new(|| code::pattern(TOKEN));
    for found in LIST.captures_iter(trace) {
        let Some(list) = found.get(1) else { continue };
        for token in EACH.find_iter(list.as_str()) {
            let (start, end) = (list.start() + token.start(), list.start() + token.end());
            if trace[end..].starts_with(|c: char| c.is_alphanumeric() && !code::is_han(c)) {
                continue;
            }
            let clause = weak_name(token.as_str(), names);
            let number = token.as_str().starts_with(|c: char| c.is_ascii_digit());
            let known_style = names.has_numbers || names.has_dotted_numbers;
            if clause.is_some() || (number && known_style && !is_quantity(trace, start, end)) {
                spans.push(span(start, end, clause));
            }
        }
    }
}

/// A number with its parts, a bracketed or a single letter.
const TOKEN: &str = r"(?:\d{1,3}(?:\.\d{1,3})*(?:PART)*|\([a-z\d]{1,3}\)|\b[A-Za-z]\b)";

/// Letters must be written as the policy writes them; `a` is a word besides.
fn weak_name(token: &str, names: &Names) -> Option<String> {
    let clause = names.get(token)?;
    let letter = token.chars().all(|c| c.is_ascii_alphabetic());
    (!letter || names.exact.contains(token) || names.exact.contains(&format!("({token})")))
        .then_some(clause)
}

/// A trace that walks the clauses begins its lines or sentences with them: `2: no`,
/// `B. tobacco: yes`.
fn at_line_start(trace: &str, names: &Names, spans: &mut Vec<Span>) {
    static WALK: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"(?m)(?:^[ \t]*(?:[-*•]\s+)?|[.!?;。；]\s+)(?:\*\*)?(\d{1,3}|\([a-z\d]{1,3}\)|[A-Za-z])(?:\*\*)?(?:[:：)]|[.、]\s)",
        )
    });
    for found in WALK.captures_iter(trace) {
        let Some(token) = found.get(1) else { continue };
        if let Some(clause) = weak_name(token.as_str(), names) {
            spans.push(span(token.start(), token.end(), Some(clause)));
        }
    }
}

/// Lines that begin with clauses make a walk of the policy; a code that begins another line of it and
/// names no clause is invented, whatever its letters: `V3 …: no` after `T1 …: no` and `T2 …: yes`.
fn walked(trace: &str, names: &Names, spans: &mut Vec<Span>) {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"(?m)^[ \t]*(?:[-*•]\s+)?(?:\*\*)?([A-Z]{1,3}\d{1,3}(?:\.[a-z\d]{1,2})*)(?:\*\*)?(?:[:：.]|[ \t])",
        )
    });
    let codes = LINE.captures_iter(trace).filter_map(|found| found.get(1));
    let (known, unknown): (Vec<_>, Vec<_>) =
        codes.partition(|code| longest_known(code.as_str(), names).is_some());
    if known.len() < WALK_MIN {
        return;
    }
    spans.extend(
        unknown
            .into_iter()
            .map(|code| span(code.start(), code.end(), None)),
    );
}

/// Lines of known clauses that make a walk: one may be chance.
const WALK_MIN: usize = 2;

/// `(3)` and `[3.2]`, `(b)`.
fn in_brackets(trace: &str, names: &Names, spans: &mut Vec<Span>) {
    static BRACKETED: LazyLock<Regex> =
        LazyLock::new(|| code::pattern(r"[(（\[](\d{1,3}(?:\.\d{1,3})*|[a-z])[)）\]]"));
    for found in BRACKETED.captures_iter(trace) {
        let (Some(whole), Some(token)) = (found.get(0), found.get(1)) else {
            continue;
        };
        let joined = trace[..whole.start()].ends_with(|c: char| c.is_alphanumeric());
        let clause = if joined {
            None
        } else {
            weak_name(token.as_str(), names)
        };
        if clause.is_some() {
            spans.push(span(token.start(), token.end(), clause));
        }
    }
}

/// Nothing of the same word, path or number on either side.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let word = |c: char| (c.is_alphanumeric() && !code::is_han(c)) || c == '_';
    let first_is_han = text[start..].starts_with('第');
    let before = text[..start].chars().next_back();
    let free_before = first_is_han
        || before.is_none_or(|c| !word(c) && !matches!(c, '@' | '/' | '\\' | '$' | '-' | '.'))
        || follows_separator(text, start);
    let mut after = text[end..].chars();
    let free_after = match after.next() {
        None => true,
        Some(c) if word(c) => false,
        Some('@') => false,
        Some('-' | '.') => after.next().is_none_or(|c| !c.is_ascii_digit()),
        Some(_) => true,
    };
    free_before && free_after
}

/// `T1/T2` and `T1-T3` name two clauses; `x.com/T1` and `D-S2` name none.
fn follows_separator(text: &str, start: usize) -> bool {
    static BEFORE: LazyLock<Regex> =
        LazyLock::new(|| code::pattern(r"(?:^|[^\w./@-])(?:STRONG)[/-]$|[^\w][-.]$|^[-.]$"));
    let from = text[..start]
        .char_indices()
        .rev()
        .take(24)
        .last()
        .map_or(start, |(index, _)| index);
    BEFORE.is_match(&text[from..start])
}

fn span(start: usize, end: usize, clause: Option<String>) -> Span {
    Span { start, end, clause }
}

/// Sorted and without overlaps: a known clause before an unknown one, the longest first.
/// Offsets become UTF-16 code units.
fn in_order(trace: &str, mut spans: Vec<Span>) -> Vec<Citation> {
    spans.sort_by_key(|span| {
        (
            span.clause.is_none(),
            std::cmp::Reverse(span.end - span.start),
            span.start,
        )
    });
    let mut kept: Vec<Span> = Vec::new();
    for span in spans {
        if kept
            .iter()
            .all(|other| span.end <= other.start || other.end <= span.start)
        {
            kept.push(span);
        }
    }
    kept.sort_by_key(|span| span.start);
    let mut units = 0u32;
    let mut bytes = 0;
    let mut unit_at = |byte: usize| {
        units += u32::try_from(trace[bytes..byte].encode_utf16().count()).unwrap_or(u32::MAX);
        bytes = byte;
        units
    };
    kept.into_iter()
        .map(|span| Citation {
            start: unit_at(span.start),
            end: unit_at(span.end),
            text: trace[span.start..span.end].to_owned(),
            clause: span.clause,
        })
        .collect()
}

#[cfg(test)]
mod tests;
