//! Planted edits of the sample policies, judged by the demonstration model: no-op edits give
//! no real flips, planted rule changes keep theirs, causes are found, flips come early.
//!
//! `TOUCHSTONE_EDITS=full` measures all four policies for docs/benchmarks.md and holds the
//! product's bars; without it a part of one policy is judged, and held to somewhat less.
//! `TOUCHSTONE_PEBBLE` names another folder of weights.

use crate::support::open_with_model;
use domain::flip::Certainty;
use domain::run::RunId;
use domain::verdict::{Expected, Verdict};
use std::path::{Path, PathBuf};
use studio::Studio;
use studio::view::{Cause, ConfirmRequest, EvaluateRequest, RunEvent, RunView};

/// A part of a text, and what stands there afterwards.
type Change = (&'static str, &'static str);

struct Sample {
    policy: &'static str,
    /// Other words for the same.
    rewordings: &'static [Change],
    /// More of them, mostly lists in another order: for no-op edits alone.
    reordered: &'static [Change],
    /// Edits that say something else, as an analyst makes them one after the other.
    history: &'static [Change],
    /// Rules: their code, and which side they are on.
    rules: &'static [(&'static str, Expected)],
}

use Expected::{Safe as S, Violates as V};

const SAMPLES: &[Sample] = &[
    Sample {
        policy: "tobacco",
        rewordings: &[
            (
                "Quitting, health warnings and news.",
                "Health warnings, news and quitting.",
            ),
            (
                "Personal stories, questions and harmless jokes.",
                "Harmless jokes, questions and personal stories.",
            ),
            (
                "Judge one listing or message.",
                "Judge one message or listing.",
            ),
            ("If nothing applies, SAFE.", "SAFE if nothing applies."),
            ("sell, trade or ship", "ship, trade or sell"),
        ],
        reordered: &[
            (
                "cigarettes, cigars, pipe tobacco and snuff.",
                "snuff, pipe tobacco, cigars and cigarettes.",
            ),
            (
                "e-cigarettes, e-liquid and pods.",
                "pods, e-liquid and e-cigarettes.",
            ),
            ("tobacco or vaping products.", "vaping products or tobacco."),
            ("smoking or vaping as", "vaping or smoking as"),
            ("Explains or asks", "Asks or explains"),
            ("for tobacco or vapes", "for vapes or tobacco"),
            (
                "History, museums and culture",
                "Culture, museums and history",
            ),
            ("a price or contact", "a contact or price"),
            ("VIOLATES or SAFE", "SAFE or VIOLATES"),
        ],
        history: &[
            ("tobacco or vaping products.", "tobacco."),
            (", unless a price or contact is given", ""),
            ("smoking or vaping as desirable", "smoking as desirable"),
            ("questions and harmless jokes", "and questions"),
            ("for tobacco or vapes", "for tobacco"),
        ],
        rules: &[
            ("T1", V),
            ("T2", V),
            ("T3", V),
            ("T4", S),
            ("T5", S),
            ("T6", S),
        ],
    },
    Sample {
        policy: "spam",
        rewordings: &[
            (
                "Warnings, news and questions about spam.",
                "Questions, news and warnings about spam.",
            ),
            ("likes, followers or reviews", "reviews, likes or followers"),
            ("passwords or bank data", "bank data or passwords"),
            ("If nothing applies, SP0.", "SP0 if nothing applies."),
        ],
        reordered: &[
            (
                "as staff, as a company or as someone else",
                "as someone else, as a company or as staff",
            ),
            ("SP0, SP2, SP3 or SP4", "SP4, SP3, SP2 or SP0"),
            ("Judge one message.", "Judge this message."),
        ],
        history: &[
            (
                "Posing as staff, as a company or as someone else.",
                "Posing as staff.",
            ),
            (
                "Warnings, news and questions about spam.",
                "News about spam.",
            ),
            ("likes, followers or reviews", "reviews"),
        ],
        rules: &[
            ("SP2.a", V),
            ("SP2.b", V),
            ("SP3.a", V),
            ("SP3.b", V),
            ("SP4.a", V),
            ("SP4.b", V),
        ],
    },
    Sample {
        policy: "harassment",
        rewordings: &[
            (
                "Fiction, news and education about abuse.",
                "News, education and fiction about abuse.",
            ),
            (
                "Shaming or mocking a person in public.",
                "Mocking or shaming a person in public.",
            ),
            (
                "If nothing applies, it is safe.",
                "It is safe if nothing applies.",
            ),
        ],
        reordered: &[
            (
                "Home addresses, phone numbers and",
                "Phone numbers, home addresses and",
            ),
            ("Judge one message.", "Judge this message."),
        ],
        history: &[
            (", unless it is posted repeatedly", ""),
            ("Fiction, news and education", "News"),
            (
                "Insults aimed at a person.",
                "Insults aimed at a person or a group.",
            ),
        ],
        rules: &[("H1", V), ("H2.a", V), ("H2.b", V), ("H3", V), ("H4", V)],
    },
    Sample {
        policy: "赌博",
        rewordings: &[
            ("新闻报道和警示教育。", "警示教育和新闻报道。"),
            ("个人经历和一般提问。", "一般提问和个人经历。"),
            ("推广或美化赌博。", "美化或推广赌博。"),
        ],
        reordered: &[
            (
                "招揽他人参与赌博，或代为下注。",
                "代为下注，或招揽他人参与赌博。",
            ),
            ("赌博技巧和必胜方法", "必胜方法和赌博技巧"),
            ("实名验证或监管", "监管或实名验证"),
            ("价格或联系方式", "联系方式或价格"),
            ("违规回答1，", "违规时回答1，"),
        ],
        history: &[
            ("，除非附有价格或联系方式", ""),
            ("，或代为下注", ""),
            ("新闻报道和警示教育", "新闻报道"),
        ],
        rules: &[("1.1", V), ("1.2", V), ("1.3", V), ("1.4", V)],
    },
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

struct Bench {
    _folder: tempfile::TempDir,
    studio: Studio,
    policy: &'static str,
    text: String,
}

async fn bench(policy: &'static str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    for (place, file) in [
        ("policies", format!("{policy}.md")),
        ("fixtures", format!("{policy}.jsonl")),
    ] {
        std::fs::create_dir_all(folder.path().join(place)).unwrap();
        std::fs::copy(
            repository().join(place).join(&file),
            folder.path().join(place).join(&file),
        )
        .unwrap();
    }
    let model = std::env::var_os("TOUCHSTONE_PEBBLE");
    let model = model.map_or_else(|| repository().join("fixtures/pebble"), PathBuf::from);
    let studio = open_with_model(&folder, &model).await;
    let text =
        std::fs::read_to_string(folder.path().join(format!("policies/{policy}.md"))).unwrap();
    Bench {
        _folder: folder,
        studio,
        policy,
        text,
    }
}

