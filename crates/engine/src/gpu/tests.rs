//! The whole forward pass on a device: the host running the kernels as fibers, or a GPU with
//! TOUCHSTONE_TEST_DEVICE=cuda.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cuda::Cuda;
use super::device::{Device, Fault};
use super::emulated::{Emulated, Turns};
use super::kernels::{Kernel, PAGE};
use super::model::{Model, Part};
use super::pages::{Keep, Kind, Kv};
use super::plan::{self, Plan};
use super::selftest;
use crate::backend::Backend;
use crate::config::Config;
use crate::generate::{self, Loaded};
use crate::testing::Noise;
use crate::weights::Weights;
use crate::{
    Alternatives, Cancel, Draft, Effort, Engine, Event, GenerateError, Incoming, ModelInfo, Prefix,
    Reply, Request, Sampling,
};

fn device(turns: Turns) -> Arc<dyn Device> {
    match std::env::var("TOUCHSTONE_TEST_DEVICE").as_deref() {
        Ok("cuda") => Arc::new(Cuda::open().unwrap()),
        Ok(other) => panic!("TOUCHSTONE_TEST_DEVICE is {other:?}; known is cuda"),
        Err(_) => Arc::new(Emulated::new(turns)),
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name)
}

fn load(device: Arc<dyn Device>, dir: &Path) -> Model {
    planned(device, dir, |_| ())
}

/// A model whose plan is changed before it is loaded.
fn planned(device: Arc<dyn Device>, dir: &Path, change: impl Fn(&mut Plan)) -> Model {
    let (config, weights) = (Config::load(dir).unwrap(), Weights::open(dir).unwrap());
    let free = device.free_bytes().unwrap();
    let mut plan = plan::plan(&config, |name| weights.dtype(name), free).unwrap();
    change(&mut plan);
    Model::load(device, config, &weights, plan).unwrap()
}

fn model(name: &str) -> Model {
    load(device(Turns::Upwards), &fixture(name))
}

fn tokens(model: &Model, n: usize, seed: u64) -> Vec<u32> {
    let mut noise = Noise::new(seed);
    (0..n)
        .map(|_| (noise.next() % model.config.vocab as u64) as u32)
        .collect()
}

/// One step of one sequence, with the logits of its last token.
fn step(model: &Model, shared: Option<&Kv>, kv: &mut Kv, tokens: &[u32]) -> Vec<f32> {
    let part = Part {
        kv,
        tokens,
        logits: 1,
    };
    let answers = model.forward(shared, &mut [part], &|| false).unwrap();
    answers.logits(0..1).unwrap()
}

/// The last logits, with the first `cut` tokens as a prefix and the rest in pieces of `chunk`.
fn last(model: &Model, tokens: &[u32], cut: usize, chunk: usize) -> Vec<f32> {
    let mut prefix = model.sequence(Keep::All);
    for tokens in tokens[..cut].chunks(chunk) {
        step(model, None, &mut prefix, tokens);
    }
    let mut own = model.sequence(Keep::Window);
    let mut logits = Vec::new();
    for tokens in tokens[cut..].chunks(chunk) {
        logits = step(model, Some(&prefix), &mut own, tokens);
    }
    logits
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|l| l.to_bits()).collect()
}

fn largest(logits: &[f32]) -> usize {
    let ids = 0..logits.len();
    ids.rev()
        .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
        .unwrap()
}

#[derive(serde::Deserialize)]
struct Prompt {
    tokens: Vec<u32>,
    logits: Vec<f32>,
}

#[test]
fn agrees_with_the_reference() {
    for name in ["alpha", "beta", "gamma", "babbler"] {
        let model = model(&format!("parity/{name}"));
        let path = fixture("parity").join(name).join("reference.json");
        let prompts: Vec<Prompt> =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for prompt in prompts {
            let logits = last(&model, &prompt.tokens, 0, 64);
            let pairs = logits.iter().zip(&prompt.logits);
            let apart = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            println!(
                "{name}, {} tokens: at most {apart:.6} apart",
                prompt.tokens.len()
            );
            assert!(apart < 0.01, "{name}: {apart} apart");
            assert_eq!(largest(&logits), largest(&prompt.logits), "{name}");
        }
    }
}

