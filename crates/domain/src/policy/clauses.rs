//! Clauses of a policy's text: explicit codes of every style, and generated ids for
//! rules without one (`prohibited-selling-tobacco`: the heading's slug and the rule's first
//! words, so that an edit leaves the ids of all other rules alone; a count would give the
//! rules below a new one theirs anew).
//!
//! Sections that explain (Definitions, Examples, Output …) yield a clause only where
//! one is coded there and nowhere else.

use super::Clause;
use super::body::Line;
use super::lines::{Kind, Mark, classify};
use crate::code::{self, Lead, Style};
use std::collections::{HashMap, HashSet};

pub(super) fn find(lines: &[Line]) -> Vec<Clause> {
    let kinds = classify(lines);
    let mut reader = Reader::new();
    for (line, kind) in lines.iter().zip(kinds) {
        reader.read(line, kind);
    }
    reader.close_section();
    finish(reader)
}

/// Letters and digits of a text in lower case, joined by hyphens, about 30 characters.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for word in text.split(|c: char| !c.is_alphanumeric() && !is_mark(c)) {
        if word.is_empty() {
            continue;
        }
        let joint = usize::from(!slug.is_empty());
        if joint > 0 && slug.chars().count() + joint + word.chars().count() > 30 {
            break;
        }
        if joint > 0 {
            slug.push('-');
        }
        slug.extend(word.to_lowercase().chars().take(30));
    }
    if slug.is_empty() {
        slug.push_str("rule");
    }
    slug
}

/// Vowel signs and joiners belong to the words of Indic and Arabic scripts.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36f | 0x591..=0x5c7 | 0x610..=0x61a | 0x64b..=0x65f | 0x900..=0x903 | 0x93a..=0x94f | 0x200c..=0x200d)
}

/// What the reader is in the middle of, between two headings.
struct Section {
    slug: String,
    code: Option<String>,
    /// Rules are written here, not explanations.
    rules: bool,
    heading_line: Option<u32>,
    /// Clauses found here.
    clauses: u32,
    paragraphs: Vec<Draft>,
}

struct Draft {
    id: DraftId,
    line_start: u32,
    line_end: u32,
    text: String,
    /// Found in an explaining section: yields to a clause of the same code elsewhere.
    weak: bool,
    slug: String,
}

enum DraftId {
    Explicit(String),
    /// A number or letter that counts from one in its list; the list tells them apart, and
    /// its words name it where another list holds the number. A heading has none.
    Listed {
        id: String,
        list: u32,
        words: String,
    },
    Generated(String),
}

/// An enumeration that encloses what follows.
struct Level {
    indent: usize,
    style: Style,
    mark: Mark,
    id: String,
}

/// Which draft the next lines continue.
#[derive(Clone, Copy)]
enum Open {
    Nothing,
    /// Until a blank line, or deeper than `indent` beyond it.
    Item {
        indent: usize,
    },
    /// Until a blank line.
    Paragraph,
    /// Until the section's next clause.
    Heading,
}

struct Reader {
    drafts: Vec<Draft>,
    section: Section,
    /// Levels and explaining-ness of the headings above.
    outline: Vec<(u8, bool)>,
    levels: Vec<Level>,
    open: Open,
    /// Text that no clause took yet belongs to the paragraph being read.
    in_paragraph: bool,
    after_blank: bool,
    /// After a line such as "Examples:" the bullets explain.
    explaining: bool,
    list: u32,
    slugs: HashMap<String, u32>,
    /// Paragraphs that no clause took: the rules of a text that has no other.
    prose: Vec<Draft>,
}

impl Reader {
    fn new() -> Reader {
        Reader {
            drafts: Vec::new(),
            section: Section::new("rule".to_owned(), None, true, None),
            outline: Vec::new(),
            levels: Vec::new(),
            open: Open::Nothing,
            in_paragraph: false,
            after_blank: true,
            explaining: false,
            list: 0,
            slugs: HashMap::new(),
            prose: Vec::new(),
        }
    }

