//! Policies as people write them, good and bad.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use proptest::prelude::*;

fn show(clauses: &[Clause]) -> String {
    let lines: Vec<String> = clauses
        .iter()
        .map(|clause| {
            let range = format!("{}-{}", clause.line_start, clause.line_end);
            let mark = if clause.explicit { "" } else { " (generated)" };
            format!("{range:>7}  {}{mark} | {}", clause.id, clause.text)
        })
        .collect();
    lines.join("\n")
}

fn ids(text: &str) -> Vec<String> {
    clauses(text).into_iter().map(|clause| clause.id).collect()
}

const TOBACCO: &str = "---
id: tobacco
title: Tobacco on the marketplace
labels:
  VIOLATES: violates
  SAFE: safe
effort: medium
---

# Tobacco on the marketplace

## Instruction
Decide whether the listing breaks this policy. Answer VIOLATES or SAFE, then the clause.
1. Read the clauses.
2. Answer.

## Definitions
- Tobacco: leaves of the plant and what is made of them.

## Rules
- **T1** Offers to sell tobacco violate,
  whoever sells.
- T2: Help for minors to buy tobacco violates.
  - T2.a Fake papers.
  - a sibling without a code

## Exceptions
- T3: History, art and health information are safe. T3 takes precedence over T1.

## Examples
- \"Fresh snus, 5 euros\" -> VIOLATES T1
- T1: \"A painting of a pipe\" -> SAFE
";

#[test]
fn a_whole_policy() {
    let policy = parse(TOBACCO.as_bytes()).unwrap();
    assert_eq!(policy.id, "tobacco");
    assert_eq!(policy.effort, Effort::Medium);
    assert_eq!(policy.output.kind, OutputKind::Label);
    assert_eq!(
        policy.output.labels[0],
        ("VIOLATES".to_owned(), Expected::Violates)
    );
    assert_eq!(policy.warnings, []);
    assert!(
        policy
            .body
            .starts_with("# Tobacco on the marketplace\n\n## Instruction")
    );
    assert!(policy.body.ends_with("-> SAFE"));
    insta::assert_snapshot!(show(&policy.clauses));
}

#[test]
fn sections_that_explain_are_known_by_name_in_four_languages() {
    let explaining = [
        "Definitions",
        "Output format",
        "Definiciones",
        "Términos:",
        "Instrucciones",
        "Ejemplos",
        "التعريفات",
        "المهمة",
        "أمثلة",
        "定义",
        "示例",
    ];
    let ruling = [
        "Prohibido",
        "Violates",
        "المحظور",
        "違規",
        "Tareas domésticas",
    ];
    for heading in explaining {
        assert!(super::lines::explains(heading), "{heading}");
    }
    for heading in ruling {
        assert!(!super::lines::explains(heading), "{heading}");
    }
}

