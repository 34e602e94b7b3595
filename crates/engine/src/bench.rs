//! What a model costs on this machine: prefill, decoding, and a policy run again after an
//! edit. Everything goes through `Engine::generate`, as judging does; replies run to their
//! bound, so that random weights can be measured. Medians with the least and the most.

mod kernels;

use serde::Serialize;
use std::path::Path;
use std::time::Instant;

use crate::machine::{self, Machine};
use crate::work::{self, Bounds, Done};
use crate::{
    Alternatives, Cancel, Effort, Engine, Event, GenerateError, LoadError, Placement, Prefix,
    Request, Sampling,
};

pub use kernels::{Kernel, Weights};

/// A model loaded to be measured.
pub struct Bench {
    engine: Engine,
    machine: Machine,
    load_ms: f64,
}

/// Figures with what they were measured on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report<F> {
    pub bench: &'static str,
    pub machine: Place,
    pub model: Measured,
    pub threads: u32,
    pub repeats: u32,
    #[serde(flatten)]
    pub figures: F,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    pub cpu: String,
    pub cores: u32,
    pub instructions: String,
    pub os: String,
    pub memory_total_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    pub name: String,
    pub digest: String,
    /// `exact` or `fast`.
    pub numerics: &'static str,
    /// Where it computes.
    pub device: String,
    pub parameters: u64,
    pub weights_bytes: u64,
    pub load_ms: f64,
}

/// Of `repeats` measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prefill {
    pub tokens: u32,
    pub prefill_ms: Spread,
    pub prefill_tokens_per_s: Spread,
    /// Absent on a GPU, where nothing is counted.
    #[serde(flatten)]
    pub arithmetic: Option<Arithmetic>,
}

/// Products and sums of weights and activations beside what the machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Arithmetic {
    /// Attention is not counted.
    pub ops_per_s: f64,
    /// What the kernels' instruction reaches alone, measured in the same sitting.
    pub peak_ops_per_s: f64,
    pub peak_share: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decode {
    /// Replies under way together.
    pub batch: u32,
    pub prefix_tokens: u32,
    /// Of each reply.
    pub reply_tokens: u32,
    /// Time from one token of a reply to its next.
    pub step_ms: Spread,
    /// Of all replies together.
    pub decode_tokens_per_s: Spread,
    /// From the call to the end of the last reply, prompts of the cases included.
    pub replies_ms: Spread,
    /// Absent on a GPU, where nothing is counted.
    #[serde(flatten)]
    pub reading: Option<Reading>,
}

/// Reading weights beside what the machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reading {
    /// Keys and values are not counted.
    pub step_read_bytes: u64,
    pub read_bytes_per_s: f64,
    /// What reading memory reaches alone, measured in the same sitting.
    pub stream_bytes_per_s: f64,
    pub stream_share: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rerun {
    pub cases: u32,
    pub policy_tokens: u32,
    /// The longest case's message.
    pub case_tokens: u32,
    pub reply_tokens: u32,
    /// From nothing.
    pub cold_first_verdict_ms: Spread,
    pub cold_last_verdict_ms: Spread,
    /// After an edited line in the middle of the policy.
    pub edited_first_verdict_ms: Spread,
    pub edited_last_verdict_ms: Spread,
    /// Tokens of the edited policy that were there already.
    pub edited_reused_tokens: u32,
}

/// What a re-run is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RerunSize {
    pub cases: u32,
    pub policy_tokens: u32,
    pub case_tokens: u32,
    pub reply_tokens: u32,
}

impl Bench {
    pub fn load(dir: &Path, placement: Placement<'_>) -> Result<Bench, LoadError> {
        let started = Instant::now();
        let mut engine = Engine::load_to(dir, placement)?;
        engine.run_to_the_bound();
        Ok(Bench {
            engine,
            machine: Machine::here(),
            load_ms: ms(started),
        })
    }

