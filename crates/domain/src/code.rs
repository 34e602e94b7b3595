//! Clause codes as people write them: `SP2.a`, `H2.f`, `T-1`, `3.2`, `§ 4.1`, `Rule 3`,
//! `第一条`, and the weak ones that are codes only where a list begins: `1.`, `(a)`, `一、`.
//!
//! One grammar serves the three readers: policies (clauses), answers (rule ids) and
//! traces (citations).

use regex::Regex;
use std::sync::LazyLock;

/// A sub-part such as `.a`, `.2` or `(iv)`. Its end is that of an ASCII word, because
/// Chinese has no spaces: `由D3.d决定` names `D3.d`.
const PART: &str =
    r"(?:\.(?:\d{1,3}|[a-z]|[A-Z]|[ivx]{2,4})(?-u:\b)|\((?:[a-z]|[ivx]{2,4}|\d{1,2})\))";

/// Codes that name a clause wherever they stand.
const STRONG: &str = r"(?:§\s?\d{1,3}PART*|第\s?[〇零一二三四五六七八九十百\d]{1,5}\s?[条款项章节](?:第[〇零一二三四五六七八九十百\d]{1,5}[款项])?|[A-Z][A-Za-z]{0,7}-?\d{1,3}PART*|[A-Z]\.\d{1,3}PART*|\d{1,3}(?:\.\d{1,3})+PART*|\d{1,2}[a-z](?-u:\b))";

/// Words that make a number a code: `Rule 3`, `Section 4.1`.
pub(crate) const WORD: &str = r"(?:[Rr]ule|[Ss]ection|[Aa]rticle|[Cc]lause|[Pp]olicy|[Cc]riterion|RULE|SECTION|ARTICLE|CLAUSE)";

/// A regular expression over the grammar's pieces, named by `STRONG`, `WORD` and `PART`.
pub(crate) fn pattern(template: &str) -> Regex {
    let full = template
        .replace("STRONG", STRONG)
        .replace("WORD", WORD)
        .replace("PART", PART);
    Regex::new(&full).expect("patterns are constants, tried by the tests")
}

/// How a code is written. Weak styles (`Number`, `Letter`, `Bracket`, `Chinese`) count
/// from one in each list and join their parent's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Style {
    /// `SP2.a`, `3.2`, `§ 4.1`, `Rule 3`, `第一条`.
    Strong,
    /// `1.`, `1)`
    Number,
    /// `a.`, `B)`, `iv.`
    Letter,
    /// `(a)`, `(1)`, `（一）`
    Bracket,
    /// `一、`
    Chinese,
}

/// A code at the beginning of a text, and the text after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lead<'a> {
    pub id: String,
    pub style: Style,
    pub rest: &'a str,
    /// Set off from the text: by punctuation, brackets, bold or code, or by its own dots.
    pub marked: bool,
}

