//! A worker: takes tasks from the queue, one at a time, and does them.

mod allowed;
mod chunk;
mod failure;
mod images;
mod models;
mod stop;
mod task;
mod training;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::Message;
use futures_util::StreamExt as _;

use crate::connection::{Connection, patiently};
use crate::names::Kind;
use crate::storage::Stores;
use crate::{Nats, WorkerError};
use allowed::Allowed;
use models::Models;
use stop::Stop;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// The server that has the queue.
    pub nats: Nats,
    /// Whether images are inspected.
    pub images: bool,
    /// Whether models are trained.
    pub training: bool,
    /// A worker that was not heard of for so long is taken for lost, and its task is given to another one. It holds
    /// for all workers of the queue; that of the worker which was started last counts.
    pub lost_after: Duration,
    /// Deliveries after which a task is given up.
    pub deliveries: u64,
    /// How long a worker that is asked to stop goes on with its task.
    pub grace: Duration,
    /// Folders, and `s3://bucket/prefix`, that tasks may read and write; none: all.
    pub allowed: Vec<PathBuf>,
    /// The program that trains, with the command line of `anoseg`.
    pub program: PathBuf,
    /// Arguments that it needs before those of `anoseg`.
    pub program_arguments: Vec<OsString>,
    /// Threads that it trains with; None: one for each processor.
    pub threads: Option<u64>,
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Tasks that were done.
    pub done: usize,
    /// Tasks that failed.
    pub failed: usize,
}

/// How a task ended that did not fail.
enum Ended {
    /// It is done; of a training, with the digest of the model.
    Done { model: Option<String> },
    /// The worker was asked to stop.
    Stopped,
}

/// What the steps of a task share.
struct Worker {
    connection: Connection,
    /// What it takes.
    kinds: Vec<Kind>,
    stores: Stores,
    models: Models,
    allowed: Allowed,
    stop: Stop,
    /// Host and process.
    name: String,
    lost_after: Duration,
    deliveries: u64,
    program: PathBuf,
    program_arguments: Vec<OsString>,
    threads: Option<u64>,
}

/// How long a request for a task waits at the server.
const WAIT: Duration = Duration::from_secs(2);

/// How much longer an answer to it is waited for.
const WAIT_FOR_ANSWER: Duration = Duration::from_secs(3);

/// Failures in turn after which what the server may lack is made anew.
const MAKE_AGAIN_AFTER: u32 = 6;

/// Works until `stop` says yes. A server that cannot be reached is waited for.
///
/// # Errors
/// The server refuses, or a place that is allowed does not exist.
pub fn work(
    settings: &WorkerSettings,
    stop: Arc<dyn Fn() -> bool + Send + Sync>,
) -> Result<Worked, WorkerError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|source| anoseg::Error::Threads { source: Box::new(source) })?;
    runtime.block_on(run(settings, Stop::new(stop, settings.grace)))
}

async fn run(settings: &WorkerSettings, stop: Stop) -> Result<Worked, WorkerError> {
    let allowed = Allowed::new(&settings.allowed)?;
    let connection = Connection::open(&settings.nats, Some(&|| !stop.is_asked())).await?;
    let kinds = [(settings.images, Kind::Images), (settings.training, Kind::Training)];
    let kinds: Vec<Kind> = kinds.into_iter().filter(|(wanted, _)| *wanted).map(|(_, kind)| kind).collect();
    let mut consumers = Vec::new();
    for &kind in &kinds {
        consumers.push(consumer(&connection, kind, settings.lost_after).await?);
    }
    let worker = Arc::new(Worker {
        connection,
        kinds,
        stores: Stores::default(),
        models: Models::default(),
        allowed,
        stop,
        name: name(),
        lost_after: settings.lost_after,
        deliveries: settings.deliveries,
        program: settings.program.clone(),
        program_arguments: settings.program_arguments.clone(),
        threads: settings.threads,
    });
    tracing::info!(worker = worker.name, "waiting for tasks");
    Ok(worker.work(&consumers).await)
}

/// The consumer that all workers of this version share.
async fn consumer(
    connection: &Connection,
    kind: Kind,
    lost_after: Duration,
) -> Result<PullConsumer, WorkerError> {
    let config = pull::Config {
        durable_name: Some(kind.consumer()),
        filter_subject: kind.all(),
        ack_policy: AckPolicy::Explicit,
        ack_wait: lost_after,
        // Workers count deliveries, so that a task that is given up is told with its reason.
        max_deliver: -1,
        ..pull::Config::default()
    };
    let what = format!("make the consumer {}", kind.consumer());
    patiently(&what, async || connection.work.create_consumer(config.clone()).await).await
}

impl Worker {
    async fn work(self: &Arc<Self>, consumers: &[PullConsumer]) -> Worked {
        let mut worked = Worked::default();
        let (mut next, mut fails) = (0, 0u32);
        while !self.stop.is_asked() {
            let message = match self.next(consumers, &mut next).await {
                Ok(message) => message,
                Err(why) => {
                    tracing::warn!("the NATS server gives no task: {why}; trying again");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    fails += 1;
                    // It may have lost its files, and the consumers with them.
                    if fails.is_multiple_of(MAKE_AGAIN_AFTER)
                        && let Err(error) = self.make_again().await
                    {
                        tracing::warn!("{error}");
                    }
                    continue;
                }
            };
            fails = 0;
            let Some(message) = message else { continue };
            if self.stop.is_asked() {
                // It came while the worker was asked to stop.
                _ = message.ack_with(AckKind::Nak(None)).await;
                break;
            }
            match self.take(message).await {
                Some(true) => worked.done += 1,
                Some(false) => worked.failed += 1,
                None => {}
            }
        }
        worked
    }

    /// Makes streams and consumers that the server lacks.
    async fn make_again(&self) -> Result<(), WorkerError> {
        self.connection.make_again().await?;
        for &kind in &self.kinds {
            consumer(&self.connection, kind, self.lost_after).await?;
        }
        Ok(())
    }

    /// The next task; None where there is none for some seconds. Kinds take turns. The error says why the server gives
    /// none.
    async fn next(&self, consumers: &[PullConsumer], next: &mut usize) -> Result<Option<Message>, String> {
        for _ in consumers {
            let Some(consumer) = consumers.get(*next % consumers.len()) else { return Ok(None) };
            *next += 1;
            // Where there are several kinds, none is waited for while there are tasks of another one.
            let wait = if consumers.len() == 1 { WAIT } else { WAIT / 10 };
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

/// Host and process, which tell workers apart.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| std::env::var("COMPUTERNAME").ok()).unwrap_or_default();
    let host = if host.trim().is_empty() { "worker" } else { host.trim() };
    format!("{host}-{}", std::process::id())
}
