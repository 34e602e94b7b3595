//! Which clauses a suite reaches, and how: cited, with both verdicts, by a near miss.
//!
//! A citation is not proof that the clause decided; whether one is decisive shows only
//! when it is taken away, which is ablation's business.

use crate::policy::Clause;
use crate::run::Citation;
use crate::verdict::{Expected, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use ts_rs::TS;

/// Within one nat of even odds (73 against 27 in a hundred) a verdict was nearly the other.
pub const NEAR_MARGIN: f64 = 1.0;

/// A judged case, as far as coverage goes.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub case: &'a str,
    pub verdict: Verdict,
    pub expected: Option<Expected>,
    pub margin: Option<f64>,
    /// Rule ids in the answer, as written.
    pub rules: &'a [String],
    /// Of the trace.
    pub citations: &'a [Citation],
    /// The clauses without which the verdict is another, where that was found out.
    pub decisive: Option<&'a BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Coverage {
    /// In the policy's order.
    pub clauses: Vec<ClauseCoverage>,
    /// Where a case touches a clause; what is missing here is not covered.
    pub cells: Vec<CoverageCell>,
    /// Ids that traces cite and the policy does not have.
    pub invented: Vec<Invented>,
    /// Clauses that traces name together and that decide for opposite sides.
    pub conflicts: Vec<Conflict>,
    /// Whether it was found out which clauses decide: by judging without them.
    pub ablated: bool,
}

/// Two clauses that traces name together: by the one, cases violate; by the other, they
/// are safe. Where a case falls under both, the policy must say which wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Conflict {
    pub violating: String,
    pub safe: String,
    /// Cases that cite both, and that the first decides.
    pub violates_cases: Vec<String>,
    /// Cases that cite both, and that the second decides.
    pub safe_cases: Vec<String>,
}

/// How far the cases reach a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Standing {
    /// No trace and no answer names it.
    Uncovered,
    /// It is named, and no answer rests on it.
    Named,
    /// Answers rest on it, all cases that name it with one verdict.
    OneSided,
    /// Answers rest on it, and cases of both verdicts name it.
    BothPolarities,
}

impl Standing {
    /// From the cases that name a clause, those of them whose answer rests on it, and the
    /// verdicts of the first.
    pub fn of(named: u32, answered: u32, violates: u32, safe: u32) -> Standing {
        match (named, answered) {
            (0, _) => Standing::Uncovered,
            (_, 0) => Standing::Named,
            _ if violates > 0 && safe > 0 => Standing::BothPolarities,
            _ => Standing::OneSided,
        }
    }
}

/// A clause over all cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ClauseCoverage {
    pub clause: String,
    pub line: u32,
    pub text: String,
    /// Cases whose trace or answer names it.
    pub cited: u32,
    /// Of those, cases whose answer names it as the rule.
    pub answered: u32,
    pub violates: u32,
    pub safe: u32,
    /// Cited cases whose verdict was nearly the other.
    pub near_misses: u32,
    /// Cited cases whose verdict is wrong.
    pub wrong: u32,
    pub both_polarities: bool,
    pub covered: bool,
    pub standing: Standing,
    /// Cases whose verdict is another without it; absent where that was not found out.
    pub decisive: Option<u32>,
    /// It decides no case, cited or not; absent where that was not found out.
    pub dead: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CoverageCell {
    pub clause: String,
    pub case: String,
    pub verdict: Verdict,
    pub answered: bool,
    pub near_miss: bool,
    pub wrong: bool,
    /// Absent where that was not found out.
    pub decisive: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Invented {
    pub text: String,
    /// The cases whose traces cite it, in order.
    pub cases: Vec<String>,
}

pub fn coverage<'a>(clauses: &[Clause], seen: impl IntoIterator<Item = Seen<'a>>) -> Coverage {
    let mut figures: Vec<ClauseCoverage> = clauses.iter().map(untouched).collect();
    let positions: BTreeMap<String, usize> = clauses
        .iter()
        .enumerate()
        .map(|(index, clause)| (clause.id.to_lowercase(), index))
        .collect();
    let mut cells = Vec::new();
    let mut invented: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut opposed: BTreeMap<(usize, usize), [Vec<String>; 2]> = BTreeMap::new();
    let mut ablated = false;
    for case in seen {
        let near_miss = case.margin.is_some_and(|margin| margin.abs() < NEAR_MARGIN);
        let wrong = case
            .expected
            .is_some_and(|expected| !case.verdict.is(expected));
        ablated |= case.decisive.is_some();
        let decides = |id: &String| case.decisive.is_some_and(|ids| ids.contains(id));
        for figure in figures.iter_mut().filter(|figure| decides(&figure.clause)) {
            *figure.decisive.get_or_insert(0) += 1;
        }
        let touched = touched(&case, &positions);
        oppose(&case, &touched, &figures, &mut opposed);
        for (index, answered) in touched {
            let figure = &mut figures[index];
            figure.cited += 1;
            figure.answered += u32::from(answered);
            figure.violates += u32::from(case.verdict == Verdict::Violates);
            figure.safe += u32::from(case.verdict == Verdict::Safe);
            figure.near_misses += u32::from(near_miss);
            figure.wrong += u32::from(wrong);
            cells.push(CoverageCell {
                clause: figures[index].clause.clone(),
                case: case.case.to_owned(),
                verdict: case.verdict,
                answered,
                near_miss,
                wrong,
                decisive: case
                    .decisive
                    .map(|ids| ids.contains(&figures[index].clause)),
            });
        }
        for citation in case
            .citations
            .iter()
            .filter(|citation| citation.clause.is_none())
        {
            invented
                .entry(citation.text.clone())
                .or_default()
                .insert(case.case);
        }
    }
    for figure in &mut figures {
        figure.covered = figure.cited > 0;
        if ablated {
            let decisive = *figure.decisive.get_or_insert(0);
            figure.dead = Some(decisive == 0);
        }
        figure.both_polarities = figure.violates > 0 && figure.safe > 0;
        figure.standing = Standing::of(figure.cited, figure.answered, figure.violates, figure.safe);
    }
    let named = |(text, cases): (String, BTreeSet<&str>)| Invented {
        text,
        cases: cases.into_iter().map(str::to_owned).collect(),
    };
    let conflicts = opposed
        .into_iter()
        .filter(|(_, cases)| cases.iter().all(|cases| !cases.is_empty()))
        .map(
            |((violating, safe), [violates_cases, safe_cases])| Conflict {
                violating: figures[violating].clause.clone(),
                safe: figures[safe].clause.clone(),
                violates_cases,
                safe_cases,
            },
        )
        .collect();
    Coverage {
        clauses: figures,
        cells,
        invented: invented.into_iter().map(named).collect(),
        conflicts,
        ablated,
    }
}

