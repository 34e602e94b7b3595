//! Differences between texts: by word for traces, by line for policies.

use serde::{Deserialize, Serialize};
use similar::{Algorithm, ChangeTag, DiffTag, TextDiff, capture_diff_slices};
use ts_rs::TS;

/// Lines `start..=end` of the current text that the baseline's text does not have;
/// for a pure removal, `end` is `start - 1` and the mark stands above `start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ChangedLines {
    pub start: u32,
    pub end: u32,
    pub kind: ChangeKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DiffPart {
    pub op: DiffOp,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum DiffOp {
    Equal,
    Insert,
    Delete,
}

/// The word difference from `before` to `after`; concatenating `Equal` and `Insert`
/// parts gives `after`, `Equal` and `Delete` parts give `before`. Words are those of
/// Unicode's segmentation, so that Chinese text differs by character, not by sentence.
pub fn words(before: &str, after: &str) -> Vec<DiffPart> {
    let mut parts: Vec<DiffPart> = Vec::new();
    for change in TextDiff::from_unicode_words(before, after).iter_all_changes() {
        let op = match change.tag() {
            ChangeTag::Equal => DiffOp::Equal,
            ChangeTag::Insert => DiffOp::Insert,
            ChangeTag::Delete => DiffOp::Delete,
        };
        match parts.last_mut() {
            Some(last) if last.op == op => last.text.push_str(change.value()),
            _ => parts.push(DiffPart {
                op,
                text: change.value().to_owned(),
            }),
        }
    }
    parts
}

/// Lines of `after` that `before` does not have, in order. How lines are broken
/// (LF, CRLF) makes no difference.
pub fn changed_lines(before: &str, after: &str) -> Vec<ChangedLines> {
    let before: Vec<&str> = before.lines().collect();
    let after: Vec<&str> = after.lines().collect();
    capture_diff_slices(Algorithm::Myers, &before, &after)
        .into_iter()
        .filter_map(|op| {
            let kind = match op.tag() {
                DiffTag::Equal => return None,
                DiffTag::Insert => ChangeKind::Added,
                DiffTag::Delete => ChangeKind::Removed,
                DiffTag::Replace => ChangeKind::Changed,
            };
            let range = op.new_range();
            Some(ChangedLines {
                start: line_number(range.start),
                end: line_number(range.end) - 1,
                kind,
            })
        })
        .collect()
}

/// A unified diff for people, with three lines of context; empty when nothing differs.
pub fn unified(before: &str, after: &str, before_name: &str, after_name: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .header(before_name, after_name)
        .to_string()
}

fn line_number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(parts: &[DiffPart]) -> String {
        parts
            .iter()
            .map(|part| match part.op {
                DiffOp::Equal => part.text.clone(),
                DiffOp::Insert => format!("[+{}+]", part.text),
                DiffOp::Delete => format!("[-{}-]", part.text),
            })
            .collect()
    }

    fn side(parts: &[DiffPart], left_out: DiffOp) -> String {
        parts
            .iter()
            .filter(|part| part.op != left_out)
            .map(|part| part.text.as_str())
            .collect()
    }

    #[test]
    fn words_mark_the_word_not_the_sentence() {
        assert_eq!(
            show(&words(
                "Clause T1 applies: the user sells tobacco.",
                "Clause T2 applies: the user sells tobacco."
            )),
            "Clause [-T1-][+T2+] applies: the user sells tobacco."
        );
    }

    #[test]
    fn chinese_differs_by_character() {
        assert_eq!(
            show(&words("禁止出售烟草制品。", "禁止出售酒类制品。")),
            "禁止出售[-烟草-][+酒类+]制品。"
        );
    }

    #[test]
    fn equal_texts_are_one_part_and_empty_ones_none() {
        assert_eq!(words("a b", "a b").len(), 1);
        assert_eq!(words("", ""), []);
        assert_eq!(show(&words("", "new text")), "[+new text+]");
    }

    #[test]
    fn changed_lines_name_lines_of_the_current_text() {
        let lines = |before, after| {
            changed_lines(before, after)
                .iter()
                .map(|c| format!("{:?} {}-{}", c.kind, c.start, c.end))
                .collect::<Vec<_>>()
        };
        assert_eq!(lines("a\nb\nc", "a\nB\nc"), ["Changed 2-2"]);
        assert_eq!(lines("a\nc", "a\nb\nb2\nc"), ["Added 2-3"]);
        assert_eq!(lines("a\nb\nc", "a\nc"), ["Removed 2-1"]);
        assert_eq!(lines("a\nb", "a"), ["Removed 2-1"]);
        assert_eq!(lines("a\nb", "b"), ["Removed 1-0"]);
        assert_eq!(lines("a\r\nb\r\n", "a\nb"), Vec::<String>::new());
        assert_eq!(lines("", "a"), ["Added 1-1"]);
    }

    #[test]
    fn unified_diff_reads_like_git() {
        insta::assert_snapshot!(unified(
            "# Spam\n- S1: No ads.\n- S2: No links.\n",
            "# Spam\n- S1: No ads, ever.\n- S2: No links.\n",
            "run 1",
            "run 2"
        ), @r"
        --- run 1
        +++ run 2
        @@ -1,3 +1,3 @@
         # Spam
        -- S1: No ads.
        +- S1: No ads, ever.
         - S2: No links.
        ");
    }

    proptest! {
        #[test]
        fn parts_rebuild_both_texts(before in "[ab 一二\n🙂]{0,40}", after in "[ab 一二\n🙂]{0,40}") {
            let parts = words(&before, &after);
            prop_assert_eq!(side(&parts, DiffOp::Insert), before);
            prop_assert_eq!(side(&parts, DiffOp::Delete), after);
            prop_assert!(parts.windows(2).all(|pair| pair[0].op != pair[1].op));
        }

        #[test]
        fn lines_outside_the_marks_stand_in_the_baseline(before in "([abc]\n){0,12}", after in "([abc]\n){0,12}") {
            let marks = changed_lines(&before, &after);
            let old: Vec<&str> = before.lines().collect();
            let kept: Vec<&str> = after
                .lines()
                .zip(1u32..)
                .filter(|(_, line)| !marks.iter().any(|m| (m.start..=m.end).contains(line)))
                .map(|(text, _)| text)
                .collect();
            // The kept lines are a subsequence of the baseline's.
            let mut rest = old.iter();
            prop_assert!(kept.iter().all(|line| rest.any(|other| other == line)));
            prop_assert_eq!(marks.is_empty(), before == after);
        }
    }
}
