//! Why a bundle is refused: one variant for each class of bad input, in words that name the
//! place and the remedy.

/// A bundle that cannot be trusted even to be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "This is no bundle: it does not begin as a gzip file. Choose a file that `bundle export` wrote."
    )]
    NotABundle,
    #[error("The bundle ends early ({0}): it was cut off or not copied whole. Fetch it again.")]
    Truncated(String),
    #[error("The bundle is damaged ({0}). Fetch it again.")]
    Damaged(String),
    #[error(
        "{what} has more than {max} bytes, the most that a bundle may have. It was refused unread."
    )]
    Oversized { what: String, max: u64 },
    #[error(
        "The bundle unpacks to more than {times} times its size, as zip bombs do and bundles do not. It was refused."
    )]
    Bomb { times: u64 },
    #[error("The bundle has more than {0} files. It was refused unread.")]
    TooManyFiles(usize),
    #[error(
        "The bundle holds a file named \"{0}\", which would leave its folder or is no plain name. It was refused."
    )]
    UnsafePath(String),
    #[error("\"{path}\" in the bundle is {kind}; a bundle holds plain files only. It was refused.")]
    NotAFile { path: String, kind: String },
    #[error(
        "The bundle holds \"{0}\" twice. It was refused: readers would disagree on which one counts."
    )]
    Duplicate(String),
    #[error("\"{0}\" is missing from the bundle, which is not whole without it. Fetch it again.")]
    Missing(String),
    #[error("The bundle holds \"{0}\", which its manifest does not list. It was refused.")]
    Extra(String),
    #[error(
        "\"{path}\" is not what the manifest says ({detail}): the bundle was changed after it was made."
    )]
    Tampered { path: String, detail: String },
    #[error(
        "The bundle has format version {found}; this Touchstone reads up to {known}. Update Touchstone."
    )]
    Newer { found: u64, known: u32 },
    #[error("\"{path}\" in the bundle cannot be read: {detail}.")]
    Malformed { path: String, detail: String },
    #[error(
        "The bundle is not in canonical form ({0}). It was not written by Touchstone, or was packed again."
    )]
    NotCanonical(String),
}

impl Refusal {
    pub(crate) fn malformed(path: &str, detail: impl ToString) -> Refusal {
        Refusal::Malformed {
            path: path.to_owned(),
            detail: detail.to_string(),
        }
    }
}
