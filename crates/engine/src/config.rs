//! The checkpoint's config.json: the shape of a gpt-oss model. Refuses what the
//! architecture or the kernels cannot hold, so that the rest need not ask again.

use serde::Deserialize;
use std::path::Path;

use crate::LoadError;
use crate::gguf::{self, Gguf};

/// The file's own words; see `GptOssConfig` in transformers for the defaults.
#[derive(Debug, Deserialize)]
struct File {
    num_hidden_layers: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_attention_heads: usize,
    num_key_value_heads: usize,
    head_dim: Option<usize>,
    num_local_experts: usize,
    num_experts_per_tok: usize,
    vocab_size: usize,
    sliding_window: Option<usize>,
    layer_types: Option<Vec<String>>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f64>,
    attention_bias: Option<bool>,
    tie_word_embeddings: Option<bool>,
    swiglu_limit: Option<f32>,
    swiglu_alpha: Option<f32>,
    rope_theta: Option<f64>,
    rope_scaling: Option<RopeFile>,
    rope_parameters: Option<RopeFile>,
    eos_token_id: Option<Ids>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct RopeFile {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    beta_fast: Option<f64>,
    beta_slow: Option<f64>,
    original_max_position_embeddings: Option<f64>,
    truncate: Option<bool>,
    attention_factor: Option<f64>,
}

/// One token id or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Ids {
    One(u32),
    Many(Vec<u32>),
}

