//! Memory, planned before a model is loaded: what its weights, keys and values, and one
//! step's activations will take, from config.json and the headers of the weight files.
//! Refuses a model that cannot fit, with the figures.

use crate::Numerics;
use crate::attention::{LANES, held};
use crate::config::Config;
use crate::generate::ACTIVE_MAX;
use crate::layout::{Kind, Slot, layout};
use crate::linear::BLOCK;
use crate::look::LOOK_MAX;
use crate::machine::Machine;
use crate::model::{CHUNK, PREFIX_CHUNK};
use crate::panel::{Format, Panels};
use crate::projection::scaled_bytes;
use crate::step::LOOKS_MAX;
use crate::weights::Weights;

/// A policy of this length must fit beside the weights, or the model is refused.
const POLICY_TOKENS: u32 = 4_096;
const CASE_TOKENS: u32 = 1_024;
/// Keys and values are kept as f32.
const NUMBER_BYTES: u64 = 4;
/// A token's text, its place in the tokenizer's tables and in ours, while tokenizer.json is
/// read: the peak measured with o200k's 201,088 tokens, rounded up (docs/models.md).
const VOCABULARY_BYTES_PER_TOKEN: u64 = 1_600;

/// What is to be judged at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// Tokens of the shared prefix: system block and policy.
    pub policy_tokens: u32,
    /// Cases under way at once.
    pub cases: u32,
    /// Content and reply of one case.
    pub case_tokens: u32,
}

