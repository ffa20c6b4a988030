//! The queue as those see it who submit jobs.

use std::path::{Path, PathBuf};

use anoseg::dataset::Found;
use anoseg::{Limits, Model, SettingError};
use anoseg_image::dataset::display_name;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::runtime::Runtime;

use crate::connection::{Connection, json, numbers};
use crate::keys::{chunk_key, is_job_id, job_id};
use crate::listing::{digest_of, list};
use crate::message::{Chunk, Dead, Done, ImageRef, Images, Job, SCHEMA, Task, TaskWork, Training, Work};
use crate::names::{Kind, Mark, work_of};
use crate::path_text::PathText;
use crate::storage::{Results, Stores, is_s3};
use crate::{Nats, WorkerError, part};

/// Messages that are published at a time.
const AT_A_TIME: usize = 64;

/// A queue on a NATS server.
pub struct Queue {
    pub(crate) connection: Connection,
    pub(crate) stores: Stores,
    pub(crate) runtime: Runtime,
}

/// Images that are to be inspected.
pub struct Submission<'a> {
    /// The model, with its region of interest.
    pub model: &'a Model,
    /// Folders and files, as `predict` takes them, and `s3://bucket/prefix`.
    pub inputs: &'a [PathBuf],
    /// Folder, or `s3://bucket/prefix`, for the parts.
    pub results: &'a Path,
    /// Images of a chunk.
    pub chunk: usize,
    /// Limits on one image.
    pub limits: Limits,
}

/// What was submitted.
#[derive(Debug)]
#[non_exhaustive]
pub struct Submitted {
    /// The job's id. The same work has the same id, and is not done twice.
    pub job: String,
    /// Images of the job.
    pub images: usize,
    /// Tasks of the job.
    pub tasks: usize,
    /// Tasks that were put into the queue now; the others are there already, are done, or were given up.
    pub queued: usize,
    /// What else was found in folders; its list of images is empty.
    pub found: Found,
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

    /// Submits images.
    ///
    /// # Errors
    /// No image was found, a place cannot be read or written, or the server does not take it.
    pub fn submit(&self, submission: &Submission<'_>) -> Result<Submitted, WorkerError> {
        submission.model.calibration()?;
        let listing = self.runtime.block_on(list(submission.inputs, &submission.limits, &self.stores))?;
        if listing.images.is_empty() {
            return Err(WorkerError::NoImages);
        }
        let model = submission.model.digest()?;
        let limits = submission.limits;
        let chunk =
            |images: &[ImageRef]| Chunk { key: chunk_key(&model, &limits, images), images: images.to_vec() };
        let left_out = anoseg::batch::lines_of_left_out(&listing.found).into_iter();
        let images = Images {
            model_path: PathText(submission.model.path().to_owned()),
            results: place(submission.results)?,
            base: PathText(here()?),
            left_out: left_out.map(|(path, why)| (PathText(path), why)).collect(),
            chunks: listing.images.chunks(submission.chunk.max(1)).map(chunk).collect(),
            limits,
            model: model.clone(),
        };
        let job = job(Work::Images(images));
        let bytes = bytes_of(submission.model)?;
        let put = self.connection.put(&self.connection.models, &model, &bytes);
        self.runtime.block_on(put)?;
        let (id, queued) = self.runtime.block_on(self.enqueue(&job))?;
        Ok(Submitted {
            job: id,
            images: listing.images.len(),
            tasks: job.count(),
            queued,
            found: listing.found,
        })
    }

    /// Submits a training: `arguments` are those of `anoseg train`, without the model's file, and `inputs` the
    /// folders and files that it reads.
    ///
    /// # Errors
    /// The server does not take it.
    pub fn submit_training(
        &self,
        arguments: Vec<String>,
        inputs: &[PathBuf],
    ) -> Result<Submitted, WorkerError> {
        let training = Training { arguments, base: PathText(here()?), data: digest_of(inputs) };
        let job = job(Work::Training(training));
        let (id, queued) = self.runtime.block_on(self.enqueue(&job))?;
        Ok(Submitted { job: id, images: 0, tasks: 1, queued, found: Found::default() })
    }

    /// Puts the tasks of a job into the queue that are neither there, nor done, nor given up.
    async fn enqueue(&self, job: &Job) -> Result<(String, usize), WorkerError> {
        let id = job_id(job);
        self.connection.put(&self.connection.jobs, &id, &json(job)?).await?;
        let waiting = numbers(&self.connection.work, &work_of(&id)).await?;
        let dead = self.connection.all_marked(Mark::Dead, &id).await?;
        let done = self.connection.all_marked(Mark::Done, &id).await?;
        let written = self.written(job).await?;
        let mut tasks = Vec::new();
        for task in job.tasks(&id) {
            let number = task.number;
            let is_written = written.as_ref().map_or(done.contains(&number), |written| written[number]);
            if is_written && !done.contains(&number) {
                // By a worker that was lost just then, or for another job.
                let remark = Done { worker: String::new(), model: None };
                self.connection.mark(Mark::Done, &id, number, &remark).await?;
            }
            if is_written || waiting.contains(&number) || dead.contains(&number) {
                continue;
            }
            // Its part was removed since. Another message than the one that was done then must not count as the same.
            let before = match done.contains(&number) {
                true => self.connection.marked::<Done>(Mark::Done, &id, number).await?,
                false => None,
            };
            if before.is_some() {
                self.connection.forget(Mark::Done, &Mark::Done.subject(&id, number)).await?;
            }
            tasks.push((task, before.map_or(0, |(sequence, _)| sequence)));
        }
        let queued = tasks.len();
        let published =
            stream::iter(tasks).map(|(task, before)| async move { self.publish(&task, before).await });
        published.buffered(AT_A_TIME).try_collect::<Vec<()>>().await?;
        Ok((id, queued))
    }