    fn read(&mut self, line: &Line, kind: Kind) {
        let blank = matches!(kind, Kind::Blank);
        match kind {
            Kind::Blank => {
                self.in_paragraph = false;
                if matches!(self.open, Open::Paragraph) {
                    self.open = Open::Nothing;
                }
            }
            Kind::Title => {}
            Kind::Rule => self.open = Open::Nothing,
            Kind::Fenced => self.continue_with(line, usize::MAX),
            Kind::Heading { level, text, lead } => self.heading(line, level, text, lead),
            Kind::Item {
                indent,
                mark,
                text,
                lead,
            } => self.item(line, indent, mark, text, lead),
            Kind::Cell { text, lead } => self.row(line, text, lead),
            Kind::Paragraph {
                lead: Some(lead), ..
            } => self.coded_paragraph(line, lead),
            Kind::Paragraph { text, lead: None } => self.plain(line, text),
            Kind::Explains => {
                self.explaining = true;
                self.heading_continues(line);
            }
            Kind::Remark => self.open = Open::Nothing,
        }
        self.after_blank = blank;
    }

    fn heading(&mut self, line: &Line, level: u8, text: &str, lead: Option<Lead>) {
        self.close_section();
        self.outline.retain(|(above, _)| *above < level);
        let explains_by_name = super::lines::explains(lead.as_ref().map_or(text, |lead| lead.rest));
        let strong = lead
            .as_ref()
            .is_some_and(|lead| lead.style == Style::Strong);
        let inherited = self.outline.iter().any(|(_, explains)| *explains);
        let explains = !strong && (explains_by_name || inherited);
        self.outline.push((level, explains));
        let lead = lead.filter(|lead| lead.style == Style::Strong || !explains);
        let slug = self.unique_slug(lead.as_ref().map_or(text, |lead| lead.rest));
        let code = lead.as_ref().map(|lead| lead.id.clone());
        self.section = Section::new(slug, code.clone(), !explains, Some(line.number));
        if let (Some(code), Some(lead)) = (code, lead) {
            let id = match lead.style {
                Style::Strong => DraftId::Explicit(code),
                // Headings of one level number one list.
                _ => DraftId::Listed {
                    id: code,
                    list: u32::MAX - u32::from(level),
                    words: String::new(),
                },
            };
            self.start(line, id, lead.rest, Open::Heading);
        }
    }

    fn item(&mut self, line: &Line, indent: usize, mark: Mark, text: &str, lead: Option<Lead>) {
        let nested = self
            .levels
            .last()
            .is_some_and(|level| indent > level.indent);
        match lead {
            Some(lead) if lead.style == Style::Strong => self.strong(line, indent, mark, lead),
            Some(lead) if self.section.rules && !self.explaining => {
                self.enumerated(line, indent, mark, lead);
            }
            _ if (nested || self.hangs(indent)) && self.continues(indent) => {
                self.continue_with(line, indent);
            }
            _ if !self.section.rules || self.explaining => self.heading_continues(line),
            _ => self.bullet(line, indent, mark, text),
        }
    }

    fn strong(&mut self, line: &Line, indent: usize, mark: Mark, lead: Lead) {
        self.levels.retain(|level| level.indent < indent);
        self.explaining = false;
        self.push_level(indent, lead.style, mark, &lead.id);
        let id = DraftId::Explicit(lead.id.clone());
        let open = match mark {
            Mark::None => Open::Paragraph,
            Mark::Bullet | Mark::Number => Open::Item { indent },
        };
        self.start(line, id, lead.rest, open);
    }

    fn enumerated(&mut self, line: &Line, indent: usize, mark: Mark, lead: Lead) {
        let same = |level: &Level| level.indent == indent && level.style == lead.style;
        match self.levels.iter().position(same) {
            Some(at) => self.levels.truncate(at),
            None => {
                self.levels.retain(|level| {
                    level.indent < indent || (level.indent == indent && level.mark != Mark::Bullet)
                });
                self.list += 1;
            }
        }
        let parent = self.levels.last().map(|level| level.id.as_str());
        let id = match parent.or(self.section.code.as_deref()) {
            Some(parent) => DraftId::Explicit(code::join(parent, &lead.id, lead.style)),
            None => DraftId::Listed {
                id: lead.id.clone(),
                list: self.list,
                words: first_words(lead.rest),
            },
        };
        self.push_level(indent, lead.style, mark, id.as_str());
        self.start(line, id, lead.rest, Open::Item { indent });
    }

    /// A rule without a code: it counts under the enumeration or heading it stands in.
    fn bullet(&mut self, line: &Line, indent: usize, mark: Mark, text: &str) {
        self.levels.retain(|level| {
            level.indent < indent || (level.indent == indent && level.mark != Mark::Bullet)
        });
        let parent = self
            .levels
            .last()
            .map(|level| level.id.clone())
            .or_else(|| self.section.code.clone());
        let base = parent.unwrap_or_else(|| self.section.slug.clone());
        let id = named_by_words(&base, text);
        self.push_level(indent, Style::Strong, mark, &id);
        self.start(line, DraftId::Generated(id), text, Open::Item { indent });
    }

