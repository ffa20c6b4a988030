//! Output to the user: results on standard output, everything else on standard error.
//!
//! If the reader is gone (`anoseg info ... | head`, a terminal that was closed), nothing is printed
//! and the program goes on. A result that cannot be written for another reason, such as a full disk,
//! is an error at the end ([`lost_results`]).
//!
//! Names of files and of categories may hold anything. Control characters in them are shown as
//! `%1B`, as `display_name` does, so that they neither act on the terminal nor look like lines of the
//! program.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal as _, Write as _, stderr, stdout};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anoseg::Progress;
use anoseg_image::text::{escaped, is_unseen};
use indicatif::{ProgressBar, ProgressStyle};

/// Why results could not be written, if they could not.
static LOST: Mutex<Option<std::io::Error>> = Mutex::new(None);

/// Lines of a result.
pub(crate) fn result(lines: &str) {
    let Err(error) = writeln!(stdout(), "{}", shown(lines)).and_then(|()| stdout().flush()) else { return };
    if error.kind() != ErrorKind::BrokenPipe {
        LOST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Why results could not be written to standard output, if they could not.
pub(crate) fn lost_results() -> Option<std::io::Error> {
    LOST.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A line about the progress of the work. Further lines of the same text are indented, so that a line
/// break in a name begins no line of the program.
pub(crate) fn note(line: &str) {
    _ = writeln!(stderr(), "{}", shown(line).replace('\n', "\n  "));
}

/// The text with characters that are not shown but obeyed as escapes; line breaks and tabs stay.
fn shown(text: &str) -> Cow<'_, str> {
    let acts = |c: char| is_unseen(c) && c != '\n' && c != '\t';
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) { shown.push_str(&escaped(c.encode_utf8(&mut [0; 4]))) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// A text on one line: line breaks are escapes as well.
pub(crate) fn one_line(text: &str) -> String {
    shown(text).replace('\n', "%0A").replace('\t', "%09")
}

/// The text with a capital letter at its beginning.
pub(crate) fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

/// Prints what the argument parser has to say. With control characters among the arguments it is
/// printed without colours, and they as escapes.
pub(crate) fn usage(error: &clap::Error, arguments: &[OsString]) {
    let odd = arguments.iter().any(|argument| argument.to_str().is_none_or(|text| shown(text) != text));
    if odd && error.use_stderr() {
        _ = writeln!(stderr(), "{}", shown(error.render().to_string().trim_end()));
    } else {
        _ = error.print();
    }
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
    /// Whether the steps are done and the thresholds are derived.
    judging: bool,
}

/// A bar, if standard error is a terminal.
fn bar(style: &str) -> Option<ProgressBar> {
    stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(0).with_style(style)
    })
}

impl TrainingBar {
    pub(crate) fn new() -> Self {
        let bar = bar("{bar:32} {percent:>3}%  step {pos}/{len}  {msg}");
        Self { bar, last_line: Instant::now(), judging: false }
    }

    /// Another training begins.
    pub(crate) fn again(&mut self) {
        self.clear();
        *self = Self::new();
    }

    /// So many images of all are judged for the thresholds.
    pub(crate) fn judged(&mut self, done: usize, of: usize) {
        if !self.judging {
            self.clear();
            let bar = bar("{bar:32} {percent:>3}%  thresholds: image {pos}/{len}");
            *self = Self { bar, last_line: Instant::now(), judging: true };
        }
        match &self.bar {
            Some(bar) if done == of => bar.finish_and_clear(),
            Some(bar) => {
                bar.set_length(of as u64);
                bar.set_position(done as u64);
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                note(&format!("thresholds: image {done}/{of}"));
                self.last_line = Instant::now();
            }
            None => {}
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A file name could once clear the terminal, or print a line of its own.
    #[test]
    fn names_do_not_act_on_the_terminal() {
        assert_eq!(shown("\u{1b}[2Ja\u{7}\r\u{9b}b\u{202e}"), "%1B[2Ja%07%0D%C2%9Bb%E2%80%AE");
        assert_eq!(shown("a\u{200b}\u{2029}b\u{feff}"), "a%E2%80%8B%E2%80%A9b%EF%BB%BF");
        let text = "Prüfteil 部品 \u{1f600}\n\ttable";
        assert_eq!(shown(text), text);
        assert_eq!(one_line("a\nerror: b\u{1b}"), "a%0Aerror: b%1B");
    }
}
