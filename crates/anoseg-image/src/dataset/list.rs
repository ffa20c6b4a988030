//! Finding images in folders, in an order that is the same everywhere.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::DatasetError;

/// File extensions of images. They decide which files are listed; the format is told by content.
const EXTENSIONS: [&str; 10] = ["png", "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "bmp", "dib", "webp"];

/// The images in a folder or, if there are none, those in the folders below it.
///
/// Images are told by their file extension; hidden files and folders are left out. The order is
/// natural: numbers in names are compared by value (`2.png` before `10.png`), folder by folder.
///
/// # Errors
/// When the folder is missing, is a file, cannot be read, or holds no images.
pub fn list_images(dir: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let here = entries(dir)?.images;
    let found = if here.is_empty() { below(dir)? } else { here };
    if found.is_empty() {
        return Err(DatasetError::NoImages { path: dir.to_path_buf() });
    }
    Ok(found)
}

/// The images that a list of files and folders names.
///
/// A file is taken whatever its extension. A folder stands for all images in it and below it, in
/// the order of [`list_images`]. An input that is missing or holds no images does not hide the
/// others.
pub fn find_images(inputs: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for input in inputs {
        match images_of(input) {
            Ok(images) => found.images.extend(images),
            Err(error) => found.failures.push(error),
        }
    }
    let mut seen = BTreeSet::new();
    found.images.retain(|path| seen.insert(path.clone()));
    found
}

/// What [`find_images`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The images, in the order given, each once.
    pub images: Vec<PathBuf>,
    /// Files that were left out.
    pub left_out: Vec<LeftOut>,
    /// Inputs that are missing, cannot be read, or hold no images.
    pub failures: Vec<DatasetError>,
}

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The file.
    pub path: PathBuf,
    /// Why, as the end of a sentence: "its content is HEIC".
    pub reason: String,
}

fn images_of(input: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    if !metadata(input)?.is_dir() {
        return Ok(vec![input.to_path_buf()]);
    }
    let images = below(input)?;
    if images.is_empty() {
        return Err(DatasetError::NoImages { path: input.to_path_buf() });
    }
    Ok(images)
}

/// The images and folders in one folder, each in natural order.
pub(super) struct Entries {
    pub(super) images: Vec<PathBuf>,
    pub(super) folders: Vec<PathBuf>,
}

pub(super) fn entries(dir: &Path) -> Result<Entries, DatasetError> {
    if !metadata(dir)?.is_dir() {
        return Err(DatasetError::NotAFolder { path: dir.to_path_buf() });
    }
    let io = |source| DatasetError::Io { path: dir.to_path_buf(), source };
    let mut found = Entries { images: Vec::new(), folders: Vec::new() };
    for entry in fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        if is_hidden(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        // Links are followed. A broken link with the extension of an image stays in the list, so
        // that reading it reports an error.
        if fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            found.folders.push(path);
        } else if is_image_name(&path) {
            found.images.push(path);
        }
    }
    found.images.sort_by(|a, b| natural_order(a, b));
    found.folders.sort_by(|a, b| natural_order(a, b));
    Ok(found)
}

/// All images in `dir` and below, folder by folder. A folder that links reach in several ways,
/// cycles included, is visited once.
pub(super) fn below(dir: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut visited = BTreeSet::new();
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        let real =
            fs::canonicalize(&folder).map_err(|source| DatasetError::Io { path: folder.clone(), source })?;
        if !visited.insert(real) {
            continue;
        }
        let Entries { images, folders } = entries(&folder)?;
        found.extend(images);
        waiting.extend(folders.into_iter().rev());
    }
    Ok(found)
}

/// Metadata of the target of the path.
pub(super) fn metadata(path: &Path) -> Result<fs::Metadata, DatasetError> {
    fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DatasetError::Missing { path: path.to_path_buf() },
        _ => DatasetError::Io { path: path.to_path_buf(), source },
    })
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn is_image_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| EXTENSIONS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Natural order of paths: numbers are compared by value; equal names are ordered by their bytes.
pub(super) fn natural_order(a: &Path, b: &Path) -> Ordering {
    let mut parts = a.iter().zip(b.iter()).map(|(a, b)| {
        let (a, b) = (a.as_encoded_bytes(), b.as_encoded_bytes());
        natural_bytes(a, b).then_with(|| a.cmp(b))
    });
    parts.find(|order| order.is_ne()).unwrap_or_else(|| a.cmp(b))
}

fn natural_bytes(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while let (Some(first_a), Some(first_b)) = (a.first(), b.first()) {
        let order = if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (number_a, rest_a) = split_number(a);
            let (number_b, rest_b) = split_number(b);
            (a, b) = (rest_a, rest_b);
            // Without leading zeros the longer number is the larger one, so numbers of any length
            // can be compared.
            number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b))
        } else {
            (a, b) = (&a[1..], &b[1..]);
            first_a.cmp(first_b)
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// The digits at the start without leading zeros, and what follows them.
fn split_number(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    let (digits, rest) = bytes.split_at(end);
    let zeros = digits.iter().take_while(|&&b| b == b'0').count();
    (&digits[zeros..], rest)
}
