//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::policy::Effort;
use std::path::PathBuf;

/// Judge labelled cases by a content policy with a local model, and see what an edit of
/// the policy changes.
#[derive(Parser)]
#[command(name = "touchstone", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Judge a suite by a policy and compare with the baseline
    Run(RunArgs),
    /// Run again on every save of the policy or its suite, and print the flips
    Watch(WatchArgs),
    /// Compare two runs
    Diff(DiffArgs),
    /// Measures of a run with intervals, by group, beside annotators and older systems
    Stats(StatsArgs),
    /// Show which clauses of its policy a run's cases reach
    Coverage(CoverageArgs),
    /// Make a suite of a CSV, TSV, JSON, JSON Lines or XLSX file (gzipped or not)
    Import(ImportArgs),
    /// List the runs so far
    Runs(RunsArgs),
    /// List the models that were found
    Models(ModelsArgs),
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
    /// The model: `pebble` (a demonstration model), or a checkpoint's folder
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// How hard the model reasons [default: the policy's own]
    #[arg(long, value_enum)]
    pub effort: Option<EffortArg>,
    /// The run to compare with [default: the policy's baseline]
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<i64>,
}

#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub subject: Subject,
    /// Only cases that were wrong in the last run, or that flipped in it
    #[arg(long, value_enum)]
    pub only: Option<Only>,
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
pub struct DiffArgs {
    /// The run before
    #[arg(value_name = "RUN_A")]
    pub a: i64,
    /// The run after
    #[arg(value_name = "RUN_B")]
    pub b: i64,
    /// The loss of accuracy that counts as none, as a share of cases
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub margin: f64,
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
pub struct CoverageArgs {
    /// The run
    #[arg(value_name = "RUN")]
    pub run: i64,
    #[command(flatten)]
    pub place: Place,
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
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct ModelsArgs {
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
    /// Token ids, separated by commas
    #[arg(long, value_name = "IDS", value_delimiter = ',', required = true)]
    pub tokens: Vec<u32>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
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
pub enum Only {
    Failed,
    Changed,
}
