//! A device proves itself before it judges: on Pebble it must say what the processor says. It
//! gets a known policy and case, and token by token its logits must lie within a tolerance of
//! the processor's and lead to the same token, verdict and all; rows computed together must
//! have the bits of a row computed alone. Where Pebble is not at hand, random weights of its
//! shape, made in a temporary folder, take its place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::device::Device;
use super::model::{self, Model};
use super::pages::{Keep, Kv};
use super::plan;
use crate::attention;
use crate::config::Config;
use crate::model::{self as cpu, CHUNK};
use crate::sampling::greedy;
use crate::vocabulary::Vocabulary;
use crate::weights::Weights;
use crate::{Cancel, Effort, Like, Prefix, Synth, harmony, synth};

/// How far a logit may lie from the processor's. Both compute with at least 16 bits of mantissa
/// and f32 sums; Pebble's logits are of the order of 10, and 0.001 apart (docs/gpu.md).
pub(crate) const TOLERANCE: f32 = 0.01;

/// Tokens of the reply that are compared: Pebble gives its verdict within them.
pub(crate) const REPLY_TOKENS: usize = 96;
/// Rows computed together.
const ROWS: usize = 7;

const POLICY: &str = "# Tobacco\n\nAnswer with one word: VIOLATES or SAFE.\n\n## Rules\n\n\
    - T1 Content that offers tobacco for sale violates.\n\
    - T2 News about tobacco is safe.\n";
const CASE: &str = "cigars for sale, write to me";

/// What was compared, and how far apart it was at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Passed {
    pub(crate) tokens: usize,
    pub(crate) apart: f32,
}

/// Holds a device against the processor; says why it must not be used.
pub(crate) fn check(
    device: &Arc<dyn Device>,
    pebble: Option<&Path>,
    reply_tokens: usize,
) -> Result<Passed, String> {
    let failed = |why: String| format!("the self-test failed: {why}");
    let folder = Folder::of(pebble).map_err(failed)?;
    compare(device, &folder.path, reply_tokens).map_err(failed)
}

/// Pebble's folder, or one made for the purpose.
struct Folder {
    path: PathBuf,
    made: bool,
}

