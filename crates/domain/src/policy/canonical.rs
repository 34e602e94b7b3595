//! One way to write a policy file, so that it diffs cleanly: the front matter's keys in one
//! order, each with its comments; LF line breaks, one at the end; no trailing white space
//! but Markdown's own. What the model reads never changes.

use super::{PolicyError, front_matter, parse, without_mark};

/// The order of the front matter; unknown keys follow in the order they have.
const KEYS: [&str; 5] = ["id", "title", "output", "labels", "effort"];

/// The file in canonical form. A file that cannot be read is not touched.
pub fn format(bytes: &[u8]) -> Result<String, PolicyError> {
    let before = parse(bytes)?;
    let text = String::from_utf8_lossy(bytes);
    let text = without_mark(&text);
    let lines: Vec<&str> = super::body::lines(text).collect();
    let start = front_matter::body_start(text);
    let mut out: Vec<String> = Vec::with_capacity(lines.len());
    if start > 0 {
        out.push(lines[0].trim_end().to_owned());
        out.extend(ordered(&lines[1..start - 1]));
        out.push(lines[start - 1].trim_end().to_owned());
    }
    out.extend(lines[start..].iter().map(|line| body_line(line)));
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    let formatted = out.join("\n") + "\n";
    // A front matter in a form that this does not foresee keeps its order.
    let same = parse(formatted.as_bytes()).is_ok_and(|after| {
        (
            &after.id,
            &after.title,
            &after.output,
            after.effort,
            &after.revision,
        ) == (
            &before.id,
            &before.title,
            &before.output,
            before.effort,
            &before.revision,
        )
    });
    Ok(if same { formatted } else { text.to_owned() })
}

/// Two or more blanks at a line's end are Markdown's line break; one is nothing.
fn body_line(line: &str) -> String {
    let text = line.trim_end();
    let is_break = !text.is_empty() && line[text.len()..].starts_with("  ");
    if is_break {
        format!("{text}  ")
    } else {
        text.to_owned()
    }
}

/// The lines of a YAML map, its entries in the canonical order. An entry is a line that
/// begins with its key, what is indented below it, and the comments above it.
fn ordered(lines: &[&str]) -> Vec<String> {
    let mut entries: Vec<(usize, Vec<String>)> = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for line in lines.iter().map(|line| line.trim_end()) {
        let opens = !line.is_empty() && !line.starts_with([' ', '\t', '#', '-', '}', ']']);
        if opens {
            let key = line.split(':').next().unwrap_or(line);
            let key = key.trim().trim_matches(['"', '\'']);
            let rank = KEYS.iter().position(|known| *known == key);
            let mut entry = std::mem::take(&mut above);
            entry.push(line.to_owned());
            entries.push((rank.unwrap_or(KEYS.len()), entry));
        } else if line.starts_with('#') || line.is_empty() || entries.is_empty() {
            above.push(line.to_owned());
        } else if let Some((_, entry)) = entries.last_mut() {
            entry.append(&mut above);
            entry.push(line.to_owned());
        }
    }
    entries.sort_by_key(|(rank, _)| *rank);
    let mut out: Vec<String> = entries.into_iter().flat_map(|(_, entry)| entry).collect();
    out.append(&mut above);
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    const BODY: &str = "# T\n\nA rule.\n";

    fn formatted(text: &str) -> String {
        format(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_front_matter_has_one_order_and_keeps_its_comments() {
        let text = format!(
            "\u{feff}---\r\neffort: low   \r\nowner: mara\r\n# What answers mean\r\nlabels:\r\n  # the bad one\r\n  BAD: violates\r\n\r\n  OK: safe\r\ntitle: \"T: one\"\r\nid: t\r\n# last\r\n---\r\n{BODY}\r\n\r\n"
        );
        insta::assert_snapshot!(formatted(&text), @r#"
        ---
        id: t
        title: "T: one"
        # What answers mean
        labels:
          # the bad one
          BAD: violates

          OK: safe
        effort: low
        owner: mara
        # last
        ---
        # T

        A rule.
        "#);
    }

    #[test]
    fn a_line_break_of_markdown_stays() {
        assert_eq!(
            formatted("One   \nTwo \nThree\t\n\n"),
            "One  \nTwo\nThree\n"
        );
    }

    #[test]
    fn other_forms_keep_their_order() {
        for text in [
            "---\n{effort: low, id: t}\n---\n# T\n",
            "---\ntitle: |\n  effort: low\n  a\nid: t\n---\n# T\n",
        ] {
            let after = formatted(text);
            let (a, b) = (
                parse(text.as_bytes()).unwrap(),
                parse(after.as_bytes()).unwrap(),
            );
            assert_eq!(
                (a.id, a.title, a.effort),
                (b.id, b.title, b.effort),
                "{text}"
            );
        }
    }

    #[test]
    fn a_broken_policy_is_not_touched() {
        assert_eq!(format(b"---\nid: [\n---\n# T").unwrap_err().line, Some(3));
        assert!(format(b"# Caf\xe9").is_err());
    }

    proptest! {
        #[test]
        fn formatting_changes_nothing_that_is_read_and_is_stable(
            keys in proptest::sample::subsequence(vec!["effort: high", "id: x", "labels:\n  A: violates\n  B: safe", "other: 1"], 0..=4).prop_shuffle(),
            body in "[a-z#\\- \\n\\t]{0,60}x",
            crlf in any::<bool>(),
        ) {
            let mut text = if keys.is_empty() { body.clone() } else { format!("---\n{}\n---\n{body}", keys.join("\n")) };
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            let Ok(before) = parse(text.as_bytes()) else { return Ok(()) };
            let once = formatted(&text);
            let after = parse(once.as_bytes()).unwrap();
            prop_assert_eq!(&after.revision, &before.revision);
            prop_assert_eq!((&after.id, &after.title, after.effort), (&before.id, &before.title, before.effort));
            prop_assert_eq!(formatted(&once), once);
        }
    }
}