#[test]
fn no_bit_depends_on_chunks_or_where_the_prefix_ends() {
    for name in ["alpha", "beta", "gamma"] {
        let model = model(&format!("parity/{name}"));
        let tokens = tokens(&model, 150, 1);
        let whole = bits(&last(&model, &tokens, 0, 150));
        for (cut, chunk) in [(0, 7), (1, 150), (15, 16), (16, 50), (37, 70), (149, 32)] {
            let found = bits(&last(&model, &tokens, cut, chunk));
            assert_eq!(found, whole, "{name} {cut} {chunk}");
        }
    }
}

#[test]
fn no_bit_depends_on_which_kernels_take_the_rows() {
    for name in ["alpha", "beta", "gamma"] {
        let dir = fixture("parity").join(name);
        let [few, many] = [usize::MAX, 1].map(|many_from| {
            let model = planned(device(Turns::Downwards), &dir, |plan| {
                plan.many_from = many_from;
            });
            let tokens = tokens(&model, 100, 7);
            bits(&last(&model, &tokens, 0, 70))
        });
        assert_eq!(few, many, "{name}");
    }
}

#[test]
fn a_pass_may_be_cut_where_partial_results_do_not_fit() {
    let dir = fixture("parity/gamma");
    let model = planned(device(Turns::Upwards), &dir, |plan| plan.partials = 5);
    let tokens = tokens(&model, 300, 8);
    let cut = bits(&last(&model, &tokens, 0, 200));
    let whole = bits(&last(&load(device(Turns::Upwards), &dir), &tokens, 0, 300));
    assert_eq!(cut, whole);
}

#[test]
fn no_bit_depends_on_the_order_of_threads() {
    let [up, down] = [Turns::Upwards, Turns::Downwards].map(|turns| {
        let model = load(Arc::new(Emulated::new(turns)), &fixture("parity/gamma"));
        let tokens = tokens(&model, 40, 5);
        bits(&last(&model, &tokens, 20, 13))
    });
    assert_eq!(up, down);
}

#[test]
fn no_bit_depends_on_the_batch() {
    let model = model("parity/gamma");
    let vocab = model.config.vocab;
    let mut prefix = model.sequence(Keep::All);
    step(&model, None, &mut prefix, &tokens(&model, 150, 2));
    let cases: Vec<Vec<u32>> = (0..32)
        .map(|i| tokens(&model, 1 + i % 9, 100 + i as u64))
        .collect();
    let run = |cases: &[Vec<u32>]| {
        let mut kvs: Vec<Kv> = cases.iter().map(|_| model.sequence(Keep::Window)).collect();
        let pairs = kvs.iter_mut().zip(cases);
        let mut parts: Vec<Part<'_>> = pairs
            .map(|(kv, tokens)| Part {
                kv,
                tokens,
                logits: 1,
            })
            .collect();
        let answers = model.forward(Some(&prefix), &mut parts, &|| false).unwrap();
        let logits = answers.logits(0..cases.len()).unwrap();
        for (row, best) in logits.chunks(vocab).zip(answers.best().unwrap()) {
            assert_eq!(best, Some(largest(row) as u32));
        }
        bits(&logits)
    };
    let all = run(&cases);
    for n in [1, 7] {
        for (i, some) in cases.chunks(n).enumerate() {
            assert_eq!(run(some), all[i * n * vocab..][..some.len() * vocab], "{n}");
        }
    }
}