impl Bench {
    /// Judges a text, with the cases in the order in which they were judged.
    async fn run(&self, text: &str, baseline: Option<RunId>) -> (RunView, Vec<String>) {
        let mut view = None;
        let mut order = Vec::new();
        let request = EvaluateRequest {
            policy: self.policy.to_owned(),
            text: text.to_owned(),
            effort: domain::policy::Effort::Low,
            baseline,
            delay_ms: 0,
            only: Vec::new(),
        };
        let judged = self.studio.evaluate(request, |event| match event {
            RunEvent::Outcomes { rows, .. } => {
                let judged = rows.into_iter().filter(|row| row.verdict.is_some());
                order.extend(judged.map(|row| row.case));
            }
            RunEvent::Finished { view: last } | RunEvent::Unchanged { view: last } => {
                view = Some(last)
            }
            _ => {}
        });
        judged.await.unwrap();
        (view.unwrap(), order)
    }

    fn edited(&self, (from, to): Change) -> String {
        assert!(self.text.contains(from), "{}: {from}", self.policy);
        self.text.replace(from, to)
    }

    /// Without the line of a rule.
    fn without(&self, code: &str) -> String {
        let lines = self.text.split_inclusive('\n');
        lines
            .filter(|line| !line.starts_with(&format!("{code} ")))
            .collect()
    }

    /// The rules of each section in the opposite order.
    fn reversed(&self, codes: &[(&str, Expected)]) -> String {
        let is_rule = |line: &str| {
            codes
                .iter()
                .any(|(code, _)| line.starts_with(&format!("{code} ")))
        };
        let mut out: Vec<&str> = Vec::new();
        let mut block: Vec<&str> = Vec::new();
        for line in self.text.split_inclusive('\n') {
            if is_rule(line) {
                block.push(line);
            } else {
                out.extend(block.drain(..).rev());
                out.push(line);
            }
        }
        out.concat()
    }
}

/// Another code of the same family: one unlike its siblings' would not be read as a code.
fn renumbered(code: &str) -> String {
    let (family, last) = code.split_at(code.len() - 1);
    let digit = last.chars().all(|c| c.is_ascii_digit());
    format!("{family}{}", if digit { "9" } else { "z" })
}

