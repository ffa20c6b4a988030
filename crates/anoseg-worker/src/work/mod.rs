//! A worker: takes tasks from the queue, and does them one after the other.
//!
//! While the results of a task are written and the server is told, the next one is done: both would wait otherwise.

mod allowed;
mod chunk;
mod failure;
mod images;
mod models;
mod stop;
mod task;
mod training;
mod turn;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use tokio::sync::Mutex;

use crate::connection::{Connection, patiently};
use crate::names::Kind;
use crate::storage::Stores;
use crate::{Nats, WorkerError};
use allowed::Allowed;
use models::Models;
use stop::Stop;
use turn::Turn;

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
    /// Of the task that computes.
    turn: Arc<Mutex<Turn>>,
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
        turn: Arc::new(Mutex::new(Turn::new(consumers))),
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
    // One computes, and the other one writes.
    let (one, other) = tokio::join!(worker.work(), worker.work());
    Ok(Worked { done: one.done + other.done, failed: one.failed + other.failed })
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
    /// Takes tasks, each when it has the turn, until the worker is asked to stop.
    async fn work(self: &Arc<Self>) -> Worked {
        let mut worked = Worked::default();
        loop {
            let mut turn = self.turn.clone().lock_owned().await;
            if self.stop.is_asked() {
                return worked;
            }
            let Some(message) = turn.next(self).await else { continue };
            match self.take(message, turn).await {
                Some(true) => worked.done += 1,
                Some(false) => worked.failed += 1,
                None => {}
            }
        }
    }

    /// Makes streams and consumers that the server lacks.
    async fn make_again(&self) -> Result<(), WorkerError> {
        self.connection.make_again().await?;
        for &kind in &self.kinds {
            consumer(&self.connection, kind, self.lost_after).await?;
        }
        Ok(())
    }
}

/// Host and process, which tell workers apart.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| std::env::var("COMPUTERNAME").ok()).unwrap_or_default();
    let host = if host.trim().is_empty() { "worker" } else { host.trim() };
    format!("{host}-{}", std::process::id())
}
