//! Output to the user: results on standard output, everything else on standard error.
//!
//! If the reader is gone (`anoseg info ... | head`, a terminal that was closed), nothing is printed
//! and the program goes on.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::time::{Duration, Instant};

use anoseg::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// A line of a result.
pub(crate) fn result(line: &str) {
    _ = writeln!(stdout(), "{line}");
}

/// A line about the progress of the work.
pub(crate) fn note(line: &str) {
    _ = writeln!(stderr(), "{line}");
}

/// A problem that does not stop the program.
pub(crate) fn warning(message: &str) {
    note(&format!("warning: {message}"));
}

/// Why the program failed.
pub(crate) fn error(message: &str) {
    note(&format!("error: {message}"));
}

/// Time between two lines of progress when standard error is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Progress of a training: a bar on a terminal, a line now and then elsewhere.
pub(crate) struct TrainingBar {
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl TrainingBar {
    pub(crate) fn new() -> Self {
        let style = "{bar:32} {percent:>3}%  step {pos}/{len}  {msg}";
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        });
        Self { bar, last_line: Instant::now() }
    }

    pub(crate) fn show(&mut self, progress: &Progress) {
        let Progress { step, total, losses, images_per_second, remaining } = *progress;
        let left = remaining.map_or_else(String::new, |seconds| format!("  {} left", minutes(seconds)));
        let message = format!("loss {:.4}  {images_per_second:.1} images/s{left}", losses.total);
        match &self.bar {
            Some(bar) => {
                bar.set_length(total.unwrap_or(step));
                bar.set_position(step);
                bar.set_message(message);
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                note(&format!("step {step}/{}  {message}", total.unwrap_or(step)));
                self.last_line = Instant::now();
            }
            None => {}
        }
    }

    pub(crate) fn warning(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| warning(message)),
            None => warning(message),
        }
    }

    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for TrainingBar {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Seconds as `4:07`.
pub(crate) fn minutes(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
