//! The form of a policy, as apart from what it says: white space, the order of sibling
//! rules, their numbering.
//!
//! Models answer differently when rules change places or numbers, though the policy says
//! the same. Two revisions are therefore compared with both put in one form, and in many
//! forms one after the other: what only one form shows is no effect of the edit.
//!
//! Rules that are plainly counted (`1.`, `2)`, `a)`) keep their order: it may be a sequence
//! of steps. Nothing here knows synonyms; a rewording stays a difference.

use crate::policy::{Clause, Policy};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Whether the two policies say the same, word for word, in other forms.
pub fn same(before: &Policy, after: &Policy) -> bool {
    before.output == after.output && canonical(before) == canonical(&with_numbers_of(before, after))
}

/// Both policies with their sibling rules in one random order, the same for what both
/// have, and numbered as the first; seed 0 leaves them as they are written.
pub fn pair(before: &Policy, after: &Policy, seed: u64) -> (Policy, Policy) {
    if seed == 0 {
        return (before.clone(), after.clone());
    }
    let after = with_numbers_of(before, after);
    // Blank lines between rules stand where both texts have them.
    let tight = !(is_loose(before) && is_loose(&after));
    let shuffled = |policy: &Policy| {
        let mut lines = Vec::new();
        for block in blocks(policy) {
            match block {
                Block::Rules(mut rules) => {
                    rules.sort_by_cached_key(|rule| drawn(seed, &rule.words));
                    push_rules(&mut lines, rules, if tight { 0 } else { 1 });
                }
                Block::Line(line) => lines.push(line),
            }
        }
        policy.with_body(&lines.join("\n"))
    };
    (shuffled(before), shuffled(&after))
}

/// A line as it stands, or sibling rules whose order says nothing.
enum Block {
    Line(String),
    Rules(Vec<Rule>),
}

struct Rule {
    lines: Vec<String>,
    /// Its text and that of the rules below it, without their codes.
    words: String,
    /// Blank lines before it, where it is not the first.
    blank_before: usize,
}

fn push_rules(lines: &mut Vec<String>, rules: Vec<Rule>, blank: usize) {
    for (index, rule) in rules.into_iter().enumerate() {
        if index > 0 {
            lines.extend(std::iter::repeat_n(String::new(), blank));
        }
        lines.extend(rule.lines);
    }
}

/// Where a rule is drawn to: it depends on the rule alone, so that an edit moves no other.
fn drawn(seed: u64, words: &str) -> [u8; 8] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(words.as_bytes());
    let mut key = [0; 8];
    key.copy_from_slice(&hash.finalize()[..8]);
    key
}

/// What is left of a text when its form is taken away.
fn canonical(policy: &Policy) -> String {
    let mut lines = Vec::new();
    for block in blocks(policy) {
        match block {
            Block::Rules(mut rules) => {
                rules.sort_by(|a, b| (&a.words, &a.lines).cmp(&(&b.words, &b.lines)));
                push_rules(&mut lines, rules, 0);
            }
            Block::Line(line) => lines.push(line),
        }
    }
    let plain: Vec<String> = lines
        .iter()
        .map(|line| {
            let unmarked = line.trim_start().trim_start_matches(['-', '*', '•', '+']);
            let words: Vec<&str> = unmarked.split_whitespace().collect();
            words.join(" ").replace("**", "")
        })
        .filter(|line| !line.is_empty())
        .collect();
    plain.join("\n")
}

fn is_loose(policy: &Policy) -> bool {
    blocks(policy).iter().any(|block| match block {
        Block::Rules(rules) => rules.iter().skip(1).any(|rule| rule.blank_before > 0),
        Block::Line(_) => false,
    })
}

/// The body in blocks: runs of two or more sibling rules, and the lines around them.
fn blocks(policy: &Policy) -> Vec<Block> {
    let lines: Vec<&str> = policy.body.split('\n').collect();
    let clauses = policy.with_body(&policy.body).clauses;
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let rules = siblings(&lines, &clauses, at);
        let count = rules.len();
        let end = rules.last().map(|(range, _, _)| range.end);
        match end {
            Some(end) if count > 1 => {
                blocks.push(Block::Rules(
                    rules
                        .into_iter()
                        .map(|(range, words, blank_before)| Rule {
                            lines: lines[range].iter().map(|line| (*line).to_owned()).collect(),
                            words,
                            blank_before,
                        })
                        .collect(),
                ));
                at = end;
            }
            Some(_) | None => {
                blocks.push(Block::Line(lines[at].to_owned()));
                at += 1;
            }
        }
    }
    blocks
}

