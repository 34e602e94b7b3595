//! What the `fast` numerics cost Pebble: verdicts that come out otherwise than with `exact`
//! ones, over the sample suites and the generated cases, and how far the two lie apart token
//! by token. Prints the figures of docs/benchmarks.md.

#[expect(dead_code, reason = "the test of Pebble's bars uses the rest of it")]
mod generated;

use acceptance::pebble;
use domain::case::Case;
use domain::prompt;
use domain::verdict::{self, Verdict};
use engine::{Divergence, Engine, Numerics, Reply, Written};
use generated::{Batch, batches, prefix, replies, samples};

/// Verdicts changed, of all. The bar is 0.002, 2 of 1,232 cases; none was measured
/// (docs/benchmarks.md).
const CHANGED_MAX: f64 = 0.002;
/// Every so many replies are compared token by token.
const COMPARED: usize = 10;

#[derive(Default)]
struct Tally {
    cases: usize,
    changed: usize,
    /// Replies that are the same, word for word.
    same: usize,
    divergence: Divergence,
}

impl Tally {
    fn judge(&mut self, engines: &[Engine; 2], batch: &Batch) {
        let Batch { policy, cases, .. } = batch;
        let [exact, fast] = engines
            .each_ref()
            .map(|engine| replies(engine, policy, cases));
        let verdict = |reply: &Reply| -> Verdict {
            verdict::read(&policy.output, reply.answer.as_deref().unwrap_or_default()).verdict
        };
        for (exact, fast) in exact.iter().zip(&fast) {
            self.cases += 1;
            self.changed += usize::from(verdict(exact) != verdict(fast));
            let text = |reply: &Reply| (reply.analysis.clone(), reply.answer.clone());
            self.same += usize::from(text(exact) == text(fast));
        }
        let written = |(case, reply): (&Case, &Reply)| Written {
            user: prompt::user(case),
            analysis: reply.analysis.clone(),
            answer: reply.answer.clone().unwrap_or_default(),
        };
        let pairs = cases.iter().zip(&exact).map(written);
        let written: Vec<Written> = pairs.step_by(COMPARED).collect();
        let apart = engines[0].divergence(&engines[1], &prefix(policy), &written);
        self.divergence = self.divergence.and(apart.expect("both are the same model"));
    }

    fn add(&mut self, part: &Tally) {
        self.cases += part.cases;
        self.changed += part.changed;
        self.same += part.same;
        self.divergence = self.divergence.and(part.divergence);
    }

    fn show(&self, name: &str) {
        let d = &self.divergence;
        println!(
            "{name}: {} cases, {} verdicts changed ({:.3} %), {} replies the same; of {} tokens \
             {:.3} % have the same first, KL {:.6} nats on average, {:.4} at most",
            self.cases,
            self.changed,
            100.0 * self.changed as f64 / self.cases as f64,
            self.same,
            d.tokens,
            100.0 * d.same_first as f64 / d.tokens as f64,
            d.kl_sum / d.tokens as f64,
            d.kl_max
        );
    }
}

#[test]
fn fast_numerics_change_next_to_no_verdict() {
    let engines = [Numerics::Exact, Numerics::Fast]
        .map(|numerics| Engine::load_as(&pebble(), numerics).expect("Pebble loads"));
    let mut all = Tally::default();
    let mut parts = vec![("samples", samples())];
    for file in ["heldout.jsonl", "counterfactual.jsonl", "labels.jsonl"] {
        parts.push((file, batches(file)));
    }
    for (name, batches) in parts {
        let mut part = Tally::default();
        for batch in batches {
            part.judge(&engines, &batch);
        }
        assert!(part.cases >= 100, "{name}: {} cases", part.cases);
        part.show(name);
        all.add(&part);
    }
    all.show("all");
    let changed = all.changed as f64 / all.cases as f64;
    assert!(changed <= CHANGED_MAX, "{changed} of the verdicts changed");
}
