//! What the labels of other people's files say: which values mean a violation, which mean
//! none. What is on neither list is not guessed at.

use domain::verdict::Expected;
use std::collections::BTreeSet;

const VIOLATES: &[&str] = &[
    "violates",
    "violation",
    "violating",
    "violate",
    "unsafe",
    "harmful",
    "hateful",
    "hate",
    "toxic",
    "spam",
    "offensive",
    "offense",
    "offence",
    "abusive",
    "abuse",
    "invalid",
    "yes",
    "true",
    "1",
    "positive",
    "flagged",
    "unacceptable",
    "disallowed",
    "block",
    "blocked",
    "reject",
    "rejected",
    "bad",
    "违规",
    "有害",
];

const SAFE: &[&str] = &[
    "safe",
    "nonviolating",
    "notviolating",
    "noviolation",
    "compliant",
    "benign",
    "harmless",
    "nonhateful",
    "nothateful",
    "nothate",
    "nonhate",
    "nontoxic",
    "nottoxic",
    "ham",
    "notspam",
    "nonspam",
    "inoffensive",
    "notoffensive",
    "nonoffensive",
    "valid",
    "no",
    "false",
    "0",
    "negative",
    "ok",
    "acceptable",
    "allowed",
    "allow",
    "accept",
    "accepted",
    "good",
    "clean",
    "none",
    "合规",
    "安全",
];

/// Values as people name them: their own lists first, then the common words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values {
    violates: BTreeSet<String>,
    safe: BTreeSet<String>,
    /// `other` is what is left when the other value is a violation.
    other_is_safe: bool,
}

impl Values {
    pub(crate) fn new(violates: &[String], safe: &[String]) -> Values {
        let keys = |list: &[String]| list.iter().map(|value| key(value)).collect();
        Values {
            violates: keys(violates),
            safe: keys(safe),
            other_is_safe: false,
        }
    }

    /// With what the whole column says: of two values, `other` is the safe one.
    pub(crate) fn in_column(&self, values: &BTreeSet<String>) -> Values {
        let other_is_safe = values.len() == 2
            && values.iter().any(|value| key(value) == "other")
            && values
                .iter()
                .any(|value| self.verdict(value) == Some(Expected::Violates));
        Values {
            other_is_safe,
            ..self.clone()
        }
    }

    pub(crate) fn verdict(&self, value: &str) -> Option<Expected> {
        let key = key(value);
        if self.violates.contains(&key) {
            return Some(Expected::Violates);
        }
        if self.safe.contains(&key) {
            return Some(Expected::Safe);
        }
        if VIOLATES.contains(&key.as_str()) {
            return Some(Expected::Violates);
        }
        if SAFE.contains(&key.as_str()) || (self.other_is_safe && key == "other") {
            return Some(Expected::Safe);
        }
        severity(value.trim())
    }
}

/// Letters and digits in lower case: `Non-Hateful` and `non hateful` are one value.
fn key(value: &str) -> String {
    let key: String = value
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    // 1.0 is how a column with a gap is exported.
    match value.trim() {
        "0.0" => "0".to_owned(),
        "1.0" => "1".to_owned(),
        _ => key,
    }
}

/// Scales such as SP0 … SP4 or ARS0 … ARS3: nothing is wrong at zero.
fn severity(value: &str) -> Option<Expected> {
    let digits = value.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let letters = value.len() - digits.len();
    let scale = (1..=5).contains(&letters) && digits.len() == 1;
    let level: u32 = digits.parse().ok().filter(|_| scale)?;
    Some(if level == 0 {
        Expected::Safe
    } else {
        Expected::Violates
    })
}

/// Whether the values are words of two sides alone, so that they say nothing but the verdict.
pub(crate) fn are_plain(values: &BTreeSet<String>) -> bool {
    !values.is_empty()
        && values.iter().all(|value| {
            let key = key(value);
            key == "other" || VIOLATES.contains(&key.as_str()) || SAFE.contains(&key.as_str())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_and_scales_are_read_and_nothing_else() {
        let values = Values::default();
        let check = |text, wanted| assert_eq!(values.verdict(text), wanted, "{text}");
        for text in [
            "hateful", " Spam ", "1", "1.0", "TRUE", "OFFENSE", "SP2", "SP3 ", "ARS1",
        ] {
            check(text, Some(Expected::Violates));
        }
        for text in [
            "non-hateful",
            "ham",
            "0",
            "False",
            "SP0",
            "Not spam",
            "安全",
        ] {
            check(text, Some(Expected::Safe));
        }
        for text in [
            "",
            "other",
            "2",
            "maybe",
            "SP",
            "SP12",
            "a0",
            "1_full_compliance",
            "en",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_persons_own_lists_win() {
        let values = Values::new(&["Valid".to_owned()], &["spam".to_owned()]);
        assert_eq!(values.verdict("VALID"), Some(Expected::Violates));
        assert_eq!(values.verdict("Spam"), Some(Expected::Safe));
    }

    #[test]
    fn other_is_safe_beside_one_violation_only() {
        let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let two = Values::default().in_column(&set(&["OTHER", "OFFENSE"]));
        assert_eq!(two.verdict("OTHER"), Some(Expected::Safe));
        let three = Values::default().in_column(&set(&["OTHER", "ABUSE", "INSULT"]));
        assert_eq!(three.verdict("OTHER"), None);
    }
}
