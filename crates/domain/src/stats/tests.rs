//! Our numbers against those of scipy, statsmodels, scikit-learn and krippendorff.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::bootstrap::{Plan, Resamples};
use super::paired::{Discordant, Finding, Pair, tango_p};
use super::*;
use crate::case::{Case, CaseKind, Content};
use crate::flip::mcnemar_p;
use proptest::prelude::*;
use serde_json::Value;

const PLAN: Plan = Plan {
    seed: 1,
    resamples: 4_000,
};

/// What the reference implementations say.
fn golden(name: &str) -> Value {
    let text = match name {
        "tables" => include_str!("../../../../fixtures/stats/tables.json"),
        "bootstrap_same" => include_str!("../../../../fixtures/stats/bootstrap_same.json"),
        "bootstrap_scipy" => include_str!("../../../../fixtures/stats/bootstrap_scipy.json"),
        "mcnemar" => include_str!("../../../../fixtures/stats/mcnemar.json"),
        "no_regression" => include_str!("../../../../fixtures/stats/no_regression.json"),
        "repeated" => include_str!("../../../../fixtures/stats/repeated.json"),
        "cohen" => include_str!("../../../../fixtures/stats/cohen.json"),
        "alpha" => include_str!("../../../../fixtures/stats/alpha.json"),
        other => panic!("no fixture {other}"),
    };
    serde_json::from_str(text).unwrap()
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn table(value: &Value) -> Table {
    Table::of_counts(read(value))
}

fn name(measure: Measure) -> String {
    read(&serde_json::to_value(measure).unwrap())
}

#[track_caller]
fn close(found: f64, wanted: f64) {
    let error = (found - wanted).abs();
    assert!(error <= 1e-9, "{found} is not {wanted}: off by {error:e}");
}

#[test]
fn measures_and_wilson_intervals_are_those_of_scikit_learn_and_statsmodels() {
    for row in golden("tables").as_array().unwrap() {
        let table = table(&row["counts"]);
        for measure in Measure::ALL {
            let wanted: Option<f64> = read(&row["measures"][name(measure)]);
            match (measure.of(&table), wanted) {
                (Some(found), Some(wanted)) => close(found, wanted),
                (found, wanted) => assert_eq!(found, wanted, "{measure:?} of {table:?}"),
            }
            let interval = measure
                .proportion(&table)
                .and_then(|(part, whole)| wilson(part, whole));
            let wanted: Option<(f64, f64)> = read(&row["wilson"][name(measure)]);
            assert_eq!(interval.is_some(), wanted.is_some());
            if let (Some(interval), Some((low, high))) = (interval, wanted) {
                close(interval.low, low);
                close(interval.high, high);
            }
        }
    }
}

#[test]
fn over_the_same_resamples_bootstrap_intervals_are_those_of_numpy() {
    let golden = golden("bootstrap_same");
    let tables =
        |side: &str| -> Vec<Table> { golden[side].as_array().unwrap().iter().map(table).collect() };
    let pairs: Vec<Pair> = tables("before").into_iter().zip(tables("now")).collect();
    let picks: Vec<Vec<usize>> = read(&golden["picks"]);
    let single = Resamples::given(tables("before"), &picks);
    let paired = Resamples::given(pairs, &picks);
    for measure in Measure::ALL {
        let intervals = [
            (
                single.interval(0.95, |draw| measure.of(&sum(draw))),
                "intervals",
            ),
            (
                paired.interval(0.95, |draw| paired::difference(measure, draw)),
                "differences",
            ),
        ];
        for (found, part) in intervals {
            let (low, high): (f64, f64) = read(&golden[part][name(measure)]);
            close(found.unwrap().low, low);
            close(found.unwrap().high, high);
        }
    }
}

/// An end of a percentile interval is itself uncertain: its Monte-Carlo error is about
/// 2.7 standard errors over the root of the number of resamples (the density of the normal
/// at its 97.5 % point). Five of them bound the distance here, and a grain of discreteness.
#[test]
fn our_own_resamples_come_near_scipys_bootstrap() {
    for row in golden("bootstrap_scipy").as_array().unwrap() {
        let cases = apart(&table(&row["counts"]));
        let found = estimates(&cases, PLAN);
        for (measure, wanted) in row["intervals"].as_object().unwrap() {
            let estimate = found
                .iter()
                .find(|estimate| name(estimate.measure) == *measure)
                .unwrap();
            let interval = estimate.interval.unwrap();
            assert_eq!(interval.method, Method::Bootstrap);
            let error: f64 = read(&wanted["error"]);
            let bound =
                5.0 * 2.7 * error / f64::from(PLAN.resamples).sqrt() + 0.5 / cases.len() as f64;
            for (found, end) in [(interval.low, "low"), (interval.high, "high")] {
                let wanted: f64 = read(&wanted[end]);
                assert!(
                    (found - wanted).abs() < bound,
                    "{measure} {end}: {found}, scipy {wanted}, bound {bound}"
                );
            }
        }
    }
}

/// One table a case.
fn apart(table: &Table) -> Vec<Table> {
    let mut cases = Vec::new();
    for row in 0..2 {
        for column in 0..3 {
            let mut one = [[0; 3]; 2];
            one[row][column] = 1;
            let times = table.counts()[row][column] as usize;
            cases.extend(vec![Table::of_counts(one); times]);
        }
    }
    cases
}

#[test]
fn mcnemar_is_that_of_statsmodels() {
    for row in golden("mcnemar").as_array().unwrap() {
        let wanted: f64 = read(&row["p"]);
        close(mcnemar_p(read(&row["broken"]), read(&row["fixed"])), wanted);
    }
}

#[test]
fn tango_is_the_score_test_at_the_restricted_maximum() {
    for row in golden("no_regression").as_array().unwrap() {
        let (broken, fixed): (u32, u32) = (read(&row["broken"]), read(&row["fixed"]));
        let (cases, margin) = (read(&row["cases"]), read::<f64>(&row["margin"]));
        let discordant = |broken, fixed| Discordant {
            broken,
            fixed,
            cases,
        };
        close(
            tango_p(discordant(broken, fixed), -margin),
            read(&row["loss"]),
        );
        close(
            tango_p(discordant(fixed, broken), -margin),
            read(&row["gain"]),
        );
    }
}

#[test]
fn repeats_are_tested_as_statsmodels_ttost_paired() {
    for row in golden("repeated").as_array().unwrap() {
        let of: u64 = read(&row["of"]);
        let (before, now): (Vec<u64>, Vec<u64>) = (read(&row["before"]), read(&row["now"]));
        let repeats = |right: u64| Table::of_counts([[right, of - right, 0], [0; 3]]);
        let pairs: Vec<Pair> = before
            .iter()
            .zip(&now)
            .map(|(before, now)| (repeats(*before), repeats(*now)))
            .collect();
        let found = paired::no_regression(&pairs, read(&row["margin"]))[0];
        close(found.p_no_regression, read(&row["loss"]));
        close(found.p_equivalent, read(&row["equivalent"]));
        assert_eq!(paired::mcnemar(&pairs), None);
    }
}

#[test]
fn cohens_kappa_is_that_of_statsmodels() {
    for row in golden("cohen").as_array().unwrap() {
        let (a, b): (Vec<String>, Vec<String>) = (read(&row["a"]), read(&row["b"]));
        let found = agreement::cohen(a.into_iter().zip(b)).unwrap();
        close(found.value, read(&row["kappa"]));
        close(found.interval.unwrap().low, read(&row["low"]));
        close(found.interval.unwrap().high, read(&row["high"]));
    }
    assert_eq!(agreement::cohen([("a", "a"), ("a", "a")]), None);
    assert_eq!(agreement::cohen::<&str>([]), None);
}

#[test]
fn krippendorffs_alpha_is_that_of_krippendorff() {
    for row in golden("alpha").as_array().unwrap() {
        let units: Vec<Vec<String>> = read(&row["units"]);
        let found = agreement::krippendorff(&units, PLAN).unwrap();
        close(found.value, read(&row["alpha"]));
        let interval = found.interval.unwrap();
        assert!(interval.low < found.value && found.value < interval.high);
        assert_eq!(
            found.cases as usize,
            units.iter().filter(|unit| unit.len() > 1).count()
        );
    }
    assert_eq!(agreement::krippendorff(&[vec!["a"], vec!["b"]], PLAN), None);
}

#[test]
fn a_few_cases_without_a_flip_prove_nothing() {
    let same = |cases| vec![(right(), right()); cases];
    let finding = |pairs: &[Pair]| paired::no_regression(pairs, 0.05)[0].finding;
    assert_eq!(finding(&same(3)), Finding::Inconclusive);
    assert_eq!(finding(&same(100)), Finding::Equivalent);
    let broken = [same(80), vec![(right(), wrong()); 20]].concat();
    assert_eq!(finding(&broken), Finding::Regression);
    let fixed = [same(80), vec![(wrong(), right()); 20]].concat();
    assert_eq!(finding(&fixed), Finding::NoRegression);
    assert_eq!(paired::no_regression(&[], 0.05), []);
}

fn right() -> Table {
    Table::of_counts([[1, 0, 0], [0; 3]])
}

fn wrong() -> Table {
    Table::of_counts([[0, 1, 0], [0; 3]])
}

/// Ten repeats of a case are not ten cases.
#[test]
fn repeats_do_not_narrow_an_interval_as_cases_do() {
    let width = |cases: &[Table]| {
        let accuracy = estimates(cases, PLAN)[0].interval.unwrap();
        accuracy.high - accuracy.low
    };
    let once = [vec![right(); 15], vec![wrong(); 15]].concat();
    let ten = |table: Table| {
        let mut sum = Table::default();
        sum.add(&table, 10);
        sum
    };
    let repeated: Vec<Table> = once.iter().copied().map(ten).collect();
    let independent: Vec<Table> = once.iter().flat_map(|table| vec![*table; 10]).collect();
    assert!(width(&repeated) > 0.9 * width(&once));
    assert!(width(&independent) < 0.4 * width(&once));
}

#[test]
fn groups_hold_each_case_once_for_each_value_of_it() {
    let case = |id: &str, tags: &[&str], language: Option<&str>| Case {
        expected: Some(Expected::Violates),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        language: language.map(str::to_owned),
        ..Case::new(
            id.to_owned(),
            Content::Text("x".to_owned()),
            CaseKind::UserInput,
        )
    };
    let cases = [
        case("a", &["x", "y", "x"], Some("en")),
        case("b", &["x"], Some("fa")),
        case("c", &[], None),
        case("unlabelled", &["x"], None),
    ];
    let tables = [right(), wrong(), right(), Table::default()];
    let all: Vec<(&Case, Table)> = cases.iter().zip(tables).collect();
    let shown = |by| -> Vec<(Option<String>, u32, f64)> {
        groups::by(&all, by, PLAN)
            .into_iter()
            .map(|group| (group.value, group.cases, group.estimates[0].value))
            .collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        shown(groups::GroupBy::Tag),
        [(some("x"), 2, 0.5), (None, 1, 1.0), (some("y"), 1, 1.0)]
    );
    assert_eq!(
        shown(groups::GroupBy::Language),
        [(None, 1, 1.0), (some("en"), 1, 1.0), (some("fa"), 1, 0.0)]
    );
    assert_eq!(shown(groups::GroupBy::Kind).len(), 1);
    assert_eq!(shown(groups::GroupBy::Label), [(None, 3, 2.0 / 3.0)]);
}

#[test]
fn exact_match_needs_every_policy() {
    let judged = |verdict, expected| Judged { verdict, expected };
    let (violates, safe) = (Some(Expected::Violates), Some(Expected::Safe));
    let found = groups::exact_match([
        vec![
            judged(Verdict::Violates, violates),
            judged(Verdict::Safe, safe),
        ],
        vec![
            judged(Verdict::Violates, violates),
            judged(Verdict::Violates, safe),
        ],
        vec![judged(Verdict::Safe, safe), judged(Verdict::Unparsed, None)],
        vec![judged(Verdict::Unparsed, safe)],
        vec![judged(Verdict::Safe, None)],
    ]);
    assert_eq!(found, rate(2, 4));
    assert_eq!(groups::exact_match([]), None);
}

fn any_table(most: u64) -> impl Strategy<Value = Table> {
    prop::array::uniform2(prop::array::uniform3(0..most)).prop_map(Table::of_counts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn measures_keep_their_bounds_and_shares_lie_in_their_intervals(table in any_table(30)) {
        let plan = Plan { seed: 3, resamples: 50 };
        for estimate in estimates(&apart(&table), plan) {
            let low = if matches!(estimate.measure, Measure::Mcc | Measure::Kappa) { -1.0 } else { 0.0 };
            prop_assert!((low - 1e-12..=1.0 + 1e-12).contains(&estimate.value), "{:?}", estimate);
            if let Some(Interval { low, high, method: Method::Wilson }) = estimate.interval {
                prop_assert!(low <= estimate.value && estimate.value <= high);
            }
        }
    }

    #[test]
    fn the_same_plan_gives_the_same_interval_whatever_the_order(table in any_table(8)) {
        let plan = Plan { seed: 3, resamples: 50 };
        let mut cases = apart(&table);
        let found = estimates(&cases, plan);
        cases.reverse();
        prop_assert_eq!(found, estimates(&cases, plan));
    }

    #[test]
    fn a_run_beside_itself_differs_in_nothing(table in any_table(8)) {
        let pairs: Vec<Pair> = apart(&table).into_iter().map(|one| (one, one)).collect();
        for found in paired::differences(&pairs, Plan { seed: 3, resamples: 50 }) {
            prop_assert_eq!(found.difference, 0.0);
            prop_assert!(found.interval.is_none_or(|ends| ends.low == 0.0 && ends.high == 0.0));
        }
    }

    #[test]
    fn tango_falls_as_more_is_fixed(broken in 0u32..40, fixed in 0u32..40, same in 1u32..200, margin in 0.001f64..0.5) {
        let p = |broken, fixed| tango_p(Discordant { broken, fixed, cases: broken + fixed + same }, -margin);
        prop_assert!((0.0..=1.0).contains(&p(broken, fixed)));
        prop_assert!(p(broken, fixed + 1) <= p(broken, fixed) + 1e-12);
    }
}
