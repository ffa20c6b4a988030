//! What happens on a connection of HTTP/2, so that it ends where its client is too slow or does nothing.
//!
//! The client of such a connection may read from it and yet take nothing of an answer. No write waits then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Settings;

/// Bytes that a client sends first of all.
const PREFACE: u64 = 24;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client sends no beginning, or takes nothing of an answer.
    Slow,
    /// The client calls nothing.
    Idle,
}

/// The calls of a connection.
pub(super) struct Activity {
    received: Arc<AtomicU64>,
    calls: Arc<Mutex<Calls>>,
}

struct Calls {
    /// Since when a piece of the answer waits to be taken, for each call that is under way.
    waiting: HashMap<u64, Option<Instant>>,
    next: u64,
    /// When the last call ended.
    idle: Instant,
}

impl Activity {
    /// On a connection that counts its bytes in `received`.
    pub(super) fn new(received: Arc<AtomicU64>) -> Self {
        let calls = Calls { waiting: HashMap::new(), next: 0, idle: Instant::now() };
        Self { received, calls: Arc::new(Mutex::new(calls)) }
    }

    /// A call begins.
    pub(super) fn begin(&self) -> Call {
        let mut calls = lock(&self.calls);
        let number = calls.next;
        calls.next += 1;
        calls.waiting.insert(number, None);
        Call { number, calls: self.calls.clone() }
    }

    /// Waits until the connection is to end.
    pub(super) async fn watch(&self, settings: &Settings) -> End {
        let (begun, write, idle) = (Instant::now(), settings.write_timeout, settings.idle_timeout);
        let every = (write.min(idle).min(settings.header_timeout) / 4)
            .clamp(Duration::from_millis(10), Duration::from_secs(1));
        loop {
            tokio::time::sleep(every).await;
            if begun.elapsed() > settings.header_timeout && self.received.load(Ordering::Relaxed) < PREFACE {
                return End::Slow;
            }
            let calls = lock(&self.calls);
            if calls.waiting.values().flatten().any(|since| since.elapsed() > write) {
                return End::Slow;
            }
            if calls.waiting.is_empty() && calls.idle.elapsed() > idle {
                return End::Idle;
            }
        }
    }
}

fn lock(calls: &Mutex<Calls>) -> MutexGuard<'_, Calls> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call until its answer is taken.
pub(super) struct Call {
    number: u64,
    calls: Arc<Mutex<Calls>>,
}

impl Call {
    /// Takes note of whether a piece of the answer waits to be taken.
    pub(super) fn waits(&self, waits: bool) {
        lock(&self.calls).waiting.insert(self.number, waits.then(Instant::now));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = lock(&self.calls);
        calls.waiting.remove(&self.number);
        calls.idle = Instant::now();
    }
}
