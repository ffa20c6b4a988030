//! Errors of reading images.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::dataset::display_name;

/// The error of a decoder.
pub type DecoderError = Box<dyn Error + Send + Sync>;

/// Why an image or mask could not be read. Every message names the file and a remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file could not be read.
    #[error("cannot read {}: {source}; {}", display_name(path), io_advice(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The path is a folder, a pipe or a device.
    #[error("{} is not a regular file; choose an image, not a folder or a device", display_name(path))]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The content is not an image of a known format.
    #[error(
        "{} is not an image: {reason}; known formats are PNG, JPEG, TIFF, BMP, WebP, GIF and PNM (told by content, \
         not by name), so convert the file or take it out",
        display_name(path)
    )]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What the content is instead.
        reason: String,
    },
    /// The file is an image but is cut short or inconsistent.
    #[error("{} is damaged: {reason}; copy it again from its source or take it out", display_name(path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The error of the decoder, if it reported one.
        source: Option<DecoderError>,
    },
    /// An image of a format that is not read.
    #[error("{}", not_read(path, name))]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format's name with its article: "a HEIC image".
        name: &'static str,
    },
    /// A valid image in a variant that is not supported.
    #[error("{} cannot be read: {what}; save it as an 8- or 16-bit PNG", display_name(path))]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The feature that is not supported.
        what: String,
        /// The error of the decoder, if it reported one.
        source: Option<DecoderError>,
    },
    /// A float image in which some values are NaN or infinite, which is how measuring cameras and
    /// scanners mark pixels without a measurement.
    #[error(
        "{} holds values that are not numbers (NaN or infinite) in {pixels} of its pixels: no measurement there; fill them \
         with a value of the background or take the image out",
        display_name(path)
    )]
    NotNumbers {
        /// The file.
        path: PathBuf,
        /// How many pixels have such a value.
        pixels: usize,
    },
    /// The image exceeds the [`Limits`](super::Limits).
    #[error("{} is too large: {what}; make it smaller or raise that limit", display_name(path))]
    Limit {
        /// The file.
        path: PathBuf,
        /// What is too large, the limit's name and its value.
        what: String,
    },
    /// The image has a side below [`Limits::min_side`](super::Limits::min_side).
    #[error(
        "{} is too small: {width} x {height} pixels, where each side needs at least {min_side} (min_side); \
         take it out or use a larger image",
        display_name(path)
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
            | Self::OtherFormat { path, .. }
            | Self::Damaged { path, .. }
            | Self::Unsupported { path, .. }
            | Self::NotNumbers { path, .. }
            | Self::Limit { path, .. }
            | Self::TooSmall { path, .. } => path,
        }
    }
}

/// That a file is an image of a format that is not read: the text of every command.
pub(crate) fn not_read(path: &Path, name: &str) -> String {
    format!("{} is {name}, which is not read; convert it to PNG, JPEG or TIFF", display_name(path))
}

/// What to do about a reading error.
pub(crate) fn io_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "make it readable for this user",
        _ => "check that the disk or network share works",
    }
}

/// An [`ImageError`] without its path, as the decoders report it.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    Damaged(String, Option<DecoderError>),
    Unsupported(String, Option<DecoderError>),
    NotNumbers(usize),
    Limit(String),
}

impl Fault {
    pub(super) fn damaged(reason: &str) -> Self {
        Self::Damaged(reason.to_owned(), None)
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into(), None)
    }

    /// Damage that the decoder reported as `error`.
    pub(super) fn damaged_by(error: impl Into<DecoderError>) -> Self {
        let error = error.into();
        Self::Damaged(error.to_string(), Some(error))
    }

    /// A feature that the decoder does not support, as it reported in `error`.
    pub(super) fn unsupported_by(what: String, error: impl Into<DecoderError>) -> Self {
        Self::Unsupported(what, Some(error.into()))
    }

    pub(super) fn at(self, path: &Path) -> ImageError {
        let path = path.to_path_buf();
        match self {
            Self::Io(source) => ImageError::Io { path, source },
            Self::Damaged(reason, source) => ImageError::Damaged { path, reason, source },
            Self::Unsupported(what, source) => ImageError::Unsupported { path, what, source },
            Self::NotNumbers(pixels) => ImageError::NotNumbers { path, pixels },
            Self::Limit(what) => ImageError::Limit { path, what },
        }
    }
}

impl From<io::Error> for Fault {
    /// In a decoder an early end or invalid data mean a damaged file; other errors come from the
    /// operating system.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged("it ends too early"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                Self::damaged_by(error)
            }
            _ => Self::Io(error),
        }
    }
}
