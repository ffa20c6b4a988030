//! Requests to stop.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Whether a worker was asked to stop, and how long it may go on with what it has in hand.
pub(super) struct Stop {
    asked: Arc<dyn Fn() -> bool + Send + Sync>,
    since: OnceLock<Instant>,
    grace: Duration,
}

impl Stop {
    pub(super) fn new(asked: Arc<dyn Fn() -> bool + Send + Sync>, grace: Duration) -> Self {
        Self { asked, since: OnceLock::new(), grace }
    }

    /// Whether nothing more is to be begun.
    pub(super) fn is_asked(&self) -> bool {
        let asked = (self.asked)();
        if asked {
            self.since.get_or_init(Instant::now);
        }
        asked
    }

    /// Whether what is in hand is to be given back.
    pub(super) fn is_over(&self) -> bool {
        self.is_asked() && self.since.get().is_some_and(|since| since.elapsed() >= self.grace)
    }
}
