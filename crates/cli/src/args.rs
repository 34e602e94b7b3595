//! What can be typed.

mod bundle;
mod insight;
mod model;
mod search;
mod server;

pub use bundle::{
    BundleCommand, BundleImportArgs, BundleVerifyArgs, ExportArgs, KeyCommand, SignArgs,
    SignerArgs, WithheldArgs,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::policy::Effort;
use domain::run::Numerics;
pub use insight::{AblateArgs, AskingArgs, AttributeArgs, CoverageArgs, DiffArgs};
pub use model::{
    BenchArgs, BenchCommand, BenchCommon, DecodeArgs, FetchArgs, InfoArgs, LikeArg, ModelArgs,
    ModelCommand, PrefillArgs, RerunArgs, SynthArgs, VerifyArgs,
};
pub use search::SearchArgs;
pub use server::{AddServerArgs, HostArgs, KeyArgs, ReachServerArgs, ServerArgs, ServerCommand};
use std::net::IpAddr;
use std::path::PathBuf;

/// Judge labelled cases by a content policy with a local model, and see what an edit of
/// the policy changes.
#[derive(Parser)]
#[command(name = "touchstone", version, arg_required_else_help = true)]
pub struct Cli {
    /// Where a model on disk computes [default: `device` of touchstone.toml, or cpu]; cuda is
    /// an NVIDIA GPU and experimental, auto takes one where it can
    #[arg(long, global = true, value_enum, value_name = "DEVICE")]
    pub device: Option<DeviceArg>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Judge a suite by a policy and compare with the baseline
    Run(RunArgs),
    /// Run again on every save of the policy or its suite, and print the flips
    Watch(WatchArgs),
    /// Hold policies against the gates of touchstone.toml; exit status 1 where one is not met
    Check(CheckArgs),
    /// Record a policy's run as a release, once it meets every gate
    Release(ReleaseArgs),
    /// List the releases so far
    Releases(ReleasesArgs),
    /// Vouch for a run by name, role and statement
    SignOff(SignOffArgs),
    /// Signed bundles: export, verify, sign, import
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// Keys for signing bundles
    #[command(subcommand)]
    Key(KeyCommand),
    /// Write policies and suites in their canonical form
    Fmt(FmtArgs),
    /// Print the JSON Schema of a suite's line, of touchstone.toml or of a bundle's manifest
    Schema(SchemaArgs),
    /// Compare two runs
    Diff(DiffArgs),
    /// Say which hunk of an edit caused which flip
    Attribute(AttributeArgs),
    /// Say which clauses a verdict rests on
    Ablate(AblateArgs),
    /// Measures of a run with intervals, by group, beside annotators and older systems
    Stats(StatsArgs),
    /// Show which clauses of its policy a run's cases reach
    Coverage(CoverageArgs),
    /// Make a suite of a CSV, TSV, JSON, JSON Lines or XLSX file (gzipped or not)
    Import(ImportArgs),
    /// Search through all traces and answers
    Search(SearchArgs),
    /// List the runs so far
    Runs(RunsArgs),
    /// Show or choose the run that a policy's runs are compared with
    Baseline(BaselineArgs),
    /// Print the text of the policy that a run judged by
    Restore(RestoreArgs),
    /// Serve a policy over HTTP, as OpenAI's clients speak it, and as verdict documents
    Serve(ServeArgs),
    /// Models on servers, their keys, and the hosts that content may be sent to
    #[command(subcommand)]
    Server(ServerCommand),
    /// Look at, fetch, check and make models
    Model(ModelArgs),
    /// List the models that were found: `model list`
    Models(ModelsArgs),
    /// Measure a model on this machine
    Bench(BenchArgs),
    /// Move a corrupted or newer database aside and start a fresh history; nothing is deleted
    Repair(RepairArgs),
    /// Print a checkpoint's logits after the last of some tokens, for parity checks
    Logits(LogitsArgs),
}

#[derive(Args)]
pub struct Place {
    /// The workspace [default: the nearest folder upwards with policies/]
    #[arg(long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Subject {
    /// The policy: its name, or its file
    #[arg(long, value_name = "POLICY")]
    pub policy: String,
    /// The suite: its name, or its file [default: the policy's own]
    #[arg(long, value_name = "SUITE")]
    pub suite: Option<String>,
    /// The model: `pebble` (a demonstration model), a checkpoint's folder, or a server's
    /// address (http://HOST:PORT/v1#MODEL)
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// How the engine multiplies: in f32, or several times as fast in 8 bits; the outcomes of
    /// the two are never mixed [default: touchstone.toml's, else exact]
    #[arg(long, value_enum)]
    pub numerics: Option<NumericsArg>,
    /// How hard the model reasons [default: the policy's own]
    #[arg(long, value_enum)]
    pub effort: Option<EffortArg>,
    /// The run to compare with [default: the policy's baseline]
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<i64>,
    #[command(flatten)]
    pub outside: OutsideArgs,
}

#[derive(Args)]
pub struct OutsideArgs {
    /// Let policies and cases leave this machine for this host, for this run alone
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,
    /// Also without encryption (http), for the hosts of --allow-host
    #[arg(long, requires = "allow_host")]
    pub plain_http: bool,
}

#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub subject: Subject,
    /// Only cases that were wrong in the last run, or that flipped in it
    #[arg(long, value_enum)]
    pub only: Option<Only>,
    /// Test whether each flip is real by at most this many pairs of samples
    #[arg(long, value_name = "PAIRS")]
    pub repeat: Option<u32>,
    /// Go on with an interrupted run; its policy, cases and settings are those it began with
    #[arg(long, value_name = "RUN", conflicts_with_all = ["only", "effort", "suite"])]
    pub resume: Option<i64>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct WatchArgs {
    #[command(flatten)]
    pub subject: Subject,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct CheckArgs {
    /// Only this policy: its name, or its file [default: every policy that has gates]
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// The model: `pebble` (a demonstration model), or a checkpoint's folder
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// How the engine multiplies [default: touchstone.toml's, else exact]
    #[arg(long, value_enum)]
    pub numerics: Option<NumericsArg>,
    /// How hard the model reasons [default: the policy's own]
    #[arg(long, value_enum)]
    pub effort: Option<EffortArg>,
    /// A workspace whose policies are judged over these suites first: the baseline for
    /// regressions, such as a checkout of the branch to merge into
    #[arg(long, value_name = "DIR", conflicts_with = "baseline")]
    pub against: Option<PathBuf>,
    /// The run to look for regressions against [default: the policy's baseline]
    #[arg(long, value_name = "RUN", requires = "policy")]
    pub baseline: Option<i64>,
    /// Write the results as JUnit XML, for a build server
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write the results as Markdown, for a job's page
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct ReleaseArgs {
    /// The policy: its name, or its file
    #[arg(long, value_name = "POLICY")]
    pub policy: String,
    /// The model: `pebble` (a demonstration model), or a checkpoint's folder
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// The release's name [default: one more than the last]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// The change log, Markdown [default: drafted from the changes since the last release]
    #[arg(long, value_name = "FILE")]
    pub change_log: Option<PathBuf>,
    /// Print the drafted change log and record nothing
    #[arg(long, conflicts_with_all = ["version", "change_log"])]
    pub draft: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct ReleasesArgs {
    /// Only this policy's releases
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct SignOffArgs {
    /// The run; it must be finished
    #[arg(value_name = "RUN")]
    pub run: i64,
    /// Who vouches
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// As what, such as `policy owner`
    #[arg(long, value_name = "ROLE")]
    pub role: String,
    /// What is vouched for
    #[arg(long, value_name = "TEXT")]
    pub statement: String,
    /// The public key that the person signs bundles with
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct FmtArgs {
    /// Policies (.md) and suites (.jsonl) [default: all of the workspace]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write nothing; exit status 1 where a file is not in canonical form
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct SchemaArgs {
    #[arg(value_enum)]
    pub of: SchemaArg,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum SchemaArg {
    Suite,
    Config,
    Manifest,
}

#[derive(Args)]
pub struct BaselineArgs {
    /// The policy's name
    #[arg(long, value_name = "POLICY")]
    pub policy: String,
    /// The finished run to compare with from now on
    #[arg(value_name = "RUN")]
    pub run: Option<i64>,
    /// Go back to the default: the first finished run by the same model
    #[arg(long, conflicts_with = "run")]
    pub clear: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct RestoreArgs {
    /// The run
    #[arg(value_name = "RUN")]
    pub run: i64,
    /// Write the text to this file instead, such as policies/NAME.md
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct StatsArgs {
    /// The runs: several of one policy count as repeats, of several policies together
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<i64>,
    /// Show the measures of each group of cases as well
    #[arg(long, value_enum)]
    pub by: Option<GroupArg>,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum GroupArg {
    Label,
    Tag,
    Language,
    Kind,
}

#[derive(Args)]
pub struct ImportArgs {
    /// The file to import
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The suite to make: its name, or its file
    #[arg(
        short = 'o',
        long = "output",
        value_name = "SUITE",
        required_unless_present = "preview"
    )]
    pub output: Option<String>,
    /// Which column is what, instead of the guess: id, content, user, assistant, expected,
    /// label, flag, rules, tags, language, kind, note, owner, or annotation:NAME; the column
    /// by its name or as #3, nothing for none
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub map: Vec<String>,
    /// Labels that mean a violation
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    pub violates: Vec<String>,
    /// Labels that mean none
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    pub safe: Vec<String>,
    /// The file's encoding, such as windows-1252 [default: UTF-8]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// What separates cells: one character, or tab [default: read off the file]
    #[arg(long, value_name = "CHAR")]
    pub delimiter: Option<String>,
    /// Whether quotes enclose cells [default: read off the file]
    #[arg(long, value_name = "BOOL")]
    pub quoting: Option<bool>,
    /// Whether the first row names the columns [default: read off the file]
    #[arg(long, value_name = "BOOL")]
    pub header: Option<bool>,
    /// The workbook's sheet [default: its first]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// A mark in the text that stands for a line break, such as |LBR|
    #[arg(long, value_name = "MARK")]
    pub line_break: Option<String>,
    /// Show what would be imported, and write nothing
    #[arg(long)]
    pub preview: bool,
    /// Add to a suite that exists
    #[arg(long, conflicts_with = "replace")]
    pub append: bool,
    /// Replace a suite that exists
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct RunsArgs {
    /// Only this policy's runs
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// Print CSV, oldest run first, on standard output
    #[arg(long, requires = "policy", conflicts_with = "json")]
    pub csv: bool,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct ModelsArgs {
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct ServeArgs {
    /// The policy: its name, or its file
    #[arg(long, value_name = "POLICY")]
    pub policy: String,
    /// The model: `pebble` (a demonstration model), a checkpoint's folder, or an address
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// How the engine multiplies [default: touchstone.toml's, else exact]
    #[arg(long, value_enum)]
    pub numerics: Option<NumericsArg>,
    /// How hard the model reasons where a caller does not say [default: the policy's own]
    #[arg(long, value_enum)]
    pub effort: Option<EffortArg>,
    /// The port; 0 takes any that is free
    #[arg(long, default_value_t = 8765)]
    pub port: u16,
    /// The address to listen on; any but loopback needs --token-file
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// A file with the tokens that callers may use, one a line
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Let callers bring policies of their own
    #[arg(long)]
    pub any_policy: bool,
    /// Cases that may wait for the model; more are refused with 429
    #[arg(long, value_name = "CASES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub queue: u32,
    /// Connections at once; more wait
    #[arg(long, value_name = "COUNT", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub connections: u32,
    /// Requests a second of one client; 0 sets no bound
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    pub rate: u32,
    /// Seconds until a request without a verdict is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=86400))]
    pub timeout: u32,
    /// Bytes of a request's body
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub body_max: usize,
    #[command(flatten)]
    pub outside: OutsideArgs,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct RepairArgs {
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct LogitsArgs {
    /// The checkpoint's folder; config.json and safetensors are enough
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// How the engine multiplies
    #[arg(long, value_enum, default_value = "exact")]
    pub numerics: NumericsArg,
    /// Token ids, separated by commas
    #[arg(long, value_name = "IDS", value_delimiter = ',', required = true)]
    pub tokens: Vec<u32>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DeviceArg {
    Auto,
    Cpu,
    Cuda,
}

impl From<DeviceArg> for engine::Device {
    fn from(arg: DeviceArg) -> engine::Device {
        match arg {
            DeviceArg::Auto => engine::Device::Auto,
            DeviceArg::Cpu => engine::Device::Cpu,
            DeviceArg::Cuda => engine::Device::Cuda,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum EffortArg {
    Low,
    Medium,
    High,
}

impl From<EffortArg> for Effort {
    fn from(effort: EffortArg) -> Effort {
        match effort {
            EffortArg::Low => Effort::Low,
            EffortArg::Medium => Effort::Medium,
            EffortArg::High => Effort::High,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum NumericsArg {
    Exact,
    Fast,
}

impl From<NumericsArg> for Numerics {
    fn from(numerics: NumericsArg) -> Numerics {
        match numerics {
            NumericsArg::Exact => Numerics::Exact,
            NumericsArg::Fast => Numerics::Fast,
        }
    }
}

impl From<NumericsArg> for engine::Numerics {
    fn from(numerics: NumericsArg) -> engine::Numerics {
        match numerics {
            NumericsArg::Exact => engine::Numerics::Exact,
            NumericsArg::Fast => engine::Numerics::Fast,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Only {
    Failed,
    Changed,
}