    /// A prompt of about `tokens` tokens, from nothing.
    pub fn prefill(
        &self,
        tokens: u32,
        repeats: u32,
        cancel: &Cancel,
    ) -> Result<Report<Prefill>, GenerateError> {
        let prefix = self.prefix(tokens, 0);
        let (mut found, mut done) = (0, None);
        let mut times = Vec::new();
        // Once unmeasured: pages of the weights are read, threads are started.
        for round in 0..=repeats {
            self.engine.forget();
            let run = self.run(&prefix, &[], cancel)?;
            (found, done) = (run.prefix_tokens, run.done);
            if round > 0 {
                times.push(run.prefix_ms);
            }
        }
        let prefill_ms = spread(&times);
        let arithmetic = |(done, bounds): (Done, Bounds)| {
            let ops_per_s = 2.0 * done.products as f64 / (prefill_ms.median / 1e3);
            Arithmetic {
                ops_per_s,
                peak_ops_per_s: bounds.ops_per_s,
                peak_share: ops_per_s / bounds.ops_per_s,
            }
        };
        let figures = Prefill {
            tokens: found,
            prefill_ms,
            prefill_tokens_per_s: rates(f64::from(found), &times),
            arithmetic: self.bounded(done)?.map(arithmetic),
        };
        Ok(self.report("prefill", repeats, figures))
    }

    /// `batch` replies of `reply_tokens` tokens over a shared prefix that is there already.
    /// What the prompts cost is taken off: it is measured with replies of one token.
    pub fn decode(
        &self,
        batch: u32,
        prefix_tokens: u32,
        reply_tokens: u32,
        repeats: u32,
        cancel: &Cancel,
    ) -> Result<Report<Decode>, GenerateError> {
        if batch > self.engine.batch_max() {
            return Err(GenerateError::Internal(format!(
                "this model answers {} cases at once, {batch} were asked for; give fewer.",
                self.engine.batch_max()
            )));
        }
        let prefix = self.prefix(prefix_tokens, 0);
        let requests = |tokens_max: u32| -> Vec<Request> {
            (0..batch)
                .map(|i| request(format!("{} {i}", words(8, u64::from(i))), tokens_max))
                .collect()
        };
        let (short, long) = (requests(1), requests(reply_tokens + 1));
        let (mut found, mut done) = (0, None);
        let (mut steps, mut totals, mut wholes) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=repeats {
            self.engine.begin_together(true);
            let runs = self
                .run(&prefix, &short, cancel)
                .and_then(|alone| Ok((alone, self.run(&prefix, &long, cancel)?)));
            self.engine.begin_together(false);
            let (alone, whole) = runs?;
            found = whole.prefix_tokens;
            done = whole
                .done
                .zip(alone.done)
                .map(|(all, less)| all.without(less));
            if round > 0 {
                // Noise can make nearly nothing less than nothing.
                let decoding = (whole.last_ms - alone.last_ms).max(1e-3);
                steps.push(decoding / f64::from(reply_tokens));
                totals.push(decoding);
                wholes.push(whole.last_ms);
            }
        }
        let step_ms = spread(&steps);
        let reading = |(done, bounds): (Done, Bounds)| {
            let step_read_bytes = done.read_bytes / u64::from(reply_tokens);
            let read_bytes_per_s = step_read_bytes as f64 / (step_ms.median / 1e3);
            Reading {
                step_read_bytes,
                read_bytes_per_s,
                stream_bytes_per_s: bounds.read_bytes_per_s,
                stream_share: read_bytes_per_s / bounds.read_bytes_per_s,
            }
        };
        let figures = Decode {
            batch,
            prefix_tokens: found,
            reply_tokens,
            step_ms,
            decode_tokens_per_s: rates(f64::from(batch * reply_tokens), &totals),
            replies_ms: spread(&wholes),
            reading: self.bounded(done)?.map(reading),
        };
        Ok(self.report("decode", repeats, figures))
    }

