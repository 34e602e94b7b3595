//! What can be typed after `search`.

use super::Place;
use clap::Args;

#[derive(Args)]
pub struct SearchArgs {
    /// Words, and "phrases in quotes", that must all occur; part of a word is enough
    #[arg(value_name = "TEXT", required = true)]
    pub text: Vec<String>,
    /// Only traces of this policy's runs
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    #[command(flatten)]
    pub place: Place,
}
