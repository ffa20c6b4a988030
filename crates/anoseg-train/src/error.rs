//! Everything that can go wrong, sorted by who can mend it.

use std::path::{Path, PathBuf};

use anoseg_image::{DatasetError, ImageError, WriteError};
use anoseg_metrics::MetricsError;
use anoseg_synth::SynthError;

/// What went wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A picture is bad: damaged, too large, not a picture.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A folder of pictures is bad: empty, missing, masks that do not fit.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The data cannot serve the purpose.
    #[error("{path}: {what}", path = path.display())]
    Data {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// An argument or a setting is out of range or does not fit the others.
    #[error("{0}")]
    Arguments(String),
    /// A model file or checkpoint is damaged, too new, or not one of ours.
    #[error("{path}: {what}", path = path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// A file or folder could not be read or written: permissions, full disk.
    #[error("{path}: {what}", path = path.display())]
    Environment {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// An output could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The synthesis settings are out of range.
    #[error(transparent)]
    Synthesis(#[from] SynthError),
    /// Metrics were asked of values that have none.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The training was stopped on request; its checkpoint is complete.
    #[error("stopped at step {step}; the checkpoint in {run_dir} is complete: go on with --resume", run_dir = run_dir.display())]
    Interrupted {
        /// Steps done.
        step: u64,
        /// Where the checkpoint lies.
        run_dir: PathBuf,
    },
    /// Training diverged.
    #[error(
        "the training failed at step {step}, before a checkpoint was taken: {why}. Lower optimiser.learning_rate or \
         loss.adversarial in the configuration and train again"
    )]
    Diverged {
        /// Step at which it happened.
        step: u64,
        /// What happened.
        why: String,
    },
    /// A fault of this program.
    #[error("internal error: {0}; please report it")]
    Bug(String),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The program's exit code for this error: 2 wrong usage, configuration or environment, 3 bad data,
    /// 4 bad model, 70 a fault of ours, 130 stopped by the user.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Arguments(_) | Self::Environment { .. } | Self::Write(_) | Self::Synthesis(_) => 2,
            Self::Diverged { .. } => 2,
            Self::Interrupted { .. } => 130,
            Self::Image(_) | Self::Dataset(_) | Self::Data { .. } | Self::Metrics(_) => 3,
            Self::Model { .. } => 4,
            Self::Bug(_) => 70,
        }
    }

    pub(crate) fn data(path: &Path, what: impl Into<String>) -> Self {
        Self::Data { path: path.to_owned(), what: what.into() }
    }

    pub(crate) fn model(path: &Path, what: impl Into<String>) -> Self {
        Self::Model { path: path.to_owned(), what: what.into() }
    }

    /// An input-output error at `path`, with the way out where there is a usual one.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let advice = match error.kind() {
            ErrorKind::NotFound => ": check the path",
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                ": choose a folder that you may write to, or change its permissions"
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ": free some space or choose another disk",
            _ => "",
        };
        Self::Environment { path: path.to_owned(), what: format!("{error}{advice}") }
    }
}
