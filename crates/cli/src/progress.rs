//! Progress on standard error: one line that is written over, in a terminal only.

use engine::gib;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};
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
        let flips = progress.flips_left.map_or_else(String::new, |flips| {
            format!(
                ", {:.0} more flips expected ({} to {})",
                flips.expected, flips.low, flips.high
            )
        });
        self.show(&format!(
            "{} of {} cases, {:.0} tokens/s{left}{flips}",
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

    /// Clears what another line left, in a terminal.
    pub fn end(mut self) {
        self.shown = self.terminal;
        self.clear();
    }

    pub fn clear(&mut self) {
        if self.shown {
            eprint!("\r\x1b[2K");
            self.shown = false;
        }
    }
}

/// Bytes of a long file operation, with the speed since it began.
pub struct Bytes {
    terminal: bool,
    verb: &'static str,
    started: Instant,
    shown: Option<Instant>,
    /// Bytes that were there when it began.
    first: Option<u64>,
}

const REFRESH: Duration = Duration::from_millis(200);

impl Bytes {
    pub fn new(verb: &'static str) -> Bytes {
        Bytes {
            terminal: std::io::stderr().is_terminal(),
            verb,
            started: Instant::now(),
            shown: None,
            first: None,
        }
    }

    pub fn show(&mut self, done: u64, total: u64) {
        let first = *self.first.get_or_insert(done);
        if !self.terminal || self.shown.is_some_and(|at| at.elapsed() < REFRESH) {
            return;
        }
        let per_s = (done - first.min(done)) as f64 / self.started.elapsed().as_secs_f64();
        eprint!(
            "\r\x1b[2K{} {} of {}, {}/s",
            self.verb,
            gib(done),
            gib(total),
            gib(per_s as u64)
        );
        let _ = std::io::stderr().flush();
        self.shown = Some(Instant::now());
    }

    pub fn clear(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[2K");
        }
    }
}
