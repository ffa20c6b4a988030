//! Why a picture could not be read, sorted by whose fault it is.

use std::io;
use std::path::{Path, PathBuf};

/// Why a picture or mask could not be read. Every message names the file and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file system refused.
    #[error("cannot read {}: {source}; {}", path.display(), io_advice(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path is a folder, a pipe or a device.
    #[error("{} is not a regular file; name a picture, not a folder or a device", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The content is no picture of a known format.
    #[error(
        "{} is not a picture: {reason}; known formats are PNG, JPEG, TIFF, BMP and WebP (told by content, not by \
         name), so convert the file or take it out",
        path.display()
    )]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// The content starts like a picture but is cut short or inconsistent.
    #[error("{} is damaged: {reason}; copy it again from its source or take it out", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A valid picture of a kind that is not read.
    #[error("{} cannot be read: {what}; save it as an 8- or 16-bit PNG", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The feature that is missing.
        what: String,
    },
    /// The picture costs more than the [`Limits`](super::Limits) allow.
    #[error("{} is too large: {what}; make it smaller, or raise the limit if it is meant to be so", path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// What is too large, the limit's name and its value.
        what: String,
    },
    /// The picture has a side below [`Limits::min_side`](super::Limits::min_side).
    #[error(
        "{} is too small: {width} x {height} pixels, where each side needs at least {min_side} (min_side); \
         take it out or use a larger picture",
        path.display()
    )]
    TooSmall {
        /// The file.
        path: PathBuf,
        /// Its width in pixels.
        width: usize,
        /// Its height in pixels.
        height: usize,
        /// The limit.
        min_side: usize,
    },
}

impl ImageError {
    /// The file that could not be read.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::NotAFile { path }
            | Self::NotAnImage { path, .. }
            | Self::Damaged { path, .. }
            | Self::Unsupported { path, .. }
            | Self::Limit { path, .. }
            | Self::TooSmall { path, .. } => path,
        }
    }
}

/// What to do about a reading error.
pub(crate) fn io_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "make it readable for this user",
        _ => "check that the disk or network share works",
    }
}

/// An [`ImageError`] before it knows its path: what the decoders report.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    Damaged(String),
    Unsupported(String),
    Limit(String),
}

impl Fault {
    pub(super) fn damaged(reason: impl ToString) -> Self {
        Self::Damaged(reason.to_string())
    }

    pub(super) fn at(self, path: &Path) -> ImageError {
        let path = path.to_path_buf();
        match self {
            Self::Io(source) => ImageError::Io { path, source },
            Self::Damaged(reason) => ImageError::Damaged { path, reason },
            Self::Unsupported(what) => ImageError::Unsupported { path, what },
            Self::Limit(what) => ImageError::Limit { path, what },
        }
    }
}

impl From<io::Error> for Fault {
    /// Inside a decoder an early end is the file's fault; anything else is the system's.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged("it ends too early"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                Self::damaged(error)
            }
            _ => Self::Io(error),
        }
    }
}
