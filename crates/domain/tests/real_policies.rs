//! Public policies that nobody on this project wrote. They are not part of the
//! repository: the tests read them from beside it, and say so where they are absent.
#![expect(clippy::unwrap_used, reason = "tests")]

use domain::policy::{self, Policy};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/policies");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no ../shared/data/policies beside the repository");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|path| !path.ends_with("SOURCE.md"))
        .collect();
    files.sort();
    files
}

fn read(name: &str) -> Option<Policy> {
    let path = files().into_iter().find(|path| path.ends_with(name))?;
    Some(policy::parse(&std::fs::read(path).unwrap()).unwrap())
}

#[test]
fn every_policy_is_read_and_its_clauses_lie_in_the_file() {
    for path in files() {
        let bytes = std::fs::read(&path).unwrap();
        let policy = policy::parse(&bytes).unwrap();
        let name = path.display();
        assert!(
            policy.clauses.len() >= 4,
            "{name}: {}",
            policy.clauses.len()
        );
        let text = String::from_utf8(bytes).unwrap();
        let last = u32::try_from(text.lines().count()).unwrap();
        let mut ids = HashSet::new();
        let mut line = 0;
        for clause in &policy.clauses {
            assert!(ids.insert(&clause.id), "{name}: {} twice", clause.id);
            assert!(line < clause.line_start, "{name}: {} overlaps", clause.id);
            assert!(clause.line_start <= clause.line_end && clause.line_end <= last);
            assert!(!clause.text.is_empty(), "{name}: {} is empty", clause.id);
            line = clause.line_end;
        }
        // The editor asks for the same clauses while the text is being typed.
        assert_eq!(policy::clauses(&text), policy.clauses, "{name}");
    }
}

#[test]
fn the_published_spam_policy_has_its_21_codes() {
    let Some(policy) = read("spam.policy.txt") else {
        return;
    };
    let explicit: Vec<&str> = policy
        .clauses
        .iter()
        .filter(|clause| clause.explicit)
        .map(|clause| clause.id.as_str())
        .collect();
    let wanted: Vec<String> = [
        ("SP0", "abcdefg"),
        ("SP2", "abc"),
        ("SP3", "abcd"),
        ("SP4", "abc"),
    ]
    .iter()
    .flat_map(|(family, letters)| {
        let members = letters
            .chars()
            .map(move |letter| format!("{family}.{letter}"));
        std::iter::once((*family).to_owned()).chain(members)
    })
    .collect();
    assert_eq!(explicit, wanted);
    let labels: Vec<&str> = policy
        .output
        .labels
        .iter()
        .map(|(label, _)| label.as_str())
        .collect();
    assert_eq!(labels, ["INVALID", "VALID"]);
}

#[test]
fn a_change_of_front_matter_alone_is_no_revision() {
    let revisions: Vec<_> = ["2022-09-01", "2025-09-16", "2026-03-23"]
        .iter()
        .filter_map(|date| read(&format!("github-hate-speech-and-discrimination.{date}.md")))
        .map(|policy| policy.revision)
        .collect();
    if let [first, second, third] = revisions.as_slice() {
        assert_ne!(first, second);
        // Only `topics:` went from the front matter.
        assert_eq!(second, third);
    }
}