#[test]
fn clause_styles() {
    let all = [
        (
            "dotted codes below the line that names their family",
            "ALLOWED STUFF\n\n🚫 Likely Spam (SP2 – Medium)\nUnsolicited promotion.\nSP2.a Cold – “Check this”\n\n\nSP2.b Ads – “Buy”\n ❌ Output: INVALID\n\nLABEL FORMAT\nEach item gets two labels:\nSP2: likely",
        ),
        (
            "codes in headings",
            "## Promotion (ARS1 - Promotion)\n\nContent that encourages.\n\nExamples:\n\n- ARS1.a Encouragement: try\n- ARS1.b Normal\n\nOutput: `INVALID`\n\n## Label Format\n- `ARS1`: promotion",
        ),
        (
            "bold codes",
            "## Remove\n\n**TVEC1: Branded content.**\nProduced by actors.\n\nExamples: \n- Statements\n- Pledges\n\n**TVEC2: Threats.**\nMust have two:\n  - a target;\n  - a time;\nOne is not enough.\n\n---\n\nAfter the line.",
        ),
        (
            "numbers with bullets",
            "POLICY\n\n1. ACTIONABILITY\n- Must be practical.\n- Must be specific.\n\n2. FACTS\n- Must be correct.",
        ),
        (
            "numbered headings",
            "# Use\n\n## 1. Law\n\nYou obey\nthe law.\n\n## 2. Safety\n\nWe do not allow:\n\n* harm\n  to people;\n\n* threats, such as\n   * violence\n\nUnowned.",
        ),
        (
            "legal outline",
            "## § 4.1 Harm\n\n(a) threats\n(b) doxing\n    (i) addresses\n    (ii) photographs\n(c) slurs\n\n3.2 No sales.\n3.3 No ads",
        ),
        (
            "chinese articles",
            "# 规则\n\n## 定义\n- 烟草：烟叶及其制品。\n\n## 规定\n第一条 禁止出售烟草制品。\n第二条 禁止向未成年人推销。\n继续说明。\n\n第三条：历史、艺术除外。\n\n## 示例\n- 第一条：卖烟",
        ),
        (
            "chinese numerals",
            "一、总则\n（一）禁止烟草\n（二）禁止赌博\n二、例外\n（一）历史",
        ),
        (
            "table",
            "## Rules\n\n| Code | Rule |\n|---|---|\n| W1 | No guns |\n| W2 | No knives |\n\n## More\n\n| Goods | Verdict |\n|:--|--:|\n| beer | no |\n| wine | no |",
        ),
        (
            "no codes",
            "# House rules\n\nWe do not tolerate abuse:\n\n* Attacks\n* Piling on\n\n## Doxxing and invasion of privacy\n\nDo not post addresses.\n\nNor photographs.\n\n## How to report\n\nWrite to us.",
        ),
        (
            "lists that count again",
            "## Prohibited\n1. guns\n2. drugs\n\n## Restricted\n1. alcohol\n2. fireworks",
        ),
        ("nothing but prose", "No spam here. Ever.\n\nNo ads either."),
        (
            "codes without punctuation",
            "## Violates\nT1 Offers to sell.\nT2 Promotes smoking\nas desirable.\n\n## Safe\nMP3 files are music.\nT4 History.\n4.5 million people smoke.\n\n## Precedence\nSafe rules win. T1 over T4.",
        ),
        (
            "numbers with letters",
            "## Violations\n4a Offering papers.\n4b Looking for papers.\n\n## Safe\n5a Memories.",
        ),
        (
            "examples that rule",
            "## Standards\n\nExamples of what we do not accept include:\n\n* Insults of\n  any kind\n* Threats\n\nExamples:\n\n* \"You fool\n  of a man\"\n* \"I will\"",
        ),
        (
            "fences are text",
            "- T1: like this\n  ```\n  - T2: not a rule\n  ```\n- T3: next",
        ),
        (
            "setext",
            "House rules\n===========\n\nProhibited\n----------\n- guns",
        ),
        (
            "farsi numbers",
            "۱. کارآمدی\n- پاسخ باید عملی باشد.\n\n۲. دقت\n- درست",
        ),
    ];
    let shown: Vec<String> = all
        .iter()
        .map(|(name, text)| format!("{name}\n{}", show(&clauses(text))))
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn generated_ids_survive_edits_elsewhere() {
    let before = "## Allowed\n- a\n## Prohibited\n- b\n- c";
    let after = "## Introduction\nNew.\n## Allowed\n- new\n- a\n## Prohibited\n- b\n- c";
    let kept = |text| -> Vec<String> {
        ids(text)
            .into_iter()
            .filter(|id| id.starts_with("prohibited"))
            .collect()
    };
    assert_eq!(kept(before), ["prohibited-b", "prohibited-c"]);
    assert_eq!(kept(before), kept(after));
}

/// A rule put in, taken out or reworded leaves the ids of all others as they were, in every
/// sample policy and wherever it stands.
#[test]
fn an_edit_keeps_the_ids_of_what_it_did_not_touch() {
    let own = [
        include_str!("../../../../policies/harassment.md"),
        include_str!("../../../../policies/spam.md"),
        include_str!("../../../../policies/tobacco.md"),
        include_str!("../../../../policies/赌博.md"),
    ];
    let written = [
        "# P\n\n## Prohibited\n- selling tobacco\n- selling alcohol\n- selling tobacco to minors\n\n## Allowed\n- history\n- 科学研究与历史\n- 艺术\n",
        "1. ONE\n- must be practical\n- must be specific\n\n2. TWO\n- must be right\n",
        "No spam here. Ever.\n\nNo ads either.\n\nNo scams.\n",
        "## Remove\n\n**T1: Content.** Bad.\n\n**T2: Threats.** Bad.\n\n| a | b |\n|---|---|\n| W1 | guns |\n| W2 | knives |\n",
    ];
    for text in own.into_iter().chain(written) {
        let before = clauses(text);
        assert!(before.len() >= 3);
        for touched in &before {
            let lines: Vec<&str> = text.lines().collect();
            let at = touched.line_start as usize - 1;
            let edits = [
                (
                    "reworded",
                    edited(&lines, at, Some(&format!("{} indeed", lines[at]))),
                ),
                ("removed", edited(&lines, at, None)),
                ("put in", inserted(&lines, at, &a_new_rule(&lines))),
            ];
            for (what, edit) in edits {
                let mut after = clauses(&edit).into_iter();
                for kept in before.iter().filter(|kept| apart(kept, touched)) {
                    let found = after.find(|clause| clause.text == kept.text);
                    assert_eq!(
                        found.map(|clause| clause.id),
                        Some(kept.id.clone()),
                        "{} {what}:\n{edit}",
                        touched.id
                    );
                }
            }
        }
    }
}

/// Neither of the two holds the other: a family's text goes on below its members.
fn apart(a: &Clause, b: &Clause) -> bool {
    let family = |a: &str, b: &str| a.starts_with(b) || b.starts_with(a);
    !family(&a.id, &b.id) && (a.line_end + 1 < b.line_start || b.line_end + 1 < a.line_start)
}

fn edited(lines: &[&str], at: usize, with: Option<&str>) -> String {
    let mut lines = lines.to_vec();
    match with {
        Some(line) => lines[at] = line,
        None => {
            lines.remove(at);
        }
    }
    lines.join("\n")
}

/// A text of paragraphs gets a paragraph, one of lists an item.
fn a_new_rule(lines: &[&str]) -> String {
    let lists = lines.iter().any(|line| line.starts_with(['-', '*', '|']));
    let rule = "quite another rule of ours";
    if lists {
        format!("- {rule}")
    } else {
        format!("{rule}\n")
    }
}

fn inserted(lines: &[&str], at: usize, line: &str) -> String {
    let mut lines = lines.to_vec();
    lines.insert(at, line);
    lines.join("\n")
}

#[test]
fn clauses_follow_typing_through_broken_front_matter() {
    assert_eq!(ids("---\ntitle: [\n---\n- T1: x"), ["T1"]);
    assert_eq!(clauses("---\ntitle: x\n---\n\n- T1: x")[0].line_start, 5);
    assert_eq!(ids(""), Vec::<String>::new());
}

#[test]
fn what_the_model_does_not_read_makes_no_revision() {
    let revision = |text: &str| parse(text.as_bytes()).unwrap().revision;
    let base = revision(TOBACCO);
    assert_eq!(base.0.len(), 64);
    let same = [
        format!("\u{feff}{TOBACCO}"),
        TOBACCO.replace('\n', "\r\n"),
        TOBACCO.replace('\n', "\r"),
        TOBACCO.replace("sells.\n", "sells. \t\n"),
        format!("{TOBACCO}\n\n  \n"),
        TOBACCO.replace("## Rules\n", "## Rules\n<!-- ask legal -->\n"),
        TOBACCO.replace("## Rules\n", "<!-- several\n\nlines -->\n\n## Rules\n"),
        TOBACCO.replace("whoever sells", "whoever <!-- hm --> sells"),
        TOBACCO.replace("effort: medium", "effort: high\nowner: trust"),
        TOBACCO.replace("title: Tobacco on the marketplace", "title: Another"),
        TOBACCO.replace(
            "  VIOLATES: violates\n  SAFE: safe",
            "  SAFE: safe\n  VIOLATES: violates",
        ),
    ];
    for text in &same {
        assert_eq!(revision(text), base, "{text}");
    }
    let different = [
        TOBACCO.replace("whoever", "Whoever"),
        TOBACCO.replace("  SAFE: safe", "  SAFE: safe\n  FINE: safe"),
        TOBACCO.replace("## Rules\n", "## Rules\n\n"),
        TOBACCO.replace("## Rules\n", "## Rules\n`<!-- shown -->`\n"),
    ];
    for text in &different {
        assert_ne!(revision(text), base, "{text}");
    }
}

#[test]
fn comments_in_code_and_unclosed_ones_are_text() {
    let body = |text: &str| parse(text.as_bytes()).unwrap().body;
    assert_eq!(body("a `<!--` b <!-- c --> d"), "a `<!--` b d");
    assert_eq!(body("a <!-- b\n- T1: c"), "a <!-- b\n- T1: c");
    assert_eq!(body("```\n<!-- a -->\n```\nb"), "```\n<!-- a -->\n```\nb");
    assert_eq!(body("--> <!-- a\nb"), "--> <!-- a\nb");
    assert_eq!(body("a <!-- b --> c <!-- d\ne --> f"), "a c\nf");
    assert_eq!(body("a\n\n<!-- b -->\n\nc"), "a\n\nc");
}

#[test]
fn output_contracts_are_declared_or_inferred() {
    let show = |text: &str| {
        let policy = parse(text.as_bytes()).unwrap();
        let labels: Vec<String> = policy
            .output
            .labels
            .iter()
            .map(|(label, side)| format!("{label}={side:?}"))
            .collect();
        format!(
            "{} | {} | {:?} {} | {:?}",
            policy.id,
            policy.title,
            policy.output.kind,
            labels.join(" "),
            policy.warnings
        )
    };
    let all = [
        "---\nlabels: {SP4: violates, SP0: Safe, 2: violates}\n---\n# Spam & scams\nx",
        "---\noutput: binary\nid: 7\n---\nx",
        "---\noutput: json\nlabels: {H1: violates, H0: safe}\ntitle: Hate\n---\nx",
        "---\noutput: binary\nlabels: {1: violates, 0: safe}\n---\nx",
        "---\n---\nx",
        "# Hate speech policy\nAnswer {\"violation\": 1}",
        "Answer VALID or INVALID.",
        "Answer SAFE or VIOLATES.",
        "Answer INVALID only.",
        "---\ntitle: GitHub\nredirect_from:\n  - /a\nversions:\n  fpt: '*'\n---\nx",
        "+++\ntitle = \"x\"\n+++\n# Covenant\nx",
    ];
    insta::assert_snapshot!(all.map(show).join("\n"));
}

#[test]
fn bad_files_are_refused_with_place_and_remedy() {
    let refusal = |bytes: &[u8]| {
        let error = parse(bytes).unwrap_err();
        let line = error
            .line
            .map_or_else(|| "-".to_owned(), |line| line.to_string());
        format!("{line}: {error}")
    };
    let all: [&[u8]; 19] = [
        b"",
        b"\xef\xbb\xbf \n\n",
        b"---\ntitle: x\n---\n\n<!-- only a comment -->\n",
        b"# Caf\xe9\n",
        b"# ok\nline two\nbad \xff here\n",
        b"\xff\xfea\x00b\x00",
        b"---\ntitle: x\n- T1: never closed\n",
        b"---\ntitle: a: b\n---\nx",
        b"---\nid: x\nlabels:\n  A: violates\n bad indent\n---\nx",
        b"---\n- a\n- b\n---\nx",
        b"---\nlabels: none\n---\nx",
        b"---\nlabels:\n  A: violates\n  B: violates\n---\nx",
        b"---\nlabels:\n  A: violates\n  B: maybe\n---\nx",
        b"---\nlabels:\n  A: violates\n  a: safe\n---\nx",
        b"---\nlabels:\n  A: violates\n  A: safe\n---\nx",
        b"---\noutput: label\n---\nx",
        b"---\noutput: yes or no\n---\nx",
        b"---\noutput: binary\nlabels: {0: violates, 1: safe}\n---\nx",
        b"---\ntitle: x\neffort: extreme\n---\nx",
    ];
    insta::assert_snapshot!(all.map(refusal).join("\n"));
}

#[test]
fn lint_warns_where_verdicts_waver() {
    let show = |text: &str| -> String {
        lint(text)
            .iter()
            .map(|(line, message)| format!("{line}: {message}\n"))
            .collect()
    };
    assert_eq!(show(TOBACCO), "");
    let vague = "---
labels: {VALID: safe, INVALID: violates}
---
# Ads
## Rules
- A1: Ads are generally prohibited.
- A2: Ads for books are allowed, unless paid.
- A1: \"usually\" quoted is fine.
- A3: 通常允许。
<!-- forgotten
## Examples
- A1: usually an example
";
    insta::assert_snapshot!(show(vague));
    assert_eq!(
        show("---\noutput: binary\n---\nAnswer 1 or 0.\n- A1: No ads."),
        ""
    );
    assert_eq!(show(""), "");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn clauses_lie_in_the_file_apart_and_with_one_name_each(
        text in "((# |## |- |\\* |1\\. |\\(a\\) |T1: |SP2\\.a |第一条 |\\| |  |---|```|<!--|-->|x|Examples:|\\*\\*)|\n){0,40}"
    ) {
        let all = clauses(&text);
        let count = u32::try_from(body::lines(&text).count()).unwrap();
        let mut names = std::collections::HashSet::new();
        let mut at = 0;
        for clause in &all {
            prop_assert!(clause.line_start > at && clause.line_start <= clause.line_end && clause.line_end <= count);
            prop_assert!(names.insert(&clause.id));
            at = clause.line_start;
        }
        let _ = lint(&text);
    }

    #[test]
    fn a_comment_between_lines_changes_nothing(
        lines in prop::collection::vec("[a-z#*]{0,4}", 1..8), at in any::<prop::sample::Index>()
    ) {
        let plain = format!("x\n{}\nx", lines.join("\n"));
        let mut with = lines.clone();
        with.insert(at.index(lines.len() + 1), "<!-- aside -->".to_owned());
        let commented = format!("x\n{}\nx", with.join("\n"));
        let body = |text: &str| parse(text.as_bytes()).unwrap().body;
        // One of two blank lines around the comment goes with it.
        let squeeze = |text: &str| {
            let mut lines: Vec<String> = body(text).lines().map(str::to_owned).collect();
            lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
            lines
        };
        prop_assert_eq!(squeeze(&commented), squeeze(&plain));
    }
}

/// YAML ends lines at more characters than editors do.
#[test]
fn a_fault_lies_within_the_file() {
    let text = "---\nid: a\u{2028}\u{2028}\u{2028}\u{2028}\u{2028}: {\n---\nx\n";
    let error = parse(text.as_bytes()).unwrap_err();
    assert!(error.line.is_some_and(|line| line <= 3), "{error:?}");
}
