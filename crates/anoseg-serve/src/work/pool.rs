//! The computing threads.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Turn;
use super::queue::{Job, Queue};
use crate::failure::Failure;

/// Threads that take one job after the other. Each has a pool of its own for the operators of a network.
pub(crate) struct Pool {
    queue: Arc<Queue>,
    workers: usize,
    /// Moving average of the nanoseconds that a job takes.
    nanoseconds: Arc<AtomicU64>,
}

impl Pool {
    /// `workers` jobs at a time, each on `threads` threads; `queue` more wait.
    ///
    /// # Errors
    /// The system gives no threads.
    pub(crate) fn start(workers: usize, threads: usize, queue: usize) -> io::Result<Self> {
        let (queue, nanoseconds) = (Arc::new(Queue::new(queue)), Arc::new(AtomicU64::new(0)));
        let pool = Self { queue, workers, nanoseconds };
        for number in 0..workers {
            let operators = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(move |thread| format!("compute-{number}-{thread}"))
                .build()
                .map_err(io::Error::other)?;
            let (queue, nanoseconds) = (pool.queue.clone(), pool.nanoseconds.clone());
            let work = move || {
                while let Some(Job { turn, run }) = queue.pop() {
                    let begun = Instant::now();
                    operators.install(|| run(&turn));
                    average(&nanoseconds, begun.elapsed());
                }
            };
            std::thread::Builder::new().name(format!("inspect-{number}")).spawn(work)?;
        }
        Ok(pool)
    }

    /// Runs `work` on one of the threads. A caller that is dropped takes its work out of the queue.
    ///
    /// # Errors
    /// The queue is full, the deadline passes, or the work panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&Turn) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (turn, _waiting) = Turn::new(deadline);
        let (send, receive) = oneshot::channel();
        let run = move |turn: &Turn| {
            let result = catch_unwind(AssertUnwindSafe(|| work(turn)));
            // Nobody receives it where the client has gone.
            _ = send.send(result.unwrap_or_else(|panic| Err(panicked(&*panic))));
        };
        if !self.queue.push(Job { turn, run: Box::new(run) }) {
            let message = "too many requests are waiting; try again later";
            return Err(Failure::busy("queue_full", message, self.seconds_to_wait()));
        }
        match tokio::time::timeout_at(deadline.into(), receive).await {
            Ok(Ok(result)) => result,
            // The job was dropped from the queue, which happens after its deadline only.
            Ok(Err(_)) | Err(_) => Err(Failure::deadline()),
        }
    }

    /// Jobs that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Seconds until the jobs that wait now are done, at least 1.
    fn seconds_to_wait(&self) -> u64 {
        let each = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
        let all = each * self.queue.len() as f64 / self.workers as f64;
        (all.ceil() as u64).max(1)
    }
}

impl Drop for Pool {
    /// The threads end after what waits.
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn average(nanoseconds: &AtomicU64, time: Duration) {
    let (new, old) = (time.as_nanos() as u64, nanoseconds.load(Ordering::Relaxed));
    // Lost updates of other threads do no harm.
    nanoseconds.store(if old == 0 { new } else { old - old / 8 + new / 8 }, Ordering::Relaxed);
}

/// What a panic is answered with. Its text stays in the log.
pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Failure {
    let text = anoseg_image::text::of_panic(payload).unwrap_or("no text");
    tracing::error!(panic = text, "a request made this program panic");
    Failure { code: "panic", ..Failure::internal("a fault of this program; please report it with the id") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[tokio::test]
    async fn a_panic_is_answered_and_the_thread_goes_on() {
        let pool = Pool::start(1, 1, 4).unwrap();
        let failure = pool.run::<()>(soon(), |_| panic!("on purpose")).await.unwrap_err();
        assert_eq!((failure.status.as_u16(), failure.code), (500, "panic"));
        assert!(!failure.message.contains("on purpose"));
        assert_eq!(pool.run(soon(), |_| Ok(7)).await, Ok(7));
    }

    #[tokio::test]
    async fn the_deadline_ends_the_wait_and_drops_the_work() {
        let pool = Pool::start(1, 1, 4).unwrap();
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let first = pool.run(soon(), move |_| Ok(gate.recv().is_ok()));
        let second = pool.run(Instant::now() + Duration::from_millis(30), |_| Ok(()));
        let late = async {
            let failure = second.await.unwrap_err();
            go.send(()).unwrap();
            failure
        };
        let (first, late) = tokio::join!(first, late);
        assert_eq!((first, late.code), (Ok(true), "deadline"));
        assert_eq!(pool.run(soon(), |turn| turn.check()).await, Ok(()));
        assert_eq!(pool.waiting(), 0);
    }

    #[tokio::test]
    async fn a_full_queue_says_when_to_try_again() {
        let pool = Pool::start(1, 1, 1).unwrap();
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let (began, begun) = oneshot::channel();
        let first = pool.run(soon(), move |_| {
            _ = began.send(());
            Ok(gate.recv().is_ok())
        });
        let others = async {
            begun.await.unwrap();
            let second = pool.run(soon(), |_| Ok(true));
            let third = async {
                let failure = pool.run(soon(), |_| Ok(true)).await.unwrap_err();
                go.send(()).unwrap();
                failure
            };
            tokio::join!(second, third)
        };
        let (first, (second, third)) = tokio::join!(first, others);
        assert_eq!((first, second), (Ok(true), Ok(true)));
        assert_eq!((third.status.as_u16(), third.retry_after), (429, Some(1)));
    }
}
