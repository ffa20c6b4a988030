//! Signals that ask the program to stop.
//!
//! A supervisor may signal a process and its group, so that one request comes twice: signals within
//! a second of each other count as one. Only a second Ctrl-C after that ends the program at once; a
//! termination signal (SIGTERM, SIGHUP) never does, so that no work is lost.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anoseg::StopToken;
use anyhow::Result;

use crate::console;
use crate::exit::INTERRUPTED;

/// Signals within this time count as one.
const ONE_REQUEST: Duration = Duration::from_secs(1);

/// What a signal stops; None where the program ends at once.
static WORK: Mutex<Option<Work>> = Mutex::new(None);

/// Work that a signal stops in an orderly way.
struct Work {
    token: StopToken,
    /// What happens next, such as "stopping after this step".
    what: &'static str,
    requests: Requests,
}

/// A token that is stopped by the first signal, with a note that says `what` happens next, such as
/// "stopping after this step". A second Ctrl-C, more than a second later, ends the program at once.
/// Before this is called, any signal ends the program.
pub(crate) fn on_signals(what: &'static str) -> StopToken {
    let token = StopToken::new();
    let work = Work { token: token.clone(), what, requests: Requests::default() };
    *WORK.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    token
}

/// Handles a signal.
fn react(signal: Signal) {
    let mut work = WORK.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(Work { token, what, requests }) = &mut *work else {
        std::process::exit(INTERRUPTED.into());
    };
    match requests.next(signal, Instant::now()) {
        Reaction::EndAtOnce => std::process::exit(INTERRUPTED.into()),
        Reaction::Note => console::note(&format!("{what}; press Ctrl-C again to stop at once")),
        Reaction::Nothing => {}
    }
    token.stop();
}

/// Catches signals from here on. Must be called before any thread is started: a signal goes to a
/// thread that does not block it.
///
/// # Errors
/// The system gives no thread, or does not let signals be caught.
#[cfg(unix)]
pub(crate) fn watch() -> Result<()> {
    use nix::sys::signal::{SIGHUP, SIGINT, SIGTERM, SigSet};

    let caught =
        [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| signal != SIGHUP || !hangup_is_ignored());
    let caught: SigSet = caught.collect();
    caught.thread_block().map_err(std::io::Error::from)?;
    let wait = move || {
        while let Ok(signal) = caught.wait() {
            react(if signal == SIGINT { Signal::Interrupt } else { Signal::Terminate });
        }
    };
    let thread = std::thread::Builder::new().name("signals".into()).spawn(wait);
    thread.map(drop).map_err(|source| anoseg::Error::Threads { source: Box::new(source) }.into())
}

/// Whether the program was started with SIGHUP ignored, as `nohup` does. Only Linux tells.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 is signal 1, SIGHUP.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

/// Catches Ctrl-C from here on.
///
/// # Errors
/// The system does not let it be caught.
#[cfg(not(unix))]
pub(crate) fn watch() -> Result<()> {
    use anyhow::Context as _;

    ctrlc::set_handler(|| react(Signal::Interrupt)).context("cannot catch Ctrl-C")
}

/// Ends the program at once when its standard input ends. Whoever starts it holds the other end, so that it does not
/// outlive a starter that is killed.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn end_with_input() -> Result<()> {
    let wait = || {
        _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(INTERRUPTED.into());
    };
    let thread = std::thread::Builder::new().name("input".into()).spawn(wait);
    thread.map(drop).map_err(|source| anoseg::Error::Threads { source: Box::new(source) }.into())
}

/// What asked the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM or SIGHUP.
    #[cfg_attr(not(unix), allow(dead_code, reason = "only Unix has them"))]
    Terminate,
}

/// What a signal leads to, besides the request to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Note,
    Nothing,
    EndAtOnce,
}

/// The requests to stop so far.
#[derive(Default)]
struct Requests {
    /// When the present request began; the signals of the second after it belong to it.
    begun: Option<Instant>,
    /// Whether a request before the present one, or the present one, was by Ctrl-C.
    interrupted: bool,
}

impl Requests {
    fn next(&mut self, signal: Signal, now: Instant) -> Reaction {
        let same = self.begun.is_some_and(|begun| now.duration_since(begun) <= ONE_REQUEST);
        let first = self.begun.is_none();
        let again = self.interrupted && signal == Signal::Interrupt;
        self.interrupted |= signal == Signal::Interrupt;
        if same {
            return Reaction::Nothing;
        }
        self.begun = Some(now);
        match (again, first || signal == Signal::Interrupt) {
            (true, _) => Reaction::EndAtOnce,
            (false, true) => Reaction::Note,
            (false, false) => Reaction::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reactions to signals after these milliseconds.
    fn reactions(signals: &[(u64, Signal)]) -> Vec<Reaction> {
        let (mut requests, begun) = (Requests::default(), Instant::now());
        let at = |ms: u64| begun + Duration::from_millis(ms);
        signals.iter().map(|&(ms, signal)| requests.next(signal, at(ms))).collect()
    }

    use Reaction::{EndAtOnce, Note, Nothing};
    use Signal::{Interrupt, Terminate};

    /// The two signals of one supervisor once ended a training without a checkpoint.
    #[test]
    fn signals_within_a_second_are_one() {
        for signal in [Interrupt, Terminate] {
            assert_eq!(reactions(&[(0, signal), (1, signal), (999, signal)]), [Note, Nothing, Nothing]);
        }
    }

    #[test]
    fn a_termination_signal_never_ends_at_once() {
        let many: Vec<(u64, Signal)> = (0..9).map(|i| (3000 * i, Terminate)).collect();
        assert!(!reactions(&many).contains(&EndAtOnce));
        assert_eq!(reactions(&[(0, Interrupt), (5000, Terminate)]), [Note, Nothing]);
        // The first Ctrl-C is a request like any other.
        let signals = [(0, Terminate), (5000, Interrupt), (9000, Interrupt)];
        assert_eq!(reactions(&signals), [Note, Note, EndAtOnce]);
    }

    #[test]
    fn a_second_ctrl_c_ends_at_once() {
        assert_eq!(reactions(&[(0, Interrupt), (1100, Interrupt)]), [Note, EndAtOnce]);
        let impatient = [(0, Interrupt), (400, Interrupt), (800, Interrupt), (1200, Interrupt)];
        assert_eq!(reactions(&impatient), [Note, Nothing, Nothing, EndAtOnce]);
    }
}
