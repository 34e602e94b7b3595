//! What can be typed after `bundle` and `key`.

use super::{NumericsArg, Place};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use studio::view::ExportFormat;

#[derive(Subcommand)]
pub enum BundleCommand {
    /// Write a finished run as a signed bundle, or in another tool's form; exit status 1 where
    /// its gates are not met
    Export(ExportArgs),
    /// Check a bundle: whole, unchanged, in force, signed by whom; exit status 1 where it does
    /// not hold
    Verify(BundleVerifyArgs),
    /// Add a signature to a bundle
    Sign(SignArgs),
    /// Bring a bundle's policy, suite and run into a workspace
    Import(BundleImportArgs),
    /// Print the JSON Schema of a bundle's manifest
    Schema,
}

#[derive(Args)]
pub struct ExportArgs {
    /// The policy: its name, or its file
    #[arg(long, value_name = "POLICY")]
    pub policy: String,
    /// The finished run [default: the policy's newest]
    #[arg(long, value_name = "RUN")]
    pub run: Option<i64>,
    /// The file to write; a folder for opa, promptfoo, evals, inspect and roost
    #[arg(long, short, value_name = "PATH")]
    pub output: PathBuf,
    /// What to write
    #[arg(long = "as", value_enum, default_value = "bundle")]
    pub format: FormatArg,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
    /// Leave contents, notes, owners and traces out; a salted hash stands for each case, and
    /// the salt is written beside the bundle
    #[arg(long)]
    pub withhold_content: bool,
    /// Export even though a gate of touchstone.toml is not met, or none is set; the bundle says so
    #[arg(long)]
    pub allow_unmet_gates: bool,
    /// Refuse the bundle before this time, such as 2026-11-24 or 2026-11-24T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub not_before: Option<i64>,
    /// Refuse the bundle from this time on
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub expires: Option<i64>,
    /// The change log, Markdown [default: that of the run's release]
    #[arg(long, value_name = "FILE")]
    pub change_log: Option<PathBuf>,
    #[command(flatten)]
    pub signers: SignerArgs,
    #[command(flatten)]
    pub place: Place,
}

/// Several people sign when the four options are given several times, in the same order.
#[derive(Args)]
pub struct SignerArgs {
    /// A private key to sign with; may be repeated, with a name, role and statement each
    #[arg(long, value_name = "FILE", requires_all = ["name", "role", "statement"])]
    pub key: Vec<PathBuf>,
    /// Who signs
    #[arg(long, value_name = "NAME", requires = "key")]
    pub name: Vec<String>,
    /// As what, such as `policy owner`
    #[arg(long, value_name = "ROLE", requires = "key")]
    pub role: Vec<String>,
    /// What is vouched for
    #[arg(long, value_name = "TEXT", requires = "key")]
    pub statement: Vec<String>,
}

