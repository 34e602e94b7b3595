//! What the model reads of a policy file: comments and invisible differences removed,
//! each line still knowing its number in the file.

/// A line of the body that the model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// In the file, 1-based.
    pub number: u32,
    /// Without trailing white space.
    pub text: String,
    /// Inside a code fence, or one of its ends.
    pub fenced: bool,
}

/// Lines as editors count them: LF, CRLF and a lone CR each end one.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let Some(end) = current.find(['\r', '\n']) else {
            rest = None;
            return Some(current);
        };
        let width = if current[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = Some(&current[end + width..]);
        Some(&current[..end])
    })
}

/// The body's lines: HTML comments, trailing white space and surrounding blank lines
/// are gone. A line that held only a comment is gone too, and with it one of the blank
/// lines around it, so that adding or removing a comment changes nothing.
pub(super) fn visible(text: &str, body_start: usize) -> Vec<Line> {
    let source: Vec<&str> = lines(text).collect();
    let last_comment_end = source.iter().rposition(|line| line.contains("-->"));
    let mut kept: Vec<Line> = Vec::new();
    let mut fence: Option<String> = None;
    let mut in_comment = false;
    let mut drop_blank = false;
    for (index, raw) in source.iter().enumerate().skip(body_start) {
        let began_in_comment = in_comment;
        let mut fenced = fence.is_some();
        let text = if fenced {
            (*raw).to_owned()
        } else {
            let closed_later = last_comment_end.is_some_and(|end| end > index);
            without_comments(raw, &mut in_comment, closed_later)
        };
        let removed = text.len() != raw.len() || began_in_comment;
        let text = text.trim_end().to_owned();
        if !began_in_comment {
            fence = next_fence(fence, &text);
            fenced |= fence.is_some();
        }
        let after_blank = kept.last().is_none_or(|line| line.text.is_empty());
        if text.is_empty() && removed && !raw.trim().is_empty() {
            drop_blank = after_blank;
            continue;
        }
        if text.is_empty() && (kept.is_empty() || std::mem::take(&mut drop_blank)) {
            continue;
        }
        drop_blank = false;
        kept.push(Line {
            number: u32::try_from(index + 1).unwrap_or(u32::MAX),
            text,
            fenced,
        });
    }
    while kept.last().is_some_and(|line| line.text.is_empty()) {
        kept.pop();
    }
    kept
}

/// The body as one text.
pub(super) fn join(lines: &[Line]) -> String {
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    texts.join("\n")
}

/// The line, 1-based, of a comment that opens and is never closed. It stays text.
pub(super) fn unclosed_comment(lines: &[Line]) -> Option<u32> {
    lines
        .iter()
        .find(|line| !line.fenced && comment_start(&line.text).is_some())
        .map(|line| line.number)
}

/// One line without its comments; `in_comment` says whether one is open before it, and
/// after it. A comment opens only where it is closed, here or below.
fn without_comments(raw: &str, in_comment: &mut bool, closed_later: bool) -> String {
    let mut out = String::new();
    let mut rest = raw;
    loop {
        if *in_comment {
            let Some(end) = rest.find("-->") else {
                return out;
            };
            rest = &rest[end + 3..];
            *in_comment = false;
            if out.is_empty() || out.ends_with(' ') {
                rest = rest.trim_start();
            }
        }
        let open =
            comment_start(rest).filter(|start| closed_later || rest[start + 4..].contains("-->"));
        let Some(start) = open else {
            out.push_str(rest);
            return out;
        };
        out.push_str(&rest[..start]);
        rest = &rest[start + 4..];
        *in_comment = true;
    }
}

/// Where a comment opens, outside of code between backticks.
fn comment_start(text: &str) -> Option<usize> {
    text.match_indices("<!--")
        .map(|(start, _)| start)
        .find(|start| text[..*start].matches('`').count().is_multiple_of(2))
}

/// The fence that is open after a line.
fn next_fence(open: Option<String>, line: &str) -> Option<String> {
    let text = line.trim_start();
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'));
    let run: String = mark.map_or_else(String::new, |mark| {
        text.chars().take_while(|c| *c == mark).collect()
    });
    match open {
        None if run.len() >= 3 && !text[run.len()..].contains('`') => Some(run),
        None => None,
        Some(fence) if run.starts_with(&fence) && text.len() == run.len() => None,
        Some(fence) => Some(fence),
    }
}
