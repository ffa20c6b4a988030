//! The connection to a NATS server, and the streams and buckets of the queue there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::object_store::{self, GetErrorKind, InfoErrorKind, ObjectStore};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{self, RetentionPolicy, Stream};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt as _;

use crate::error::Cause;
use crate::names::{
    DEAD, DEAD_SUBJECTS, JOBS, MODELS, Mark, STATE, STATE_SUBJECTS, WORK, WORK_SUBJECTS, number_in,
};
use crate::{Nats, WorkerError};

/// Messages with the same id within this time are one.
const DUPLICATES: Duration = Duration::from_secs(600);

/// How long a request is tried again while the server does not answer, such as while it is started anew.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same while the queue is opened: a server without JetStream should be told soon.
const PATIENCE_AT_FIRST: Duration = Duration::from_secs(5);

/// Time for an object of a bucket.
const LONGEST_READ: Duration = Duration::from_secs(300);

/// The queue on a server.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) context: Context,
    pub(crate) work: Stream,
    state: Stream,
    dead: Stream,
    pub(crate) models: ObjectStore,
    pub(crate) jobs: ObjectStore,
}

impl Connection {
    /// Connects, and makes what is missing of streams and buckets. See [`Nats::connect`] for `is_needed`.
    pub(crate) async fn open(nats: &Nats, is_needed: Option<&dyn Fn() -> bool>) -> Result<Self, WorkerError> {
        let client = nats.connect(is_needed).await?;
        Self::on(async_nats::jetstream::new(client)).await
    }

    /// Makes anew what a server lacks that has lost its files.
    pub(crate) async fn make_again(&self) -> Result<(), WorkerError> {
        Self::on(self.context.clone()).await.map(drop)
    }

    async fn on(context: Context) -> Result<Self, WorkerError> {
        let work = stream::Config { retention: RetentionPolicy::WorkQueue, ..config(WORK, &[WORK_SUBJECTS]) };
        let state = stream::Config { max_messages_per_subject: 1, ..config(STATE, &STATE_SUBJECTS) };
        let dead = stream::Config { max_messages_per_subject: 1, ..config(DEAD, &[DEAD_SUBJECTS]) };
        Ok(Self {
            work: stream_of(&context, work).await?,
            state: stream_of(&context, state).await?,
            dead: stream_of(&context, dead).await?,
            models: bucket(&context, MODELS).await?,
            jobs: bucket(&context, JOBS).await?,
            context,
        })
    }

    /// Largest message that the server takes.
    pub(crate) fn most_bytes(&self) -> usize {
        self.context.client().server_info().max_payload
    }

    /// Publishes a message; it is on the server's disk afterwards. Of messages with the same id only the first counts.
    pub(crate) async fn publish(
        &self,
        subject: &str,
        id: Option<&str>,
        payload: Bytes,
    ) -> Result<PublishAck, WorkerError> {
        patiently(&format!("publish to {subject}"), async || {
            let message = PublishMessage::build().payload(payload.clone());
            let message = match id {
                Some(id) => message.message_id(id),
                None => message,
            };
            self.context.send_publish(subject.to_owned(), message).await?.await
        })
        .await
    }

    /// Publishes what is said of a task.
    pub(crate) async fn mark(
        &self,
        mark: Mark,
        job: &str,
        number: usize,
        remark: &impl Serialize,
    ) -> Result<(), WorkerError> {
        self.publish(&mark.subject(job, number), None, json(remark)?).await.map(drop)
    }

    fn stream(&self, mark: Mark) -> &Stream {
        if mark.stream() == DEAD { &self.dead } else { &self.state }
    }

    /// The last message that says something of a task, and its number in its stream.
    pub(crate) async fn last(
        &self,
        mark: Mark,
        job: &str,
        number: usize,
    ) -> Result<Option<(u64, Bytes)>, WorkerError> {
        use stream::LastRawMessageErrorKind::NoMessageFound;

        let subject = mark.subject(job, number);
        let what = format!("read {subject}");
        let found = patiently(&what, async || {
            match self.stream(mark).get_last_raw_message_by_subject(&subject).await {
                Err(error) if error.kind() == NoMessageFound => Ok(None),
                found => found.map(Some),
            }
        });
        Ok(found.await?.map(|message| (message.sequence, message.payload)))
    }

    /// What was last said of a task, with the number of the message in its stream.
    pub(crate) async fn marked<T: DeserializeOwned>(
        &self,
        mark: Mark,
        job: &str,
        number: usize,
    ) -> Result<Option<(u64, T)>, WorkerError> {
        let Some((sequence, payload)) = self.last(mark, job, number).await? else { return Ok(None) };
        let remark = serde_json::from_slice(&payload)
            .map_err(|source| WorkerError::Foreign { what: mark.subject(job, number), source })?;
        Ok(Some((sequence, remark)))
    }

