//! `touchstone server`.

use super::{OutsideArgs, Place};
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub enum ServerCommand {
    /// List the models on servers and the hosts that are allowed
    List(ListServersArgs),
    /// Add a model on a server to the workspace, or change how it is spoken to
    Add(AddServerArgs),
    /// Take a model on a server out of the workspace
    Remove(ServerArgs),
    /// List the models that a server has
    Models(ReachServerArgs),
    /// Have a model on a server say one word, and print who answered
    Test(ReachServerArgs),
    /// Store a server's key, read from standard input, in the system's keychain
    Key(KeyArgs),
    /// Let policies and cases of this workspace leave this machine for a host
    Allow(HostArgs),
    /// Take that back
    Forbid(HostArgs),
}

#[derive(Args)]
pub struct ListServersArgs {
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct ServerArgs {
    /// The server's address: http://HOST:PORT/v1#MODEL
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct AddServerArgs {
    #[command(flatten)]
    pub server: ServerArgs,
    /// Send our own prompt to /completions, in place of messages to /chat/completions
    #[arg(long)]
    pub raw: bool,
    /// Send /responses requests, in place of messages to /chat/completions
    #[arg(long, conflicts_with = "raw")]
    pub responses: bool,
    /// Requests in flight [default: 8]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<u32>,
    /// Money for a million tokens read
    #[arg(long, value_name = "PRICE")]
    pub price_in: Option<f64>,
    /// Money for a million tokens written
    #[arg(long, value_name = "PRICE")]
    pub price_out: Option<f64>,
    /// The money
    #[arg(long, value_name = "NAME", default_value = "USD")]
    pub currency: String,
}

#[derive(Args)]
pub struct ReachServerArgs {
    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub outside: OutsideArgs,
}

#[derive(Args)]
pub struct KeyArgs {
    #[command(flatten)]
    pub server: ServerArgs,
    /// Remove the key
    #[arg(long)]
    pub remove: bool,
}

#[derive(Args)]
pub struct HostArgs {
    /// The host's name, without scheme or port
    #[arg(value_name = "HOST")]
    pub host: String,
    /// Also without encryption (http)
    #[arg(long)]
    pub plain_http: bool,
    #[command(flatten)]
    pub place: Place,
}