#[test]
fn no_bit_depends_on_company_that_sees_more_of_the_prefix() {
    let model = model("pebble");
    let mut prefix = model.sequence(Keep::All);
    step(&model, None, &mut prefix, &tokens(&model, 130, 2));
    let prompts = [50, 2].map(|n| tokens(&model, n, n as u64));
    // Both are a token behind their prompts: windows of 64 positions then begin in different
    // pages of one split of the prefix, and the first one's begins later.
    let begun = || {
        prompts.each_ref().map(|prompt| {
            let mut kv = model.sequence(Keep::Window);
            step(&model, Some(&prefix), &mut kv, prompt);
            kv
        })
    };
    let mut kvs = begun();
    let mut parts: Vec<Part<'_>> = kvs
        .iter_mut()
        .map(|kv| Part {
            kv,
            tokens: &[7],
            logits: 1,
        })
        .collect();
    let answers = model.forward(Some(&prefix), &mut parts, &|| false).unwrap();
    let together = bits(&answers.logits(0..2).unwrap());
    drop(answers);
    for (kv, row) in begun().iter_mut().zip(together.chunks(model.config.vocab)) {
        assert_eq!(bits(&step(&model, Some(&prefix), kv, &[7])), row);
    }
}

#[test]
fn pages_come_back() {
    let model = model("parity/alpha");
    let free = |model: &Model| [Kind::Full, Kind::Sliding].map(|kind| model.free_pages(kind));
    let all = free(&model);
    let mut prefix = model.sequence(Keep::All);
    step(&model, None, &mut prefix, &tokens(&model, 40, 1));
    assert_eq!(free(&model), [all[0] - 3, all[1] - 3]);
    let mut case = model.sequence(Keep::Window);
    for seed in 0..5 {
        let (needs, before) = (case.needs(Some(&prefix), 20), free(&model));
        step(&model, Some(&prefix), &mut case, &tokens(&model, 20, seed));
        let after = free(&model);
        assert_eq!(before[0] - after[0], needs[0]);
        assert_eq!(before[1].saturating_sub(after[1]), needs[1]);
    }
    // 100 positions behind 40: from page 2 to page 8. A window of 8 positions and the last
    // step's 20 reach back to page 7 at most.
    assert_eq!(free(&model), [all[0] - 3 - 7, all[1] - 3 - 2]);
    drop(case);
    assert_eq!(free(&model), [all[0] - 3, all[1] - 3]);
    prefix.truncate(15);
    step(&model, None, &mut prefix, &[1]);
    assert_eq!(free(&model), [all[0] - 1, all[1] - 1]);
    drop(prefix);
    assert_eq!(free(&model), all);
}

#[test]
fn a_stopped_step_leaves_the_sequence_as_it_was() {
    let model = model("parity/alpha");
    let tokens = tokens(&model, 30, 3);
    let mut kv = model.sequence(Keep::Window);
    step(&model, None, &mut kv, &tokens[..20]);
    let calls = std::cell::Cell::new(0);
    let stop = || calls.replace(calls.get() + 1) == 2;
    let part = Part {
        kv: &mut kv,
        tokens: &tokens[5..15],
        logits: 1,
    };
    let stopped = model.forward(None, &mut [part], &stop);
    assert!(matches!(stopped, Err(GenerateError::Cancelled)));
    drop(stopped);
    assert_eq!(kv.len(), 20);
    let logits = step(&model, None, &mut kv, &tokens[20..]);
    assert_eq!(bits(&logits), bits(&last(&model, &tokens, 0, 30)));
}

/// Replies, in the order of their requests.
fn replies(prefix: &Prefix, requests: &[Request], generate: &Generate<'_>) -> Vec<Reply> {
    let mut replies: Vec<Option<Reply>> = requests.iter().map(|_| None).collect();
    generate(prefix, requests, &mut |event| {
        if let Event::Finished { index, reply } = event {
            replies[index] = Some(reply);
        }
    });
    replies.into_iter().map(Option::unwrap).collect()
}

type Generate<'a> = dyn Fn(&Prefix, &[Request], &mut dyn FnMut(Event)) + 'a;

