//! Finding images in folders, in an order that is the same everywhere.
//!
//! One rule for every command: the images in a folder and below it. Hidden files are left out, and
//! everything else that is left out has a reason.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::DatasetError;
use super::left_out::{LeftOut, LeftOutKind};
use super::order::natural_order;
use super::walk::{Purpose, walk};
use crate::write::folder_of;

/// The images in a folder and in the folders below it.
///
/// Images are told by their file ending or, where that says nothing, by their content; hidden files
/// and folders are left out. The order is natural: numbers in names are compared by value (`2.png`
/// before `10.png`), folder by folder. What is left out and what cannot be read is not reported
/// here; [`find_images`] does that.
///
/// # Errors
/// When the folder is missing, is a file, cannot be read, or holds no images.
pub fn list_images(dir: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut tree = walk(dir, Purpose::Images, &|| false)?;
    if !tree.images.is_empty() {
        return Ok(tree.images);
    }
    // A folder that cannot be read explains why there are no images.
    Err(if tree.failures.is_empty() { tree.no_images(dir) } else { tree.failures.swap_remove(0) })
}

/// The images that a list of files and folders names.
///
/// A file is taken whatever its name. A folder stands for all images in it and below it, in the
/// order of [`list_images`]. An input that is missing or holds no images does not hide the others.
/// An image that is named twice, such as `a` and `./a`, is listed once. Links to files and hard
/// links are images of their own, because each has a name that a result may be looked up by.
pub fn find_images(inputs: &[PathBuf]) -> Found {
    find_images_until(inputs, &|| false)
}

/// As [`find_images`], until `stopped` says yes; it is asked before each file. Then
/// [`DatasetError::Stopped`] is among the failures.
pub fn find_images_until(inputs: &[PathBuf], stopped: &dyn Fn() -> bool) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for input in inputs {
        let tree = match images_of(input, stopped) {
            Ok(tree) => tree,
            Err(error) => {
                found.failures.push(error);
                continue;
            }
        };
        for image in tree.images {
            if seen.insert(place(&image)) {
                found.images.push(image);
            } else {
                found.left_out.push(LeftOut::new(image, LeftOutKind::Repeated, "named twice"));
            }
        }
        found.left_out.extend(tree.left_out);
        found.failures.extend(tree.failures);
    }
    found
}

/// What [`find_images`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The images, in the order given, each once.
    pub images: Vec<PathBuf>,
    /// Files that were left out; those of an input without images are in its failure.
    pub left_out: Vec<LeftOut>,
    /// Inputs, and folders and links below them, that are missing, cannot be read, or hold no
    /// images.
    pub failures: Vec<DatasetError>,
}

fn images_of(input: &Path, stopped: &dyn Fn() -> bool) -> Result<Tree, DatasetError> {
    if !metadata(input)?.is_dir() {
        return Ok(Tree { images: vec![input.to_path_buf()], ..Tree::default() });
    }
    let mut tree = walk(input, Purpose::Images, stopped)?;
    if tree.images.is_empty() && tree.failures.is_empty() {
        return Err(tree.no_images(input));
    }
    tree.leave_companions_out();
    Ok(tree)
}

/// Endings of the names of masks, overlays and maps, after the name of their image.
const COMPANIONS: [&str; 3] = ["_mask", "_overlay", "_map"];

/// The stem of the image that a file is named after as its mask, overlay or map, perhaps with a
/// number.
fn companion_of(path: &Path) -> Option<&str> {
    let stem = path.file_stem()?.to_str()?;
    let unnumbered = stem.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix('-').unwrap_or(stem);
    COMPANIONS.iter().find_map(|ending| unnumbered.strip_suffix(ending)).filter(|stem| !stem.is_empty())
}

/// The folder that a file lies in, whatever it is called here, and the file's name in it.
fn place(path: &Path) -> PathBuf {
    match (fs::canonicalize(folder_of(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_path_buf(),
    }
}

/// Everything in a folder and below it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The images, folder by folder in natural order.
    pub(super) images: Vec<PathBuf>,
    /// The folders below, without the root.
    pub(super) folders: Vec<PathBuf>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) failures: Vec<DatasetError>,
}

impl Tree {
    /// The images in a folder and below it.
    pub(super) fn below(&self, folder: &Path) -> Vec<PathBuf> {
        self.images.iter().filter(|image| image.starts_with(folder)).cloned().collect()
    }

    pub(super) fn no_images(&self, root: &Path) -> DatasetError {
        DatasetError::NoImages { path: root.to_path_buf(), left_out: self.left_out.clone() }
    }
}

impl Tree {
    /// Leaves out what is named as a mask, overlay or map of an image in the same folder, such as a
    /// user's own masks beside the images.
    fn leave_companions_out(&mut self) {
        let named =
            |path: &PathBuf| (path.parent().map(Path::to_path_buf), path.file_stem().map(OsStr::to_owned));
        let there: BTreeSet<_> = self.images.iter().map(named).collect();
        let is_companion = |path: &PathBuf| {
            let image = companion_of(path).map(OsString::from);
            image.is_some_and(|image| there.contains(&(named(path).0, Some(image))))
        };
        let (companions, images) = std::mem::take(&mut self.images).into_iter().partition(is_companion);
        self.images = images;
        let companions: Vec<PathBuf> = companions;
        let why = "named as the mask, overlay or map of the image beside it";
        let left_out = companions.into_iter().map(|path| LeftOut::new(path, LeftOutKind::Companion, why));
        self.left_out.extend(left_out);
    }
}

/// The folders in a folder, without hidden ones.
pub(super) fn folders(dir: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    if !metadata(dir)?.is_dir() {
        return Err(DatasetError::NotAFolder { path: dir.to_path_buf() });
    }
    let is_folder = |path: &PathBuf| {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && path.is_dir()
    };
    Ok(entries(dir)?.into_iter().filter(is_folder).collect())
}

/// The paths in a folder, in natural order.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let io = |source| DatasetError::Io { path: folder.to_path_buf(), source };
    let entries = fs::read_dir(folder).map_err(io)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<Result<Vec<_>, _>>().map_err(io)?;
    paths.sort_by(|a, b| natural_order(a, b));
    Ok(paths)
}

/// Metadata of the target of the path.
pub(super) fn metadata(path: &Path) -> Result<fs::Metadata, DatasetError> {
    fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DatasetError::Missing { path: path.to_path_buf() },
        _ => DatasetError::Io { path: path.to_path_buf(), source },
    })
}
