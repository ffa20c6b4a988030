//! A queue of a bounded length between the tasks of requests and the computing threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Turn;

/// Work that waits.
pub(super) struct Job {
    pub(super) turn: Turn,
    pub(super) run: Box<dyn FnOnce(&Turn) + Send>,
}

/// Jobs in the order of their arrival.
pub(super) struct Queue {
    jobs: Mutex<Jobs>,
    changed: Condvar,
    most: usize,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    pub(super) fn new(most: usize) -> Self {
        Self { jobs: Mutex::default(), changed: Condvar::new(), most }
    }

    /// Whether the queue was not full. Work that nobody waits for any more does not count.
    pub(super) fn push(&self, job: Job) -> bool {
        let mut jobs = self.lock();
        if jobs.waiting.len() >= self.most {
            jobs.waiting.retain(|job| !job.turn.is_over());
        }
        let is_free = jobs.waiting.len() < self.most && !jobs.closed;
        if is_free {
            jobs.waiting.push_back(job);
            self.changed.notify_one();
        }
        is_free
    }

    /// The oldest job that is still wanted; waits for one. None once the queue is closed and empty.
    pub(super) fn pop(&self) -> Option<Job> {
        let mut jobs = self.lock();
        loop {
            match jobs.waiting.pop_front() {
                Some(job) if job.turn.is_over() => {}
                Some(job) => return Some(job),
                None if jobs.closed => return None,
                None => jobs = self.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Lets the threads end after the jobs that wait.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn job(deadline: Instant) -> (Job, impl Sized) {
        let (turn, waiting) = Turn::new(deadline);
        (Job { turn, run: Box::new(|_| {}) }, waiting)
    }

    #[test]
    fn a_full_queue_refuses_and_drops_work_that_nobody_waits_for() {
        let later = Instant::now() + Duration::from_secs(60);
        let queue = Queue::new(2);
        let ((a, a_waits), (b, _b_waits), (c, _c_waits), (d, _d_waits)) =
            (job(later), job(later), job(later), job(later));
        assert!(queue.push(a) && queue.push(b));
        assert!(!queue.push(c));
        drop(a_waits);
        assert!(queue.push(d));
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn what_is_late_is_dropped_and_a_closed_queue_ends_after_its_jobs() {
        let later = Instant::now() + Duration::from_secs(60);
        let queue = Queue::new(9);
        let ((late, _late_waits), (good, _good_waits), (other, _other_waits)) =
            (job(Instant::now()), job(later), job(later));
        assert!(queue.push(late) && queue.push(good));
        queue.close();
        assert!(!queue.push(other));
        assert!(queue.pop().is_some());
        assert!(queue.pop().is_none());
    }
}