fn full() -> bool {
    std::env::var("TOUCHSTONE_EDITS").is_ok_and(|value| value == "full")
}

fn samples() -> &'static [Sample] {
    if full() { SAMPLES } else { &SAMPLES[..1] }
}

#[derive(Default, Debug)]
struct Tally {
    cases: u32,
    flips: u32,
    real: u32,
    noise: u32,
    undecided: u32,
    asked: u32,
}

impl Tally {
    async fn confirm(&mut self, bench: &Bench, a: RunId, view: &RunView) {
        let request = ConfirmRequest::new(a, view.summary.run);
        let found = bench.studio.confirm(request, |_| {}).await.unwrap();
        self.cases += view.rows.len() as u32;
        self.flips += found.flips;
        self.real += found.real;
        self.noise += found.noise;
        self.undecided += found.undecided;
        self.asked += found.effort.asked;
    }
}

#[tokio::test]
async fn no_op_edits_give_no_real_flips() {
    let mut form = Tally::default();
    let mut words = Tally::default();
    for sample in samples() {
        let bench = bench(sample.policy).await;
        let (base, _) = bench.run(&bench.text, None).await;
        let a = base.summary.run;
        let first = sample.rules[0].0;
        let of_form = [
            bench.reversed(sample.rules),
            bench
                .text
                .replace(&format!("\n{first} "), &format!("\n\n{first} ")),
            bench.text.replace(
                &format!("\n{first} "),
                &format!("\n<!-- reviewed -->\n{first} "),
            ),
            bench.text.replace(first, &renumbered(first)),
        ];
        for text in of_form {
            let (view, _) = bench.run(&text, Some(a)).await;
            if view.summary.run != a {
                form.confirm(&bench, a, &view).await;
            }
        }
        let all = sample.rewordings.iter().chain(sample.reordered);
        for change in all.take(if full() { usize::MAX } else { 2 }) {
            let (view, _) = bench.run(&bench.edited(*change), Some(a)).await;
            words.confirm(&bench, a, &view).await;
            let compared = bench.studio.compare(a, view.summary.run).await.unwrap();
            for flip in compared.flips.iter() {
                if flip.certainty != Certainty::Noise {
                    println!(
                        "{} with {}: {} {:?}",
                        sample.policy, change.1, flip.case, flip.evidence
                    );
                }
            }
        }
    }
    println!("edits of form: {form:?}\nrewordings: {words:?}");
    // White space, comments, order and numbering: whatever the model makes of them.
    assert_eq!((form.real, form.undecided, form.asked), (0, 0, 0));
    let cases = form.cases + words.cases;
    assert!(words.real * 100 <= cases, "{words:?} of {cases} cases");
}

#[tokio::test]
async fn planted_rule_changes_keep_their_flips() {
    let mut planted = Tally::default();
    for sample in samples() {
        let bench = bench(sample.policy).await;
        let (base, _) = bench.run(&bench.text, None).await;
        let a = base.summary.run;
        let rules = sample.rules.iter().filter(|(_, side)| *side == V);
        for (code, _) in rules.take(if full() { 9 } else { 2 }) {
            let (view, _) = bench.run(&bench.without(code), Some(a)).await;
            let request = ConfirmRequest::new(a, view.summary.run);
            let found = bench.studio.confirm(request, |_| {}).await.unwrap();
            planted.asked += found.effort.asked;
            let record = bench.studio.record(a, None).await.unwrap();
            // The rule was the only reason to object, and the model judged so before.
            let rests = |case: &str| {
                record.cases.iter().any(|recorded| {
                    recorded.case.id == case
                        && recorded.case.rules == [*code]
                        && recorded.case.expected == Some(V)
                })
            };
            let flips = bench
                .studio
                .compare(a, view.summary.run)
                .await
                .unwrap()
                .flips;
            for flip in flips.iter().filter(|flip| {
                (flip.from, flip.to) == (Verdict::Violates, Verdict::Safe) && rests(&flip.case)
            }) {
                planted.flips += 1;
                match flip.certainty {
                    Certainty::Real => planted.real += 1,
                    Certainty::Noise => planted.noise += 1,
                    Certainty::Undecided => planted.undecided += 1,
                }
                if flip.certainty != Certainty::Real {
                    println!(
                        "{} without {code}: {} {:?}",
                        sample.policy, flip.case, flip.evidence
                    );
                }
            }
        }
    }
    println!("planted rule changes: {planted:?}");
    assert!(
        planted.flips > 4 && planted.real * 100 >= planted.flips * 80,
        "{planted:?}"
    );
    if full() {
        assert!(planted.flips > 20, "{planted:?}");
        assert!(planted.real * 100 >= planted.flips * 95, "{planted:?}");
    }
}

