//! Which files are images.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::DatasetError;
use super::left_out::{LeftOut, LeftOutKind};
use crate::decode;

/// Endings of images that are read. The format is told by content; a file with such an ending is an
/// image whatever it holds, so that reading it reports what is wrong.
const IMAGES: &[&str] = &["png", "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "bmp", "dib", "webp"];

/// Endings of images that are not read and that their first bytes do not tell, or tell as something
/// else: raw files of cameras begin like a TIFF.
const NOT_READ: &[(&str, &str)] = &[
    ("tga", "a Targa image"),
    ("raw", "a raw image"),
    ("dng", "a raw camera image (DNG)"),
    ("nef", "a raw camera image (Nikon NEF)"),
    ("nrw", "a raw camera image (Nikon NRW)"),
    ("arw", "a raw camera image (Sony ARW)"),
    ("cr2", "a raw camera image (Canon CR2)"),
    ("cr3", "a raw camera image (Canon CR3)"),
    ("orf", "a raw camera image (Olympus ORF)"),
    ("rw2", "a raw camera image (Panasonic RW2)"),
    ("pef", "a raw camera image (Pentax PEF)"),
    ("raf", "a raw camera image (Fujifilm RAF)"),
    ("heic", "a HEIC image"),
    ("heif", "a HEIF image"),
];

/// What becomes of an entry of a folder.
pub(super) enum Entry {
    Image,
    Folder,
    LeftOut(LeftOut),
    Failure(DatasetError),
}

/// What an entry of a folder is. Links are followed. Pipes and devices are not opened.
pub(super) fn entry(path: &Path) -> Entry {
    let name = path.file_name().unwrap_or_default();
    if name.as_encoded_bytes().starts_with(b".") {
        return left_out(path, LeftOutKind::Hidden, "hidden");
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Entry::Folder,
        Ok(metadata) => file(path, metadata.is_file()),
        // Reading it reports the error, and then it has its place among the results.
        Err(_) if is_image_name(path) => Entry::Image,
        Err(source) if source.kind() == io::ErrorKind::NotFound => dead_link(path),
        Err(source) => Entry::Failure(DatasetError::Io { path: path.to_path_buf(), source }),
    }
}

fn file(path: &Path, is_regular: bool) -> Entry {
    if is_image_name(path) {
        return Entry::Image;
    }
    if !is_regular {
        return left_out(path, LeftOutKind::NotAnImage, "a pipe or device");
    }
    let by_name = not_read(path);
    match (decode::sniff_file(path), by_name) {
        (Ok(decode::Kind::Readable(_)), None) => Entry::Image,
        (Ok(_), Some(what)) => unread(path, what),
        (Ok(decode::Kind::OtherImage(what)), None) => unread(path, what),
        (Ok(decode::Kind::Empty), None) => left_out(path, LeftOutKind::NotAnImage, "an empty file"),
        (Ok(_), None) => left_out(path, LeftOutKind::NotAnImage, "no image"),
        (Err(source), _) => Entry::Failure(DatasetError::Io { path: path.to_path_buf(), source }),
    }
}

fn unread(path: &Path, what: &str) -> Entry {
    left_out(path, LeftOutKind::NotRead, format!("{what}, which is not read"))
}

fn left_out(path: &Path, kind: LeftOutKind, reason: impl Into<String>) -> Entry {
    Entry::LeftOut(LeftOut::new(path, kind, reason))
}

/// A link whose target does not exist, such as a share that is not mounted. A file that vanished
/// after the folder was read is no failure of the folder.
fn dead_link(path: &Path) -> Entry {
    match fs::read_link(path) {
        Ok(target) => Entry::Failure(DatasetError::DeadLink { path: path.to_path_buf(), target }),
        Err(_) => Entry::Failure(DatasetError::Missing { path: path.to_path_buf() }),
    }
}

fn ending(path: &Path) -> &OsStr {
    path.extension().unwrap_or_default()
}

fn is_image_name(path: &Path) -> bool {
    IMAGES.iter().any(|known| ending(path).eq_ignore_ascii_case(known))
}

fn not_read(path: &Path) -> Option<&'static str> {
    NOT_READ.iter().find(|(known, _)| ending(path).eq_ignore_ascii_case(known)).map(|(_, what)| *what)
}
