//! Errors of inference, classified by who can fix them.

use std::path::{Path, PathBuf};

use anoseg_image::{ImageError, WriteError};
use anoseg_kernels::UnknownLevel;

use crate::SettingError;
use crate::parameters::ParameterError;

/// Who can fix an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Images or folders are bad.
    Data,
    /// An argument or a setting is out of range.
    Arguments,
    /// A model file or checkpoint is bad.
    Model,
    /// A file could not be read or written, the system gave no threads.
    Environment,
    /// The user stopped the work.
    Interrupted,
    /// A fault of this library.
    Bug,
}

/// Why a model cannot be loaded, run or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An image is bad: damaged, too large, not an image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A model file, or another archive, is bad.
    #[error("{path}: {fault}", path = path.display())]
    Model {
        /// The file; empty for a model that was never in one.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        fault: ModelFault,
    },
    /// An argument is out of range or does not fit the model.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The model was never calibrated: it has no thresholds.
    #[error("{path}: the model has no thresholds yet", path = path.display())]
    NotCalibrated {
        /// The model's file; empty if it was never in one.
        path: PathBuf,
    },
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// An output could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The environment asks for instructions that this machine does not have.
    #[error(transparent)]
    Instructions(#[from] UnknownLevel),
    /// The system gave no threads.
    #[error("no threads to compute on: {source}")]
    Threads {
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A fault of this library.
    #[error("internal error: {0}")]
    Bug(String),
}

/// "a model", "an encoder".
fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// What is wrong with a model file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFault {
    /// No archive at all, or cut short.
    #[error("not {}, or cut short ({what})", with_article(kind))]
    NotAnArchive {
        /// What was wanted.
        kind: String,
        /// The parser's message.
        what: String,
    },
    /// A safetensors file of another program.
    #[error("a safetensors file, but not {} of anoseg", with_article(kind))]
    Foreign {
        /// What was wanted.
        kind: String,
    },
    /// An archive of another kind.
    #[error("this is {}, not {}", with_article(found), with_article(kind))]
    OtherKind {
        /// What was wanted.
        kind: String,
        /// The kind found.
        found: String,
    },
    /// Written by a newer version.
    #[error("written by a newer anoseg (format {found}, this program reads up to {known})")]
    Newer {
        /// The file's format.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// More bytes than an archive may have.
    #[error("{bytes} bytes are too many (at most {limit})")]
    TooLarge {
        /// Bytes of the file, or that it asks for.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Digests do not match, or the description is unreadable.
    #[error("the file is damaged ({0})")]
    Damaged(String),
    /// A setting of the model is out of range.
    #[error("its settings are unusable: {0}")]
    Setting(#[from] SettingError),
    /// Parameters do not fit the network.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The network gave a value that is not finite.
    #[error("its network gave a value that is not a finite number")]
    NotFinite,
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Who can fix it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Image(_) => ErrorKind::Data,
            Self::Model { .. } => ErrorKind::Model,
            Self::Setting(_) | Self::NotCalibrated { .. } => ErrorKind::Arguments,
            Self::Io { .. } | Self::Write(_) | Self::Instructions(_) | Self::Threads { .. } => {
                ErrorKind::Environment
            }
            Self::Bug(_) => ErrorKind::Bug,
        }
    }

    /// A bad model file.
    pub fn model(path: &Path, fault: impl Into<ModelFault>) -> Self {
        Self::Model { path: path.to_owned(), fault: fault.into() }
    }

    /// An input-output error at `path`.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
