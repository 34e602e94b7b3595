//! `touchstone model` and `touchstone bench`.

use super::{ModelsArgs, NumericsArg, Place};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    pub command: ModelCommand,
}

#[derive(Subcommand)]
pub enum ModelCommand {
    /// List the models that were found
    List(ModelsArgs),
    /// Say what a model is and whether it fits this machine; nothing is loaded
    Info(InfoArgs),
    /// Write random weights in a published model's shape, to measure with
    Synth(SynthArgs),
    /// Check that a model's files are whole; exit status 1 where they are not
    Verify(VerifyArgs),
    /// Fetch a published model from a hub; goes on where it was cut
    Fetch(FetchArgs),
}

#[derive(Args)]
pub struct InfoArgs {
    /// `pebble`, or a checkpoint's folder
    #[arg(value_name = "MODEL")]
    pub model: String,
    /// Plan memory for these numerics
    #[arg(long, value_enum, default_value = "exact")]
    pub numerics: NumericsArg,
    /// Plan memory for a policy of so many tokens
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub policy_tokens: u32,
    /// … and so many cases at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub cases: u32,
    /// … of so many tokens each, reply included
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub case_tokens: u32,
    /// Read every byte and print the model's digest too
    #[arg(long)]
    pub digest: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct SynthArgs {
    /// The model whose shape is taken
    #[arg(long, value_enum, value_name = "MODEL")]
    pub like: LikeArg,
    /// The folder to write; it must not exist
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// So many layers instead of the model's own
    #[arg(long, value_name = "N")]
    pub layers: Option<u32>,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LikeArg {
    #[value(name = "gpt-oss-20b")]
    GptOss20b,
    #[value(name = "gpt-oss-120b")]
    GptOss120b,
    Pebble,
}

#[derive(Args)]
pub struct VerifyArgs {
    /// `pebble`, or a checkpoint's folder
    #[arg(value_name = "MODEL")]
    pub model: String,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct FetchArgs {
    /// The model's name on the hub, such as openai/gpt-oss-safeguard-20b
    #[arg(value_name = "OWNER/MODEL")]
    pub repository: String,
    /// A branch, a tag or a commit
    #[arg(long, value_name = "REVISION", default_value = "main")]
    pub revision: String,
    /// The hub's address [default: HF_ENDPOINT, or https://huggingface.co]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The folder to fill [default: one in TOUCHSTONE_MODELS, or in the user's data folder]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub command: BenchCommand,
}

#[derive(Subcommand)]
pub enum BenchCommand {
    /// Tokens a second of a prompt, from nothing
    Prefill(PrefillArgs),
    /// Tokens a second of replies over a shared prefix
    Decode(DecodeArgs),
    /// Cases judged again after a line of the policy was edited: first and last verdict
    Rerun(RerunArgs),
}

#[derive(Args)]
pub struct BenchCommon {
    /// `pebble`, or a checkpoint's folder; random weights do
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// How the engine multiplies
    #[arg(long, value_enum, default_value = "exact")]
    pub numerics: NumericsArg,
    /// Measurements, after one that is not counted
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeats: u32,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct PrefillArgs {
    /// Length of the prompt
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub tokens: u32,
    #[command(flatten)]
    pub common: BenchCommon,
}

#[derive(Args)]
pub struct DecodeArgs {
    /// Replies under way together
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub batch: u32,
    /// Length of the shared prefix
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    pub prefix_tokens: u32,
    /// Length of each reply
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub reply_tokens: u32,
    #[command(flatten)]
    pub common: BenchCommon,
}

#[derive(Args)]
pub struct RerunArgs {
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub cases: u32,
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    pub policy_tokens: u32,
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub case_tokens: u32,
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub reply_tokens: u32,
    #[command(flatten)]
    pub common: BenchCommon,
}