    /// A suite judged from nothing, and again after a line in the middle was edited.
    pub fn rerun(
        &self,
        size: RerunSize,
        repeats: u32,
        cancel: &Cancel,
    ) -> Result<Report<Rerun>, GenerateError> {
        let empty = self.engine.prompt_tokens(&bare(String::new()), "");
        let requests: Vec<Request> = (0..size.cases)
            .map(|i| {
                let user = self.fitted(
                    size.case_tokens,
                    |n| words(n, 1_000 + u64::from(i)),
                    |text| self.engine.prompt_tokens(&bare(String::new()), text) - empty,
                );
                request(user, size.reply_tokens)
            })
            .collect();
        let longest = requests.iter().map(|request| {
            self.engine
                .prompt_tokens(&bare(String::new()), &request.user)
                - empty
        });
        let case_tokens = longest.max().unwrap_or(0);
        let (mut cold, mut edited) = (Vec::new(), Vec::new());
        let policy = self.prefix(size.policy_tokens, 0);
        let mut reused = 0;
        for round in 0..=repeats {
            self.engine.forget();
            let first = self.run(&policy, &requests, cancel)?;
            let changed = edit(&policy, u64::from(round) + 1);
            let again = self.run(&changed, &requests, cancel)?;
            reused = again.reused_tokens;
            if round > 0 {
                cold.push(first);
                edited.push(again);
            }
        }
        let first = |runs: &[Run]| spread(&runs.iter().map(|run| run.first_ms).collect::<Vec<_>>());
        let last = |runs: &[Run]| spread(&runs.iter().map(|run| run.last_ms).collect::<Vec<_>>());
        let figures = Rerun {
            cases: size.cases,
            policy_tokens: edited.last().map_or(0, |run| run.prefix_tokens),
            case_tokens,
            reply_tokens: size.reply_tokens,
            cold_first_verdict_ms: first(&cold),
            cold_last_verdict_ms: last(&cold),
            edited_first_verdict_ms: first(&edited),
            edited_last_verdict_ms: last(&edited),
            edited_reused_tokens: reused,
        };
        Ok(self.report("rerun", repeats, figures))
    }

    fn report<F>(&self, bench: &'static str, repeats: u32, figures: F) -> Report<F> {
        let info = self.engine.info();
        Report {
            bench,
            machine: Place {
                cpu: self.machine.cpu.clone(),
                cores: self.machine.cores,
                instructions: self.machine.instructions.clone(),
                os: self.machine.os.clone(),
                memory_total_bytes: self.machine.memory_total_bytes,
            },
            model: Measured {
                name: info.name.clone(),
                digest: info.digest.clone(),
                numerics: info.numerics.name(),
                device: info.device.clone(),
                parameters: info.parameters,
                weights_bytes: info.bytes,
                load_ms: self.load_ms,
            },
            threads: machine::threads(),
            repeats,
            figures,
        }
    }

    /// What was done, if it was counted, with what this machine reaches by the model's numerics.
    fn bounded(&self, done: Option<Done>) -> Result<Option<(Done, Bounds)>, GenerateError> {
        let Some(done) = done else { return Ok(None) };
        let bounds = work::bounds(self.engine.info().numerics);
        let bounds = bounds.map_err(|error| GenerateError::Internal(error.0))?;
        Ok(Some((done, bounds)))
    }

    /// A policy that makes a shared prefix of about `tokens` tokens.
    fn prefix(&self, tokens: u32, seed: u64) -> Prefix {
        let text = self.fitted(
            tokens,
            |n| policy(n, seed),
            |text| self.engine.prompt_tokens(&bare(text.to_owned()), ""),
        );
        bare(text)
    }

    /// The longest text that `count` puts at no more than `tokens`, of at least one word.
    fn fitted(
        &self,
        tokens: u32,
        text: impl Fn(u32) -> String,
        count: impl Fn(&str) -> u32,
    ) -> String {
        let (mut fits, mut over) = (1, tokens.max(1) + 1);
        while over - fits > 1 {
            let middle = fits + (over - fits) / 2;
            match count(&text(middle)) <= tokens {
                true => fits = middle,
                false => over = middle,
            }
        }
        text(fits)
    }

