//! What the `fast` numerics cost Pebble: verdicts that come out otherwise than with `exact`
//! ones, over the sample suites and the generated cases, and how far the two lie apart token
//! by token. Prints the figures of docs/benchmarks.md.

use acceptance::root;
use domain::case::{Case, CaseKind, Content};
use domain::policy::{self, Policy};
use domain::prompt;
use domain::verdict::{self, Verdict};
use engine::{
    Alternatives, Cancel, Divergence, Effort, Engine, Event, Numerics, Prefix, Reply, Request,
    Sampling, Written,
};
use std::fs;

/// Verdicts changed, of all. The bar is 0.002, and was missed by one or two of 1,232 cases
/// (docs/benchmarks.md): this guards against getting worse.
const CHANGED_MAX: f64 = 0.005;
/// As the studio runs it.
const TOKENS_MAX: u32 = 1024;
/// Every so many replies are compared token by token.
const COMPARED: usize = 10;

#[derive(serde::Deserialize)]
struct Row {
    id: String,
    policy: String,
    contract: String,
    labels: serde_json::Map<String, serde_json::Value>,
    effort: String,
    content: String,
}

/// A policy and what is judged by it.
struct Batch {
    policy: Policy,
    contents: Vec<String>,
}

fn generated(file: &str) -> Vec<Batch> {
    let path = root().join("fixtures/pebble-eval").join(file);
    let text = fs::read_to_string(path).expect("the generated cases are in the repository");
    let rows = text.lines().map(|line| {
        let row: Row = serde_json::from_str(line).expect("a row of the generator's format");
        let labels = row
            .labels
            .iter()
            .map(|(label, verdict)| format!("  {}: {verdict}\n", serde_json::json!(label)));
        let labels: String = labels.collect();
        let labels = match labels.is_empty() {
            true => labels,
            false => format!("labels:\n{labels}"),
        };
        let file = format!(
            "---\nid: generated\noutput: {}\n{labels}effort: {}\n---\n{}",
            row.contract, row.effort, row.policy
        );
        let policy = policy::parse(file.as_bytes());
        let policy = policy.unwrap_or_else(|error| panic!("{}: {error}", row.id));
        (file, policy, row.content)
    });
    let mut batches: Vec<(String, Batch)> = Vec::new();
    for (file, policy, content) in rows {
        match batches.last_mut() {
            Some((last, batch)) if *last == file => batch.contents.push(content),
            _ => batches.push((
                file,
                Batch {
                    policy,
                    contents: vec![content],
                },
            )),
        }
    }
    batches.into_iter().map(|(_, batch)| batch).collect()
}

fn samples() -> Vec<Batch> {
    let folder = fs::read_dir(root().join("policies")).expect("the sample policies");
    let mut files: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let batch = |path: &std::path::PathBuf| {
        let policy = policy::parse(&fs::read(path).ok()?).ok()?;
        let suite = path.file_stem()?.to_str()?;
        let suite = root().join("fixtures").join(format!("{suite}.jsonl"));
        let (cases, _) = domain::case::parse_suite(&fs::read(suite).ok()?);
        let contents = cases.iter().map(prompt::user).collect();
        Some(Batch { policy, contents })
    };
    files.iter().filter_map(batch).collect()
}

fn prefix(policy: &Policy) -> Prefix {
    Prefix {
        effort: match policy.effort {
            policy::Effort::Low => Effort::Low,
            policy::Effort::Medium => Effort::Medium,
            policy::Effort::High => Effort::High,
        },
        developer: prompt::developer(policy),
    }
}

/// A generated content, as the studio puts it.
fn user(content: &str) -> String {
    prompt::user(&Case {
        id: String::new(),
        content: Content::Text(content.to_owned()),
        kind: CaseKind::UserInput,
        expected: None,
        label: None,
        rules: Vec::new(),
        tags: Vec::new(),
        language: None,
        note: None,
        owner: None,
        annotations: Default::default(),
    })
}

fn replies(engine: &Engine, prefix: &Prefix, users: &[String]) -> Vec<Reply> {
    let request = |user: &String| Request {
        user: user.clone(),
        sampling: Sampling::Greedy,
        tokens_max: TOKENS_MAX,
        alternatives: Alternatives::default(),
        draft: None,
    };
    let requests: Vec<Request> = users.iter().map(request).collect();
    let mut found = vec![None; users.len()];
    let mut on_event = |event| {
        if let Event::Finished { index, reply } = event {
            found[index] = Some(reply);
        }
    };
    let judged = engine.generate(prefix, &requests, &Cancel::default(), &mut on_event);
    judged.expect("the prefix fits Pebble's context");
    let whole: Option<Vec<Reply>> = found.into_iter().collect();
    whole.expect("every request is answered")
}

#[derive(Default)]
struct Tally {
    cases: usize,
    changed: usize,
    /// Replies that are the same, word for word.
    same: usize,
    divergence: Divergence,
}

impl Tally {
    fn add(&mut self, engines: &[Engine; 2], policy: &Policy, users: &[String]) {
        let prefix = prefix(policy);
        let [exact, fast] = engines
            .each_ref()
            .map(|engine| replies(engine, &prefix, users));
        let verdict = |reply: &Reply| -> Verdict {
            verdict::read(&policy.output, reply.answer.as_deref().unwrap_or_default()).verdict
        };
        for (exact, fast) in exact.iter().zip(&fast) {
            self.cases += 1;
            self.changed += usize::from(verdict(exact) != verdict(fast));
            let text = |reply: &Reply| (reply.analysis.clone(), reply.answer.clone());
            self.same += usize::from(text(exact) == text(fast));
        }
        let written = |(user, reply): (&String, &Reply)| Written {
            user: user.clone(),
            analysis: reply.analysis.clone(),
            answer: reply.answer.clone().unwrap_or_default(),
        };
        let written: Vec<Written> = users
            .iter()
            .zip(&exact)
            .map(written)
            .step_by(COMPARED)
            .collect();
        let apart = engines[0].divergence(&engines[1], &prefix, &written);
        self.divergence = self.divergence.and(apart.expect("both are the same model"));
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
    let engines = [Numerics::Exact, Numerics::Fast].map(|numerics| {
        Engine::load_as(&root().join("fixtures/pebble"), numerics).expect("Pebble loads")
    });
    let mut all = Tally::default();
    let mut parts = vec![("samples", samples())];
    for file in ["heldout.jsonl", "counterfactual.jsonl", "labels.jsonl"] {
        parts.push((file, generated(file)));
    }
    for (name, batches) in parts {
        let mut part = Tally::default();
        for batch in batches {
            let users: Vec<String> = match name {
                "samples" => batch.contents,
                _ => batch.contents.iter().map(|content| user(content)).collect(),
            };
            part.add(&engines, &batch.policy, &users);
        }
        assert!(part.cases >= 100, "{name}: {} cases", part.cases);
        part.show(name);
        all.cases += part.cases;
        all.changed += part.changed;
        all.same += part.same;
        all.divergence = all.divergence.and(part.divergence);
    }
    all.show("all");
    let changed = all.changed as f64 / all.cases as f64;
    assert!(changed <= CHANGED_MAX, "{changed} of the verdicts changed");
}
