//! Why results cannot be merged.

use std::io;
use std::path::{Path, PathBuf};

use anoseg_infer::ErrorKind;

use crate::batch::error::io_error;
use crate::batch::{ResultsError, Shard};

/// Why the folders of shards cannot be joined. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The target is there already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// No folder was given.
    #[error("there are no shards to merge")]
    None,
    /// A folder holds no results of a shard.
    #[error("{} holds no results of a shard: there is no verdicts.*.shard.json", path.display())]
    NotResults {
        /// The folder.
        path: PathBuf,
    },
    /// A folder holds shards in several formats.
    #[error("{} holds results in several formats; take the others out of it", path.display())]
    ManyFormats {
        /// The folder.
        path: PathBuf,
    },
    /// The folders are not of one batch.
    #[error("{} and {} are of different runs: {what} differs", first.display(), other.display())]
    Different {
        /// What differs.
        what: &'static str,
        /// The first folder.
        first: PathBuf,
        /// A folder that differs from it.
        other: PathBuf,
    },
    /// A shard did not come to its end.
    #[error("{}: shard {shard} did not come to its end", path.display())]
    Unfinished {
        /// Its folder.
        path: PathBuf,
        /// The shard.
        shard: Shard,
    },
    /// Shards are missing.
    #[error("missing: {}", names(shards))]
    Missing {
        /// These.
        shards: Vec<Shard>,
    },
    /// Two folders say different things of an image.
    #[error("{} and {} have different verdicts on {image}", first.display(), other.display())]
    Conflict {
        /// The image.
        image: String,
        /// The folder that has the one verdict.
        first: PathBuf,
        /// The folder that has the other one.
        other: PathBuf,
    },
    /// The verdicts of two images name one file.
    #[error("{}: the verdicts of two images name this file", path.display())]
    TwoImages {
        /// The file.
        path: PathBuf,
    },
    /// Files cannot be linked from one file system to another.
    #[error("{} is on another disk than the target: it cannot be linked", path.display())]
    OtherDevice {
        /// The file.
        path: PathBuf,
    },
    /// A folder is damaged or was changed.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The caller stopped it.
    #[error("stopped: nothing was written")]
    Stopped,
    /// Something cannot be read or written.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

impl MergeError {
    /// Who can fix it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Conflict { .. } | Self::Damaged { .. } | Self::TwoImages { .. } => ErrorKind::Data,
            Self::Stopped => ErrorKind::Interrupted,
            Self::Results(error) => error.kind(),
            _ => ErrorKind::Arguments,
        }
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Results(io_error(path, source))
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}

/// Most shards that a message names.
const MOST_NAMED: usize = 10;

fn names(shards: &[Shard]) -> String {
    let named: Vec<String> = shards.iter().take(MOST_NAMED).map(|shard| format!("shard {shard}")).collect();
    let more = shards.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}