impl Default for Workload {
    fn default() -> Workload {
        Workload {
            policy_tokens: POLICY_TOKENS,
            cases: ACTIVE_MAX as u32,
            case_tokens: CASE_TOKENS,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    pub workload: Workload,
    /// Weights that stay in the mapped files.
    pub mapped_bytes: u64,
    /// Weights that are copied: small tensors, and dense ones that are not bf16.
    pub copied_bytes: u64,
    pub vocabulary_bytes: u64,
    /// Keys and values of the shared prefix.
    pub kv_policy_bytes: u64,
    /// Keys and values of all cases under way.
    pub kv_cases_bytes: u64,
    pub activations_bytes: u64,
    /// Keys and values of one token of a policy, which all layers keep.
    pub kv_bytes_per_token: u64,
    /// Keys and values of one case; sliding layers keep its last tokens only.
    pub kv_bytes_per_case: u64,
}

impl MemoryPlan {
    pub fn weights_bytes(&self) -> u64 {
        self.mapped_bytes + self.copied_bytes
    }

    pub fn total_bytes(&self) -> u64 {
        self.weights_bytes()
            + self.vocabulary_bytes
            + self.kv_policy_bytes
            + self.kv_cases_bytes
            + self.activations_bytes
    }

    /// Cases that can be under way within `available_bytes`, up to the engine's most.
    pub fn cases_max(&self, available_bytes: u64) -> u32 {
        let fixed = self.total_bytes() - self.kv_cases_bytes;
        let room = available_bytes.saturating_sub(fixed) / self.kv_bytes_per_case.max(1);
        room.min(ACTIVE_MAX as u64) as u32
    }

    /// Why this cannot run in `available_bytes`, with the figures and a remedy.
    pub fn refusal(&self, available_bytes: u64) -> Option<String> {
        (self.total_bytes() > available_bytes).then(|| {
            format!(
                "{} of memory are needed and {} are available: weights {}, vocabulary {}, keys \
                 and values {} for a policy of {} tokens and {} for {} × {} tokens of cases, \
                 activations {}. Close other programs, use a machine with more memory, or \
                 choose a smaller model.",
                gib(self.total_bytes()),
                gib(available_bytes),
                gib(self.weights_bytes()),
                gib(self.vocabulary_bytes),
                gib(self.kv_policy_bytes),
                self.workload.policy_tokens,
                gib(self.kv_cases_bytes),
                self.workload.cases,
                self.workload.case_tokens,
                gib(self.activations_bytes),
            )
        })
    }
}

/// For people: binary units, three digits.
pub fn gib(bytes: u64) -> String {
    let (size, unit) = match bytes {
        0..0x10_0000 => (bytes as f64 / 1024.0, "KiB"),
        0x10_0000..0x4000_0000 => (bytes as f64 / f64::from(1 << 20), "MiB"),
        _ => (bytes as f64 / f64::from(1 << 30), "GiB"),
    };
    match size {
        0.0..10.0 => format!("{size:.2} {unit}"),
        10.0..100.0 => format!("{size:.1} {unit}"),
        _ => format!("{size:.0} {unit}"),
    }
}

/// What the model takes at this workload, cut to its context.
pub(crate) fn plan(
    c: &Config,
    weights: &Weights,
    numerics: Numerics,
    workload: Workload,
) -> MemoryPlan {
    let context = c.context as u32;
    let case_tokens = workload.case_tokens.min(context / 2).max(1);
    let policy_tokens = workload.policy_tokens.min(context - case_tokens);
    let workload = Workload {
        policy_tokens,
        case_tokens,
        ..workload
    };
    let (mut mapped, mut copied) = (0, 0);
    for slot in layout(c) {
        match kept(&slot, weights.dtype(&slot.name), numerics) {
            Kept::Mapped(bytes) => mapped += bytes,
            Kept::Copied(bytes) => copied += bytes,
        }
    }
    // Tied to the embedding, the head is there twice: one is looked up, the other multiplied.
    if numerics == Numerics::Fast && c.tied_embeddings {
        copied += Panels::bytes(Format::Q8, c.vocab, c.hidden.div_ceil(BLOCK)) as u64;
    }
    let kv_bytes_per_token = kv_layer_token(c) * c.windows.len() as u64;
    let places = |tokens: u32| u64::from(tokens.next_multiple_of(LANES as u32));
    let kept = |window: &Option<usize>| match window {
        Some(window) => places(workload.case_tokens).min(held(*window, CHUNK) as u64),
        None => places(workload.case_tokens),
    };
    let kv_bytes_per_case = c.windows.iter().map(kept).sum::<u64>() * kv_layer_token(c);
    MemoryPlan {
        workload,
        mapped_bytes: mapped,
        copied_bytes: copied,
        vocabulary_bytes: c.vocab as u64 * VOCABULARY_BYTES_PER_TOKEN,
        kv_policy_bytes: places(policy_tokens) * kv_bytes_per_token,
        kv_cases_bytes: u64::from(workload.cases) * kv_bytes_per_case,
        activations_bytes: activations(c, u64::from(workload.cases)),
        kv_bytes_per_token,
        kv_bytes_per_case,
    }
}

/// Refuses a model whose weights and one case over a policy cannot fit this machine.
pub(crate) fn check(
    c: &Config,
    weights: &Weights,
    numerics: Numerics,
    machine: &Machine,
) -> Result<(), String> {
    let least = Workload {
        cases: 1,
        ..Workload::default()
    };
    match plan(c, weights, numerics, least).refusal(machine.memory_available_bytes) {
        Some(why) => Err(why),
        None => Ok(()),
    }
}

enum Kept {
    Mapped(u64),
    Copied(u64),
}

/// How `Model::load` keeps a tensor of this type.
fn kept(slot: &Slot, dtype: Option<&str>, numerics: Numerics) -> Kept {
    let numbers = slot.numbers();
    let panels = |format, groups: usize, rows: usize, blocks: usize| {
        Kept::Copied((groups * Panels::bytes(format, rows, blocks)) as u64)
    };
    match (slot.kind, numerics) {
        (Kind::Blocks, Numerics::Fast) => {
            panels(Format::Fp4, slot.shape[0], slot.shape[1], slot.shape[2])
        }
        // They are counted with their blocks.
        (Kind::Scales, Numerics::Fast) => Kept::Copied(0),
        // GGUF's are regrouped.
        (Kind::Blocks | Kind::Scales, Numerics::Exact) if dtype.is_none() => Kept::Copied(numbers),
        (Kind::Blocks | Kind::Scales, Numerics::Exact) => Kept::Mapped(numbers),
        (Kind::Matrix, Numerics::Fast) if !(slot.is_embedding() || slot.is_router()) => {
            panels(Format::Q8, 1, slot.shape[0], slot.shape[1].div_ceil(BLOCK))
        }
        (Kind::Matrix, _) => {
            let ins = slot.shape[1];
            let padded = (slot.shape[0] * ins.next_multiple_of(BLOCK)) as u64;
            match dtype {
                // An embedding is read row by row and needs no whole blocks.
                Some("BF16") | None if ins.is_multiple_of(BLOCK) => Kept::Mapped(2 * numbers),
                Some("BF16") | None => Kept::Copied(2 * padded),
                Some("Q8_0") if slot.is_embedding() => Kept::Mapped(numbers / 32 * 34),
                Some("Q8_0") => Kept::Copied(scaled_bytes(numbers)),
                Some(_) => Kept::Copied(4 * padded),
            }
        }
        (Kind::Norm | Kind::Bias | Kind::Sinks, _) => Kept::Copied(4 * numbers),
    }
}

/// Keys and values of one position in one layer; values are padded to whole lanes.
fn kv_layer_token(c: &Config) -> u64 {
    let wide = c.head_dim.next_multiple_of(LANES);
    (c.kv_heads * (c.head_dim + wide)) as u64 * NUMBER_BYTES
}

/// One step at its widest: a chunk of rows through attention and experts, the logits of all
/// cases and of a look, and what sliding layers keep for a look.
fn activations(c: &Config, cases: u64) -> u64 {
    let rows = PREFIX_CHUNK as u64;
    let attention = 4 * c.hidden + 2 * c.heads * c.head_dim + 4 * c.kv_heads * c.head_dim;
    let experts = c.top_k * (c.hidden + 4 * c.intermediate);
    let per_row = (attention + experts + c.experts) as u64;
    let logits = (cases + LOOKS_MAX as u64) * c.vocab as u64;
    let sliding = c.windows.iter().flatten().count() as u64;
    let look = LOOK_MAX.min(c.context) as u64 * sliding * kv_layer_token(c);
    (rows * per_row + logits) * NUMBER_BYTES + look
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::attention::Kv;
    use std::path::Path;

    fn pebble() -> (Config, Weights) {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/pebble");
        (Config::load(&dir).unwrap(), Weights::open(&dir).unwrap())
    }

    fn machine(memory_available_bytes: u64) -> Machine {
        Machine {
            memory_available_bytes,
            ..Machine::here()
        }
    }

    #[test]
    fn keys_and_values_take_what_was_planned() {
        for name in ["parity/alpha", "parity/gamma", "pebble"] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../fixtures")
                .join(name);
            let config = Config::load(&dir).unwrap();
            let row = vec![0.0; config.kv_heads * config.head_dim];
            let filled = |mut kv: Kv, places: usize| {
                let mut most = 0;
                for first in (0..places).step_by(CHUNK) {
                    let end = places.min(first + CHUNK);
                    for place in first..end {
                        for layer in 0..config.windows.len() {
                            kv.write(layer, place, &row, &row);
                        }
                    }
                    most = most.max(kv.bytes());
                    kv.extend(end - first);
                }
                most
            };
            let weights = Weights::open(&dir).unwrap();
            let workload = Workload {
                policy_tokens: 2 * LANES as u32,
                cases: 1,
                case_tokens: 480,
            };
            let plan = plan(&config, &weights, Numerics::Exact, workload);
            let policy = filled(Kv::new(&config), 2 * LANES);
            assert_eq!(policy, plan.kv_policy_bytes, "{name}");
            // The most is held just before the first are dropped.
            let most = filled(Kv::sliding(&config), 480);
            assert!(most <= plan.kv_bytes_per_case, "{name}: {most}");
            assert!(most * 5 / 4 > plan.kv_bytes_per_case, "{name}: {most}");
            assert!(
                plan.kv_bytes_per_case < 480 * plan.kv_bytes_per_token,
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_kept_for_a_look_goes_when_it_is_over() {
        let (config, _) = pebble();
        let row = vec![0.0; config.kv_heads * config.head_dim];
        let mut kv = Kv::sliding(&config);
        let grow = |kv: &mut Kv, positions: usize| {
            for place in kv.len()..kv.len() + positions {
                for layer in 0..config.windows.len() {
                    kv.write(layer, place, &row, &row);
                }
            }
            kv.extend(positions);
            kv.bytes()
        };
        kv.keep_back_to(Some(40));
        let kept = grow(&mut kv, 600);
        // As far back as the prompt, whose window is seen again.
        kv.truncate(40);
        kv.extend(560);
        kv.keep_back_to(None);
        assert!(grow(&mut kv, 1) < kept);
    }

    #[test]
    fn weights_are_counted_once() {
        let (config, weights) = pebble();
        let plan = plan(&config, &weights, Numerics::Exact, Workload::default());
        // Pebble's dense tensors are bf16 and its widths whole blocks, so that all large
        // ones stay in the file, and small ones are widened.
        let small: u64 = layout(&config)
            .iter()
            .filter(|slot| matches!(slot.kind, Kind::Norm | Kind::Bias | Kind::Sinks))
            .map(Slot::numbers)
            .sum();
        assert_eq!(plan.mapped_bytes + 2 * small, weights.bytes());
        assert_eq!(plan.copied_bytes, 4 * small);
    }

    #[test]
    fn what_cannot_fit_is_refused_with_the_figures() {
        let (config, weights) = pebble();
        let check = |bytes| check(&config, &weights, Numerics::Exact, &machine(bytes));
        assert_eq!(check(1 << 30), Ok(()));
        let why = check(10 << 20).unwrap_err();
        let weights = plan(&config, &weights, Numerics::Exact, Workload::default()).weights_bytes();
        let weights = format!("weights {}", gib(weights));
        for word in [
            "10.0 MiB are available",
            &weights,
            "policy of 3072 tokens",
            "Close",
        ] {
            assert!(why.contains(word), "no {word:?} in: {why}");
        }
    }

    #[test]
    fn fewer_cases_fit_less_memory() {
        let (config, weights) = pebble();
        let workload = Workload {
            policy_tokens: 1_000,
            cases: 32,
            case_tokens: 512,
        };
        let plan = plan(&config, &weights, Numerics::Exact, workload);
        let all = plan.total_bytes();
        assert_eq!(plan.cases_max(all), 32);
        let one = plan.kv_bytes_per_case;
        assert_eq!(plan.cases_max(all - one), 31);
        assert_eq!(plan.cases_max(all - one - 1), 30);
        assert_eq!(plan.cases_max(0), 0);
        assert_eq!(
            (plan.refusal(all), plan.refusal(all - 1).is_some()),
            (None, true)
        );
    }

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in [
            (0, "0.00 KiB"),
            (3 << 20, "3.00 MiB"),
            (12 << 30, "12.0 GiB"),
            (13_761_264_768, "12.8 GiB"),
        ] {
            assert_eq!(gib(bytes), text);
        }
    }
}
