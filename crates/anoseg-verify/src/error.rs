//! Why a comparison cannot be made.

use std::path::{Path, PathBuf};

use anoseg_export::NotOnnx;
use anoseg_infer::ErrorKind;

/// Why a comparison cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not an ONNX file, or not all of it.
    #[error("{path}: {fault}", path = path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: NotOnnx,
    },
    /// It has no metadata of an export.
    #[error("{path}: an ONNX file without metadata of anoseg: which model it was exported from is unknown", path = path.display())]
    NotExported {
        /// The file.
        path: PathBuf,
    },
    /// It was exported from another model.
    #[error(
        "{path}: exported from another model, or from this one with other thresholds (model {found} in the file, \
         {expected} in {model})",
        path = path.display(), found = short(found), expected = short(expected), model = named(model)
    )]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// The model's file; empty if it was never in one.
        model: PathBuf,
        /// Digest of the exported model.
        found: String,
        /// Digest of the model.
        expected: String,
    },
    /// Its inputs or outputs are not those of an export.
    #[error("{path}: {what}", path = path.display())]
    Interface {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        what: String,
    },
    /// The graph resamples images that the model first brings into the part's frame.
    #[error(
        "{path}: the graph takes images as they are, and this model aligns them before they are resampled, so that \
         the network would get other pixels",
        path = path.display()
    )]
    Aligned {
        /// The file.
        path: PathBuf,
    },
    /// There is no library of ONNX Runtime that can be used.
    #[error("ONNX Runtime cannot be used: {what}")]
    NoRuntime {
        /// Why not.
        what: String,
    },
    /// An engine does not load or run the file.
    #[error("{path}: {engine} cannot run it: {what}", path = path.display())]
    Engine {
        /// The file.
        path: PathBuf,
        /// The engine's name.
        engine: &'static str,
        /// Its message.
        what: String,
    },
    /// There is nothing to compare.
    #[error("no image could be compared")]
    NoImages,
    /// Native inference fails.
    #[error(transparent)]
    Model(#[from] anoseg_infer::Error),
}

/// Enough digits of a digest to tell models apart.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn named(model: &Path) -> String {
    if model.as_os_str().is_empty() { "the model".to_owned() } else { model.display().to_string() }
}

impl VerifyError {
    /// Who can fix it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } | Self::NoRuntime { .. } => ErrorKind::Environment,
            Self::NotOnnx { .. }
            | Self::NotExported { .. }
            | Self::OtherModel { .. }
            | Self::Interface { .. }
            | Self::Engine { .. } => ErrorKind::Model,
            Self::Aligned { .. } => ErrorKind::Arguments,
            Self::NoImages => ErrorKind::Data,
            Self::Model(error) => error.kind(),
        }
    }
}
