//! Which files are images.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::DatasetError;
use super::left_out::{LeftOut, LeftOutKind, NOT_READ};
use crate::decode;

/// Endings of images that are read. The format is told by content; a file with such an ending is an
/// image whatever it holds, so that reading it reports what is wrong.
const IMAGES: &[&str] = &["png", "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "bmp", "dib", "webp"];

/// Endings of raw files of cameras, which begin like a TIFF and hold a small preview.
const RAW: &[(&str, &str)] = &[
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
];

/// Endings of images that are not read, where the first bytes do not tell what the file is.
const OTHERS: &[(&str, &str)] = &[
    ("tga", "a TGA image"),
    ("raw", "a raw image"),
    ("heic", "a HEIC image"),
    ("heif", "a HEIF image"),
    ("avif", "an AVIF image"),
    ("gif", "a GIF image"),
    ("jp2", "a JPEG 2000 image"),
    ("jxl", "a JPEG XL image"),
    ("pbm", "a PNM image"),
    ("pgm", "a PNM image"),
    ("ppm", "a PNM image"),
    ("pnm", "a PNM image"),
    ("dcm", "a DICOM image"),
    ("npy", "a NumPy array (NPY)"),
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

/// Whether a file is an image that no part of this program wrote, by the rule of
/// [`find_images`](super::find_images) for files in folders.
pub fn is_image_to_inspect(path: &Path) -> bool {
    matches!(entry(path), Entry::Image) && !crate::write::is_result(path)
}

fn file(path: &Path, is_regular: bool) -> Entry {
    if is_image_name(path) {
        return Entry::Image;
    }
    if !is_regular {
        return left_out(path, LeftOutKind::NotAnImage, "a pipe or device");
    }
    match (decode::sniff_file(path), by_ending(path, RAW), by_ending(path, OTHERS)) {
        (Err(source), ..) => Entry::Failure(DatasetError::Io { path: path.to_path_buf(), source }),
        (Ok(_), Some(what), _) | (Ok(decode::Kind::OtherImage(what)), ..) => unread(path, what),
        (Ok(decode::Kind::Readable(_)), ..) => Entry::Image,
        (Ok(_), _, Some(what)) => unread(path, what),
        (Ok(decode::Kind::Empty), ..) => left_out(path, LeftOutKind::NotAnImage, "an empty file"),
        (Ok(_), ..) => left_out(path, LeftOutKind::NotAnImage, "no image"),
    }
}

fn unread(path: &Path, what: &str) -> Entry {
    left_out(path, LeftOutKind::NotRead, format!("{what}{NOT_READ}"))
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

/// Whether a name ends like that of an image that is read.
pub fn is_image_name(path: &Path) -> bool {
    IMAGES.iter().any(|known| ending(path).eq_ignore_ascii_case(known))
}

fn by_ending(path: &Path, known: &[(&str, &'static str)]) -> Option<&'static str> {
    known.iter().find(|(known, _)| ending(path).eq_ignore_ascii_case(known)).map(|(_, what)| *what)
}
