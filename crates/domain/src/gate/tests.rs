//! Gates as people write them, and runs that they hold or do not hold.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::case::{Case, CaseKind, Content};
use crate::policy::OutputKind;
use crate::verdict::Expected;
use proptest::prelude::*;

const V: Verdict = Verdict::Violates;
const S: Verdict = Verdict::Safe;
const U: Verdict = Verdict::Unparsed;

fn contract(labels: &[(&str, Expected)]) -> OutputContract {
    OutputContract {
        kind: OutputKind::Label,
        labels: labels
            .iter()
            .map(|(label, side)| ((*label).to_owned(), *side))
            .collect(),
    }
}

fn two_labels() -> OutputContract {
    contract(&[("BAD", Expected::Violates), ("OK", Expected::Safe)])
}

fn case(id: &str, expected: Option<Expected>) -> Case {
    Case {
        expected,
        ..Case::new(
            id.to_owned(),
            Content::Text("content".to_owned()),
            CaseKind::UserInput,
        )
    }
}

/// Cases in groups: how many, what they expect, what the run says.
fn suite(groups: &[(u32, Option<Expected>, Verdict)]) -> Vec<(Case, Verdict)> {
    let mut cases = Vec::new();
    for (count, expected, verdict) in groups {
        for _ in 0..*count {
            cases.push((case(&format!("c{}", cases.len()), *expected), *verdict));
        }
    }
    cases
}

fn rows(cases: &[(Case, Verdict)]) -> Vec<Row<'_>> {
    cases
        .iter()
        .map(|(case, verdict)| Row {
            case,
            verdict: *verdict,
            label: None,
            regressed: None,
        })
        .collect()
}