/// An engine's insides, with the model on a device that has so many pages, or enough.
fn loaded(dir: &Path, pages: Option<[usize; 2]>) -> (ModelInfo, Loaded) {
    let device = device(Turns::Upwards);
    let placed = |config: &Config, weights: &Weights| {
        let free = device.free_bytes().unwrap();
        let mut plan = plan::plan(config, |name| weights.dtype(name), free).unwrap();
        plan.pages = pages.unwrap_or(plan.pages);
        let model = Model::load(device.clone(), config.clone(), weights, plan)?;
        Ok(Backend::Gpu(Box::new(model)))
    };
    generate::load_with(dir, false, None, placed).unwrap()
}

fn answered(loaded: &Loaded, prefix: &Prefix, requests: &[Request]) -> Vec<Reply> {
    replies(prefix, requests, &|prefix, requests, on_event| {
        let mut waiting = requests.iter();
        let mut next = || {
            waiting.next().map(|request| Incoming {
                request: request.clone(),
                cancel: Cancel::default(),
            })
        };
        loaded
            .generate(prefix, &mut next, &Cancel::default(), on_event)
            .unwrap();
    })
}

fn request(user: &str, tokens_max: u32) -> Request {
    let words = |word: &str| vec![word.to_owned(), word.to_uppercase()];
    Request {
        user: user.to_owned(),
        sampling: Sampling::Greedy,
        tokens_max,
        alternatives: Alternatives {
            over: words("violates"),
            under: words("safe"),
        },
        draft: None,
    }
}

#[test]
fn pebble_says_what_it_says_on_the_processor() {
    let dir = fixture("pebble");
    let (info, loaded) = loaded(&dir, None);
    let processor = Engine::load(&dir).unwrap();
    assert_ne!(info.digest, processor.info().digest, "never mixed");
    assert_eq!(info.device, device(Turns::Upwards).name());
    let prefix = Prefix {
        effort: Effort::Low,
        developer: std::fs::read_to_string(fixture("../policies/tobacco.md")).unwrap(),
    };
    let mut requests = vec![
        request("cigars for sale", 120),
        request("a poem about rain", 120),
    ];
    let theirs = replies(&prefix, &requests, &|prefix, requests, on_event| {
        processor
            .generate(prefix, requests, &Cancel::default(), on_event)
            .unwrap();
    });
    let found = answered(&loaded, &prefix, &requests);
    for (found, expected) in found.iter().zip(&theirs) {
        assert_eq!(found.analysis, expected.analysis);
        assert_eq!(found.answer, expected.answer);
        assert_eq!(found.generated_tokens, expected.generated_tokens);
        match (found.margin, expected.margin) {
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 0.02),
            (found, expected) => assert_eq!(found, expected),
        }
    }
    assert_ne!(found[0].answer, None, "the reply reaches its verdict");
    // Drafts and what is in the cache change nothing but the time.
    requests[0].draft = Some(Draft {
        analysis: found[0].analysis.clone(),
        answer: found[0].answer.clone().unwrap(),
    });
    let drafted = answered(&loaded, &prefix, &requests[..1]);
    assert!(drafted[0].accepted_tokens > 0);
    assert_eq!(drafted[0].analysis, found[0].analysis);
    let bits = |reply: &Reply| reply.margin.map(f64::to_bits);
    assert_eq!(bits(&drafted[0]), bits(&found[0]));
}

#[test]
fn replies_wait_for_pages_and_are_the_same() {
    let dir = fixture("parity/babbler");
    let prefix = Prefix {
        effort: Effort::Low,
        developer: "be kind ".repeat(4),
    };
    let requests: Vec<Request> = (0..6)
        .map(|i| request(&"words ".repeat(1 + 3 * i), 40))
        .collect();
    let plenty = loaded(&dir, None).1;
    let written = |replies: Vec<Reply>| -> Vec<(String, Option<String>, u32)> {
        replies
            .into_iter()
            .map(|reply| (reply.analysis, reply.answer, reply.generated_tokens))
            .collect()
    };
    let expected = written(answered(&plenty, &prefix, &requests));
    let prompts = requests
        .iter()
        .map(|request| plenty.prompt_tokens(&prefix, &request.user) as usize);
    // The prefix, the longest case alone, and not twice that.
    let least = prompts.max().unwrap() + 40;
    for pages in [least / PAGE + 3, least / PAGE + 6] {
        let few = loaded(&dir, Some([pages, pages])).1;
        let found = written(answered(&few, &prefix, &requests));
        assert_eq!(found, expected, "{pages} pages");
    }
}