type Sibling = (std::ops::Range<usize>, String, usize);

/// The rules that follow each other from a line on, at one indentation.
fn siblings(lines: &[&str], clauses: &[Clause], start: usize) -> Vec<Sibling> {
    let mut found: Vec<Sibling> = Vec::new();
    let mut at = start;
    let mut blank = 0;
    while at < lines.len() {
        if lines[at].is_empty() && !found.is_empty() {
            at += 1;
            blank += 1;
            continue;
        }
        let Some(rule) = rule_at(lines, clauses, at) else {
            break;
        };
        if indent(lines[at]) != indent(lines[start]) {
            break;
        }
        let end = rule.0.end;
        found.push((rule.0, rule.1, blank));
        blank = 0;
        at = end;
    }
    found
}

/// The rule that begins at a line, with the rules nested below it.
fn rule_at(
    lines: &[&str],
    clauses: &[Clause],
    at: usize,
) -> Option<(std::ops::Range<usize>, String)> {
    let first = clauses.iter().position(|clause| span(clause).start == at)?;
    let clause = &clauses[first];
    if lines[at].starts_with('#') || is_counted(clause) {
        return None;
    }
    let mut end = span(clause).end;
    let mut words = clause.text.clone();
    for nested in &clauses[first + 1..] {
        let inside = span(nested);
        if inside.start < end {
            continue;
        }
        if inside.start > end || indent(lines[inside.start]) <= indent(lines[at]) {
            break;
        }
        words.push('\n');
        words.push_str(&nested.text);
        end = inside.end;
    }
    Some((at..end.min(lines.len()), words))
}

