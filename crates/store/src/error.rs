//! What can go wrong with the database, in words that name the file and the remedy.

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A migration is recorded that this version does not know.
    #[error(
        "{} was written by a newer version of Touchstone (it has migration {version}, this version \
         knows {known}). Update Touchstone, or move the file aside and start with a fresh database.",
        .path.display()
    )]
    Newer {
        path: PathBuf,
        version: i64,
        known: i64,
    },
    #[error(
        "{} cannot be read as a database ({detail}). Restore it from a backup, or move it aside and \
         start with a fresh database: policies and suites are files of their own and are not affected.",
        .path.display()
    )]
    Corrupted { path: PathBuf, detail: String },
    #[error("{}: {detail}", .path.display())]
    File { path: PathBuf, detail: String },
    /// The database refused a statement: busy, full, or against a rule of its schema.
    #[error("the database {} refused: {source}", .path.display())]
    Refused { path: PathBuf, source: sqlx::Error },
    /// A row that the caller named does not exist.
    #[error("there is no {0} in this workspace's history")]
    Missing(String),
    /// A row holds something that this version cannot read.
    #[error("the database {} holds {what} that cannot be read: {detail}", .path.display())]
    Unreadable {
        path: PathBuf,
        what: String,
        detail: String,
    },
}

impl StoreError {
    /// The file itself is the trouble, and moving it aside would help.
    pub fn is_bad_file(&self) -> bool {
        matches!(self, Self::Newer { .. } | Self::Corrupted { .. })
    }

    /// SQLite reports damage wherever it meets it, so every statement's error passes here.
    pub(crate) fn from_sqlx(path: &Path, source: sqlx::Error) -> Self {
        /// SQLITE_CORRUPT and SQLITE_NOTADB, <https://sqlite.org/rescode.html>.
        const DAMAGE: [i64; 2] = [11, 26];
        let code = source
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse::<i64>().ok());
        match code {
            // The low byte is the primary code of an extended one.
            Some(code) if DAMAGE.contains(&(code & 0xff)) => Self::Corrupted {
                path: path.to_owned(),
                detail: source.to_string(),
            },
            _ => Self::Refused {
                path: path.to_owned(),
                source,
            },
        }
    }
}
