//! What drafts save Pebble when a sample policy is edited: the same replies, in fewer passes.
//!
//! `TOUCHSTONE_EDITS=full` measures all four policies for docs/benchmarks.md; without it one.

#[expect(dead_code, reason = "the test of Pebble's bars uses the rest of it")]
mod generated;

use acceptance::{pebble, root};
use domain::policy::{self, Policy};
use domain::verdict::{self, Verdict};
use engine::{Engine, Reply};
use generated::{Batch, drafted, replies, samples};
use std::fs;
use std::time::{Duration, Instant};

/// Edits as an analyst makes them: the policy, what stands there, and what stands there then.
const EDITS: &[(&str, &str, &str)] = &[
    ("tobacco", "tobacco or vaping products.", "tobacco."),
    ("tobacco", ", unless a price or contact is given", ""),
    (
        "tobacco",
        "smoking or vaping as desirable",
        "smoking as desirable",
    ),
    ("tobacco", "questions and harmless jokes", "and questions"),
    (
        "tobacco",
        "T3 Explains or asks how to get round age checks for tobacco or vapes.\n",
        "",
    ),
    (
        "spam",
        "Warnings, news and questions about spam.",
        "News about spam.",
    ),
    ("spam", "likes, followers or reviews", "reviews"),
    ("harassment", ", unless it is posted repeatedly", ""),
    ("harassment", "Fiction, news and education", "News"),
    ("赌博", "，除非附有价格或联系方式", ""),
    ("赌博", "新闻报道和警示教育", "新闻报道"),
];

/// When figures are wanted, each edit is judged so often with drafts and without, in turn; the
/// quickest counts.
const ROUNDS: usize = 3;

/// Passes with drafts, of those without: what the tobacco policy's edits are held to.
const PASSES_MAX: f64 = 0.6;

#[derive(Default)]
struct Tally {
    edits: u32,
    /// Of all replies: each takes a pass where nothing is drafted.
    tokens: u32,
    drafted: u32,
    accepted: u32,
    without: Duration,
    with: Duration,
    previews: Previews,
}

/// What was told before replies were written anew, of those whose answers can be read.
#[derive(Default)]
struct Previews {
    had: u32,
    /// They say another verdict than the reply before.
    turned: u32,
    /// The reply came to another verdict than the one before.
    flipped: u32,
    /// Both.
    right: u32,
}

impl Previews {
    fn add(&mut self, policy: &Policy, before: &Reply, margin: f64, now: &Reply) {
        let read = |reply: &Reply| {
            let answer = reply.answer.as_deref().unwrap_or_default();
            verdict::read(&policy.output, answer).verdict
        };
        let (before, now) = (read(before), read(now));
        let preview = if margin > 0.0 {
            Verdict::Violates
        } else {
            Verdict::Safe
        };
        if [before, now].contains(&Verdict::Unparsed) {
            return;
        }
        self.had += 1;
        self.turned += u32::from(preview != before);
        self.flipped += u32::from(now != before);
        self.right += u32::from(preview != before && now != before);
    }
}

impl Tally {
    fn measure(
        &mut self,
        engine: &Engine,
        edited: &Policy,
        batch: &Batch,
        before: &[Reply],
        rounds: usize,
    ) {
        let mut quickest = [Duration::MAX; 2];
        let mut said = [Vec::new(), Vec::new()];
        let mut previews: Vec<Option<f64>> = Vec::new();
        for _ in 0..rounds {
            for (way, drafts) in [&[][..], before].into_iter().enumerate() {
                let started = Instant::now();
                let answered = drafted(engine, edited, &batch.cases, drafts);
                (said[way], previews) = answered.into_iter().unzip();
                quickest[way] = quickest[way].min(started.elapsed());
            }
            for (plain, quick) in said[0].iter().zip(&said[1]) {
                let text = |reply: &Reply| (reply.analysis.clone(), reply.answer.clone());
                assert_eq!(text(plain), text(quick), "a draft changed a reply");
            }
        }
        self.edits += 1;
        for reply in &said[1] {
            self.tokens += reply.generated_tokens;
            self.drafted += reply.drafted_tokens;
            self.accepted += reply.accepted_tokens;
        }
        for ((before, now), margin) in before.iter().zip(&said[1]).zip(previews) {
            if let Some(margin) = margin {
                self.previews.add(edited, before, margin, now);
            }
        }
        self.without += quickest[0];
        self.with += quickest[1];
    }

    fn passes(&self) -> f64 {
        f64::from(self.tokens - self.accepted) / f64::from(self.tokens)
    }
}

#[test]
fn drafts_save_passes_and_change_nothing() {
    let full = std::env::var("TOUCHSTONE_EDITS").is_ok_and(|value| value == "full");
    let rounds = if full { ROUNDS } else { 1 };
    let engine = Engine::load(&pebble()).expect("Pebble loads");
    for batch in samples() {
        if !full && batch.name != "tobacco" {
            continue;
        }
        let file = root().join("policies").join(format!("{}.md", batch.name));
        let text = fs::read_to_string(file).expect("the policy is readable");
        let before = replies(&engine, &batch.policy, &batch.cases);
        let mut tally = Tally::default();
        for (_, from, to) in EDITS.iter().filter(|(name, ..)| *name == batch.name) {
            assert!(text.contains(from), "{} has no {from:?}", batch.name);
            let edited = policy::parse(text.replacen(from, to, 1).as_bytes());
            let edited = edited.unwrap_or_else(|error| panic!("{}: {error}", batch.name));
            tally.measure(&engine, &edited, &batch, &before, rounds);
        }
        println!(
            "{}: {} edits, {} tokens, {} drafted, {} accepted; passes {:.2}, seconds {:.2} \
             ({:.2} and {:.2}) of those without drafts; {} previews, {} of them turned, {} flips \
             among these cases, {} of them turned",
            batch.name,
            tally.edits,
            tally.tokens,
            tally.drafted,
            tally.accepted,
            tally.passes(),
            tally.with.as_secs_f64() / tally.without.as_secs_f64(),
            tally.with.as_secs_f64(),
            tally.without.as_secs_f64(),
            tally.previews.had,
            tally.previews.turned,
            tally.previews.flipped,
            tally.previews.right,
        );
        assert!(tally.previews.had > 0, "no preview was told");
        assert!(tally.passes() <= PASSES_MAX, "passes {:.2}", tally.passes());
    }
}
