//! A device's memory, planned before anything is uploaded: weights but for the embedding, which
//! stays on the host; keys and values of a policy and its cases, sliding layers holding no more
//! than their window of a case; what one step computes with. Refuses what cannot fit, with the
//! figures, and what the kernels cannot compute.

use super::kernels::{DIMS, EXPERTS, HEADS, PAGE, SPLIT};
use super::pages::{layers, page_bytes, wide};
use super::scratch::{attended, expert_tiles};
use crate::config::Config;
use crate::generate::ACTIVE_MAX;
use crate::layout::{Kind, Slot, layout};
use crate::linear::BLOCK;
use crate::memory::{Workload, gib};
use crate::model::CHUNK;

/// Rows of a step: of a policy, which asks for no logits.
const ROWS: usize = 512;
/// From so many rows on, the kernels for many take over; their bits are the same.
const MANY_FROM: usize = 256;
/// Rows that ask for logits: replies, drafts and ends of prompts share a chunk.
const ASKED: usize = CHUNK;
/// Partial results of attention that are kept at once, at least.
const PARTIALS: usize = 4_096;
/// What is left free: the driver rounds what it gives out, and others use the GPU too.
const SPARE_BYTES: u64 = 384 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) rows: usize,
    pub(crate) asked: usize,
    pub(crate) many_from: usize,
    /// 32-bit words that describe a step.
    pub(crate) words: usize,
    pub(crate) partials: usize,
    /// Of layers with full attention, and of sliding ones.
    pub(crate) pages: [usize; 2],
    pub(crate) workload: Workload,
    pub(crate) weights_bytes: u64,
    pub(crate) kv_bytes: u64,
    pub(crate) step_bytes: u64,
}

impl Plan {
    pub(crate) fn total_bytes(&self) -> u64 {
        self.weights_bytes + self.kv_bytes + self.step_bytes + SPARE_BYTES
    }
}

/// Plans a checkpoint whose tensors have these types for a device with so many bytes free: for
/// as many and as long cases as fit, up to the engine's most.
pub(crate) fn plan<'a>(
    c: &Config,
    dtype: impl Fn(&str) -> Option<&'a str>,
    free_bytes: u64,
) -> Result<Plan, String> {
    computable(c)?;
    let weights_bytes = layout(c)
        .iter()
        .map(|slot| bytes(c, slot, dtype(&slot.name)))
        .sum();
    let of = |workload: Workload| {
        let pages = pages(c, workload);
        let [full, sliding] = layers(c);
        let count = (full * pages[0] + sliding * pages[1]) as u64;
        let mut plan = Plan {
            rows: ROWS,
            asked: ASKED,
            many_from: MANY_FROM,
            words: words(c),
            partials: PARTIALS.max(c.context.div_ceil(SPLIT) + 1),
            pages,
            workload,
            weights_bytes,
            kv_bytes: 2 * count * page_bytes(c),
            step_bytes: 0,
        };
        plan.step_bytes = step_bytes(c, &plan);
        plan
    };
    let standard = Workload::default();
    let wider = [8, 4, 2, 1].map(|times| Workload {
        policy_tokens: standard.policy_tokens * times,
        case_tokens: standard.case_tokens * times,
        ..standard
    });
    let fewer = (1..standard.cases)
        .rev()
        .map(|cases| Workload { cases, ..standard });
    wider
        .into_iter()
        .chain(fewer)
        .map(|workload| of(within(c, workload)))
        .find(|plan| plan.total_bytes() <= free_bytes)
        .ok_or_else(|| {
            refusal(
                &of(within(
                    c,
                    Workload {
                        cases: 1,
                        ..standard
                    },
                )),
                free_bytes,
            )
        })
}

fn refusal(least: &Plan, free_bytes: u64) -> String {
    format!(
        "{} of the GPU's memory are needed and {} are free: weights {}, keys and values {} for \
         one case of {} tokens over a policy of {}, a step {}, to spare {}. Close what else uses \
         the GPU, or judge on the processor with --device cpu.",
        gib(least.total_bytes()),
        gib(free_bytes),
        gib(least.weights_bytes),
        gib(least.kv_bytes),
        least.workload.case_tokens,
        least.workload.policy_tokens,
        gib(least.step_bytes),
        gib(SPARE_BYTES),
    )
}

/// A workload cut to the model's context.
fn within(c: &Config, workload: Workload) -> Workload {
    let context = c.context as u32;
    let case_tokens = workload.case_tokens.min(context / 2).max(1);
    Workload {
        case_tokens,
        policy_tokens: workload.policy_tokens.min(context - case_tokens),
        ..workload
    }
}

/// What the kernels are made for.
fn computable(c: &Config) -> Result<(), String> {
    let groups = c.heads / c.kv_heads;
    let windows: Vec<usize> = c.windows.iter().flatten().copied().collect();
    let limits = [
        ("head_dim", c.head_dim, DIMS),
        ("query heads for each key-value head", groups, HEADS),
        ("experts", c.experts, EXPERTS),
    ];
    for (what, found, most) in limits {
        if found > most {
            return Err(format!(
                "the GPU's kernels are made for at most {most} {what}, and the model has {found}. \
                 Judge on the processor with --device cpu."
            ));
        }
    }
    match windows.windows(2).all(|pair| pair[0] == pair[1]) {
        true => Ok(()),
        false => Err(
            "the GPU's kernels know one sliding window, and the model has several. \
                      Judge on the processor with --device cpu."
                .to_owned(),
        ),
    }
}

