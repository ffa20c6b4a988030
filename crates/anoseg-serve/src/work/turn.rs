//! Whether the result of a request is still wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::failure::Failure;

/// A request's time, and whether its client is still there.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    deadline: Instant,
    gone: Arc<AtomicBool>,
}

impl Turn {
    /// With the guard whose end says that nobody waits any more.
    pub(super) fn new(deadline: Instant) -> (Self, Waiting) {
        let gone = Arc::new(AtomicBool::new(false));
        (Self { deadline, gone: gone.clone() }, Waiting(gone))
    }

    /// Whether work on it would be in vain.
    pub(super) fn is_over(&self) -> bool {
        self.gone.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// To be asked between the images of a request.
    ///
    /// # Errors
    /// The client has gone, or the time is over.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_over() { Err(Failure::deadline()) } else { Ok(()) }
    }
}

/// Held by whoever waits for the result.
#[derive(Debug)]
pub(super) struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
