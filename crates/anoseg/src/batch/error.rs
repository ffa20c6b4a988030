//! Why results cannot be written or gone on with.

use std::io::{self, ErrorKind as Io};
use std::path::{Path, PathBuf};

use anoseg_image::WriteError;
use anoseg_image::write::FolderInUse;
use anoseg_infer::{Error, ErrorKind};

use super::Shard;

/// Why verdicts cannot be written or gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// Another process writes into the folder.
    #[error(transparent)]
    InUse(#[from] FolderInUse),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file could not be read, or a line could not be added to it.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The earlier verdicts are of another model, of other thresholds, or of another region of interest.
    #[error("{} holds verdicts of {what} ({model})", path.display())]
    OtherModel {
        /// The file of the verdicts.
        path: PathBuf,
        /// The model's file, as it was named then.
        model: String,
        /// What they are of, such as "the same model with other thresholds".
        what: &'static str,
    },
    /// The earlier verdicts do not say which model they are of.
    #[error("{} does not say which model the verdicts beside it are of", path.display())]
    UnknownModel {
        /// The file that should say so.
        path: PathBuf,
    },
    /// The earlier verdicts are of another part of a batch.
    #[error("{} holds verdicts of {}, not of {}", path.display(), part_name(*earlier), part_name(*asked))]
    OtherShard {
        /// The file of the verdicts.
        path: PathBuf,
        /// What it holds; None for a batch that is whole.
        earlier: Option<Shard>,
        /// What was to be gone on with.
        asked: Option<Shard>,
    },
    /// The model is at fault.
    #[error(transparent)]
    Model(#[from] Error),
}

impl ResultsError {
    /// Who can fix it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InUse(_) | Self::Write(_) | Self::Io { .. } => ErrorKind::Environment,
            Self::OtherModel { .. } | Self::UnknownModel { .. } | Self::OtherShard { .. } => {
                ErrorKind::Arguments
            }
            Self::Model(error) => error.kind(),
        }
    }
}

fn part_name(shard: Option<Shard>) -> String {
    shard.map_or_else(|| "a batch that is not divided".to_owned(), |shard| format!("shard {shard}"))
}

pub(super) fn io_error(path: &Path, source: io::Error) -> ResultsError {
    ResultsError::Io { path: path.to_owned(), source }
}

/// Whether writing other files into this folder of results would fail in the same way. What is wrong
/// with a folder below it may not concern the others.
pub(super) fn is_general(error: &WriteError, folder: &Path) -> bool {
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::ReadOnlyFilesystem | Io::StaleNetworkFileHandle => true,
        Io::PermissionDenied | Io::NotFound | Io::NotADirectory => error.path().parent() == Some(folder),
        _ => false,
    }
}