    fn run(
        &self,
        prefix: &Prefix,
        requests: &[Request],
        cancel: &Cancel,
    ) -> Result<Run, GenerateError> {
        let started = Instant::now();
        let mut run = Run::default();
        let mut first = None;
        self.engine.done();
        self.engine
            .generate(prefix, requests, cancel, &mut |event| match event {
                Event::PrefixReady {
                    tokens,
                    reused,
                    elapsed_ms,
                } => {
                    run.prefix_tokens = tokens;
                    run.reused_tokens = reused;
                    run.prefix_ms = elapsed_ms;
                }
                Event::Finished { .. } => {
                    run.last_ms = ms(started);
                    first.get_or_insert(run.last_ms);
                }
                _ => (),
            })?;
        run.first_ms = first.unwrap_or_default();
        run.done = self.engine.done();
        Ok(run)
    }
}

#[derive(Default)]
struct Run {
    prefix_tokens: u32,
    reused_tokens: u32,
    prefix_ms: f64,
    first_ms: f64,
    last_ms: f64,
    done: Option<Done>,
}

fn bare(developer: String) -> Prefix {
    Prefix {
        effort: Effort::Low,
        developer,
    }
}

fn request(user: String, tokens_max: u32) -> Request {
    Request {
        user,
        sampling: Sampling::Greedy,
        tokens_max,
        alternatives: Alternatives::default(),
        draft: None,
    }
}

/// Ordinary words, one or two tokens each in the published vocabulary.
const WORDS: [&str; 32] = [
    "policy", "content", "that", "offers", "tobacco", "for", "sale", "to", "anyone", "violates",
    "rule", "unless", "the", "speaker", "reports", "on", "it", "as", "news", "or", "quotes",
    "another", "person", "who", "does", "so", "in", "plain", "words", "without", "any", "price",
];
const LINE_WORDS: u32 = 14;

fn words(n: u32, seed: u64) -> String {
    let mut noise = crate::synth::SplitMix::new(seed);
    let picked: Vec<&str> = (0..n)
        .map(|_| WORDS[(noise.next() % WORDS.len() as u64) as usize])
        .collect();
    picked.join(" ")
}

/// Lines of a policy, `n` words in all.
fn policy(n: u32, seed: u64) -> String {
    let lines: Vec<String> = (0..n.div_ceil(LINE_WORDS))
        .map(|line| {
            let count = LINE_WORDS.min(n - line * LINE_WORDS);
            words(count, seed ^ (u64::from(line) << 20))
        })
        .collect();
    lines.join("\n")
}

/// Another line in the middle.
fn edit(prefix: &Prefix, seed: u64) -> Prefix {
    let mut lines: Vec<String> = prefix.developer.lines().map(str::to_owned).collect();
    let middle = lines.len() / 2;
    if let Some(line) = lines.get_mut(middle) {
        let n = line.split(' ').count() as u32;
        *line = words(n, seed | 1 << 60);
    }
    bare(lines.join("\n"))
}

fn spread(values: &[f64]) -> Spread {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let median = match (sorted.len() % 2, sorted.get(middle)) {
        (1, Some(value)) => *value,
        (_, Some(value)) => (sorted[middle - 1] + value) / 2.0,
        (_, None) => 0.0,
    };
    Spread {
        median,
        min: sorted.first().copied().unwrap_or_default(),
        max: sorted.last().copied().unwrap_or_default(),
    }
}

/// So many in each of `times_ms`, a second.
fn rates(n: f64, times_ms: &[f64]) -> Spread {
    let rates: Vec<f64> = times_ms.iter().map(|ms| n / (ms / 1e3)).collect();
    spread(&rates)
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
#[path = "bench/tests.rs"]
mod tests;