/// What a tensor takes on the device.
fn bytes(c: &Config, slot: &Slot, dtype: Option<&str>) -> u64 {
    match slot.kind {
        Kind::Blocks | Kind::Scales => slot.numbers(),
        Kind::Norm | Kind::Bias | Kind::Sinks => 4 * slot.numbers(),
        Kind::Matrix if slot.name.starts_with("model.embed_tokens") && !c.tied_embeddings => 0,
        Kind::Matrix => {
            let padded = (slot.shape[0] * slot.shape[1].next_multiple_of(BLOCK)) as u64;
            match dtype {
                Some("BF16") | None => 2 * padded,
                Some(_) => 4 * padded,
            }
        }
    }
}

/// Pages of a policy and its cases. Each sequence begins with a page of its own; a case's
/// sliding layers keep its window and what a step adds.
fn pages(c: &Config, workload: Workload) -> [usize; 2] {
    let of = |tokens: usize| tokens.div_ceil(PAGE) + 1;
    let (policy, cases) = (of(workload.policy_tokens as usize), workload.cases as usize);
    let case = workload.case_tokens as usize;
    let window = c.windows.iter().flatten().copied().max().unwrap_or(0);
    let sliding = of(case).min(of(window) + 1);
    let step = (CHUNK / PAGE + 1).min(cases * of(case));
    let [full_layers, sliding_layers] = layers(c).map(|layers| usize::from(layers > 0));
    [
        full_layers * (policy + cases * of(case)),
        sliding_layers * (policy + cases * sliding + step + ROWS / PAGE),
    ]
}

/// The most words that describe a step: angles, positions, and for each kind of layer places,
/// tables, tiles with their members.
fn words(c: &Config) -> usize {
    let tables = (ACTIVE_MAX + 1) * c.context.div_ceil(PAGE);
    let splits = ROWS * (c.context.div_ceil(SPLIT) + 1);
    ROWS * (c.head_dim + 1) + ASKED + 2 * (2 * ROWS + tables + 5 * splits)
}

/// As `Scratch` has it.
fn step_bytes(c: &Config, plan: &Plan) -> u64 {
    let (n, a) = (plan.rows, plan.rows * c.top_k);
    let planes = n * (c.hidden + c.heads * wide(c) + attended(c)) + a * c.intermediate;
    let numbers = plan.words
        + n * (c.hidden + (c.heads + 2 * c.kv_heads) * c.head_dim + c.experts)
        + plan.partials * c.heads * (wide(c) + 2)
        + 2 * a
        + c.experts * n
        + 3 * expert_tiles(c, n)
        + a * c.hidden
        + plan.asked * (c.vocab + 1);
    4 * (planes + numbers) as u64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::Like;

    fn published(like: Like) -> Config {
        Config::parse(&crate::synth::published_config(like)).unwrap()
    }

    fn bf16(_: &str) -> Option<&'static str> {
        Some("BF16")
    }

    #[test]
    fn the_20b_with_32_cases_fits_16_gb() {
        let c = published(Like::GptOss20b);
        // A card of 16 GB has 15.6 GiB or more; a driver and a desktop take up to 1 GiB of it.
        let plan = plan(&c, bf16, (14.6 * f64::from(1 << 30)) as u64).unwrap();
        assert_eq!(plan.workload.cases, 32);
        assert!(plan.workload.policy_tokens >= 3_000, "{plan:?}");
        assert!(plan.workload.case_tokens >= 1_000, "{plan:?}");
        // All 13.76 GB of the checkpoint but for the embedding, and norms and biases as f32.
        let embedding = 2 * (c.vocab * c.hidden) as u64;
        let published = 13_761_264_768 - embedding;
        assert!(
            (published..published + (40 << 20)).contains(&plan.weights_bytes),
            "{plan:?}"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_figures() {
        let c = published(Like::GptOss20b);
        let why = plan(&c, bf16, 12 << 30).unwrap_err();
        for word in [
            "12.0 GiB are free",
            "weights 11.",
            "policy of 4096",
            "--device cpu",
        ] {
            assert!(why.contains(word), "no {word:?} in: {why}");
        }
        assert!(plan(&published(Like::GptOss120b), bf16, 48 << 30).is_err());
        assert!(plan(&published(Like::GptOss120b), bf16, 80 << 30).is_ok());
    }

    #[test]
    fn more_memory_holds_longer_cases_and_less_holds_fewer() {
        let c = published(Like::GptOss20b);
        let with = |gib: u64| plan(&c, bf16, gib << 30).unwrap().workload;
        assert_eq!(with(139).case_tokens, 8 * 1_024);
        assert_eq!((with(16).cases, with(13).case_tokens), (32, 1_024));
        assert!((1..32).contains(&with(13).cases), "{:?}", with(13));
    }

    #[test]
    fn what_the_kernels_cannot_compute_is_refused() {
        let mut c = published(Like::Pebble);
        c.head_dim = 128;
        let why = plan(&c, bf16, 1 << 40).unwrap_err();
        assert!(
            why.contains("at most 64 head_dim, and the model has 128"),
            "{why}"
        );
    }
}