fn span(clause: &Clause) -> std::ops::Range<usize> {
    (clause.line_start as usize - 1)..clause.line_end as usize
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// `1`, `2`, `a`, `(b)`: a place in a list rather than a name.
fn is_counted(clause: &Clause) -> bool {
    let id = clause.id.trim_matches(['(', ')', '.']);
    clause.explicit
        && (id.chars().all(|c| c.is_ascii_digit())
            || id.len() == 1 && id.chars().all(|c| c.is_ascii_alphabetic()))
}

/// `after` with the codes that the same rules have in `before`, wherever it names them.
fn with_numbers_of(before: &Policy, after: &Policy) -> Policy {
    let once = |policy: &Policy| -> BTreeMap<String, String> {
        let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
        for clause in policy.clauses.iter().filter(|clause| clause.explicit) {
            found
                .entry(clause.text.clone())
                .and_modify(|id| *id = None)
                .or_insert_with(|| Some(clause.id.clone()));
        }
        found
            .into_iter()
            .filter_map(|(text, id)| Some((text, id?)))
            .collect()
    };
    let (old, new) = (once(before), once(after));
    let labels: BTreeSet<&String> = after.output.labels.iter().map(|(label, _)| label).collect();
    let renamed: BTreeMap<&String, &String> = new
        .iter()
        .filter_map(|(text, id)| Some((id, old.get(text)?)))
        .filter(|(id, name)| id != name && !labels.contains(id) && !labels.contains(name))
        .collect();
    // A name that another rule keeps would make two rules one.
    let kept = |name: &String| {
        after
            .clauses
            .iter()
            .any(|clause| clause.id == *name && !renamed.contains_key(&clause.id))
    };
    let targets: BTreeSet<&&String> = renamed.values().collect();
    let clash = targets.len() < renamed.len() || renamed.values().any(|name| kept(name));
    if renamed.is_empty() || clash {
        return after.clone();
    }
    after.with_body(&rename(&after.body, &renamed))
}

/// All names at once, so that two rules may swap theirs; the longest that fits a place.
fn rename(body: &str, names: &BTreeMap<&String, &String>) -> String {
    let word = |c: char| c.is_alphanumeric() && c.is_ascii();
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    let mut before: Option<char> = None;
    while let Some(next) = rest.chars().next() {
        let free = before.is_none_or(|c| !word(c) && c != '.');
        let fits = names
            .iter()
            .filter(|(old, _)| free && rest.starts_with(old.as_str()))
            .filter(|(old, _)| {
                let mut tail = rest[old.len()..].chars();
                match tail.next() {
                    Some('.') => tail.next().is_none_or(|c| !word(c)),
                    Some(c) => !word(c),
                    None => true,
                }
            })
            .max_by_key(|(old, _)| old.len());
        let taken = match fits {
            Some((old, new)) => {
                out.push_str(new);
                old.len()
            }
            None => {
                out.push(next);
                next.len_utf8()
            }
        };
        before = rest[..taken].chars().next_back();
        rest = &rest[taken..];
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::policy::parse;

    const TEXT: &str = "---\nlabels: {BAD: violates, OK: safe}\n---\n# Tobacco\n\n## Violates\nT1 Offers to sell.\nT2 Promotes smoking.\n- nested: not a rule of its own\nT3 Evades checks.\n\n## Safe\nT4 History, unless a price is given.\nT5 News.\n\n## Precedence\nSafe wins. T1 over T4.\n";

    fn policy(text: &str) -> Policy {
        parse(text.as_bytes()).unwrap()
    }

    fn check(edit: impl Fn(&str) -> String, is_form: bool) {
        let edited = edit(TEXT);
        assert_ne!(edited, TEXT, "the edit did nothing");
        assert_eq!(same(&policy(TEXT), &policy(&edited)), is_form, "{edited}");
    }

    #[test]
    fn form_is_white_space_order_and_numbering() {
        check(
            |t| {
                t.replace("\nT2", "\n\nT2")
                    .replace("Offers to", "Offers  to")
            },
            true,
        );
        check(
            |t| t.replace("## Safe", "<!-- checked -->\n\n\n## Safe"),
            true,
        );
        check(
            |t| {
                t.replace(
                    "T4 History, unless a price is given.\nT5 News.",
                    "T5 News.\nT4 History, unless a price is given.",
                )
            },
            true,
        );
        check(|t| t.replace('T', "R").replace("Robacco", "Tobacco"), true);
        // Two rules that swap their numbers, the precedence with them.
        let swap = |t: &str| t.replace("T1", "X").replace("T2", "T1").replace('X', "T2");
        check(swap, true);
        // The same without the precedence says something else.
        check(|t| swap(t).replace("T2 over T4", "T1 over T4"), false);
        check(|t| t.replace("Offers to sell", "Selling"), false);
        check(|t| t.replace(", unless a price is given", ""), false);
        check(|t| t.replace("T5 News.\n", ""), false);
        // A rule that changes sides changes the policy.
        check(
            |t| {
                t.replace("T5 News.\n", "")
                    .replace("T3 Evades", "T5 News.\nT3 Evades")
            },
            false,
        );
        check(|t| t.replace("BAD: violates", "EVIL: violates"), false);
    }

    #[test]
    fn counted_rules_keep_their_order() {
        let steps = "# P\n\n## Rules\n1. First look at the price.\n2. Then judge.\n";
        let swapped = "# P\n\n## Rules\n1. Then judge.\n2. First look at the price.\n";
        assert!(!same(&policy(steps), &policy(swapped)));
        for seed in 1..9 {
            assert_eq!(
                pair(&policy(steps), &policy(steps), seed).0.body,
                policy(steps).body
            );
        }
    }

    #[test]
    fn a_seed_puts_both_in_one_order_and_loses_no_line() {
        let before = policy(TEXT);
        let edited = TEXT
            .replace("T2 Promotes smoking.", "T2 Praises smoking.")
            .replace("T5 News.", "T5 News.\nT6 Jokes.");
        let after = policy(&edited);
        let sorted = |body: &str| {
            let mut lines: Vec<String> = body.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let order = |body: &str, ids: &[&str]| -> Vec<usize> {
            ids.iter().map(|id| body.find(id).unwrap()).collect()
        };
        let mut orders = BTreeSet::new();
        for seed in 0..40 {
            let (a, b) = pair(&before, &after, seed);
            assert_eq!(sorted(&a.body), sorted(&before.body));
            assert_eq!(sorted(&b.body), sorted(&after.body));
            let at = |body: &str| order(body, &["T1 O", "T3 E", "T4 H", "T5 N"]);
            let rank = |at: Vec<usize>| (at[0] < at[1], at[2] < at[3]);
            assert_eq!(rank(at(&a.body)), rank(at(&b.body)), "seed {seed}");
            orders.insert(a.body);
        }
        assert!(orders.len() > 6, "{}", orders.len());
        assert_eq!(pair(&before, &after, 0).1.body, after.body);
    }
}
