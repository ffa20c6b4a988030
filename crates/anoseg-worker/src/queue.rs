//! The queue as those see it who submit jobs.

use futures_util::StreamExt as _;
use tokio::runtime::Runtime;

use crate::connection::Connection;
use crate::keys::is_job_id;
use crate::message::{Images, Job, Work};
use crate::names::{Mark, work_of};
use crate::storage::Stores;
use crate::{Nats, WorkerError};

/// A queue on a NATS server.
pub struct Queue {
    pub(crate) connection: Connection,
    pub(crate) stores: Stores,
    pub(crate) runtime: Runtime,
}

impl Queue {
    /// Connects.
    ///
    /// # Errors
    /// The server cannot be reached, refuses, or has no JetStream.
    pub fn connect(nats: &Nats) -> Result<Self, WorkerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|source| anoseg::Error::Threads { source: Box::new(source) })?;
        let connection = runtime.block_on(Connection::open(nats, None))?;
        Ok(Self { connection, stores: Stores::default(), runtime })
    }

    /// The ids of all jobs.
    ///
    /// # Errors
    /// The server does not tell.
    pub fn jobs(&self) -> Result<Vec<String>, WorkerError> {
        let listed = async {
            let mut names = Vec::new();
            let mut objects = self.connection.jobs.list().await?;
            while let Some(object) = objects.next().await {
                names.push(object?.name);
            }
            names.retain(|name| is_job_id(name));
            names.sort();
            Ok::<_, async_nats::Error>(names)
        };
        self.runtime.block_on(listed).map_err(|error| WorkerError::nats("list the jobs", error))
    }

    /// The id of the job that these digits begin.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn find(&self, digits: &str) -> Result<String, WorkerError> {
        if is_job_id(digits) {
            return Ok(digits.to_owned());
        }
        let found: Vec<String> = self.jobs()?.into_iter().filter(|job| job.starts_with(digits)).collect();
        match <[String; 1]>::try_from(found) {
            Ok([job]) if !digits.is_empty() => Ok(job),
            _ => Err(WorkerError::NoJob { job: digits.to_owned() }),
        }
    }

    /// What a job consists of.
    pub(crate) async fn job(&self, id: &str) -> Result<Job, WorkerError> {
        let no_job = || WorkerError::NoJob { job: id.to_owned() };
        if !is_job_id(id) {
            return Err(no_job());
        }
        let bytes = self.connection.object(&self.connection.jobs, id).await?.ok_or_else(no_job)?;
        serde_json::from_slice(&bytes)
            .map_err(|source| WorkerError::Foreign { what: format!("job {id}"), source })
    }

    /// Puts the tasks of a job that were given up into the queue again. Gives their number.
    ///
    /// # Errors
    /// There is no such job, or the server does not take them.
    pub fn retry(&self, job: &str) -> Result<usize, WorkerError> {
        self.runtime.block_on(async {
            let tasks = self.job(job).await?;
            let dead = self.connection.all_marked(Mark::Dead, job).await?;
            for task in tasks.tasks(job).filter(|task| dead.contains(&task.number)) {
                let Some((sequence, _)) = self.connection.last(Mark::Dead, job, task.number).await? else {
                    continue;
                };
                self.connection.forget(Mark::Taken, &Mark::Taken.subject(job, task.number)).await?;
                self.publish(&task, sequence).await?;
                // It may have been given up again since.
                self.connection.take_back(Mark::Dead, job, task.number, sequence).await?;
            }
            Ok(dead.len())
        })
    }

    /// Forgets a job: its tasks, what became of them, and the job itself. Its parts stay, and so does its model where
    /// another job has it.
    ///
    /// # Errors
    /// There is no such job, or the server does not do it.
    pub fn remove(&self, job: &str) -> Result<(), WorkerError> {
        let others: Vec<String> = self.jobs()?.into_iter().filter(|other| other != job).collect();
        self.runtime.block_on(async {
            let removed = match self.job(job).await {
                Err(WorkerError::Foreign { .. }) => None,
                removed => Some(removed?),
            };
            crate::connection::purge(&self.connection.work, &work_of(job)).await?;
            for mark in [Mark::Taken, Mark::Done, Mark::Dead] {
                self.connection.forget(mark, &mark.all(job)).await?;
            }
            let deleted = self.connection.jobs.delete(job).await;
            deleted.map_err(|error| WorkerError::nats(format!("remove job {job}"), error))?;
            let Some(Work::Images(Images { model, .. })) = removed.map(|job| job.work) else { return Ok(()) };
            for other in others {
                match self.job(&other).await {
                    // One that cannot be read may have it.
                    Err(WorkerError::Foreign { .. }) => return Ok(()),
                    Ok(Job { work: Work::Images(images), .. }) if images.model == model => return Ok(()),
                    Err(WorkerError::NoJob { .. }) | Ok(_) => {}
                    Err(error) => return Err(error),
                }
            }
            let deleted = self.connection.models.delete(&model).await;
            deleted.map_err(|error| WorkerError::nats(format!("remove model {model}"), error))
        })
    }
}

/// The id by which the server knows a message that was published twice.
pub(crate) fn message_id(job: &str, number: usize, before: u64) -> String {
    format!("{job}.{number}.{before}")
}
