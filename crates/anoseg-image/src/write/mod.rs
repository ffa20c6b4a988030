//! Atomic writing of files, and the formats of images, masks and anomaly maps.
//!
//! Overlays, masks and maps that are the results of a model, and synthetic pairs, carry a marker inside
//! ([`is_result`]), so that they are never taken for images to inspect, and so that a later run
//! replaces them and nothing else ([`ResultNames`]).

mod atomic;
mod folders;
mod formats;
mod lock;
mod marker;
mod names;

use std::io;
use std::path::{Path, PathBuf};

pub use atomic::atomic;
pub use folders::{folder_of, make_folders};
pub use formats::{
    encode_jpeg, encode_png, encode_result_mask, encode_result_rows, encode_tiff_f32, read_tiff_f32,
    write_map_png16, write_mask_png, write_png, write_result_mask, write_result_png, write_result_rows,
    write_tiff_f32,
};
pub use lock::{FileLock, FolderInUse, FolderLock, is_file_of};
pub use marker::is_result;
pub use names::{ResultNames, first_free, usable_name};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; {}", path.display(), advice(source))]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

impl WriteError {
    /// The file that could not be written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of the operating system's error.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// A remedy for a writing error.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full: free some space or write elsewhere",
        io::ErrorKind::QuotaExceeded => "the quota is used up: free some space or write elsewhere",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is mounted read-only: write elsewhere",
        io::ErrorKind::PermissionDenied => "make the folder writable for this user or write elsewhere",
        io::ErrorKind::NotFound => "make its folder first",
        io::ErrorKind::AlreadyExists => "a file or a link has this name: move it away",
        io::ErrorKind::IsADirectory => "it is a folder: choose another name",
        io::ErrorKind::NotADirectory => "a part of the path is a file: choose another folder",
        io::ErrorKind::InvalidFilename => "choose a shorter or simpler name",
        _ => "check the disk",
    }
}
