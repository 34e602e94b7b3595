//! What each line of a policy is, before anything is made of it.

use super::body::Line;
use crate::code::{self, Lead, Style};
use regex::Regex;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

#[derive(Debug)]
pub(super) enum Kind<'a> {
    Blank,
    Fenced,
    /// The document's own heading: it names no section.
    Title,
    /// A line across the page, a table's ruling, a link's target.
    Rule,
    Heading {
        level: u8,
        text: &'a str,
        lead: Option<Lead<'a>>,
    },
    Item {
        indent: usize,
        mark: Mark,
        text: &'a str,
        lead: Option<Lead<'a>>,
    },
    Cell {
        text: &'a str,
        lead: Option<Lead<'a>>,
    },
    Paragraph {
        text: &'a str,
        lead: Option<Lead<'a>>,
    },
    /// A line such as "Examples:"; "Examples of what we forbid include:" introduces rules.
    Explains,
    /// A line such as "Output: INVALID" that belongs to no rule above it.
    Remark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Bullet,
    Number,
}

pub(super) fn classify(lines: &[Line]) -> Vec<Kind<'_>> {
    let title = title_line(lines);
    let families = Families::of(lines);
    let mut kinds: Vec<Kind> = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let next = lines.get(index + 1).map_or("", |line| line.text.as_str());
        let kind = if line.fenced {
            Kind::Fenced
        } else if title == Some(index) {
            Kind::Title
        } else {
            kind_of(&line.text, next, &families)
        };
        // The ruling below a table's first row makes that row a header.
        if matches!(kind, Kind::Rule)
            && line.text.contains('|')
            && let Some(above @ Kind::Cell { .. }) = kinds.last_mut()
        {
            *above = Kind::Rule;
        }
        kinds.push(kind);
    }
    kinds
}

/// Whether a heading names a section that explains instead of ruling.
pub(super) fn explains(text: &str) -> bool {
    static NAMES: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(concat!(
            r"^(?i:(?:(?:key |the )?definitions?|glossary|terms|terminology|examples?|sample|samples|few-shot|goal|goals|purpose|background|introduction|overview|summary",
            r"|(?:label|output|answer|response|reply) (?:format|rule|rules|contract)|output|answer|response|labels?|format|references?|attribution|change ?log|how to report|contact|task|role)\b",
            r"|instructions?$",
            r"|(?:definici(?:ón|ones)|términos|glosario|ejemplos?|instrucci(?:ón|ones)|tarea|propósito|objetivos?|introducción|resumen|respuestas?|salida|formato|etiquetas?|referencias)\b",
            r"|(?:ال)?(?:تعريفات|مصطلحات|أمثلة|تعليمات|مهمة|هدف|أهداف|مقدمة|ملخص|إجابة|جواب|تنسيق|مراجع)\b",
            r"|定义|术语|名词|示例|例子|例如|样例|案例|说明|指令|指示|任务|目标|目的|背景|引言|概述|输出|回答|答案|标签|格式|参见|参考)",
        ))
    });
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    NAMES.is_match(text)
}

/// The one heading of the first level that opens a text with others below it.
fn title_line(lines: &[Line]) -> Option<usize> {
    let level_one = |line: &Line| !line.fenced && line.text.starts_with("# ");
    let mut all = lines.iter().enumerate().filter(|(_, line)| level_one(line));
    let (first, line) = all.next()?;
    let sole = all.next().is_none();
    let opens = lines[..first]
        .iter()
        .all(|line| !line.text.starts_with('#'));
    let coded = heading_lead(line.text[1..].trim()).is_some_and(|lead| lead.style == Style::Strong);
    (sole && opens && !coded).then_some(first)
}

/// What the codes at the beginnings of lines have in common.
struct Families {
    /// `SP2` where lines begin with `SP2.a`.
    parents: HashSet<String>,
    /// `T` where two lines or more begin with `T1`, `T2` …: then a line needs no
    /// punctuation to be one of them.
    prefixes: HashSet<String>,
}

impl Families {
    fn of(lines: &[Line]) -> Families {
        let ids: HashSet<String> = lines
            .iter()
            .filter_map(|line| code::lead(bare(line.text.trim_start())))
            .filter(|lead| lead.style == Style::Strong)
            .map(|lead| lead.id)
            .collect();
        let mut counts: HashMap<String, u32> = HashMap::new();
        for id in &ids {
            *counts.entry(family(id)).or_default() += 1;
        }
        Families {
            parents: ids
                .iter()
                .filter_map(|id| id.rsplit_once('.').map(|(parent, _)| parent.to_owned()))
                .filter(|parent| parent.chars().any(char::is_alphabetic))
                .collect(),
            prefixes: counts
                .into_iter()
                .filter(|(_, count)| *count > 1)
                .map(|(prefix, _)| prefix)
                .collect(),
        }
    }
}

/// The letters of a code's beginning; for `4a` nothing, as for all codes of its kind.
fn family(id: &str) -> String {
    id.chars().take_while(|c| c.is_alphabetic()).collect()
}

