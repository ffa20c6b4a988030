//! What is in the queue: jobs, their tasks, and what became of them. All of it is JSON.

use anoseg::Limits;
use serde::{Deserialize, Serialize};

use crate::names::Kind;
use crate::path_text::PathText;

/// The version of these layouts.
pub(crate) const SCHEMA: u32 = 1;

/// Everything about a job, in the bucket of jobs under the job's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) schema: u32,
    /// Version of the program that submitted it. Workers of this version take its tasks.
    pub(crate) program: String,
    pub(crate) work: Work,
}

/// What a job consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Work {
    /// Images to inspect.
    Images(Images),
    /// A model to train.
    Training(Training),
}

/// Images to inspect with one model, in chunks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Images {
    /// The model's digest, by which it is in the bucket of models.
    pub(crate) model: String,
    /// The model's file, as it was named.
    pub(crate) model_path: PathText,
    /// Folder, or `s3://bucket/prefix`, of the parts.
    pub(crate) results: String,
    /// The folder that the images' names are relative to.
    pub(crate) base: PathText,
    pub(crate) limits: Limits,
    /// Files that were left out, and why: each gets a line before those of the images.
    pub(crate) left_out: Vec<(PathText, String)>,
    pub(crate) chunks: Vec<Chunk>,
}

/// Images that one worker inspects one after the other, in the order of their verdicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// Digest of model, images and limits; the name of the part.
    pub(crate) key: String,
    pub(crate) images: Vec<ImageRef>,
}

/// An image of a chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageRef {
    /// Path as it was given, or `s3://bucket/key`.
    pub(crate) name: PathText,
    /// What is in the image's file; None where it could not be read when it was submitted.
    pub(crate) content: Option<Content>,
}

/// What tells that a file still has the same content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Content {
    /// BLAKE3 of the file.
    Blake3(String),
    /// The entity tag that a store gives, and the bytes of the object.
    Tag(String, u64),
}

/// A training, as its command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Training {
    /// The arguments of `anoseg train`, without the model's file.
    pub(crate) arguments: Vec<String>,
    /// The folder that paths among them are relative to.
    pub(crate) base: PathText,
    /// BLAKE3 of the names and contents of all files that the training reads.
    pub(crate) data: String,
}

/// A message to workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) schema: u32,
    pub(crate) job: String,
    /// Number of the task in its job, from 0.
    pub(crate) number: usize,
    pub(crate) work: TaskWork,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum TaskWork {
    /// A chunk of images.
    Images(ChunkTask),
    /// A training.
    Training(Training),
}

/// A chunk with all that a worker needs to inspect it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChunkTask {
    pub(crate) model: String,
    pub(crate) results: String,
    pub(crate) base: PathText,
    pub(crate) limits: Limits,
    pub(crate) chunk: Chunk,
}

impl Task {
    /// The subject of its message.
    pub(crate) fn subject(&self) -> String {
        let kind = match self.work {
            TaskWork::Images(_) => Kind::Images,
            TaskWork::Training(_) => Kind::Training,
        };
        kind.subject(&self.job, self.number)
    }
}

impl Job {
    /// The tasks of the job, in order.
    pub(crate) fn tasks<'a>(&'a self, id: &'a str) -> impl Iterator<Item = Task> + 'a {
        let task = move |number, work| Task { schema: SCHEMA, job: id.to_owned(), number, work };
        (0..self.count()).map(move |number| {
            task(
                number,
                match &self.work {
                    Work::Training(training) => TaskWork::Training(training.clone()),
                    Work::Images(images) => TaskWork::Images(ChunkTask {
                        model: images.model.clone(),
                        results: images.results.clone(),
                        base: images.base.clone(),
                        limits: images.limits,
                        chunk: images.chunks[number].clone(),
                    }),
                },
            )
        })
    }

    /// The number of tasks.
    pub(crate) fn count(&self) -> usize {
        match &self.work {
            Work::Images(images) => images.chunks.len(),
            Work::Training(_) => 1,
        }
    }
}

/// Says who has a task, or had it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Host and process.
    pub(crate) worker: String,
    /// How often the task was delivered, this time included and without those of workers that were stopped.
    pub(crate) delivery: u64,
    /// How often a worker that was stopped gave it back. Earlier versions did not count.
    #[serde(default)]
    pub(crate) given_back: u64,
    /// Why this delivery failed; None while it is in work.
    pub(crate) failure: Option<String>,
}

/// Says that a task is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) worker: String,
    /// Of a training: the digest of the model, by which it is in the bucket of models.
    pub(crate) model: Option<String>,
}

/// A task that was given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dead {
    pub(crate) reason: String,
    pub(crate) deliveries: u64,
    /// The worker that gave it up.
    pub(crate) worker: String,
}
