//! Finding pictures in folders, in an order that is the same everywhere.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::DatasetError;

/// Name endings that pictures have; the content decides later what they are.
const EXTENSIONS: [&str; 10] = ["png", "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "bmp", "dib", "webp"];

/// The pictures of a folder: those that lie in it, or, where none do, those in the folders below it.
///
/// Told by their name ending; hidden files and folders are left out. Sorted by name with numbers counted
/// (`2.png` before `10.png`), folder by folder.
///
/// # Errors
/// When the folder is missing, is a file, cannot be read, or holds no pictures.
pub fn list_images(dir: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let here = entries(dir)?.pictures;
    let found = if here.is_empty() { below(dir)? } else { here };
    if found.is_empty() {
        return Err(DatasetError::NoPictures { path: dir.to_path_buf() });
    }
    Ok(found)
}

/// The pictures that a list of files and folders names, in the order given, each once.
///
/// A file is taken whatever its name; a folder stands for all pictures in it and below it, sorted as by
/// [`list_images`].
///
/// # Errors
/// When an input is missing, or is a folder without pictures.
pub fn image_paths(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, DatasetError> {
    let mut found = Vec::new();
    for input in inputs {
        if metadata(input)?.is_dir() {
            let pictures = below(input)?;
            if pictures.is_empty() {
                return Err(DatasetError::NoPictures { path: input.clone() });
            }
            found.extend(pictures);
        } else {
            found.push(input.clone());
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|path| seen.insert(path.clone()));
    Ok(found)
}

/// What lies in one folder, each list in natural order.
pub(super) struct Entries {
    pub(super) pictures: Vec<PathBuf>,
    pub(super) folders: Vec<PathBuf>,
}

pub(super) fn entries(dir: &Path) -> Result<Entries, DatasetError> {
    if !metadata(dir)?.is_dir() {
        return Err(DatasetError::NotAFolder { path: dir.to_path_buf() });
    }
    let io = |source| DatasetError::Io { path: dir.to_path_buf(), source };
    let mut found = Entries { pictures: Vec::new(), folders: Vec::new() };
    for entry in fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        if is_hidden(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        // Follows links. One that leads nowhere stays in the list if it is named like a picture: the reader
        // reports it, instead of it vanishing in silence.
        if fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            found.folders.push(path);
        } else if is_picture_name(&path) {
            found.pictures.push(path);
        }
    }
    found.pictures.sort_by(|a, b| natural_order(a, b));
    found.folders.sort_by(|a, b| natural_order(a, b));
    Ok(found)
}

/// All pictures in `dir` and below, folder by folder. A folder that can be reached in two ways (links, even in a
/// circle) is visited once.
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
        let Entries { pictures, folders } = entries(&folder)?;
        found.extend(pictures);
        waiting.extend(folders.into_iter().rev());
    }
    Ok(found)
}

/// Metadata of what the path leads to.
pub(super) fn metadata(path: &Path) -> Result<fs::Metadata, DatasetError> {
    fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DatasetError::Missing { path: path.to_path_buf() },
        _ => DatasetError::Io { path: path.to_path_buf(), source },
    })
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn is_picture_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| EXTENSIONS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Order of names with the numbers in them counted; bytes decide between names that count the same.
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
            // Without leading zeros the longer number is the larger, so no number is too long to count.
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
