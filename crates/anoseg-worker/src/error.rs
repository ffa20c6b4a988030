//! What can go wrong with a queue.

use std::path::{Path, PathBuf};

use anoseg::batch::ResultsError;
use anoseg::{ErrorKind, SettingError};
use anoseg_image::dataset::display_name;
use anoseg_image::text::count;

/// Any error of another crate.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a queue cannot be used, or a job cannot be submitted or collected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The server cannot be reached, or it refuses.
    #[error("cannot connect to the NATS server {server}: {source}")]
    Connect {
        /// Its address, without user and password.
        server: String,
        /// Why not.
        source: Cause,
    },
    /// The server does not do what it is asked for.
    #[error("NATS: {what}: {source}")]
    Nats {
        /// What it was asked for.
        what: String,
        /// Why it does not.
        source: Cause,
    },
    /// A store of images or results cannot be read or written.
    #[error("{location}: {source}")]
    Store {
        /// The folder, or `s3://bucket/key`.
        location: String,
        /// Why not.
        source: Cause,
    },
    /// The queue has no such job.
    #[error("the queue has no job {job}")]
    NoJob {
        /// Its id, as it was given.
        job: String,
    },
    /// No image was found.
    #[error("no image to submit")]
    NoImages,
    /// A message would be larger than the server takes.
    #[error("a chunk takes {bytes} bytes as a message, and the server takes {most}; submit smaller chunks")]
    LargeChunk {
        /// The message's size.
        bytes: usize,
        /// The largest that the server takes.
        most: usize,
    },
    /// Results are not there yet.
    #[error("job {job} is not done: {}", undone(*waiting, *in_work))]
    Unfinished {
        /// The job.
        job: String,
        /// Tasks that nobody has taken.
        waiting: usize,
        /// Tasks that a worker has.
        in_work: usize,
    },
    /// Tasks were given up.
    #[error("job {job}: {}; {}", count(*tasks, "task was given up", "tasks were given up"), reasons.join("; "))]
    Dead {
        /// The job.
        job: String,
        /// How many.
        tasks: usize,
        /// Why, the first few, each once.
        reasons: Vec<String>,
    },
    /// Parts are gone that were written.
    #[error("missing in {location}: {}", named(parts))]
    MissingParts {
        /// Where they should be.
        location: String,
        /// Their names.
        parts: Vec<String>,
    },
    /// A part is not what the job says.
    #[error("{part}: {what}; remove it and submit the job again")]
    BadPart {
        /// The part.
        part: String,
        /// What is wrong with it.
        what: String,
    },
    /// What is in the queue cannot be understood.
    #[error("{what} is of another version or damaged: {source}")]
    Foreign {
        /// The job or task.
        what: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// The job is of the other kind.
    #[error("job {job} {what}")]
    OtherKind {
        /// The job.
        job: String,
        /// What it is.
        what: &'static str,
    },
    /// The caller stopped the work.
    #[error("stopped; the job goes on in the queue: {job}")]
    Stopped {
        /// The job.
        job: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", display_name(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// An argument is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The model is at fault.
    #[error(transparent)]
    Infer(#[from] anoseg::Error),
    /// The verdicts cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

impl WorkerError {
    /// Who can fix it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Dead { .. } | Self::MissingParts { .. } | Self::BadPart { .. } | Self::NoImages => {
                ErrorKind::Data
            }
            Self::NoJob { .. }
            | Self::LargeChunk { .. }
            | Self::Unfinished { .. }
            | Self::OtherKind { .. }
            | Self::Setting(_) => ErrorKind::Arguments,
            Self::Stopped { .. } => ErrorKind::Interrupted,
            Self::Infer(error) => error.kind(),
            Self::Results(error) => error.kind(),
            _ => ErrorKind::Environment,
        }
    }

    pub(crate) fn nats(what: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Nats { what: what.into(), source: source.into() }
    }

    pub(crate) fn store(location: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Store { location: location.into(), source: source.into() }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// Most parts that a message names.
const MOST_NAMED: usize = 5;

fn named(parts: &[String]) -> String {
    let more = parts.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", parts[..parts.len().min(MOST_NAMED)].join(", "))
}

fn undone(waiting: usize, in_work: usize) -> String {
    format!("{} and {in_work} in work", count(waiting, "task waiting", "tasks waiting"))
}
