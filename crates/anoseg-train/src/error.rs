//! Errors of training and evaluation, classified by who can fix them.

use std::path::{Path, PathBuf};

use anoseg_image::write::FolderInUse;
use anoseg_image::{DatasetError, ImageError, WriteError};
use anoseg_infer::{ErrorKind, SettingError};
use anoseg_metrics::MetricsError;
use anoseg_synth::SynthError;

/// Why a training, a calibration or an evaluation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the inference runtime or the model file.
    #[error(transparent)]
    Infer(#[from] anoseg_infer::Error),
    /// A folder of images is bad: empty, missing, masks that do not fit.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The data cannot be used for this purpose.
    #[error("{path}: {what}", path = path.display())]
    Data {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The region of interest does not fit the images.
    #[error("{path}: {what}", path = path.display())]
    Region {
        /// The folder of images.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// A setting is out of range or does not fit the others.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A setting in a file is out of range or does not fit the others.
    #[error("{path}{}: {setting}", line.map_or_else(String::new, |line| format!(", line {line}")), path = path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, if the file gives the setting.
        line: Option<usize>,
        /// The setting and its range.
        setting: SettingError,
    },
    /// A file of settings is not TOML, or names a setting that does not exist.
    #[error("{path}: {source}", path = path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// The position and the reason.
        source: Box<toml::de::Error>,
    },
    /// The training needs pretrained weights, and there are none.
    #[error("the pretrained encoder is missing")]
    NoEncoder,
    /// There is no encoder of this name.
    #[error("no encoder {name} is stored{}", told(stored))]
    UnknownEncoder {
        /// The name.
        name: String,
        /// The names of those that are stored.
        stored: Vec<String>,
    },
    /// Another encoder of this name is stored already.
    #[error("{path}: another encoder is stored as {name}", path = path.display())]
    EncoderNameTaken {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Another process writes the file.
    #[error(transparent)]
    InUse(FolderInUse),
    /// Weights, or their description, are none that can be used, or damaged.
    #[error("{path}: no weights of an encoder that is known, or damaged: {what}", path = path.display())]
    Encoder {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Another process uses the run directory.
    #[error("{path}: another training uses this run directory", path = path.display())]
    RunDirInUse {
        /// The run directory.
        path: PathBuf,
    },
    /// A training would replace or move a file of the run directory that no training wrote.
    #[error("{path}: no training wrote this file, and it would be lost", path = path.display())]
    ForeignFile {
        /// The file.
        path: PathBuf,
    },
    /// The checkpoint to resume from belongs to other settings.
    #[error("{path}: the checkpoint belongs to other settings", path = path.display())]
    OtherSettings {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The checkpoint to resume from belongs to another encoder.
    #[error("{path}: the checkpoint belongs to another encoder", path = path.display())]
    OtherEncoder {
        /// The checkpoint.
        path: PathBuf,
        /// The file of the encoder that the training was begun with, where one was chosen.
        before: Option<PathBuf>,
    },
    /// The checkpoint to resume from belongs to other images.
    #[error("{path}: the images are not those of the checkpoint", path = path.display())]
    OtherImages {
        /// The folder of images.
        path: PathBuf,
        /// The folder that the training was begun with, where it is another one and known.
        before: Option<PathBuf>,
    },
    /// There is no checkpoint to resume from.
    #[error("{path}: there is no training to resume", path = path.display())]
    NoCheckpoint {
        /// The run directory.
        path: PathBuf,
    },
    /// The synthesis cannot work with these images or settings.
    #[error(transparent)]
    Synthesis(#[from] SynthError),
    /// Metrics are not defined for these values.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The training was stopped on request; its checkpoint is complete.
    #[error("stopped at step {step}; the checkpoint in {run_dir} is complete", run_dir = run_dir.display())]
    Interrupted {
        /// Steps done.
        step: u64,
        /// The folder of the checkpoint.
        run_dir: PathBuf,
    },
    /// The work was stopped on request before its end.
    #[error("stopped before the end")]
    Stopped,
    /// Training diverged.
    #[error("the training failed at step {step}, before a checkpoint was taken: {why}")]
    Diverged {
        /// Step at which it happened.
        step: u64,
        /// What happened.
        why: String,
    },
    /// A fault of this library.
    #[error("internal error: {0}")]
    Bug(String),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Who can fix it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Infer(error) => error.kind(),
            Self::Dataset(_)
            | Self::Data { .. }
            | Self::Region { .. }
            | Self::OtherImages { .. }
            | Self::Metrics(_) => ErrorKind::Data,
            Self::Setting(_)
            | Self::InFile { .. }
            | Self::Toml { .. }
            | Self::NoEncoder
            | Self::UnknownEncoder { .. }
            | Self::EncoderNameTaken { .. }
            | Self::OtherEncoder { .. }
            | Self::ForeignFile { .. }
            | Self::OtherSettings { .. }
            | Self::NoCheckpoint { .. }
            | Self::Synthesis(_)
            | Self::Diverged { .. } => ErrorKind::Arguments,
            Self::Encoder { .. } => ErrorKind::Model,
            Self::RunDirInUse { .. } | Self::InUse(_) => ErrorKind::Environment,
            Self::Interrupted { .. } | Self::Stopped => ErrorKind::Interrupted,
            Self::Bug(_) => ErrorKind::Bug,
        }
    }

    pub(crate) fn data(path: &Path, what: impl Into<String>) -> Self {
        Self::Data { path: path.to_owned(), what: what.into() }
    }

    /// An input-output error at `path`.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Infer(anoseg_infer::Error::io(path, source))
    }
}

impl From<FolderInUse> for Error {
    fn from(error: FolderInUse) -> Self {
        match error {
            FolderInUse::Write(error) => error.into(),
            held => Self::InUse(held),
        }
    }
}

/// The names of what is stored, after the message that something is not.
fn told(stored: &[String]) -> String {
    if stored.is_empty() { String::new() } else { format!("; stored are: {}", stored.join(", ")) }
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        Self::Infer(error.into())
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        Self::Infer(error.into())
    }
}