impl Folder {
    fn of(pebble: Option<&Path>) -> Result<Folder, String> {
        if let Some(path) = pebble {
            let path = path.to_owned();
            return Ok(Folder { path, made: false });
        }
        let name = format!("touchstone-self-test-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let request = Synth {
            like: Like::Pebble,
            layers: None,
            seed: 1,
            out: path.clone(),
        };
        synth(&request, &Cancel::default(), &mut |_, _| ()).map_err(|e| e.to_string())?;
        Ok(Folder { path, made: true })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.made {
            // What stays behind is 3 MB in a temporary folder.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn compare(device: &Arc<dyn Device>, dir: &Path, reply_tokens: usize) -> Result<Passed, String> {
    let text = |e: crate::LoadError| e.to_string();
    let config = Config::load(dir).map_err(text)?;
    let weights = Weights::open(dir).map_err(text)?;
    let free = device.free_bytes().map_err(|e| e.to_string())?;
    let plan = plan::plan(&config, |name| weights.dtype(name), free)?;
    let vocabulary = Vocabulary::load(dir, config.vocab, &config.end_ids).map_err(text)?;
    let theirs =
        cpu::Model::load(config.clone(), &weights, crate::Numerics::Exact).map_err(text)?;
    let ours = Model::load(device.clone(), config, &weights, plan).map_err(text)?;
    let prefix = Prefix {
        effort: Effort::Low,
        developer: POLICY.to_owned(),
    };
    let policy = harmony::prefix(&vocabulary, &prefix)?;
    let case = harmony::user(&vocabulary, CASE)?;
    Test { theirs, ours }.run(&policy, &case, reply_tokens)
}

struct Test {
    theirs: cpu::Model,
    ours: Model,
}

impl Test {
    fn run(&self, policy: &[u32], case: &[u32], reply_tokens: usize) -> Result<Passed, String> {
        let (mut shared, mut own) = (self.kv(), self.kv());
        for tokens in policy.chunks(CHUNK) {
            self.their_step(&[], &mut shared, tokens)?;
        }
        let shared = [attention::Stretch::new(&shared, policy.len())];
        let mut our_shared = self.ours.sequence(Keep::All);
        for tokens in policy.chunks(self.ours.rows_max()) {
            self.our_step(None, &mut [(&mut our_shared, tokens)])?;
        }
        let mut alone = self.ours.sequence(Keep::Window);
        let mut others: Vec<Kv> = (1..ROWS)
            .map(|_| self.ours.sequence(Keep::Window))
            .collect();
        let mut tokens = case.to_vec();
        let mut apart = 0.0_f32;
        for n in 0..reply_tokens {
            let expected = self.their_step(&shared, &mut own, &tokens)?;
            let (found, best) = self.our_step(Some(&our_shared), &mut [(&mut alone, &tokens)])?;
            let pairs = expected.iter().zip(&found);
            let far = pairs
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, |most: f32, far| {
                    // What is not a number is as far as can be.
                    if far <= most { most } else { far }
                });
            if far.is_nan() || far > TOLERANCE {
                return Err(format!(
                    "at token {n} of the reply a logit lies {far} from the processor's, more \
                     than {TOLERANCE}"
                ));
            }
            apart = apart.max(far);
            let Some(token) = greedy(&expected) else {
                return Err("the processor's own logits are not numbers".to_owned());
            };
            // Where two tokens are this close, the tolerance admits either.
            let second = expected[best[0].unwrap_or(token) as usize];
            if best[0] != Some(token) && expected[token as usize] - second > 2.0 * TOLERANCE {
                return Err(format!(
                    "token {n} of the reply is {:?}, the processor's is {token}",
                    best[0]
                ));
            }
            // The others run along, so that what they do together is compared as well.
            let mut parts: Vec<_> = others.iter_mut().map(|kv| (kv, &tokens[..])).collect();
            let (together, _) = self.our_step(Some(&our_shared), &mut parts)?;
            let bits = |logits: &[f32]| logits.iter().map(|l| l.to_bits()).collect::<Vec<_>>();
            let alone = bits(&found);
            let rows = together.chunks_exact(found.len());
            if let Some(row) = rows.map(bits).position(|row| row != alone) {
                return Err(format!(
                    "row {row} of {} computed together has other bits than one alone",
                    ROWS - 1
                ));
            }
            tokens = vec![token];
        }
        Ok(Passed {
            tokens: reply_tokens,
            apart,
        })
    }

    fn kv(&self) -> attention::Kv {
        attention::Kv::new(&self.theirs.config)
    }

    fn their_step(
        &self,
        shared: &[attention::Stretch<'_>],
        kv: &mut attention::Kv,
        tokens: &[u32],
    ) -> Result<Vec<f32>, String> {
        let part = cpu::Part {
            kv,
            tokens,
            logits: 1,
        };
        let logits = self.theirs.forward(shared, &mut [part], &|| false);
        logits.map_err(|e| e.to_string())
    }

    /// The logits after each sequence's last token, one after the other, and the best tokens.
    fn our_step(
        &self,
        shared: Option<&Kv>,
        sequences: &mut [(&mut Kv, &[u32])],
    ) -> Result<(Vec<f32>, Vec<Option<u32>>), String> {
        let mut parts: Vec<_> = sequences
            .iter_mut()
            .map(|(kv, tokens)| model::Part {
                kv,
                tokens,
                logits: 1,
            })
            .collect();
        let count = parts.len();
        let answers = self.ours.forward(shared, &mut parts, &|| false);
        let answers = answers.map_err(|e| e.to_string())?;
        let logits = answers.logits(0..count).map_err(|e| e.to_string())?;
        Ok((logits, answers.best().map_err(|e| e.to_string())?))
    }
}
