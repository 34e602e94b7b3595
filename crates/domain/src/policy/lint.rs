//! Cheap warnings about how a policy is written, for the editor. None of them stops a run.

use super::body::{self, Line};
use super::lines::explains;
use super::{OutputContract, OutputKind, front_matter, infer_output, without_mark};
use crate::code::{self, Style};
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What tends to make verdicts unsteady: vague words, no output rule, no precedence
/// between rules that forbid and rules that allow, codes used twice. Line of the file
/// and message, in the order of the lines.
pub fn lint(text: &str) -> Vec<(u32, String)> {
    let text = without_mark(text);
    let lines = body::visible(text, front_matter::body_start(text));
    let Some(first) = lines.first() else {
        return Vec::new();
    };
    let whole = body::join(&lines);
    let declared = front_matter::read(text).ok().and_then(|front| front.output);
    let contract = declared.unwrap_or_else(|| infer_output(&whole).0);
    let mut found = Vec::new();
    if !names_answers(&whole, &contract) {
        found.push((first.number, no_output_rule(&contract)));
    }
    if let Some(line) = lacks_precedence(&lines) {
        found.push((
            line,
            "Some rules forbid and some allow, but none says which wins when both apply. Add a line on precedence.".to_owned(),
        ));
    }
    if let Some(line) = body::unclosed_comment(&lines) {
        found.push((
            line,
            "This comment is never closed, so the model reads it. End it with -->.".to_owned(),
        ));
    }
    found.extend(vague_words(&lines));
    found.extend(duplicate_codes(&lines));
    found.sort();
    found
}

fn names_answers(body: &str, contract: &OutputContract) -> bool {
    static DIGITS: LazyLock<[Regex; 2]> =
        LazyLock::new(|| [code::pattern(r"\b1\b"), code::pattern(r"\b0\b")]);
    match contract.kind {
        OutputKind::Binary => DIGITS.iter().all(|digit| digit.is_match(body)),
        OutputKind::Json => body.contains("violation"),
        OutputKind::Label => contract
            .labels
            .iter()
            .all(|(label, _)| body.to_lowercase().contains(&label.to_lowercase())),
    }
}

fn no_output_rule(contract: &OutputContract) -> String {
    let wanted = match contract.kind {
        OutputKind::Binary => "1 or 0".to_owned(),
        OutputKind::Json => "JSON with \"violation\": 1 or 0".to_owned(),
        OutputKind::Label => {
            let labels: Vec<&str> = contract
                .labels
                .iter()
                .map(|(label, _)| label.as_str())
                .collect();
            labels.join(" or ")
        }
    };
    format!("The text does not tell the model how to answer. Say near the top: answer {wanted}.")
}

/// The first allowing line of a text that also forbids, where no precedence is stated.
fn lacks_precedence(lines: &[Line]) -> Option<u32> {
    static FORBIDS: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"(?i:\b(?:violat\w*|prohibited|forbidden|not allowed|disallowed|must not|may not|invalid|banned)\b|禁止|违规|不得|不允许)",
        )
    });
    static ALLOWS: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"(?i:\b(?:allowed|permitted|acceptable|exceptions?|except|unless|safe|exempt)\b|允许|例外|除外|除非|合规)",
        )
    });
    static NEGATED: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"(?i:\b(?:not|never|isn't|aren't)\s+(?:allowed|permitted|acceptable|safe)\b|不允许)",
        )
    });
    static PRECEDENCE: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(concat!(
            r"(?i:\bprecedence|\bpriorit|\boverrid|\boutweigh|\bprevail|\btakes? effect over|\bwins?\b|\beven (?:if|when)\b|\bhighest (?:severity|applicable|label)",
            r"|\bif (?:both|more than one|several|multiple|two)\b|\bwhen (?:both|rules conflict|several|multiple)\b|\bconflict|优先|为准|同时适用|同时符合|冲突)",
        ))
    });
    let ruling = || rule_lines(lines).filter(|line| !line.text.starts_with('#'));
    if lines.iter().any(|line| PRECEDENCE.is_match(&line.text)) {
        return None;
    }
    let forbids = ruling().any(|line| FORBIDS.is_match(&line.text));
    let allows = ruling().find(|line| {
        let text = NEGATED.replace_all(&line.text, "");
        ALLOWS.is_match(&text) && !FORBIDS.is_match(&text)
    })?;
    forbids.then_some(allows.number)
}

fn vague_words(lines: &[Line]) -> Vec<(u32, String)> {
    static VAGUE: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"(?i:\b(?:generally|usually|typically|normally|often|in most cases|as a rule of thumb|where appropriate|as appropriate)\b|一般来说|一般情况下|通常|大多数情况|往往|适当时)",
        )
    });
    static QUOTED: LazyLock<Regex> =
        LazyLock::new(|| code::pattern("\"[^\"]*\"|“[^”]*”|「[^」]*」|`[^`]*`"));
    rule_lines(lines)
        .filter_map(|line| {
            let text = QUOTED.replace_all(&line.text, "");
            let word = VAGUE.find(&text)?.as_str().to_owned();
            Some((
                line.number,
                format!("\"{word}\" leaves the case open. Say when it holds and when it does not."),
            ))
        })
        .collect()
}

fn duplicate_codes(lines: &[Line]) -> Vec<(u32, String)> {
    let mut first_line: HashMap<String, u32> = HashMap::new();
    let mut found = Vec::new();
    for line in rule_lines(lines) {
        let text = line
            .text
            .trim_start_matches(['#', '-', '*', '+', '|', '•', ' ']);
        // Emphasis was cut with the bullet; the code reads the same without it.
        let Some(lead) = code::lead(text).filter(|lead| lead.style == Style::Strong && lead.marked)
        else {
            continue;
        };
        match first_line.get(&lead.id) {
            None => {
                first_line.insert(lead.id, line.number);
            }
            Some(first) => found.push((
                line.number,
                format!(
                    "The code {} already names the rule in line {first}. Give this one a code of its own.",
                    lead.id
                ),
            )),
        }
    }
    found
}

/// Lines of sections that rule, not of those that define, show examples or describe
/// the output.
fn rule_lines(lines: &[Line]) -> impl Iterator<Item = &Line> {
    let mut explaining: Option<usize> = None;
    lines.iter().filter(move |line| {
        let level = line.text.chars().take_while(|c| *c == '#').count();
        let title = line.text[level..].trim();
        if level > 0 && explaining.is_none_or(|outer| level <= outer) {
            let name = code::lead(title).map_or(title, |lead| lead.rest);
            explaining = explains(name).then_some(level);
        }
        !line.fenced && explaining.is_none()
    })
}
