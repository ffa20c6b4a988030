//! Jobs on their way into the queue.

use std::path::{Path, PathBuf};

use anoseg::dataset::Found;
use anoseg::{Limits, Model, SettingError};
use anoseg_image::dataset::display_name;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::connection::{json, numbers};
use crate::keys::{chunk_key, job_id};
use crate::listing::{digest_of, list};
use crate::message::{Chunk, Done, ImageRef, Images, Job, SCHEMA, Task, Training, Work};
use crate::names::{Mark, work_of};
use crate::path_text::PathText;
use crate::queue::{Queue, message_id};
use crate::storage::{Results, is_s3};
use crate::{WorkerError, part};

/// Messages that are published at a time.
const AT_A_TIME: usize = 64;

/// Bytes of a message's headers at most.
const HEADERS: usize = 256;

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
        self.require_small_tasks(&job)?;
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
        self.require_small_tasks(&job)?;
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
    pub(crate) async fn publish(&self, task: &Task, before: u64) -> Result<(), WorkerError> {
        let Task { job, number, .. } = task;
        let (subject, payload) = (task.subject(), json(task)?);
        let mut before = before;
        loop {
            let id = message_id(job, *number, before);
            let published = self.connection.publish(&subject, Some(&id), payload.clone()).await?;
            if !published.duplicate || self.is_known(job, *number, published.sequence).await? {
                return Ok(());
            }
            // The server still knows the id of a message that was removed with its job.
            before = published.sequence;
        }
    }

    /// Whether a task is in the queue by this message, or something became of it.
    async fn is_known(&self, job: &str, number: usize, message: u64) -> Result<bool, WorkerError> {
        Ok(self.connection.is_queued(message).await?
            || self.connection.last(Mark::Done, job, number).await?.is_some()
            || self.connection.last(Mark::Dead, job, number).await?.is_some())
    }

    /// Fails if a message of a job is larger than the server takes.
    fn require_small_tasks(&self, job: &Job) -> Result<(), WorkerError> {
        let most = self.connection.most_bytes();
        for task in job.tasks(&job_id(job)) {
            let bytes = json(&task)?.len() + HEADERS;
            if bytes > most {
                return Err(WorkerError::LargeChunk { bytes, most });
            }
        }
        Ok(())
    }
}

impl Submitted {
    /// Whether all folders and files could be read that were named.
    pub fn is_complete(&self) -> bool {
        self.found.failures.is_empty() && !self.found.left_out.iter().any(|item| item.is_loss())
    }
}

fn job(work: Work) -> Job {
    Job { schema: SCHEMA, program: env!("CARGO_PKG_VERSION").to_owned(), work }
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
