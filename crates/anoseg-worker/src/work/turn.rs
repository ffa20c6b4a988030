//! The turn to take a task and to compute.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::message::Message;
use futures_util::StreamExt as _;

use super::Worker;

/// How long a request for a task waits at the server.
const WAIT: Duration = Duration::from_secs(2);

/// How much longer an answer to it is waited for.
const WAIT_FOR_ANSWER: Duration = Duration::from_secs(3);

/// Failures in a row after which what the server may lack is made anew.
const MAKE_AGAIN_AFTER: u32 = 6;

/// How long is waited after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// Who holds it takes the next task, and computes. A task gives it on before its results are written.
pub(super) struct Turn {
    /// One for each kind of task.
    consumers: Vec<PullConsumer>,
    /// Which of them is asked next.
    next: usize,
    /// Failures in a row.
    failures: u32,
}

impl Turn {
    pub(super) fn new(consumers: Vec<PullConsumer>) -> Self {
        Self { consumers, next: 0, failures: 0 }
    }

    /// The next task; None where there is none for some seconds, or where the server gives none.
    pub(super) async fn next(&mut self, worker: &Worker) -> Option<Message> {
        match self.ask().await {
            Ok(message) => {
                self.failures = 0;
                message
            }
            Err(why) => {
                tracing::warn!("the NATS server gives no task: {why}; trying again");
                tokio::time::sleep(PAUSE).await;
                self.failures += 1;
                // It may have lost its files, and the consumers with them.
                if self.failures.is_multiple_of(MAKE_AGAIN_AFTER)
                    && let Err(error) = worker.make_again().await
                {
                    tracing::warn!("{error}");
                }
                None
            }
        }
    }

    /// Asks for a task of each kind. The error says why the server gives none.
    async fn ask(&mut self) -> Result<Option<Message>, String> {
        for _ in 0..self.consumers.len() {
            let consumer = &self.consumers[self.next % self.consumers.len()];
            self.next += 1;
            // Where there are several kinds, none is waited for while there are tasks of another one.
            let wait = if self.consumers.len() == 1 { WAIT } else { WAIT / 10 };
            // Not given up where the worker is asked to stop: a task that is on its way would be lost for a while.
            match tokio::time::timeout(wait + WAIT_FOR_ANSWER, one(consumer, wait)).await {
                Ok(Ok(None)) => {}
                Ok(Ok(message)) => return Ok(message),
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("it does not answer".to_owned()),
            }
        }
        Ok(None)
    }
}

/// A message of a consumer; None if there is none for so long.
async fn one(consumer: &PullConsumer, wait: Duration) -> Result<Option<Message>, async_nats::Error> {
    let mut messages = consumer.batch().max_messages(1).expires(wait).messages().await?;
    messages.next().await.transpose()
}