fn held(
    file: &str,
    contract: &OutputContract,
    rows: &[Row<'_>],
) -> Result<Vec<GateResult>, Vec<GateProblem>> {
    let gates = parse(file).unwrap();
    evaluate(&gates.of("spam"), &Evidence { contract, rows })
}

/// What a person would read of it, one line a gate.
fn told(result: Result<Vec<GateResult>, Vec<GateProblem>>) -> String {
    let lines: Vec<String> = match result {
        Ok(results) => results
            .iter()
            .map(|result| format!("{:?} {} {:?}", result.state, result.message, result.cases))
            .collect(),
        Err(problems) => problems
            .iter()
            .map(|problem| format!("line {}: {}", problem.line, problem.message))
            .collect(),
    };
    lines.join("\n")
}

fn mixed() -> Vec<(Case, Verdict)> {
    let (violates, safe) = (Some(Expected::Violates), Some(Expected::Safe));
    suite(&[
        (18, violates, V),
        (3, violates, S),
        (1, violates, U),
        (2, safe, V),
        (15, safe, S),
        (1, safe, U),
        (4, None, V),
    ])
}

#[test]
fn every_metric_has_its_value_and_its_cases() {
    let file = "[gates]\nprecision_min = 0.9\nrecall_min = 0.9\nf1_min = 0.9\nfpr_max = 0.1\n\
                fnr_max = 0.1\nkappa_min = 0.7\nmcc_min = 0.6\nunparsed_max = 1\n\
                cases_per_label_min = 20\n";
    let cases = mixed();
    insta::assert_snapshot!(told(held(file, &two_labels(), &rows(&cases))));
}

/// Reference: sklearn.metrics.cohen_kappa_score and matthews_corrcoef over the same lists,
/// an unparsed reply being a third class.
#[test]
fn agreement_is_that_of_scikit_learn() {
    let cases = mixed();
    let results = held(
        "[gates]\nkappa_min = 0\nmcc_min = 0",
        &two_labels(),
        &rows(&cases),
    );
    let values: Vec<f64> = results.unwrap().iter().map(|r| r.value.unwrap()).collect();
    assert!((values[0] - KAPPA).abs() < 1e-12, "{values:?}");
    assert!((values[1] - MCC).abs() < 1e-12, "{values:?}");
}

const KAPPA: f64 = 0.665_071_770_334_928_3;
const MCC: f64 = 0.669_042_887_782_076_4;

#[test]
fn what_no_suite_can_measure_is_an_error_with_its_place() {
    let safe = suite(&[(3, Some(Expected::Safe), S)]);
    let unlabelled = suite(&[(2, None, V)]);
    let file = "[gates]\nrecall_min = 0.5\nregressions_max = 0\n[gates.tags.hard]\nunparsed_max = 0\n\
                [gates.labels.WORSE]\nprecision_min = 0.5\n[gates.labels.BAD]\nfpr_max = 0.5\n";
    let all = [
        told(held(file, &two_labels(), &rows(&safe))),
        told(held(file, &two_labels(), &rows(&unlabelled))),
        told(held(file, &two_labels(), &[])),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn what_a_run_does_not_measure_is_not_passed() {
    let (violates, safe) = (Some(Expected::Violates), Some(Expected::Safe));
    let file = "[gates]\nprecision_min = 0\nfpr_max = 1\nkappa_min = -1\nmcc_min = -1\nregressions_max = 9\n";
    let missed = suite(&[(2, violates, S), (1, safe, U)]);
    let all_right = suite(&[(2, violates, V)]);
    let one_side = "[gates]\nkappa_min = -1\nmcc_min = -1";
    let all = [
        told(held(file, &two_labels(), &rows(&missed))),
        told(held(one_side, &two_labels(), &rows(&all_right))),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn regressions_are_the_cases_right_before_and_wrong_now() {
    let cases = mixed();
    let mut rows = rows(&cases);
    for row in &mut rows {
        row.regressed = Some(row.case.id == "c18" || row.case.id == "c22");
    }
    rows[0].regressed = None;
    let results = held("[gates]\nregressions_max = 1", &two_labels(), &rows).unwrap();
    assert_eq!(results[0].state, GateState::Failed);
    assert_eq!(results[0].cases, ["c18", "c22"]);
    assert_eq!(
        results[0].message,
        "regressions against the baseline at most 1: it is 2 over 39 cases judged in both."
    );
}

#[test]
fn a_label_is_held_against_all_others() {
    let levels = contract(&[
        ("SP0", Expected::Safe),
        ("SP2", Expected::Violates),
        ("SP4", Expected::Violates),
    ]);
    let mut cases = suite(&[
        (4, Some(Expected::Violates), V),
        (2, Some(Expected::Safe), V),
        (2, Some(Expected::Safe), S),
    ]);
    for (at, label) in ["SP4", "SP4", "SP4", "SP2"].into_iter().enumerate() {
        cases[at].0.label = Some(label.to_owned());
    }
    let mut rows = rows(&cases);
    for (at, label) in ["SP4", "SP4", "SP2", "SP4", "SP4", "SP2"]
        .into_iter()
        .enumerate()
    {
        rows[at].label = Some(label);
    }
    let file = "[gates.labels.SP4]\nprecision_min = 0.6\nrecall_min = 0.7\ncases_per_label_min = 3\n\
                [gates.labels.SP0]\nrecall_min = 0.5\n[gates]\ncases_per_label_min = 2\n";
    insta::assert_snapshot!(told(held(file, &levels, &rows)));
}

#[test]
fn a_tag_narrows_the_cases() {
    let mut cases = mixed();
    for (at, (case, _)) in cases.iter_mut().enumerate() {
        if at % 10 == 0 {
            case.tags.push("hard".to_owned());
        }
    }
    let file = "[gates.tags.hard]\nrecall_min = 0.7\nunparsed_max = 0\ncases_per_label_min = 4";
    insta::assert_snapshot!(told(held(file, &two_labels(), &rows(&cases))));
}

#[test]
fn a_value_that_misses_its_bound_is_not_shown_as_the_bound() {
    let cases = suite(&[
        (8996, Some(Expected::Violates), V),
        (1004, Some(Expected::Violates), S),
    ]);
    let results = held("[gates]\nrecall_min = 0.9", &two_labels(), &rows(&cases)).unwrap();
    assert_eq!(results[0].state, GateState::Failed);
    assert_eq!(
        results[0].message,
        "recall at least 90 %: it is 89.96 % (8996 of 10000)."
    );
}

#[test]
fn bad_files_are_named_line_by_line() {
    let files = [
        "model = \"pebble\"\n[gates\nrecall_min = 0.9",
        "[gates]\nrecal_min = 0.9\nno_such = 1\nrecall_min = 90\nfpr_max = -0.1\nkappa_min = 1.5\n\
         unparsed_max = 0.5\nregressions_max = -1\ncases_per_label_min = 0\nf1_min = \"high\"\nmcc_min = nan\nprecision_min = true",
        "gates = 1",
        "[gates]",
        "[gates.policies]",
        "[gates.policies.spam]",
        "[gates.policies.spam.policies.x]\nrecall_min = 0.5",
        "[gates.tags.\"难\".labels.x]\nrecall_min = 0.5",
        "[gates]\nrecall_min = 0.5\nrecall_min = 0.6",
        "[gates.labels]\nSP4 = 0.5",
    ];
    let all: Vec<String> = files
        .iter()
        .map(|file| match parse(file) {
            Ok(gates) => format!("no error: {gates:?}"),
            Err(problems) => told(Err(problems)),
        })
        .collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn a_policy_overrides_the_general_gate_and_keeps_the_others() {
    let gates = parse(
        "# Gates\nmodel = \"pebble\"\n[gates]\nrecall_min = 0.9\nfpr_max = 0.1\n[gates.policies.spam]\nrecall_min = 0.8\n\
         [gates.policies.\"赌博\".tags.\"难\"]\nrecall_min = 0.5\n",
    )
    .unwrap();
    let shown = |policy: &str| -> Vec<String> {
        let own = gates.of(policy);
        own.iter()
            .map(|gate| format!("{} {} = {}", gate.line, gate.place(), gate.bound))
            .collect()
    };
    assert_eq!(
        shown("spam"),
        [
            "5 [gates] fpr_max = 0.1",
            "7 [gates.policies.spam] recall_min = 0.8"
        ]
    );
    assert_eq!(
        shown("赌博"),
        [
            "4 [gates] recall_min = 0.9",
            "5 [gates] fpr_max = 0.1",
            "9 [gates.policies.\"赌博\".tags.\"难\"] recall_min = 0.5"
        ]
    );
    let problems = gates.check_policies(&["ads".to_owned(), "spam".to_owned()]);
    assert_eq!(
        told(Err(problems)),
        "line 9: [gates.policies.\"赌博\".tags.\"难\"] recall_min: there is no policies/赌博.md. \
         Name one of ads, spam, or remove the gate."
    );
}

#[test]
fn other_tables_are_left_to_their_owners() {
    assert!(
        parse("model = \"x\"\n[serve]\nport = 1")
            .unwrap()
            .is_empty()
    );
    assert!(parse("").unwrap().is_empty());
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(V), Just(S), Just(U)]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = parse(&text);
    }

    /// A gate that fails names a case, and every case it names counts against it: were they
    /// all judged as expected, it would pass.
    #[test]
    fn the_cases_named_are_what_fails(
        given in proptest::collection::vec((any::<bool>(), verdicts()), 2..40),
    ) {
        let mut cases: Vec<(Case, Verdict)> = given
            .iter()
            .enumerate()
            .map(|(at, (bad, verdict))| {
                let side = if *bad { Expected::Violates } else { Expected::Safe };
                (case(&format!("c{at}"), Some(side)), *verdict)
            })
            .collect();
        cases[0].0.expected = Some(Expected::Violates);
        cases[1].0.expected = Some(Expected::Safe);
        let file = "[gates]\nprecision_min = 1\nrecall_min = 1\nf1_min = 1\nfpr_max = 0\n\
                    fnr_max = 0\nkappa_min = 1\nmcc_min = 1\nunparsed_max = 0\n";
        let first = held(file, &two_labels(), &rows(&cases)).unwrap();
        for result in &first {
            if result.state == GateState::Passed {
                prop_assert!(result.cases.is_empty(), "{}", result.message);
                continue;
            }
            if result.state == GateState::Failed {
                prop_assert!(!result.cases.is_empty(), "{}", result.message);
            }
            let mut mended = cases.clone();
            for (case, verdict) in &mut mended {
                if result.cases.contains(&case.id) {
                    *verdict = case.expected.unwrap().into();
                }
            }
            let again = held(file, &two_labels(), &rows(&mended)).unwrap();
            let same = again.iter().find(|other| other.gate == result.gate).unwrap();
            if result.state == GateState::Failed {
                prop_assert_ne!(same.state, GateState::Failed, "{}", &same.message);
            }
        }
    }
}
