//! What the window remembers between two starts: the workspace and its own size.
//! Nothing here is needed to work: an unreadable file is the same as none.

use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// The last workspace opened.
    pub workspace: Option<PathBuf>,
    /// Of the window's content, in logical pixels.
    pub width: f64,
    pub height: f64,
    pub maximized: bool,
}

pub const WIDTH_MIN: f64 = 960.0;
pub const HEIGHT_MIN: f64 = 600.0;

impl Default for Session {
    fn default() -> Session {
        Session {
            workspace: None,
            width: 1440.0,
            height: 900.0,
            maximized: false,
        }
    }
}

pub fn read(file: &Path) -> Session {
    let text = fs::read(file).unwrap_or_default();
    let read: Session = serde_json::from_slice(&text).unwrap_or_default();
    // A hand-edited or foreign file must not open a window that cannot be seen.
    let sane = |size: f64, min: f64| {
        if size.is_finite() {
            size.clamp(min, 16_384.0)
        } else {
            min
        }
    };
    Session {
        width: sane(read.width, WIDTH_MIN),
        height: sane(read.height, HEIGHT_MIN),
        ..read
    }
}

/// Writes beside the file and renames, so that a crash leaves the old one or the new one.
pub fn write(file: &Path, session: &Session) {
    let written = || -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let fresh = file.with_extension("json.new");
        fs::write(&fresh, serde_json::to_vec_pretty(session)?)?;
        fs::rename(&fresh, file)
    };
    if let Err(error) = written() {
        tracing::warn!("{} could not be written: {error}", file.display());
    }
}

/// The sample workspace: the folder with policies and fixtures that the program lies in,
/// or was started in.
pub fn sample() -> Option<PathBuf> {
    let starts = [std::env::current_dir(), std::env::current_exe()];
    let mut folders = starts.iter().flatten().flat_map(|start| start.ancestors());
    folders
        .find(|folder| is_workspace(folder))
        .map(Path::to_owned)
}

fn is_workspace(folder: &Path) -> bool {
    folder.join("policies").is_dir() && folder.join("fixtures").is_dir()
}

/// The workspace to open: the one asked for, else the last one if it is still there,
/// else the sample.
pub fn choose(asked: Option<PathBuf>, last: Option<&Path>) -> Option<PathBuf> {
    asked
        .or_else(|| last.filter(|folder| folder.is_dir()).map(Path::to_owned))
        .or_else(sample)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_session_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deeper/session.json");
        let session = Session {
            workspace: Some("/some/where".into()),
            width: 1200.0,
            height: 700.0,
            maximized: true,
        };
        write(&file, &session);
        assert_eq!(read(&file), session);
    }

    #[test]
    fn a_broken_or_absurd_session_opens_a_usable_window() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("session.json");
        assert_eq!(read(&file), Session::default());
        fs::write(&file, "{").unwrap();
        assert_eq!(read(&file), Session::default());
        fs::write(&file, r#"{"width": -5, "height": 1e300, "new_field": 1}"#).unwrap();
        let session = read(&file);
        assert_eq!((session.width, session.height), (WIDTH_MIN, 16_384.0));
    }

    #[test]
    fn the_asked_workspace_wins_over_the_last_and_a_lost_one_is_passed_over() {
        let here = tempfile::tempdir().unwrap();
        let last = here.path();
        let asked = PathBuf::from("/asked/for");
        assert_eq!(choose(Some(asked.clone()), Some(last)), Some(asked));
        assert_eq!(choose(None, Some(last)), Some(last.to_owned()));
        let lost = last.join("gone");
        assert_ne!(choose(None, Some(&lost)), Some(lost.clone()));
    }
}
