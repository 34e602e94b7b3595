//! What can be typed to learn what flips and verdicts rest on.

use super::{NumericsArg, OutsideArgs, Place};
use clap::Args;

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
    /// Test whether each flip is real by at most this many pairs of samples; 32 settle
    /// nearly every flip
    #[arg(long, value_name = "PAIRS")]
    pub samples: Option<u32>,
    /// The order of rules decides in this policy: take samples of the texts as they stand
    #[arg(long, requires = "samples")]
    pub keep_order: bool,
    /// Say which hunk of the edit caused which flip
    #[arg(long)]
    pub attribute: bool,
    /// Show the two traces of this case instead, the second as it differs from the first;
    /// with --samples its flip alone is tested
    #[arg(long, value_name = "CASE")]
    pub case: Option<String>,
    /// Print the flips as CSV on standard output
    #[arg(long, conflicts_with_all = ["json", "case", "attribute"])]
    pub csv: bool,
    #[command(flatten)]
    pub asking: AskingArgs,
    #[command(flatten)]
    pub place: Place,
}

/// With what the model of a run is asked again.
#[derive(Args)]
pub struct AskingArgs {
    /// The model that judged the runs [default: the workspace's own]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// How the engine multiplied for them [default: touchstone.toml's, else exact]
    #[arg(long, value_enum)]
    pub numerics: Option<NumericsArg>,
    #[command(flatten)]
    pub outside: OutsideArgs,
}

#[derive(Args)]
pub struct AblateArgs {
    /// The run
    #[arg(value_name = "RUN")]
    pub run: i64,
    /// The case, by its id
    #[arg(value_name = "CASE")]
    pub case: String,
    #[command(flatten)]
    pub asking: AskingArgs,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct AttributeArgs {
    /// The run before
    #[arg(value_name = "RUN_A")]
    pub a: i64,
    /// The run after
    #[arg(value_name = "RUN_B")]
    pub b: i64,
    /// Only the flip of this case; may be given several times
    #[arg(long = "case", value_name = "CASE")]
    pub cases: Vec<String>,
    #[command(flatten)]
    pub asking: AskingArgs,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct CoverageArgs {
    /// The run
    #[arg(value_name = "RUN")]
    pub run: i64,
    /// Judge every case again without each clause in turn, to tell which clauses decide and
    /// which are dead
    #[arg(long)]
    pub ablate: bool,
    /// Print CSV on standard output
    #[arg(long, conflicts_with_all = ["json", "ablate"])]
    pub csv: bool,
    #[command(flatten)]
    pub asking: AskingArgs,
    #[command(flatten)]
    pub place: Place,
}