    /// Takes back what a message of this number says of a task. What was said later stays.
    pub(crate) async fn take_back(
        &self,
        mark: Mark,
        job: &str,
        number: usize,
        sequence: u64,
    ) -> Result<(), WorkerError> {
        patiently(&format!("remove {}", mark.subject(job, number)), async || {
            let Err(error) = self.stream(mark).delete_message(sequence).await else { return Ok(()) };
            match self.last(mark, job, number).await {
                Ok(Some((last, _))) if last == sequence => Err(Cause::from(error)),
                Ok(_) => Ok(()),
                Err(error) => Err(Cause::from(error)),
            }
        })
        .await
    }

    /// Whether a message is still in the queue.
    pub(crate) async fn is_queued(&self, sequence: u64) -> Result<bool, WorkerError> {
        use stream::LastRawMessageErrorKind::NoMessageFound;

        patiently("read the queue", async || match self.work.get_raw_message(sequence).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == NoMessageFound => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }

    /// The numbers of the tasks of a job that something is said of.
    pub(crate) async fn all_marked(&self, mark: Mark, job: &str) -> Result<BTreeSet<usize>, WorkerError> {
        numbers(self.stream(mark), &mark.all(job)).await
    }

    /// Forgets what is said of a task, or of all tasks of a job.
    pub(crate) async fn forget(&self, mark: Mark, subject: &str) -> Result<(), WorkerError> {
        purge(self.stream(mark), subject).await
    }

    /// An object of a bucket; None if there is none.
    pub(crate) async fn object(
        &self,
        bucket: &ObjectStore,
        name: &str,
    ) -> Result<Option<Vec<u8>>, WorkerError> {
        let what = format!("read the object {name}");
        patiently(&what, async || {
            let mut object = match bucket.get(name).await {
                Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(None),
                object => object?,
            };
            let mut bytes = Vec::new();
            // Where it is replaced meanwhile, the rest of it never comes.
            tokio::time::timeout(LONGEST_READ, object.read_to_end(&mut bytes)).await??;
            Ok::<_, async_nats::Error>(Some(bytes))
        })
        .await
    }

    /// Puts an object into a bucket, unless there is one of this name.
    pub(crate) async fn put(
        &self,
        bucket: &ObjectStore,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), WorkerError> {
        let what = format!("write the object {name}");
        patiently(&what, async || {
            match bucket.info(name).await {
                Ok(info) if !info.deleted => return Ok(()),
                Err(error) if error.kind() != InfoErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            bucket.put(name, &mut &bytes[..]).await?;
            Ok::<_, async_nats::Error>(())
        })
        .await
    }
}

fn config(name: &str, subjects: &[&str]) -> stream::Config {
    stream::Config {
        name: name.to_owned(),
        subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
        duplicate_window: DUPLICATES,
        allow_direct: true,
        ..stream::Config::default()
    }
}

async fn stream_of(context: &Context, config: stream::Config) -> Result<Stream, WorkerError> {
    let what = format!("make the stream {}", config.name);
    within(PATIENCE_AT_FIRST, &what, async || context.get_or_create_stream(config.clone()).await).await
}

async fn bucket(context: &Context, name: &str) -> Result<ObjectStore, WorkerError> {
    let config = || object_store::Config { bucket: name.to_owned(), ..object_store::Config::default() };
    within(PATIENCE_AT_FIRST, &format!("make the bucket {name}"), async || {
        match context.get_object_store(name).await {
            Ok(bucket) => Ok(bucket),
            Err(_) => context.create_object_store(config()).await,
        }
    })
    .await
}

/// The numbers in the subjects of a stream's messages.
pub(crate) async fn numbers(stream: &Stream, subjects: &str) -> Result<BTreeSet<usize>, WorkerError> {
    patiently(&format!("list {subjects}"), async || {
        let mut found = stream.info_with_subjects(subjects).await?;
        let mut numbers = BTreeSet::new();
        while let Some((subject, _)) = found.try_next().await? {
            numbers.extend(number_in(&subject));
        }
        Ok::<_, async_nats::Error>(numbers)
    })
    .await
}

/// Removes the messages of subjects from a stream.
pub(crate) async fn purge(stream: &Stream, subjects: &str) -> Result<(), WorkerError> {
    patiently(&format!("remove {subjects}"), async || stream.purge().filter(subjects).await).await.map(drop)
}

/// A value as the payload of a message.
pub(crate) fn json(value: &impl Serialize) -> Result<Bytes, WorkerError> {
    let bytes = serde_json::to_vec(value).map_err(|error| anoseg::Error::Bug(error.to_string()))?;
    Ok(bytes.into())
}

/// Tries again while the server does not answer, such as while it is started anew.
pub(crate) async fn patiently<T, E: Into<Cause>>(
    what: &str,
    attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, WorkerError> {
    within(PATIENCE, what, attempt).await
}

async fn within<T, E: Into<Cause>>(
    patience: Duration,
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, WorkerError> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if begun.elapsed() + pause > patience => return Err(WorkerError::nats(what, error)),
            Err(_) => {
                tokio::time::sleep(pause).await;
                pause = (2 * pause).min(Duration::from_secs(2));
            }
        }
    }
}