static LEAD_STRONG: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?P<open>[*_`\[【(（]*)(?P<id>WORD\s\d{1,3}PART*|STRONG)(?P<close>[*_`\]】)）]*)(?P<delim>\s*(?:[:：.、．\-–—|)](?:\s|$|[*_`]|\p{Han})|[:：、(（])|\s|\p{Han}|$)",
    )
});
static LEAD_WEAK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?P<open>[*_]*)(?:(?P<number>\d{1,3})(?:[.)）．][*_]*(?:\s|$|\p{Han})|、)|(?P<letter>[a-z]|[A-Z]|[ivx]{2,5}|[IVX]{2,5})[.)][*_]*(?:\s|$)|(?P<bracket>[(（](?:[a-z]|[A-Z]|[ivx]{2,5}|\d{1,2}|[一二三四五六七八九十]{1,3})[)）])|(?P<chinese>[一二三四五六七八九十]{1,3})[、．.])",
    )
});

/// The code that a line, list item or table cell begins with.
pub(crate) fn lead(text: &str) -> Option<Lead<'_>> {
    if let Some(found) = LEAD_STRONG.captures(text) {
        let id = tidy(&found["id"]);
        let delim = found["delim"].trim();
        let marked = !found["open"].is_empty()
            || !found["close"].is_empty()
            || delim.chars().any(|c| !is_han(c))
            || id.chars().skip(1).any(|c| matches!(c, '.' | '('))
            || id.starts_with(['§', '第']);
        // A Han character after the code belongs to the text, not to the delimiter.
        let end = found.name("close").map_or(0, |close| close.end());
        return Some(Lead {
            id,
            style: Style::Strong,
            rest: after_delimiter(&text[end..]),
            marked,
        });
    }
    let found = LEAD_WEAK.captures(text)?;
    let (style, name) = [
        (Style::Number, "number"),
        (Style::Letter, "letter"),
        (Style::Bracket, "bracket"),
        (Style::Chinese, "chinese"),
    ]
    .into_iter()
    .find(|(_, name)| found.name(name).is_some())?;
    let token = found.name(name)?;
    Some(Lead {
        id: token.as_str().replace('（', "(").replace('）', ")"),
        style,
        rest: after_delimiter(&text[token.end()..]),
        marked: true,
    })
}

/// Whether the whole text is a strong code.
pub(crate) fn is_strong(text: &str) -> bool {
    static WHOLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^STRONG$"));
    WHOLE.is_match(text)
}

/// One spelling for the codes that people and models spell in several ways: case,
/// spaces, hyphens, brackets against dots, `§`, words and Chinese numerals.
pub(crate) fn key(code: &str) -> String {
    static PREFIX: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:WORD\s+|§\s*|#)"));
    let code = PREFIX.replace(code, "");
    let mut key = String::new();
    for c in code.chars() {
        match c {
            '(' | '（' => {
                if !key.is_empty() {
                    key.push('.');
                }
            }
            ')' | '）' | '-' => {}
            c if c.is_whitespace() => {}
            c => match decimal(c) {
                Some(digit) => key.push(digit),
                None => key.extend(c.to_lowercase()),
            },
        }
    }
    if key.starts_with('第') {
        return chinese_numbers_to_digits(&key);
    }
    key
}

/// A code joined to its parent's: `3.2` and `(a)` make `3.2(a)`, `2` and `1` make `2.1`.
pub(crate) fn join(parent: &str, id: &str, style: Style) -> String {
    match style {
        Style::Strong => id.to_owned(),
        Style::Bracket => format!("{parent}{id}"),
        Style::Number | Style::Letter | Style::Chinese => format!("{parent}.{id}"),
    }
}

pub(crate) fn is_han(c: char) -> bool {
    matches!(u32::from(c), 0x3400..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
}

fn tidy(id: &str) -> String {
    if id.starts_with(['§', '第']) {
        return id.split_whitespace().collect();
    }
    id.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn after_delimiter(text: &str) -> &str {
    let text = text
        .trim_start_matches(['*', '_', '`', ']', '】'])
        .trim_start();
    text.strip_prefix([':', '：', '.', '．', '、', '-', '–', '—', '|', ')', '）'])
        .unwrap_or(text)
        .trim_start_matches(['*', '_'])
        .trim_start()
}

/// The ASCII digit of a decimal digit in the scripts policies are written in.
fn decimal(c: char) -> Option<char> {
    let zero = match u32::from(c) {
        0x30..=0x39 => 0x30,
        0x660..=0x669 => 0x660,
        0x6f0..=0x6f9 => 0x6f0,
        0x966..=0x96f => 0x966,
        0xff10..=0xff19 => 0xff10,
        _ => return None,
    };
    char::from_digit(u32::from(c) - zero, 10)
}

/// `第十二条` as `第12条`.
fn chinese_numbers_to_digits(text: &str) -> String {
    let mut out = String::new();
    let mut number: Option<u32> = None;
    for c in text.chars() {
        let digit = "零一二三四五六七八九".chars().position(|d| d == c);
        match (c, digit) {
            ('〇', _) => number = Some(number.unwrap_or(0)),
            (_, Some(digit)) => {
                let digit = u32::try_from(digit).unwrap_or(0);
                number = Some(number.unwrap_or(0) + digit);
            }
            ('十', _) | ('百', _) => {
                let unit = if c == '十' { 10 } else { 100 };
                let before = number.unwrap_or(0);
                let (high, low) = (before / 100 * 100, before % 100);
                number = Some(match c {
                    '百' => before.max(1) * unit,
                    _ => high + low.max(1) * unit,
                });
            }
            _ => {
                if let Some(number) = number.take() {
                    out.push_str(&number.to_string());
                }
                out.push(c);
            }
        }
    }
    if let Some(number) = number {
        out.push_str(&number.to_string());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_of_every_style() {
        let show = |text| match lead(text) {
            None => format!("{text} => none"),
            Some(lead) => format!(
                "{text} => {} {:?}{} | {}",
                lead.id,
                lead.style,
                if lead.marked { " marked" } else { "" },
                lead.rest
            ),
        };
        let all = [
            "SP2.a Cold promotion",
            "**H2.f** Weapons",
            "`ARS0`: info",
            "[T1] tobacco",
            "T-12: x",
            "(T1) tobacco",
            "T1 tobacco",
            "TVEC1: branded",
            "3.2 No sale",
            "3.2. No sale",
            "1.10: ten",
            "§ 4.1 Harm",
            "§4 Harm",
            "Rule 3: none",
            "Section 4.1 – none",
            "第一条 禁止",
            "第十二条禁止",
            "A.1 One",
            "3.2(a) sub",
            "SP2.a: x",
            "**TVEC1: Branded content.**",
            "1. first",
            "1) first",
            "2、第二",
            "(a) alpha",
            "a) alpha",
            "B. beta",
            "iv. four",
            "一、总则",
            "（二）禁止",
            "۱. کارآمدی",
            "4.5 million people",
            "MP3 files",
            "B2B sales",
            "4a Offers",
            "4a: offers",
            "1.Content",
            "e.g. this",
            "I think",
            "A user",
            "2024-01-01",
            "",
            "Rules apply",
        ];
        insta::assert_snapshot!(all.map(show).join("\n"));
    }

    #[test]
    fn spellings_of_one_code_share_a_key() {
        for (a, b) in [
            ("SP2.a", "sp2(a)"),
            ("§4.1", "Section 4.1"),
            ("§ 4.1", "4.1"),
            ("第十二条", "第12条"),
            ("第一百零三条", "第103条"),
            ("第二十条", "第 20 条"),
            ("T-1", "T1"),
            ("۱", "1"),
            ("3.2(a)", "3.2.a"),
            ("(a)", "a"),
        ] {
            assert_eq!(key(a), key(b), "{a} {b}");
        }
        assert_ne!(key("1.1"), key("1.10"));
        assert_ne!(key("第一条"), key("第十一条"));
    }
}