    /// Whether the part of each task is there; None for a job without parts.
    async fn written(&self, job: &Job) -> Result<Option<Vec<bool>>, WorkerError> {
        let Work::Images(images) = &job.work else { return Ok(None) };
        let names = Results::open(&images.results, &self.stores)?.list(&images.model).await?;
        let is_there = |chunk: &Chunk| names.contains(&part::file_name(&chunk.key));
        Ok(Some(images.chunks.iter().map(is_there).collect()))
    }

    /// Publishes a task. `before` is the number of the message that said what became of it before.
    async fn publish(&self, task: &Task, before: u64) -> Result<(), WorkerError> {
        let kind = match task.work {
            TaskWork::Images(_) => Kind::Images,
            TaskWork::Training(_) => Kind::Training,
        };
        let payload = json(task)?;
        let most = self.connection.most_bytes();
        if payload.len() > most {
            return Err(WorkerError::LargeChunk { bytes: payload.len(), most });
        }
        let Task { job, number, .. } = task;
        self.connection
            .publish(&kind.subject(job, *number), Some(&message_id(job, *number, before)), payload)
            .await
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
            self.job(job).await?;
            let dead = self.connection.all_marked(Mark::Dead, job).await?;
            for &number in &dead {
                let Some((sequence, dead)) = self.connection.marked::<Dead>(Mark::Dead, job, number).await?
                else {
                    continue;
                };
                let id = message_id(job, number, sequence);
                self.connection.forget(Mark::Taken, &Mark::Taken.subject(job, number)).await?;
                self.connection.publish(&dead.subject, Some(&id), dead.message.into_bytes().into()).await?;
                self.connection.forget(Mark::Dead, &Mark::Dead.subject(job, number)).await?;
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
            let removed = self.job(job).await?;
            crate::connection::purge(&self.connection.work, &work_of(job)).await?;
            for mark in [Mark::Taken, Mark::Done, Mark::Dead] {
                self.connection.forget(mark, &mark.all(job)).await?;
            }
            let deleted = self.connection.jobs.delete(job).await;
            deleted.map_err(|error| WorkerError::nats(format!("remove job {job}"), error))?;
            let Work::Images(Images { model, .. }) = removed.work else { return Ok(()) };
            for other in others {
                if matches!(self.job(&other).await?.work, Work::Images(ref images) if images.model == model) {
                    return Ok(());
                }
            }
            let deleted = self.connection.models.delete(&model).await;
            deleted.map_err(|error| WorkerError::nats(format!("remove model {model}"), error))
        })
    }
}

fn job(work: Work) -> Job {
    Job { schema: SCHEMA, program: env!("CARGO_PKG_VERSION").to_owned(), work }
}

/// The id by which the server knows a message that was published twice.
fn message_id(job: &str, number: usize, before: u64) -> String {
    format!("{job}.{number}.{before}")
}

/// The folder that relative paths are relative to.
fn here() -> Result<PathBuf, WorkerError> {
    std::env::current_dir().map_err(|error| WorkerError::io(Path::new("."), error))
}

/// The name of a place for results that is the same on all machines which have it at the same path.
fn place(results: &Path) -> Result<String, WorkerError> {
    let name = results.to_str().ok_or_else(|| {
        let allowed = "give a folder whose name is text (UTF-8)";
        SettingError::new("results", display_name(results), allowed)
    })?;
    if is_s3(name) {
        return Ok(name.trim_end_matches('/').to_owned());
    }
    let whole = std::path::absolute(results).map_err(|error| WorkerError::io(results, error))?;
    Ok(whole.to_string_lossy().into_owned())
}

/// A model as the bytes of a file.
fn bytes_of(model: &Model) -> Result<Vec<u8>, WorkerError> {
    let folder = tempfile::tempdir().map_err(|error| anoseg::Error::io(&std::env::temp_dir(), error))?;
    let path = folder.path().join("model.anoseg");
    model.save(&path)?;
    std::fs::read(&path).map_err(|error| WorkerError::io(&path, error))
}

impl Submitted {
    /// Whether all folders and files could be read that were named.
    pub fn is_complete(&self) -> bool {
        self.found.failures.is_empty() && !self.found.left_out.iter().any(|item| item.is_loss())
    }
}
