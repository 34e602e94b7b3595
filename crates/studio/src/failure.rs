//! Errors for people: what went wrong, where, and what to do. Causes go to the log.

use crate::view::{Code, Failure};
use std::path::Path;
use store::StoreError;

impl Failure {
    pub(crate) fn input(message: impl Into<String>) -> Failure {
        Failure {
            code: Code::Input,
            message: message.into(),
        }
    }

    pub(crate) fn model(message: impl Into<String>) -> Failure {
        Failure {
            code: Code::Model,
            message: message.into(),
        }
    }

    pub(crate) fn cancelled() -> Failure {
        Failure {
            code: Code::Cancelled,
            message: "Cancelled.".to_owned(),
        }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Failure {
        Failure {
            code: Code::Internal,
            message: message.into(),
        }
    }

    pub(crate) fn file(path: &Path, action: &str, error: &std::io::Error) -> Failure {
        let remedy = match error.kind() {
            std::io::ErrorKind::PermissionDenied => "Check the permissions of the file and folder.",
            std::io::ErrorKind::NotFound => "Check that the folder still exists.",
            std::io::ErrorKind::StorageFull => "Free some disk space.",
            _ => "Check the disk and try again.",
        };
        Failure::input(format!(
            "{} cannot be {action}: {error}. {remedy}",
            path.display()
        ))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match &error {
            StoreError::Missing(_) => Failure::input(error.to_string()),
            _ => {
                tracing::error!(?error, "the database failed");
                let code = if error.is_bad_file() {
                    Code::BadDatabase
                } else {
                    Code::Store
                };
                Failure {
                    code,
                    message: error.to_string(),
                }
            }
        }
    }
}
