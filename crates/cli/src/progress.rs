//! Progress on standard error: one line that is written over, in a terminal only.

use std::io::{IsTerminal, Write};
use studio::view::{Progress, RunEvent};

pub struct Line {
    terminal: bool,
    shown: bool,
}

impl Line {
    pub fn new() -> Line {
        Line {
            terminal: std::io::stderr().is_terminal(),
            shown: false,
        }
    }

    pub fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Outcomes { progress, .. } | RunEvent::Progress { progress } => {
                self.progress(progress)
            }
            RunEvent::Started { .. } | RunEvent::TraceText { .. } => {}
            RunEvent::Finished { .. }
            | RunEvent::Cancelled { .. }
            | RunEvent::Failed { .. }
            | RunEvent::Unchanged { .. } => self.clear(),
        }
    }

    fn progress(&mut self, progress: &Progress) {
        let left = progress
            .left_ms
            .map_or_else(String::new, |ms| format!(", {:.0} s left", ms / 1000.0));
        self.show(&format!(
            "{} of {} cases, {:.0} tokens/s{left}",
            progress.done, progress.total, progress.tokens_per_s
        ));
    }

    pub fn show(&mut self, text: &str) {
        if !self.terminal {
            return;
        }
        eprint!("\r\x1b[2K{text}");
        // A line that cannot be shown is no reason to stop a run.
        let _ = std::io::stderr().flush();
        self.shown = true;
    }

    pub fn clear(&mut self) {
        if self.shown {
            eprint!("\r\x1b[2K");
            self.shown = false;
        }
    }
}
