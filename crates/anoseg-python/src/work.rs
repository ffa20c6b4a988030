//! Work without the interpreter's lock, so that other threads of Python go on meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anoseg::{StopToken, Threads};
use anyhow::Result;
use pyo3::prelude::*;

use crate::failure;

/// Time between two looks at signals.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);

/// Events that wait for Python before the work waits.
const MOST_EVENTS: usize = 16;

/// Whether threads were started.
static STARTED: Mutex<bool> = Mutex::new(false);

/// Whether this process is a copy of one that had started threads, which are missing here.
static LACKS_THREADS: AtomicBool = AtomicBool::new(false);

/// Is called in a process that was forked. Nothing else runs there yet.
#[pyfunction]
pub(crate) fn after_fork() {
    // A lock that another thread held stays locked for ever: then threads were about to start.
    let started = STARTED.try_lock().map_or(true, |started| *started);
    LACKS_THREADS.fetch_or(started, Ordering::Relaxed);
}

/// Fails in a process that lacks its threads: work would wait for them for ever.
pub(crate) fn check_process() -> PyResult<()> {
    if !LACKS_THREADS.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err(failure::resource(
        "this process was forked from one that had used anoseg, and lacks its threads: start processes by \
         multiprocessing.get_context(\"spawn\") or \"forkserver\"",
    ))
}

/// Starts the threads on which models compute that have none of their own, at the first call.
///
/// # Errors
/// The system gives no threads.
pub(crate) fn start_threads() -> Result<(), anoseg::Error> {
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*started {
        Threads::start_global()?;
        *started = true;
    }
    Ok(())
}

/// Runs work without the interpreter's lock.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    check_process()?;
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(done) => done.map_err(|error| failure::exception(&error)),
        Err(panic) => Err(failure::panicked(&*panic)),
    }
}

/// Runs work in a thread of its own, and `on_event` with each of its events in this one. A signal whose handler raises,
/// such as Ctrl-C, or an exception of `on_event` stops the token; it is raised once the work has ended.
pub(crate) fn stoppable<T: Send, E: Send>(
    py: Python<'_>,
    stop: &StopToken,
    work: impl FnOnce(SyncSender<E>) -> Result<T> + Send,
    mut on_event: impl FnMut(E) -> PyResult<()>,
) -> PyResult<T> {
    check_process()?;
    let (sender, mut receiver) = sync_channel(MOST_EVENTS);
    thread::scope(|scope| {
        let work = move || catch_unwind(AssertUnwindSafe(|| work(sender)));
        let running = thread::Builder::new().name("anoseg".into()).spawn_scoped(scope, work);
        let running = running.map_err(|error| failure::exception(&error.into()))?;
        let mut raised = None;
        loop {
            let receiver = &mut receiver;
            let event = py.detach(move || receiver.recv_timeout(SIGNALS_EVERY));
            let step = match event {
                Err(RecvTimeoutError::Disconnected) => break,
                _ if raised.is_some() => continue,
                Ok(event) => on_event(event).and_then(|()| py.check_signals()),
                Err(RecvTimeoutError::Timeout) => py.check_signals(),
            };
            if let Err(error) = step {
                raised = Some(error);
                stop.stop();
            }
        }
        let done = py.detach(|| running.join().and_then(|done| done));
        match (raised, done) {
            (Some(error), _) => Err(error),
            (None, Ok(done)) => done.map_err(|error| failure::exception(&error)),
            (None, Err(panic)) => Err(failure::panicked(&*panic)),
        }
    })
}
