//! Replies as models give them, well-formed and not.

use super::*;
use proptest::prelude::*;

fn contract(kind: OutputKind, labels: &[(&str, Expected)]) -> OutputContract {
    OutputContract {
        kind,
        labels: labels
            .iter()
            .map(|(label, side)| ((*label).to_owned(), *side))
            .collect(),
    }
}

fn show(contract: &OutputContract, answers: &[&str]) -> String {
    let lines: Vec<String> = answers
        .iter()
        .map(|answer| {
            let reading = read(contract, answer);
            let said = match (&reading.unparsed_reason, &reading.label) {
                (Some(reason), _) => format!("unparsed: {reason}"),
                (None, Some(label)) => format!("{:?} {label} {:?}", reading.verdict, reading.rules),
                (None, None) => format!("{:?} {:?}", reading.verdict, reading.rules),
            };
            format!("{answer:?}\n    {said}")
        })
        .collect();
    lines.join("\n")
}

use Expected::{Safe, Violates};

#[test]
fn labels() {
    let contract = contract(OutputKind::Label, &[("VALID", Safe), ("INVALID", Violates)]);
    insta::assert_snapshot!(show(
        &contract,
        &[
            "VALID",
            "  invalid\n",
            "**INVALID**",
            "`VALID`.",
            "\"INVALID\"",
            "```\nINVALID\n```",
            "```text\nVALID\n```",
            "```INVALID```",
            "INVALID SP2.a",
            "INVALID (SP2.a, SP3.c)",
            "INVALID: SP2.a – cold promotion",
            "INVALID T1, T3",
            "INVALID 3.2(a)",
            "INVALID\nSP2.a",
            "INVALID rules 1 and 3",
            "INVALID prohibited-2",
            "INVALID 第三条",
            "INVALID under §4.1.",
            "INVALID - the user breaks SP2.a",
            "INVALID\n\nThe text sells tobacco, which is not VALID use.",
            "Verdict: INVALID",
            "Final answer: **VALID**",
            "The answer is INVALID.",
            "INVALID + ESCALATE",
            "VALID / INVALID",
            "VALID or INVALID",
            "VALID\nINVALID",
            "INVALID\n\nFinal answer: VALID",
            "INVALID\nINVALID",
            "{\"label\": \"INVALID\", \"rule_ids\": [\"SP2.a\"]}",
            "{\"label\": \"VALID\", \"verdict\": \"INVALID\"}",
            "{\"score\": 1}",
            "INVALIDATED",
            "This is not VALID.",
            "maybe",
            "1",
            "",
            "   ",
            "```\n```",
            "Validation passed",
        ]
    ));
}

#[test]
fn severity_labels_take_the_longest() {
    let contract = contract(
        OutputKind::Label,
        &[
            ("SP0", Safe),
            ("SP2", Violates),
            ("SP20", Violates),
            ("SP2.x", Violates),
        ],
    );
    insta::assert_snapshot!(show(
        &contract,
        &[
            "SP2",
            "sp20",
            "SP2.x",
            "SP2.a",
            "SP2 SP2.a",
            "SP2, SP20",
            "SP0, SP2",
            "SP3",
            "SP2."
        ]
    ));
}

#[test]
fn chinese_labels() {
    let contract = contract(OutputKind::Label, &[("违规", Violates), ("合规", Safe)]);
    insta::assert_snapshot!(show(
        &contract,
        &[
            "违规",
            "违规 第一条",
            "判定：合规",
            "「违规」",
            "合规。",
            "违规，因为出售烟草",
            "不违规",
            "违规 或 合规"
        ]
    ));
}

#[test]
fn binary() {
    insta::assert_snapshot!(show(
        &contract(OutputKind::Binary, &[]),
        &[
            "1",
            "0",
            " 1\n",
            "`0`",
            "1.",
            "0 - history of tobacco",
            "1: breaks T1",
            "Answer: 1",
            "１",
            "{\"violation\": 1}",
            "```json\n{\"violation\": 0}\n```",
            "10",
            "1.5",
            "-1",
            "2",
            "1 0",
            "0 or 1",
            "1\n0",
            "1. First, the text sells tobacco.\n2. Then it links.",
            "yes",
            "violates",
        ]
    ));
}

#[test]
fn json() {
    insta::assert_snapshot!(show(
        &contract(OutputKind::Json, &[]),
        &[
            r#"{"violation": 1, "policy_category": "H2.f"}"#,
            r#"{"violation":0,"policy_category":null,"rule_ids":[]}"#,
            r#"{"violation": "1", "rule_ids": ["H2.f", "H2.g"], "confidence": "high"}"#,
            r#"{"violation": true}"#,
            r#"{"violation": 0.0}"#,
            r#"{"violation": 1, "rule_ids": "H2.f"}"#,
            r#"{"violation": 1, "rule_ids": [3, null]}"#,
            "```json\n{\"violation\": 1}\n```",
            "Here is my verdict: {\"violation\": 1, \"policy_category\": \"H2.f\"}. It sells weapons {see above}.",
            r#"{"violation": 1} {"violation": 1}"#,
            r#"{"violation": 1} {"violation": 0}"#,
            r#"{"violation": 1, "violation": 0}"#,
            r#"{"violation": 2}"#,
            r#"{"violation": null}"#,
            r#"{"violation": "maybe"}"#,
            r#"{"violation": 0.5}"#,
            r#"{"verdict": "unsafe"}"#,
            r#"{"violation": 1"#,
            r#"{'violation': 1}"#,
            "1",
            "[1]",
            "",
        ]
    ));
}

#[test]
fn a_category_on_the_other_side_is_a_contradiction() {
    let contract = contract(OutputKind::Json, &[("SP0", Safe), ("SP4", Violates)]);
    insta::assert_snapshot!(show(
        &contract,
        &[
            r#"{"violation": 1, "policy_category": "SP4"}"#,
            r#"{"violation": 1, "policy_category": "SP0"}"#,
            r#"{"violation": 0, "policy_category": "SP4"}"#,
            r#"{"violation": 1, "policy_category": "SP9"}"#,
        ]
    ));
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic_and_reasons_come_with_unparsed(text in ".{0,60}", kind in 0..3) {
        let contract = match kind {
            0 => contract(OutputKind::Label, &[("OK", Safe), ("违规", Violates)]),
            1 => contract(OutputKind::Binary, &[]),
            _ => contract(OutputKind::Json, &[]),
        };
        let reading = read(&contract, &text);
        prop_assert_eq!(reading.verdict == Verdict::Unparsed, reading.unparsed_reason.is_some());
    }

    #[test]
    fn a_label_is_read_through_case_space_and_explanation(
        upper in any::<bool>(), before in "[ \n\t]{0,3}", explanation in "(\\. [a-z ]{0,20})?", fenced in any::<bool>()
    ) {
        let contract = contract(OutputKind::Label, &[("Safe", Safe), ("Harm", Violates)]);
        let label = if upper { "HARM" } else { "harm" };
        let body = format!("{before}{label}{explanation}");
        let text = if fenced { format!("```\n{body}\n```") } else { body };
        let reading = read(&contract, &text);
        prop_assert_eq!(reading.verdict, Verdict::Violates);
        prop_assert_eq!(reading.label.as_deref(), Some("Harm"));
    }
}