impl Ids {
    pub(crate) fn into_vec(self) -> Vec<u32> {
        match self {
            Ids::One(id) => vec![id],
            Ids::Many(ids) => ids,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub hidden: usize,
    pub intermediate: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub experts: usize,
    /// Experts that each token goes through.
    pub top_k: usize,
    pub vocab: usize,
    pub context: usize,
    pub eps: f64,
    pub attention_bias: bool,
    pub tied_embeddings: bool,
    pub swiglu_limit: f32,
    pub swiglu_alpha: f32,
    pub rope: Rope,
    /// For each layer the sliding window, absent where attention is full.
    pub windows: Vec<Option<usize>>,
    pub end_ids: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    pub theta: f64,
    pub yarn: Option<Yarn>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Yarn {
    pub factor: f64,
    pub beta_fast: f64,
    pub beta_slow: f64,
    pub original_context: f64,
    pub truncate: bool,
    /// Given where it is not 0.1 ln(factor) + 1.
    pub attention_factor: Option<f64>,
}

const DEFAULT_THETA: f64 = 150_000.0;

impl Config {
    pub fn load(dir: &Path) -> Result<Config, LoadError> {
        if let Some(file) = gguf::file_of(dir) {
            return Gguf::open(&file)?.config();
        }
        let path = dir.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(|e| {
            LoadError(format!(
                "{}: cannot be read ({e}). A checkpoint is a folder with config.json, \
                 *.safetensors and tokenizer.json: choose that folder, or fetch the file.",
                path.display()
            ))
        })?;
        Config::parse(&text).map_err(|why| LoadError(format!("{}: {why}", path.display())))
    }

    pub(crate) fn parse(text: &str) -> Result<Config, String> {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|e| format!("is not JSON ({e}). Fetch the file again."))?;
        // The architecture first: another model's missing keys would only mislead.
        let named = value["model_type"].as_str().unwrap_or_default().to_owned();
        let architectures = value["architectures"].to_string();
        if named != "gpt_oss" && !architectures.contains("GptOssForCausalLM") {
            return Err(format!(
                "describes another architecture (model_type \"{named}\", architectures \
                 {architectures}). This engine runs gpt-oss models: model_type \"gpt_oss\"."
            ));
        }
        let file: File = serde_json::from_value(value)
            .map_err(|e| format!("{e}. Fetch the config.json that belongs to the weights."))?;
        file.check()
    }
}

impl File {
    fn check(self) -> Result<Config, String> {
        let layers = self.num_hidden_layers;
        let head_dim = match self.head_dim {
            Some(given) => given,
            None => self.hidden_size / self.num_attention_heads.max(1),
        };
        let need = |holds: bool, what: String| {
            holds.then_some(()).ok_or(format!(
                "{what}. Fetch the config.json that belongs to the weights."
            ))
        };
        for (name, size) in [
            ("num_hidden_layers", layers),
            ("vocab_size", self.vocab_size),
            ("num_key_value_heads", self.num_key_value_heads),
            ("num_experts_per_tok", self.num_experts_per_tok),
            ("head_dim", head_dim),
        ] {
            need(size > 0, format!("{name} is 0"))?;
        }
        for (name, size) in [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
        ] {
            need(
                size > 0 && size % 32 == 0,
                format!("{name} is {size}, but MXFP4 experts need a multiple of 32"),
            )?;
        }
        need(
            head_dim % 2 == 0,
            format!("head_dim is {head_dim}, an odd number"),
        )?;
        need(
            self.num_attention_heads
                .is_multiple_of(self.num_key_value_heads)
                && self.num_attention_heads > 0,
            format!(
                "num_attention_heads ({}) is not a multiple of num_key_value_heads ({})",
                self.num_attention_heads, self.num_key_value_heads
            ),
        )?;
        need(
            self.num_experts_per_tok <= self.num_local_experts,
            format!(
                "num_experts_per_tok ({}) exceeds num_local_experts ({})",
                self.num_experts_per_tok, self.num_local_experts
            ),
        )?;
        let windows = self.windows()?;
        let rope = self.rope()?;
        Ok(Config {
            hidden: self.hidden_size,
            intermediate: self.intermediate_size,
            heads: self.num_attention_heads,
            kv_heads: self.num_key_value_heads,
            head_dim,
            experts: self.num_local_experts,
            top_k: self.num_experts_per_tok,
            vocab: self.vocab_size,
            context: self.max_position_embeddings.unwrap_or(131_072),
            eps: self.rms_norm_eps.unwrap_or(1e-5),
            attention_bias: self.attention_bias.unwrap_or(true),
            tied_embeddings: self.tie_word_embeddings.unwrap_or(false),
            swiglu_limit: self.swiglu_limit.unwrap_or(7.0),
            swiglu_alpha: self.swiglu_alpha.unwrap_or(1.702),
            rope,
            windows,
            end_ids: self.eos_token_id.map(Ids::into_vec).unwrap_or_default(),
        })
    }

    /// `layer_types`, or else sliding and full attention in turn, sliding first.
    fn windows(&self) -> Result<Vec<Option<usize>>, String> {
        let layers = self.num_hidden_layers;
        let sliding: Vec<bool> = match &self.layer_types {
            None => (0..layers).map(|layer| layer % 2 == 0).collect(),
            Some(types) if types.len() != layers => {
                return Err(format!(
                    "layer_types names {} layers, num_hidden_layers says {layers}. \
                     Fetch the config.json that belongs to the weights.",
                    types.len()
                ));
            }
            Some(types) => types
                .iter()
                .map(|kind| match kind.as_str() {
                    "sliding_attention" => Ok(true),
                    "full_attention" => Ok(false),
                    other => Err(format!(
                        "layer_types holds \"{other}\"; known are sliding_attention and \
                         full_attention."
                    )),
                })
                .collect::<Result<_, _>>()?,
        };
        let window = match self.sliding_window {
            Some(window) if window > 0 => window,
            None if !sliding.contains(&true) => 0,
            _ => return Err("sliding_window is missing or 0, but layers slide.".to_owned()),
        };
        Ok(sliding
            .iter()
            .map(|&slides| slides.then_some(window))
            .collect())
    }

    fn rope(&self) -> Result<Rope, String> {
        let given = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref());
        let file = match given {
            Some(file) => file.clone(),
            // What transformers fills in where the file is silent.
            None => RopeFile {
                rope_type: Some("yarn".to_owned()),
                factor: Some(32.0),
                beta_fast: Some(32.0),
                beta_slow: Some(1.0),
                original_max_position_embeddings: Some(4096.0),
                truncate: Some(false),
                ..RopeFile::default()
            },
        };
        let theta = file.rope_theta.or(self.rope_theta).unwrap_or(DEFAULT_THETA);
        let yarn = match file.rope_type.as_deref() {
            None | Some("default") => None,
            Some("yarn") => {
                let context = self.max_position_embeddings.unwrap_or(131_072) as f64;
                Some(Yarn {
                    factor: file.factor.ok_or("rope: factor is missing for yarn.")?,
                    beta_fast: file.beta_fast.unwrap_or(32.0),
                    beta_slow: file.beta_slow.unwrap_or(1.0),
                    original_context: file.original_max_position_embeddings.unwrap_or(context),
                    truncate: file.truncate.unwrap_or(true),
                    attention_factor: file.attention_factor,
                })
            }
            Some(other) => {
                return Err(format!(
                    "rope_type is \"{other}\"; this engine knows yarn and default."
                ));
            }
        };
        Ok(Rope { theta, yarn })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// config.json of openai/gpt-oss-20b, which names some sizes twice.
    const PUBLISHED: &str = r#"{
        "architectures": ["GptOssForCausalLM"], "attention_bias": true, "attention_dropout": 0.0,
        "eos_token_id": 200002, "experts_per_token": 4, "head_dim": 64, "hidden_act": "silu",
        "hidden_size": 2880, "initial_context_length": 4096, "initializer_range": 0.02,
        "intermediate_size": 2880, "max_position_embeddings": 131072, "model_type": "gpt_oss",
        "num_attention_heads": 64, "num_experts_per_tok": 4, "num_hidden_layers": 24,
        "num_key_value_heads": 8, "num_local_experts": 32, "output_router_logits": false,
        "pad_token_id": 199999, "quantization_config": {"quant_method": "mxfp4"},
        "rms_norm_eps": 1e-05, "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0,
        "factor": 32.0, "original_max_position_embeddings": 4096, "rope_type": "yarn",
        "truncate": false}, "rope_theta": 150000, "router_aux_loss_coef": 0.9,
        "sliding_window": 128, "swiglu_limit": 7.0, "tie_word_embeddings": false,
        "use_cache": true, "vocab_size": 201088}"#;

    #[test]
    fn the_published_config_is_understood() {
        let config = Config::parse(PUBLISHED).unwrap();
        assert_eq!(
            (
                config.hidden,
                config.heads,
                config.kv_heads,
                config.head_dim
            ),
            (2880, 64, 8, 64)
        );
        assert_eq!(
            (config.experts, config.top_k, config.vocab),
            (32, 4, 201_088)
        );
        assert_eq!(config.windows[..3], [Some(128), None, Some(128)]);
        assert_eq!((config.windows.len(), config.end_ids), (24, vec![200_002]));
        let yarn = config.rope.yarn.unwrap();
        assert_eq!(
            (config.rope.theta, yarn.factor, yarn.truncate),
            (150_000.0, 32.0, false)
        );
    }

    #[test]
    fn transformers_5_keeps_the_frequencies_elsewhere() {
        let (old, new) = (
            r#""rope_scaling": {"#,
            r#""rope_parameters": {"rope_theta": 10000, "#,
        );
        let config = Config::parse(&PUBLISHED.replace(old, new)).unwrap();
        assert_eq!(config.rope.theta, 10_000.0);
        assert_eq!(config.rope.yarn.unwrap().original_context, 4096.0);
    }
}