#[tokio::test]
async fn the_planted_hunk_is_found_among_others() {
    let (mut right, mut all, mut real_right, mut real) = (0, 0, 0, 0);
    for sample in samples() {
        let bench = bench(sample.policy).await;
        let (base, _) = bench.run(&bench.text, None).await;
        let a = base.summary.run;
        let rules = sample.rules.iter().filter(|(_, side)| *side == V);
        for (code, _) in rules.take(if full() { 9 } else { 1 }) {
            let mut text = bench.without(code);
            for (from, to) in sample.rewordings {
                text = text.replace(from, to);
            }
            let (view, _) = bench.run(&text, Some(a)).await;
            let b = view.summary.run;
            let found = bench.studio.attribute(a, b, &[], |_| {}).await.unwrap();
            let rule = format!("{code} ");
            let cause = found.hunks.iter().position(|hunk| {
                // A neighbour that was reworded may be part of the same hunk.
                let names = |text: &str| text.lines().any(|line| line.starts_with(&rule));
                names(&hunk.hunk.removed) && !names(&hunk.hunk.added)
            });
            let cause = cause.unwrap() as u32;
            if full() {
                bench
                    .studio
                    .confirm(ConfirmRequest::new(a, b), |_| {})
                    .await
                    .unwrap();
            }
            let flips = bench.studio.compare(a, b).await.unwrap().flips;
            let record = bench.studio.record(a, None).await.unwrap();
            for flip in &found.flips {
                // Cases that the planted change is the known reason for.
                let rests = record.cases.iter().any(|recorded| {
                    recorded.case.id == flip.case && recorded.case.rules == [*code]
                });
                if !rests {
                    continue;
                }
                let is_right = flip.cause == Cause::One && flip.hunks == [cause];
                all += 1;
                right += u32::from(is_right);
                if !is_right {
                    let (cause, hunks) = (&flip.cause, &flip.hunks);
                    println!(
                        "{} without {code}: {} {cause:?} {hunks:?}",
                        sample.policy, flip.case
                    );
                }
                let flipped = flips.iter().find(|other| other.case == flip.case).unwrap();
                if flipped.certainty == Certainty::Real {
                    real += 1;
                    real_right += u32::from(is_right);
                }
            }
        }
    }
    println!(
        "attributed to the planted hunk: {right} of {all}; of real flips {real_right} of {real}"
    );
    assert!(all > 3 && right * 10 >= all * 7, "{right} of {all}");
    if full() {
        assert!(all > 20 && right * 10 >= all * 9, "{right} of {all}");
    }
}

#[tokio::test]
async fn flips_come_early_in_a_rerun() {
    let (mut early, mut all) = (0, 0);
    for sample in samples() {
        let bench = bench(sample.policy).await;
        let (base, _) = bench.run(&bench.text, None).await;
        let a = base.summary.run;
        let taken = if full() { 9 } else { 2 };
        let deleted = sample
            .rules
            .iter()
            .take(taken)
            .map(|(code, _)| bench.without(code));
        let changed = sample
            .history
            .iter()
            .take(taken)
            .map(|change| bench.edited(*change));
        let texts: Vec<String> = deleted.chain(changed).collect();
        for (text, edit) in texts.iter().zip(1..) {
            let (view, order) = bench.run(text, Some(a)).await;
            let flipped = |case: &String| {
                view.rows
                    .iter()
                    .any(|row| row.case == *case && row.flip.is_some())
            };
            let first = (view.rows.len() * 3).div_ceil(10);
            let flips = order.iter().filter(|case| flipped(case)).count();
            let soon = order
                .iter()
                .take(first)
                .filter(|case| flipped(case))
                .count();
            println!(
                "{}, edit {edit}: {soon} of {flips} flips in the first {first} of {}",
                sample.policy,
                view.rows.len()
            );
            all += flips;
            early += soon;
        }
    }
    println!("flips in the first 30 %: {early} of {all}");
    assert!(all > 3 && early * 10 >= all * 6, "{early} of {all}");
    if full() {
        assert!(early * 10 >= all * 8, "{early} of {all}");
    }
}
