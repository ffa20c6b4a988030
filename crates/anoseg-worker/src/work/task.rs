//! A task from its delivery to its end.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::{Acker, Message};
use tokio::sync::OwnedMutexGuard;

use super::failure::Failure;
use super::turn::Turn;
use super::{Ended, Worker};
use crate::WorkerError;
use crate::connection::patiently;
use crate::keys::is_job_id;
use crate::message::{Dead, Done, SCHEMA, Taken, Task, TaskWork};
use crate::names::{Mark, number_in};

/// Longest pause before a task that failed is delivered again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a task is tried to be given back.
const TIME_TO_GIVE_BACK: Duration = Duration::from_secs(5);

/// Most characters of a reason that is kept.
const LONGEST_REASON: usize = 4000;

/// A message with a task, as it was delivered.
struct Delivery {
    subject: String,
    payload: bytes::Bytes,
    /// How often, this time included and without those of workers that were stopped.
    number: u64,
    /// How often a worker that was stopped gave it back.
    given_back: u64,
    job: String,
    task: usize,
    acker: Arc<Acker>,
}

impl Worker {
    /// Does a task. Gives whether it was done; None if it was given back. The turn is given on when it has computed.
    pub(super) async fn take(
        self: &Arc<Self>,
        message: Message,
        turn: OwnedMutexGuard<Turn>,
    ) -> Option<bool> {
        let mut delivery = match delivery(message) {
            Ok(delivery) => delivery,
            Err(acker) => {
                _ = acker.ack_with(AckKind::Term).await;
                return Some(false);
            }
        };
        let outcome = self.attend(&mut delivery, turn).await;
        outcome.unwrap_or_else(|error| {
            // Its message is delivered again.
            tracing::error!(job = delivery.job, task = delivery.task, "{error}");
            Some(false)
        })
    }

    async fn attend(
        self: &Arc<Self>,
        delivery: &mut Delivery,
        turn: OwnedMutexGuard<Turn>,
    ) -> Result<Option<bool>, WorkerError> {
        let earlier = self.earlier(delivery).await?;
        if let Some(taken) = &earlier {
            delivery.given_back = taken.given_back.min(delivery.number - 1);
            delivery.number -= delivery.given_back;
        }
        let delivery = &*delivery;
        let number = delivery.number;
        if self.stop.is_asked() {
            // It came while the worker was asked to stop.
            return self.give_back(delivery, earlier.and_then(|taken| taken.failure)).await;
        }
        if number > self.deliveries {
            let earlier = earlier.and_then(|taken| taken.failure);
            let without =
                format!("{} deliveries ended without a result, such as by the end of the worker", number - 1);
            let reason = earlier.map_or(without.clone(), |failure| format!("{without}; before: {failure}"));
            self.give_up(delivery, number - 1, reason).await?;
            return Ok(Some(false));
        }
        self.mark_taken(delivery, None, 0).await?;
        let progress = self.show_progress(delivery);
        let outcome = self.perform(delivery, turn).await;
        let settled = self.settle(delivery, outcome).await;
        progress.abort();
        settled
    }

    /// Tells the server what became of a task.
    async fn settle(
        &self,
        delivery: &Delivery,
        outcome: Result<Ended, Failure>,
    ) -> Result<Option<bool>, WorkerError> {
        let Delivery { job, task, number, .. } = delivery;
        match outcome {
            Ok(Ended::Done { model }) => {
                let done = Done { worker: self.name.clone(), model };
                self.connection.mark(Mark::Done, job, *task, &done).await?;
                answer(delivery, AckKind::Ack).await?;
                tracing::info!(job, task, "done");
                Ok(Some(true))
            }
            Ok(Ended::Stopped) => self.give_back(delivery, None).await,
            Err(failure) if failure.is_lasting || *number >= self.deliveries => {
                self.give_up(delivery, *number, failure.reason).await?;
                Ok(Some(false))
            }
            Err(failure) => {
                tracing::warn!(job, task, delivery = number, "failed: {}", failure.reason);
                self.mark_taken(delivery, Some(failure.reason), 0).await?;
                answer(delivery, AckKind::Nak(Some(pause(*number)))).await?;
                Ok(Some(false))
            }
        }
    }

