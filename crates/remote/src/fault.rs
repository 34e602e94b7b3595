//! What can go wrong between us and a server, whether asking again may help, and how
//! it is said to people.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error(
        "{host} cannot be reached: {detail}. Check that the server runs and that the address is right."
    )]
    Unreachable { host: String, detail: String },
    #[error("The certificate of {host} is not to be trusted: {detail}. Nothing was sent.")]
    Certificate { host: String, detail: String },
    #[error("The server was silent for {} s.", .0.as_secs_f64())]
    Silent(Duration),
    #[error("The reply was not whole after {} s.", .0.as_secs_f64())]
    Endless(Duration),
    #[error("The connection broke in the middle of the reply: {0}.")]
    Cut(String),
    /// 429, or 503 with Retry-After.
    #[error("The server is busy (status {status}): {message}")]
    Busy {
        status: u16,
        message: String,
        retry_after: Option<Duration>,
    },
    #[error("The server failed (status {status}): {message}")]
    Server { status: u16, message: String },
    #[error("The server refused the request (status {status}): {message}")]
    Refused { status: u16, message: String },
    #[error("{message} Store the right key with `touchstone server key`.")]
    Key { message: String },
    #[error(
        "The server sends the request elsewhere ({0}); it is not followed. Give the final address."
    )]
    Redirected(String),
    #[error("The server's answer is none of the interface: {0}.")]
    Foreign(String),
    #[error("The server's answer is larger than {bytes_max} bytes; reading was stopped.")]
    TooLarge { bytes_max: usize },
    #[error(
        "The model changed in the middle: the run is with {expected}, and {found} answered. Select the model again."
    )]
    ModelChanged { expected: String, found: String },
    /// The request does not fit the model's context.
    #[error("{0}")]
    TooLong(String),
    /// What the caller gave cannot be sent or stored.
    #[error("{0}")]
    Input(String),
    #[error("Not asked, because the server gave no answer before: {0}")]
    NotAsked(String),
}

impl Fault {
    /// Whether the same request may be answered a moment later.
    pub fn is_passing(&self) -> bool {
        match self {
            Fault::Unreachable { .. }
            | Fault::Silent(_)
            | Fault::Endless(_)
            | Fault::Cut(_)
            | Fault::Busy { .. }
            | Fault::Server { .. }
            | Fault::Foreign(_) => true,
            Fault::Certificate { .. }
            | Fault::Refused { .. }
            | Fault::Key { .. }
            | Fault::Redirected(_)
            | Fault::TooLarge { .. }
            | Fault::ModelChanged { .. }
            | Fault::TooLong(_)
            | Fault::Input(_)
            | Fault::NotAsked(_) => false,
        }
    }

    /// From the library's errors, which name the whole address and hide the cause.
    pub(crate) fn of_transport(host: &str, idle: Duration, error: &reqwest::Error) -> Fault {
        let causes = causes(error);
        let last = causes.last().cloned().unwrap_or_default();
        let certificate = causes
            .iter()
            .any(|cause| cause.to_lowercase().contains("certificate"));
        if certificate {
            Fault::Certificate {
                host: host.to_owned(),
                detail: last,
            }
        } else if error.is_connect() {
            let detail = if error.is_timeout() {
                "no answer in time".to_owned()
            } else {
                last
            };
            Fault::Unreachable {
                host: host.to_owned(),
                detail,
            }
        } else if error.is_timeout() {
            Fault::Silent(idle)
        } else {
            Fault::Cut(last)
        }
    }
}

/// Whether an error's document says that the request does not fit the model's context.
pub(crate) fn says_too_long(document: &str) -> bool {
    const WORDS: [&str; 5] = [
        "context_length_exceeded",
        "exceed_context_size",
        "context length",
        "context size",
        "context window",
    ];
    let said = document.to_lowercase();
    WORDS.iter().any(|words| said.contains(words))
}

fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut causes = vec![];
    let mut next = Some(error);
    while let Some(error) = next {
        causes.push(error.to_string());
        next = error.source();
    }
    causes
}