    fn row(&mut self, line: &Line, text: &str, lead: Option<Lead>) {
        match lead {
            Some(lead) if lead.style == Style::Strong => {
                self.start(
                    line,
                    DraftId::Explicit(lead.id.clone()),
                    lead.rest,
                    Open::Nothing,
                );
            }
            _ if self.section.rules && !self.explaining => {
                let parent = self.section.code.clone();
                let base = parent.unwrap_or_else(|| self.section.slug.clone());
                self.start(
                    line,
                    DraftId::Generated(named_by_words(&base, text)),
                    text,
                    Open::Nothing,
                );
            }
            _ => {}
        }
    }

    fn coded_paragraph(&mut self, line: &Line, lead: Lead) {
        self.levels.clear();
        self.strong(line, 0, Mark::None, lead);
    }

    fn plain(&mut self, line: &Line, text: &str) {
        let indent = line.text.len() - line.text.trim_start().len();
        if self.continues(indent) {
            return self.continue_with(line, indent);
        }
        self.open = Open::Nothing;
        self.explaining &= !self.after_blank;
        match self.section.paragraphs.last_mut() {
            Some(paragraph) if self.in_paragraph => paragraph.extend(line),
            _ => {
                let slug = self.section.slug.clone();
                let id = DraftId::Generated(slug.clone());
                self.section
                    .paragraphs
                    .push(Draft::new(line, id, text, false, slug));
            }
        }
        self.in_paragraph = true;
    }

    /// Whether bullets with this indentation list something within a coded paragraph:
    /// "must have two:" and then indented lines, without a blank line between.
    fn hangs(&self, indent: usize) -> bool {
        indent > 0 && !self.after_blank && matches!(self.open, Open::Paragraph | Open::Heading)
    }

    /// Whether a line with this indentation belongs to the open draft.
    fn continues(&self, line_indent: usize) -> bool {
        match self.open {
            Open::Nothing => false,
            Open::Heading => true,
            Open::Paragraph => !self.after_blank,
            Open::Item { indent } => !self.after_blank || line_indent > indent,
        }
    }

    fn continue_with(&mut self, line: &Line, indent: usize) {
        if self.continues(indent)
            && let Some(draft) = self.drafts.last_mut()
        {
            draft.extend(line);
        }
    }

    /// Explanations below a coded heading are part of its clause.
    fn heading_continues(&mut self, line: &Line) {
        match self.open {
            Open::Heading => self.continue_with(line, 0),
            Open::Paragraph | Open::Item { .. } | Open::Nothing => self.open = Open::Nothing,
        }
    }

    fn start(&mut self, line: &Line, id: DraftId, text: &str, open: Open) {
        let weak = !self.section.rules;
        let slug = self.section.slug.clone();
        self.drafts.push(Draft::new(line, id, text, weak, slug));
        self.section.clauses += 1;
        self.open = open;
        self.in_paragraph = false;
    }

    fn push_level(&mut self, indent: usize, style: Style, mark: Mark, id: &str) {
        self.levels.push(Level {
            indent,
            style,
            mark,
            id: id.to_owned(),
        });
    }

    fn unique_slug(&mut self, text: &str) -> String {
        let slug = slug(text);
        let seen = self.slugs.entry(slug.clone()).or_default();
        *seen += 1;
        if *seen == 1 {
            slug
        } else {
            format!("{slug}~{seen}")
        }
    }

    /// A section of plain paragraphs under a heading is one rule, named by the heading.
    fn close_section(&mut self) {
        self.levels.clear();
        self.open = Open::Nothing;
        self.in_paragraph = false;
        self.explaining = false;
        let section = &mut self.section;
        let paragraphs = std::mem::take(&mut section.paragraphs);
        if !section.rules {
            return;
        }
        let (Some(heading), 0, Some(last)) =
            (section.heading_line, section.clauses, paragraphs.last())
        else {
            return self.prose.extend(paragraphs);
        };
        let texts: Vec<&str> = paragraphs.iter().map(|draft| draft.text.as_str()).collect();
        self.drafts.push(Draft {
            id: DraftId::Generated(section.slug.clone()),
            line_start: heading,
            line_end: last.line_end,
            text: texts.join(" "),
            weak: false,
            slug: section.slug.clone(),
        });
    }
}