fn untouched(clause: &Clause) -> ClauseCoverage {
    ClauseCoverage {
        clause: clause.id.clone(),
        line: clause.line_start,
        text: clause.text.clone(),
        cited: 0,
        answered: 0,
        violates: 0,
        safe: 0,
        near_misses: 0,
        wrong: 0,
        both_polarities: false,
        decisive: None,
        dead: None,
        covered: false,
        standing: Standing::Uncovered,
    }
}

/// Which clauses decide the case against which others that it cites. What decides is what
/// ablation found, else what the answer names.
fn oppose(
    case: &Seen<'_>,
    touched: &BTreeMap<usize, bool>,
    figures: &[ClauseCoverage],
    opposed: &mut BTreeMap<(usize, usize), [Vec<String>; 2]>,
) {
    let decides = |(index, answered): (&usize, &bool)| match case.decisive {
        Some(ids) => ids.contains(&figures[*index].clause),
        None => *answered,
    };
    let deciding: Vec<usize> = touched
        .iter()
        .filter(|touch| decides(*touch))
        .map(|(index, _)| *index)
        .collect();
    for one in &deciding {
        for other in touched.keys().filter(|other| !deciding.contains(other)) {
            let (key, side) = match case.verdict {
                Verdict::Violates => ((*one, *other), 0),
                Verdict::Safe => ((*other, *one), 1),
                Verdict::Unparsed => continue,
            };
            opposed.entry(key).or_default()[side].push(case.case.to_owned());
        }
    }
}

/// The clauses that a case names, and whether its answer does.
fn touched(case: &Seen<'_>, positions: &BTreeMap<String, usize>) -> BTreeMap<usize, bool> {
    let position = |id: &str| positions.get(&id.to_lowercase()).copied();
    let mut touched: BTreeMap<usize, bool> = case
        .citations
        .iter()
        .filter_map(|citation| Some((position(citation.clause.as_deref()?)?, false)))
        .collect();
    touched.extend(
        case.rules
            .iter()
            .filter_map(|rule| Some((position(rule)?, true))),
    );
    touched
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::{citation, policy};

    #[test]
    fn clauses_are_counted_by_how_they_are_reached() {
        let clauses = policy::clauses("# P\n\nT1 Offers to sell.\nT2 Promotes.\nT3 History.\n");
        let ids: Vec<&str> = clauses.iter().map(|clause| clause.id.as_str()).collect();
        assert_eq!(ids, ["T1", "T2", "T3"]);
        let rows = [
            (
                "a",
                Verdict::Violates,
                Some(Expected::Violates),
                Some(4.0),
                "T1 applies, T3 does not.",
                vec!["t1".to_owned()],
            ),
            (
                "b",
                Verdict::Safe,
                Some(Expected::Violates),
                Some(-0.4),
                "T1 is near, T9 is not.",
                vec![],
            ),
            (
                "c",
                Verdict::Unparsed,
                None,
                None,
                "T9 and T9 again.",
                vec!["T8".to_owned()],
            ),
        ];
        let cited: Vec<Vec<Citation>> = rows
            .iter()
            .map(|row| citation::find(row.4, &clauses))
            .collect();
        let seen = rows.iter().zip(&cited).map(|(row, citations)| Seen {
            case: row.0,
            verdict: row.1,
            expected: row.2,
            margin: row.3,
            rules: &row.5,
            citations,
            decisive: None,
        });
        let found = coverage(&clauses, seen);
        let [t1, t2, t3] = found.clauses.as_slice() else {
            panic!("three clauses")
        };
        assert_eq!((t1.cited, t1.answered, t1.violates, t1.safe), (2, 1, 1, 1));
        assert_eq!((t1.near_misses, t1.wrong, t1.both_polarities), (1, 1, true));
        assert_eq!((t2.cited, t2.covered), (0, false));
        assert_eq!((t3.cited, t3.covered, t3.both_polarities), (1, true, false));
        let standings = [t1, t2, t3].map(|clause| clause.standing);
        assert_eq!(
            standings,
            [
                Standing::BothPolarities,
                Standing::Uncovered,
                Standing::Named
            ]
        );
        assert_eq!(Standing::of(2, 1, 2, 0), Standing::OneSided);
        assert_eq!(found.cells.len(), 3);
        assert!(
            found
                .cells
                .iter()
                .any(|cell| cell.case == "b" && cell.near_miss && cell.wrong)
        );
        let t9 = found
            .invented
            .iter()
            .find(|invented| invented.text == "T9")
            .unwrap();
        assert_eq!(t9.cases, ["b", "c"]);
    }
}
