//! What the tests of the whole repository share: where it lies, which files are its
//! own, and how their code reads without comments.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the root").to_owned()
}

/// The folder of Pebble's weights; `TOUCHSTONE_PEBBLE` names another, for whoever trains it.
pub fn pebble() -> PathBuf {
    let folder = std::env::var_os("TOUCHSTONE_PEBBLE");
    folder.map_or_else(|| root().join("fixtures/pebble"), PathBuf::from)
}

/// A text file of the repository.
pub struct Source {
    /// Relative to the root, `/`-separated.
    pub path: String,
    pub text: String,
}

/// Folders of things that are built, fetched or recorded, not written.
const NOT_SOURCES: [&str; 9] = [
    ".git",
    ".sqlx",
    ".tools",
    ".touchstone",
    "dist",
    "gen",
    "node_modules",
    "screenshots",
    "target",
];

/// The UTF-8 files under `folder` whose names end in one of `endings`, sorted by path.
/// A folder that does not exist holds none.
pub fn sources(folder: &str, endings: &[&str]) -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !NOT_SOURCES.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending))
                && let Ok(text) = fs::read_to_string(&path)
            {
                let path = path.strip_prefix(&root).unwrap_or(&path);
                let path = path.to_string_lossy().replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Rust or TypeScript without its comments and, in Rust, without the test module at its
/// end; line numbers stay. Strings are kept; a `//` inside one ends the line, which
/// hides at most the rest of an address.
pub fn code(text: &str) -> String {
    let mut block = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        lines.push(without_comments(line, &mut block));
    }
    lines.join("\n")
}

fn without_comments(line: &str, block: &mut bool) -> String {
    let mut kept = String::new();
    let mut rest = line;
    loop {
        if *block {
            let Some(end) = rest.find("*/") else {
                return kept;
            };
            *block = false;
            rest = &rest[end + 2..];
        }
        let start = ["/*", "//", "<!--"]
            .iter()
            .filter_map(|mark| rest.find(mark))
            .min();
        let Some(start) = start else {
            kept.push_str(rest);
            return kept;
        };
        kept.push_str(&rest[..start]);
        if !rest[start..].starts_with("/*") {
            return kept;
        }
        *block = true;
        rest = &rest[start + 2..];
    }
}

/// `path:line` of each line of `text` that `bad` holds for.
pub fn places(path: &str, text: &str, bad: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| bad(line))
        .map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim()))
        .collect()
}

/// Whether `word` stands in `line` by itself, not as a part of a longer name.
pub fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_test_modules_are_not_code() {
        let text =
            "use a; // std::fs\n/* tokio\n sqlx */ fn b() {}\n#[cfg(test)]\nmod tests { std::fs }";
        assert_eq!(code(text), "use a; \n\n fn b() {}");
    }

    #[test]
    fn a_word_is_not_a_part_of_a_name() {
        assert!(has_word("use tauri::Manager;", "tauri"));
        assert!(!has_word("use tauri_build;", "tauri"));
        assert!(!has_word("let centauri = 1;", "tauri"));
    }

    #[test]
    fn sources_of_the_repository_are_found() {
        let found = sources("crates", &[".rs"]);
        assert!(found.iter().any(|f| f.path == "crates/domain/src/lib.rs"));
        assert!(sources("no such folder", &[".rs"]).is_empty());
    }
}