impl Section {
    fn new(slug: String, code: Option<String>, rules: bool, heading_line: Option<u32>) -> Section {
        Section {
            slug,
            code,
            rules,
            heading_line,
            clauses: 0,
            paragraphs: Vec::new(),
        }
    }
}

impl Draft {
    fn new(line: &Line, id: DraftId, text: &str, weak: bool, slug: String) -> Draft {
        Draft {
            id,
            line_start: line.number,
            line_end: line.number,
            text: closed_emphasis(text),
            weak,
            slug,
        }
    }

    fn extend(&mut self, line: &Line) {
        self.line_end = line.number;
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(line.text.trim());
    }
}

impl DraftId {
    fn as_str(&self) -> &str {
        match self {
            DraftId::Explicit(id) | DraftId::Generated(id) | DraftId::Listed { id, .. } => id,
        }
    }
}

/// The code was cut out of `**T1: text**`, and with it one side of the emphasis.
fn closed_emphasis(text: &str) -> String {
    if text.matches("**").count() % 2 == 1 {
        return text.replacen("**", "", 1);
    }
    text.to_owned()
}

/// Gives each draft its id. A code counts once: the first place in a section of rules
/// wins. A list whose numbers another list holds already gets generated ids as a whole.
fn finish(reader: Reader) -> Vec<Clause> {
    let drafts = if reader.drafts.is_empty() {
        name_prose(reader.prose)
    } else {
        reader.drafts
    };
    let strong: HashSet<&str> = drafts
        .iter()
        .filter(|draft| !draft.weak && matches!(draft.id, DraftId::Explicit(_)))
        .map(|draft| draft.id.as_str())
        .collect();
    let mut list_of_id: HashMap<&str, u32> = HashMap::new();
    let mut demoted: HashSet<u32> = HashSet::new();
    for draft in &drafts {
        if let DraftId::Listed { id, list, .. } = &draft.id {
            let holder = *list_of_id.entry(id).or_insert(*list);
            if holder != *list || strong.contains(id.as_str()) {
                demoted.insert(*list);
            }
        }
    }
    let mut taken: HashSet<String> = HashSet::new();
    let mut clauses: Vec<Clause> = Vec::new();
    for draft in &drafts {
        let (id, explicit) = match &draft.id {
            DraftId::Explicit(id) => (id.clone(), true),
            DraftId::Listed { list, words, .. } if demoted.contains(list) && !words.is_empty() => {
                (format!("{}-{words}", draft.slug), false)
            }
            DraftId::Listed { id, .. } => (id.clone(), true),
            DraftId::Generated(id) => (id.clone(), false),
        };
        if draft.weak && strong.contains(id.as_str()) {
            continue;
        }
        let id = if explicit { id } else { untaken(id, &taken) };
        if !taken.insert(id.clone()) {
            continue;
        }
        clauses.push(Clause {
            id,
            explicit,
            line_start: draft.line_start,
            line_end: draft.line_end,
            text: draft.text.trim().to_owned(),
        });
    }
    clauses.sort_by_key(|clause| clause.line_start);
    clauses
}

/// Rules that begin alike are told apart by a count.
fn untaken(id: String, taken: &HashSet<String>) -> String {
    let numbered = |number: u32| format!("{id}~{number}");
    if !taken.contains(&id) {
        return id;
    }
    (2..)
        .map(numbered)
        .find(|id| !taken.contains(id))
        .expect("a policy has fewer clauses than there are numbers")
}

/// A text of nothing but paragraphs: each is a rule.
fn name_prose(mut prose: Vec<Draft>) -> Vec<Draft> {
    for draft in &mut prose {
        draft.id = DraftId::Generated(named_by_words("paragraph", &draft.text));
    }
    prose
}

fn named_by_words(base: &str, text: &str) -> String {
    format!("{base}-{}", first_words(text))
}

/// As much of a rule as tells it from its neighbours and fits beside the text: four words,
/// or eight characters of a script without spaces.
fn first_words(text: &str) -> String {
    let mut words = String::new();
    for word in slug(text).split('-').take(4) {
        let joint = if words.is_empty() { "" } else { "-" };
        let han = word.chars().any(code::is_han);
        let word: String = word.chars().take(if han { 8 } else { 30 }).collect();
        words = format!("{words}{joint}{word}");
    }
    words
}