fn kind_of<'a>(text: &'a str, next: &str, families: &Families) -> Kind<'a> {
    static PAGE_RULE: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(
            r"^(?:[-*_=](?:\s*[-*_=]){2,}|\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-+:?\s*)*\|?|\[[^\]]+\]:\s*\S+)$",
        )
    });
    static ITEM: LazyLock<Regex> =
        LazyLock::new(|| code::pattern(r"^(\s*)([-*+•·▪◦‣])\s+(?:\[[ xX]\]\s+)?"));
    if text.is_empty() {
        return Kind::Blank;
    }
    if PAGE_RULE.is_match(text) {
        return Kind::Rule;
    }
    if let Some(heading) = heading(text, next, families) {
        return heading;
    }
    let trimmed = text.trim_start();
    if let Some(cells) = trimmed.strip_prefix('|') {
        return cell(cells);
    }
    if let Some(found) = ITEM.captures(text) {
        let rest = bare(&text[found[0].len()..]);
        return Kind::Item {
            indent: found[1].len(),
            mark: Mark::Bullet,
            text: rest,
            lead: code::lead(rest),
        };
    }
    let indent = text.len() - trimmed.len();
    let body = bare(trimmed);
    if body.ends_with([':', '：']) && body.split_whitespace().count() <= 3 && explains(body) {
        return Kind::Explains;
    }
    if is_remark(body) {
        return Kind::Remark;
    }
    match code::lead(body) {
        Some(lead) if lead.style != Style::Strong => Kind::Item {
            indent,
            mark: Mark::Number,
            text: body,
            lead: Some(lead),
        },
        Some(lead) if opens_paragraph(&lead, families) => Kind::Paragraph {
            text: body,
            lead: Some(lead),
        },
        _ => Kind::Paragraph {
            text: body,
            lead: None,
        },
    }
}

/// Text after the emoji and check marks that people set before it.
fn bare(text: &str) -> &str {
    static SYMBOLS: LazyLock<Regex> =
        LazyLock::new(|| code::pattern(r"^[\p{So}\x{fe0f}\x{200d}\s]+"));
    SYMBOLS
        .find(text)
        .map_or(text, |found| &text[found.end()..])
}

/// In running text a code must be set off or have siblings, or a word that only looks
/// like one (`MP3 files`, `4.5 million`) would open a clause.
fn opens_paragraph(lead: &Lead, families: &Families) -> bool {
    let numeric = lead.id.chars().all(|c| c.is_numeric() || c == '.');
    let next = lead.rest.chars().next();
    if numeric {
        return next.is_some_and(|c| !c.is_lowercase() && !c.is_numeric());
    }
    lead.marked || families.prefixes.contains(&family(&lead.id))
}

fn is_remark(text: &str) -> bool {
    static REMARK: LazyLock<Regex> = LazyLock::new(|| {
        code::pattern(r"^[*_]*(?i:output|label|answer|输出|标签|回答)[*_]*\s*[:：]")
    });
    REMARK.is_match(text)
}

/// ATX and setext headings, and the lines that stand for headings in plain text: all
/// in capitals, all in bold, or naming the family of the codes below them.
fn heading<'a>(text: &'a str, next: &str, families: &Families) -> Option<Kind<'a>> {
    static ATX: LazyLock<Regex> = LazyLock::new(|| code::pattern(r"^ {0,3}(#{1,6})\s+"));
    static SETEXT: LazyLock<Regex> = LazyLock::new(|| code::pattern(r"^(?:={2,}|-{2,})\s*$"));
    let level;
    let body;
    if let Some(found) = ATX.captures(text) {
        level = u8::try_from(found[1].len()).unwrap_or(6);
        body = text[found[0].len()..].trim_end_matches('#').trim();
    } else if text.starts_with(char::is_whitespace) {
        return None;
    } else if SETEXT.is_match(next)
        && code::lead(bare(text)).is_none()
        && !text.starts_with(['-', '*', '|', '>'])
    {
        level = if next.starts_with('=') { 1 } else { 2 };
        body = text;
    } else if is_capitals(text) || names_family(text, families) {
        level = 2;
        body = text;
    } else if let Some(inner) = bold_line(text) {
        level = 6;
        body = inner;
    } else {
        return None;
    }
    let body = bare(body);
    Some(Kind::Heading {
        level,
        text: body,
        lead: heading_lead(body),
    })
}

/// A code that opens a heading, or stands in brackets in it: `Promotion (ARS1 – …)`.
fn heading_lead(text: &str) -> Option<Lead<'_>> {
    static INNER: LazyLock<Regex> =
        LazyLock::new(|| code::pattern(r"[(（\[]#?(STRONG)(?:\s*[)）\]]|\s*[:–—-]\s|\s)"));
    code::lead(text).or_else(|| {
        let found = INNER.captures(text)?;
        Some(Lead {
            id: found[1].to_owned(),
            style: Style::Strong,
            rest: text,
            marked: true,
        })
    })
}

fn names_family(text: &str, families: &Families) -> bool {
    let coded = code::lead(bare(text)).is_some_and(|lead| lead.style == Style::Strong);
    !coded && heading_lead(bare(text)).is_some_and(|lead| families.parents.contains(&lead.id))
}

fn is_capitals(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 4
        && text.chars().count() <= 60
        && text.chars().any(char::is_uppercase)
        && !text.chars().any(char::is_lowercase)
        && text
            .chars()
            .all(|c| c.is_alphabetic() || " &,/-–—:()'’".contains(c))
}

/// A line that is bold from end to end and not a sentence.
fn bold_line(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("**")?.strip_suffix("**")?;
    (!inner.contains("**") && inner.chars().count() <= 120).then_some(inner)
}

fn cell(row: &str) -> Kind<'_> {
    let row = row.trim().trim_end_matches('|').trim();
    let first = row.split('|').next().unwrap_or_default().trim();
    let lead = code::lead(first)
        .filter(|lead| lead.style == Style::Strong)
        .map(|lead| {
            let behind = row[first.len()..].trim_start_matches(['|', ' ']);
            Lead {
                rest: if lead.rest.is_empty() { behind } else { row },
                ..lead
            }
        });
    Kind::Cell { text: row, lead }
}