#[test]
fn an_edit_cuts_the_one_prefix_there_is() {
    let dir = fixture("parity/babbler");
    let warm = loaded(&dir, None).1;
    let requests = [request("words", 20)];
    let mut edits = 0;
    for text in ["be kind, be just", "be kind, be rude", "be kind, be just"] {
        let prefix = Prefix {
            effort: Effort::Low,
            developer: text.to_owned(),
        };
        let mut on_event = |event| {
            if let Event::PrefixReady { tokens, reused, .. } = event {
                edits += u32::from(0 < reused && reused < tokens);
            }
        };
        warm.generate(&prefix, &mut || None, &Cancel::default(), &mut on_event)
            .unwrap();
        let found = answered(&warm, &prefix, &requests);
        let fresh = answered(&loaded(&dir, None).1, &prefix, &requests);
        assert_eq!(found[0].analysis, fresh[0].analysis, "{text}");
    }
    assert_eq!(edits, 2);
}

#[test]
fn the_self_test_lets_a_sound_device_pass() {
    let pebble = fixture("pebble");
    for (pebble, tokens) in [(Some(pebble.as_path()), 12), (None, 4)] {
        let passed = selftest::check(&device(Turns::Upwards), pebble, tokens).unwrap();
        println!("{passed:?}");
        assert!(passed.apart < selftest::TOLERANCE);
    }
}

/// A device that does not do one of its kernels' work now and then.
struct Broken {
    sound: Emulated,
    kernel: Kernel,
}

impl Device for Broken {
    fn name(&self) -> &str {
        "broken"
    }
    fn free_bytes(&self) -> Result<u64, Fault> {
        self.sound.free_bytes()
    }
    fn allocate(&self, bytes: u64) -> Result<u64, Fault> {
        self.sound.allocate(bytes)
    }
    fn release(&self, address: u64, bytes: u64) {
        self.sound.release(address, bytes);
    }
    fn upload(&self, to: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.sound.upload(to, bytes)
    }
    fn download(&self, from: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        self.sound.download(from, bytes)
    }
    fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Fault> {
        self.sound.copy(from, to, bytes)
    }
    unsafe fn launch(
        &self,
        kernel: Kernel,
        grid: [u32; 2],
        args: *const c_void,
        bytes: usize,
    ) -> Result<(), Fault> {
        let left_out = kernel == self.kernel && grid[0] > 1;
        let grid = [grid[0] - u32::from(left_out), grid[1]];
        // SAFETY: passed on.
        unsafe { self.sound.launch(kernel, grid, args, bytes) }
    }
}

#[test]
fn the_self_test_refuses_a_device_that_computes_wrongly() {
    let pebble = fixture("pebble");
    for kernel in [Kernel::Linear, Kernel::Down, Kernel::Attend] {
        let device: Arc<dyn Device> = Arc::new(Broken {
            sound: Emulated::new(Turns::Upwards),
            kernel,
        });
        let why = selftest::check(&device, Some(&pebble), 4).unwrap_err();
        assert!(
            why.starts_with("the self-test failed: "),
            "{kernel:?}: {why}"
        );
    }
    let small: Arc<dyn Device> = Arc::new(Emulated::with_memory(1 << 20));
    let why = selftest::check(&small, Some(&pebble), 4).unwrap_err();
    assert!(why.contains("1.00 MiB are free"), "{why}");
}
