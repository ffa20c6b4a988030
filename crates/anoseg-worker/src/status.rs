//! What became of a job so far.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::message::{Dead, Job, Taken, Work};
use crate::names::Mark;
use crate::{Queue, WorkerError};

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The job's id.
    pub job: String,
    /// `images` or `training`.
    pub kind: &'static str,
    /// Version of the program that submitted it, whose workers take its tasks.
    pub program: String,
    /// Where its parts are; None for a training.
    pub results: Option<String>,
    /// Images of the job.
    pub images: usize,
    /// Tasks of the job.
    pub tasks: usize,
    /// Tasks that nobody has.
    pub waiting: usize,
    /// Tasks that a worker has.
    pub in_work: Vec<InWork>,
    /// Tasks that failed and are tried again.
    pub failing: Vec<InWork>,
    /// Tasks that are done.
    pub done: usize,
    /// Tasks that were given up.
    pub dead: Vec<GivenUp>,
}

/// A task that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InWork {
    /// Its number in the job.
    pub task: usize,
    /// Host and process that took it last.
    pub worker: String,
    /// How often it was delivered, without deliveries to workers that were stopped.
    pub delivery: u64,
    /// Why that failed; None while it is in work.
    pub failure: Option<String>,
}

/// A task that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GivenUp {
    /// Its number in the job.
    pub task: usize,
    /// Why.
    pub reason: String,
    /// How often it was delivered, without deliveries to workers that were stopped.
    pub deliveries: u64,
}

/// Numbers of a job's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub tasks: usize,
    /// Those that are done.
    pub done: usize,
    /// Those that were given up.
    pub dead: usize,
}

/// Most reasons that an error repeats.
const MOST_REASONS: usize = 3;

/// Time between two looks at a job that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Queue {
    /// How far a job is.
    ///
    /// # Errors
    /// There is no such job, or the server does not tell.
    pub fn status(&self, job: &str) -> Result<Status, WorkerError> {
        self.runtime.block_on(self.status_of(job))
    }

    async fn status_of(&self, id: &str) -> Result<Status, WorkerError> {
        let job = self.job(id).await?;
        let (done, dead) = self.ended(&job, id).await?;
        let taken = self.connection.all_marked(Mark::Taken, id).await?;
        let (mut in_work, mut failing) = (Vec::new(), Vec::new());
        for task in taken.into_iter().filter(|task| !done.contains(task) && !dead.contains(task)) {
            let Some((_, taken)) = self.connection.marked::<Taken>(Mark::Taken, id, task).await? else {
                continue;
            };
            let Taken { worker, delivery, failure, given_back: _ } = taken;
            let list = if failure.is_some() { &mut failing } else { &mut in_work };
            list.push(InWork { task, worker, delivery, failure });
        }
        let given_up = self.given_up(id, &dead).await?;
        let ended = done.len() + given_up.len() + in_work.len() + failing.len();
        let (kind, results, images) = match &job.work {
            Work::Images(work) => {
                let images = work.chunks.iter().map(|chunk| chunk.images.len()).sum();
                ("images", Some(work.results.clone()), images)
            }
            Work::Training(_) => ("training", None, 0),
        };
        Ok(Status {
            job: id.to_owned(),
            kind,
            results,
            images,
            tasks: job.count(),
            waiting: job.count().saturating_sub(ended),
            in_work,
            failing,
            done: done.len(),
            dead: given_up,
            program: job.program,
        })
    }

    /// The tasks that are done, and those that were given up and are not.
    async fn ended(&self, job: &Job, id: &str) -> Result<(BTreeSet<usize>, BTreeSet<usize>), WorkerError> {
        let mut done = self.connection.all_marked(Mark::Done, id).await?;
        let mut dead = self.connection.all_marked(Mark::Dead, id).await?;
        done.retain(|task| *task < job.count());
        dead.retain(|task| *task < job.count() && !done.contains(task));
        Ok((done, dead))
    }

    async fn given_up(&self, id: &str, dead: &BTreeSet<usize>) -> Result<Vec<GivenUp>, WorkerError> {
        let mut given_up = Vec::new();
        for &task in dead {
            if let Some((_, Dead { reason, deliveries, .. })) =
                self.connection.marked(Mark::Dead, id, task).await?
            {
                given_up.push(GivenUp { task, reason, deliveries });
            }
        }
        Ok(given_up)
    }

    /// Waits until all tasks of a job are done. `on_change` is called with each change of the numbers.
    ///
    /// # Errors
    /// Tasks were given up and no other is left, `stop` said yes, or the server does not tell.
    pub fn wait(
        &self,
        job: &str,
        stop: &dyn Fn() -> bool,
        on_change: &mut dyn FnMut(Counts),
    ) -> Result<(), WorkerError> {
        self.runtime.block_on(async {
            let what = self.job(job).await?;
            let mut shown = None;
            loop {
                let (done, dead) = self.ended(&what, job).await?;
                let counts = Counts { tasks: what.count(), done: done.len(), dead: dead.len() };
                if shown != Some(counts) {
                    on_change(counts);
                    shown = Some(counts);
                }
                if counts.done == counts.tasks {
                    return Ok(());
                }
                if counts.done + counts.dead == counts.tasks {
                    return Err(self.dead(job, &dead).await?);
                }
                if stop() {
                    return Err(WorkerError::Stopped { job: job.to_owned() });
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
    }

    /// The error that tells which tasks were given up.
    async fn dead(&self, job: &str, dead: &BTreeSet<usize>) -> Result<WorkerError, WorkerError> {
        let mut reasons: Vec<String> = Vec::new();
        for given_up in self.given_up(job, dead).await? {
            if reasons.len() < MOST_REASONS && !reasons.contains(&given_up.reason) {
                reasons.push(given_up.reason);
            }
        }
        Ok(WorkerError::Dead { job: job.to_owned(), tasks: dead.len(), reasons })
    }

    /// Fails if a job is not done.
    pub(crate) async fn require_done(&self, id: &str) -> Result<(), WorkerError> {
        let job = self.job(id).await?;
        let (done, dead) = self.ended(&job, id).await?;
        if !dead.is_empty() {
            return Err(self.dead(id, &dead).await?);
        }
        if done.len() < job.count() {
            let status = self.status_of(id).await?;
            let (waiting, in_work) = (status.waiting + status.failing.len(), status.in_work.len());
            return Err(WorkerError::Unfinished { job: id.to_owned(), waiting, in_work });
        }
        Ok(())
    }
}