    async fn perform(
        self: &Arc<Self>,
        delivery: &Delivery,
        turn: OwnedMutexGuard<Turn>,
    ) -> Result<Ended, Failure> {
        let task: Task = serde_json::from_slice(&delivery.payload)
            .map_err(|error| Failure::lasting(format!("the message is no task of this version: {error}")))?;
        // The subject says the kind, too, which a worker may not do.
        if task.schema != SCHEMA || task.subject() != delivery.subject {
            return Err(Failure::lasting("the message does not fit its subject"));
        }
        match task.work {
            TaskWork::Images(task) => self.inspect(task, turn).await,
            TaskWork::Training(training) => self.train(training, turn).await,
        }
    }

    /// What the last delivery of the task left; None for the first one, and where it cannot be read.
    async fn earlier(&self, delivery: &Delivery) -> Result<Option<Taken>, WorkerError> {
        if delivery.number <= 1 {
            return Ok(None);
        }
        match self.connection.marked(Mark::Taken, &delivery.job, delivery.task).await {
            Err(WorkerError::Foreign { .. }) => Ok(None),
            marked => Ok(marked?.map(|(_, taken)| taken)),
        }
    }

    /// Puts a task back into the queue, as if it had not been delivered. A server that does not answer is not waited
    /// for long, as whoever stops a worker does not wait for it.
    async fn give_back(
        &self,
        delivery: &Delivery,
        earlier: Option<String>,
    ) -> Result<Option<bool>, WorkerError> {
        let given_back = async {
            let failure = earlier.unwrap_or_else(|| "the worker was stopped".to_owned());
            self.mark_taken(delivery, Some(failure), 1).await?;
            answer(delivery, AckKind::Nak(None)).await
        };
        tokio::time::timeout(TIME_TO_GIVE_BACK, given_back).await.unwrap_or(Ok(()))?;
        Ok(None)
    }

    /// Marks who has the task, or had it; `given_back` is how often this delivery was given back.
    async fn mark_taken(
        &self,
        delivery: &Delivery,
        failure: Option<String>,
        given_back: u64,
    ) -> Result<(), WorkerError> {
        let taken = Taken {
            worker: self.name.clone(),
            delivery: delivery.number,
            given_back: delivery.given_back + given_back,
            failure,
        };
        self.connection.mark(Mark::Taken, &delivery.job, delivery.task, &taken).await
    }

    /// Tells the server now and then that the task is in work, so that no other worker gets it.
    fn show_progress(&self, delivery: &Delivery) -> tokio::task::JoinHandle<()> {
        let (acker, every) = (delivery.acker.clone(), self.lost_after / 3);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                if let Err(error) = acker.ack_with(AckKind::Progress).await {
                    tracing::debug!("progress: {error}");
                }
            }
        })
    }

    /// Moves a task to those that were given up.
    async fn give_up(&self, delivery: &Delivery, deliveries: u64, reason: String) -> Result<(), WorkerError> {
        tracing::error!(job = delivery.job, task = delivery.task, "given up: {reason}");
        let dead = Dead {
            reason: reason.chars().take(LONGEST_REASON).collect(),
            deliveries,
            worker: self.name.clone(),
        };
        self.connection.mark(Mark::Dead, &delivery.job, delivery.task, &dead).await?;
        answer(delivery, AckKind::Term).await
    }
}

/// A message and what its subject says; only what answers it for one that no version of the program publishes.
fn delivery(message: Message) -> Result<Delivery, Arc<Acker>> {
    let number = message.info().ok().and_then(|info| u64::try_from(info.delivered).ok());
    let (message, acker) = message.split();
    let acker = Arc::new(acker);
    let subject = message.subject.to_string();
    let job = subject.rsplit('.').nth(1).filter(|job| is_job_id(job)).map(str::to_owned);
    let (Some(number), Some(job), Some(task)) = (number, job, number_in(&subject)) else {
        tracing::error!(subject, "a message that is no task was dropped");
        return Err(acker);
    };
    Ok(Delivery { subject, payload: message.payload, number, given_back: 0, job, task, acker })
}

/// Tells the server what became of a task, and waits until it knows.
async fn answer(delivery: &Delivery, kind: AckKind) -> Result<(), WorkerError> {
    let what = format!("acknowledge task {} of job {}", delivery.task, delivery.job);
    patiently(&what, async || delivery.acker.double_ack_with(kind).await).await
}

/// The pause before the next delivery: a second, and twice as long after each failure.
fn pause(delivery: u64) -> Duration {
    let doubled = 1u64.checked_shl(u32::try_from(delivery.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.map_or(LONGEST_PAUSE, Duration::from_secs).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let seconds: Vec<u64> = [1, 2, 3, 5, 6, 64, 65, u64::MAX].map(|n| pause(n).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 16, 30, 30, 30, 30]);
    }
}