#[derive(Args)]
pub struct BundleVerifyArgs {
    /// The bundle
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// A file of public keys in PEM that are trusted; one of them must have signed
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
    /// Judge the conformance vectors again with the local model
    #[arg(long)]
    pub rerun: bool,
    /// The model to judge with: `pebble` (a demonstration model), or a checkpoint's folder
    #[arg(long, value_name = "MODEL", requires = "rerun")]
    pub model: Option<String>,
    /// How the engine multiplies [default: the workspace's, else exact]
    #[arg(long, value_enum, requires = "rerun")]
    pub numerics: Option<NumericsArg>,
    /// Judge again even where the model is not the bundle's
    #[arg(long, requires = "rerun")]
    pub any_model: bool,
    #[command(flatten)]
    pub withheld: WithheldArgs,
    /// The workspace whose model judges [default: none is needed]
    #[arg(long, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// For bundles whose contents were withheld.
#[derive(Args)]
pub struct WithheldArgs {
    /// The suite that was withheld
    #[arg(long, value_name = "FILE", requires = "salt")]
    pub suite: Option<PathBuf>,
    /// Its salt
    #[arg(long, value_name = "FILE", requires = "suite")]
    pub salt: Option<PathBuf>,
}

#[derive(Args)]
pub struct SignArgs {
    /// The bundle
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where to write it [default: over the bundle]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The private key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Who signs
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// As what, such as `policy owner`
    #[arg(long, value_name = "ROLE")]
    pub role: String,
    /// What is vouched for
    #[arg(long, value_name = "TEXT")]
    pub statement: String,
    /// Print JSON on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct BundleImportArgs {
    /// The bundle
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// A file of public keys in PEM that are trusted; one of them must have signed
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
    /// The policy's name here [default: its name in the bundle]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub withheld: WithheldArgs,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a pair of Ed25519 keys: NAME.key.pem (keep it secret) and NAME.pub.pem
    New {
        /// Where, and the first part of both names
        #[arg(value_name = "NAME")]
        name: PathBuf,
        /// Print JSON on standard output
        #[arg(long)]
        json: bool,
    },
    /// Print the public key of a key file, and its id
    Show {
        /// A private or public key in PEM
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Print JSON on standard output
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum FormatArg {
    /// An archive that can be verified, judged again and imported
    Bundle,
    /// The layout of an Open Policy Agent bundle
    Opa,
    /// A promptfoo configuration
    Promptfoo,
    /// OpenAI evals: samples and registry entry
    Evals,
    /// An Inspect dataset and task
    Inspect,
    /// A ROOST policy pack
    Roost,
    /// An HTML page to read and print
    Report,
}

impl From<FormatArg> for ExportFormat {
    fn from(format: FormatArg) -> ExportFormat {
        match format {
            FormatArg::Bundle => ExportFormat::Bundle,
            FormatArg::Opa => ExportFormat::Opa,
            FormatArg::Promptfoo => ExportFormat::Promptfoo,
            FormatArg::Evals => ExportFormat::OpenaiEvals,
            FormatArg::Inspect => ExportFormat::Inspect,
            FormatArg::Roost => ExportFormat::Roost,
            FormatArg::Report => ExportFormat::Report,
        }
    }
}

/// Milliseconds since the epoch of a day (UTC) or of a moment in UTC.
fn time(text: &str) -> Result<i64, String> {
    let wrong = || {
        format!("\"{text}\" is no time: write 2026-11-24 (then 00:00 UTC) or 2026-11-24T09:00:00Z")
    };
    let (day, clock) = match text.split_once('T') {
        None => (text, "00:00:00"),
        Some((day, clock)) => (day, clock.strip_suffix('Z').ok_or_else(wrong)?),
    };
    let numbers = |text: &str, separator: char, lengths: [usize; 3]| -> Option<[i64; 3]> {
        let parts: Vec<&str> = text.split(separator).collect();
        let fits = parts.len() == 3
            && parts.iter().zip(lengths).all(|(part, length)| {
                part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit())
            });
        let read: Vec<i64> = parts.iter().filter_map(|part| part.parse().ok()).collect();
        fits.then(|| read.try_into().ok()).flatten()
    };
    let [year, month, day] = numbers(day, '-', [4, 2, 2]).ok_or_else(wrong)?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2]).ok_or_else(wrong)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of = [
        31,
        28 + i64::from(leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let in_month = (1..=12).contains(&month) && (1..=days_of[month as usize - 1]).contains(&day);
    if !in_month || hour > 23 || minute > 59 || second > 59 {
        return Err(wrong());
    }
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400;
    let of_year: i64 = days_of[..month as usize - 1].iter().sum();
    // 719,162 days lie between 0001-01-01 and 1970-01-01.
    let days = before * 365 + leap_days + of_year + day - 1 - 719_162;
    Ok((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

#[cfg(test)]
mod tests {
    use super::time;

    /// `date -u -d TEXT +%s`.
    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2026-11-24T10:45:00Z", 1_795_517_100),
            ("2100-02-28T23:59:59Z", 4_107_542_399),
        ] {
            assert_eq!(time(text), Ok(seconds * 1000), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-11-24T10:45:00",
            "2026-1-1",
            "2026-11-24T24:00:00Z",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
