//! Walking through a folder and those below it: each folder once, within bounds, until told to stop.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::DatasetError;
use super::content::{self, Entry};
use super::left_out::{LeftOut, LeftOutKind};
use super::list::{Tree, entries, metadata};
use super::order::natural_order;
use super::words::{self, Split, Word};
use crate::write;

/// Levels of folders below the root. Trees of images have a few.
const DEEPEST: usize = 64;

/// Files and folders in a tree. A year of a camera that takes an image a second has 32 million.
const MOST_ENTRIES: usize = 50_000_000;

/// What a listing is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For images to inspect.
    Images,
    /// For a dataset. Masks that a model made may serve as ground truth, after they were corrected.
    Dataset,
}

/// A folder that waits for its visit.
struct Waiting {
    folder: PathBuf,
    /// The real place of the folder that it was found in; none of the root.
    above: Option<PathBuf>,
    depth: usize,
}

/// What tells a folder from all others, by whatever path it is reached.
#[cfg(unix)]
pub(super) type Identity = (u64, u64);
#[cfg(not(unix))]
pub(super) type Identity = PathBuf;

#[cfg(unix)]
fn identity(_: &Path, metadata: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(real: &Path, _: &fs::Metadata) -> Identity {
    real.to_path_buf()
}

/// The identity of a folder; none where it cannot be read.
pub(super) fn identity_of(folder: &Path) -> Option<Identity> {
    let real = fs::canonicalize(folder).ok()?;
    fs::metadata(&real).ok().map(|metadata| identity(&real, &metadata))
}

/// A walk under way.
struct Walk<'a> {
    root: &'a Path,
    purpose: Purpose,
    stopped: &'a dyn Fn() -> bool,
    tree: Tree,
    /// The images of each folder.
    found: Vec<(PathBuf, Vec<PathBuf>)>,
    visited: BTreeSet<Identity>,
    waiting: Vec<Waiting>,
    /// Folders behind links wait until all others are visited, so that a folder is listed under its
    /// own name rather than under that of a link. The next one is the last.
    links: Vec<Waiting>,
    entries: usize,
}

/// Lists everything in `root` and below. A folder that links reach in several ways is listed once. A
/// folder below that cannot be listed is a failure, and the rest is listed; so is a link back to a
/// folder above, which would never end. `stopped` is asked before each entry.
///
/// # Errors
/// When the root is missing, is a file, or cannot be read, when the tree is too deep or too large, and
/// when it was stopped.
pub(super) fn walk(root: &Path, purpose: Purpose, stopped: &dyn Fn() -> bool) -> Result<Tree, DatasetError> {
    if !metadata(root)?.is_dir() {
        return Err(DatasetError::NotAFolder { path: root.to_path_buf() });
    }
    let mut walk = Walk {
        root,
        purpose,
        stopped,
        tree: Tree::default(),
        found: Vec::new(),
        visited: BTreeSet::new(),
        waiting: vec![Waiting { folder: root.to_path_buf(), above: None, depth: 0 }],
        links: Vec::new(),
        entries: 0,
    };
    while let Some(next) = walk.waiting.pop().or_else(|| walk.links.pop()) {
        let is_root = next.above.is_none();
        match walk.visit(next) {
            Ok(()) => {}
            Err(error @ (DatasetError::Stopped { .. } | DatasetError::TooLarge { .. })) => return Err(error),
            Err(error) if is_root => return Err(error),
            Err(error) => walk.tree.failures.push(error),
        }
    }
    let Walk { mut tree, mut found, .. } = walk;
    found.sort_by(|(a, _), (b, _)| natural_order(a, b));
    tree.images = found.into_iter().flat_map(|(_, images)| images).collect();
    Ok(tree)
}

impl Walk<'_> {
    /// Adds links; the last is visited first. That is the first in natural order, and those to training
    /// images come before others: where test images are the same folder, it is the one to learn from.
    fn add_links(&mut self, links: Vec<Waiting>) {
        if links.is_empty() {
            return;
        }
        self.links.extend(links);
        let is_train = |waiting: &Waiting| {
            let top = waiting.folder.strip_prefix(self.root).ok().and_then(|below| below.iter().next());
            top.and_then(words::split) == Some(Split::Train)
        };
        let last = |a: &Waiting, b: &Waiting| {
            is_train(a).cmp(&is_train(b)).then_with(|| natural_order(&b.folder, &a.folder))
        };
        self.links.sort_by(last);
    }

    fn visit(&mut self, Waiting { folder, above, depth }: Waiting) -> Result<(), DatasetError> {
        let io = |source| DatasetError::Io { path: folder.clone(), source };
        let real = fs::canonicalize(&folder).map_err(io)?;
        if above.as_ref().is_some_and(|above| above.starts_with(&real)) {
            return Err(DatasetError::Loop { path: folder, target: real });
        }
        let identity = identity(&real, &fs::metadata(&real).map_err(io)?);
        if !self.visited.insert(identity) {
            let why = "a link to a folder that is listed already";
            self.tree.left_out.push(LeftOut::new(folder, LeftOutKind::Repeated, why));
            return Ok(());
        }
        if depth > DEEPEST {
            return Err(self.too_large(&format!("it lies {depth} folders deep")));
        }
        let paths = entries(&folder)?;
        self.entries += paths.len();
        if self.entries > MOST_ENTRIES {
            return Err(self.too_large(&format!("more than {MOST_ENTRIES} files and folders lie below it")));
        }
        let (mut links, mut real_folders) = (Vec::new(), Vec::new());
        for folder in self.take(&folder, paths)? {
            let is_link = fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_symlink());
            let next = Waiting { folder, above: Some(real.clone()), depth: depth + 1 };
            if is_link { links.push(next) } else { real_folders.push(next) }
        }
        self.waiting.extend(real_folders.into_iter().rev());
        self.add_links(links);
        Ok(())
    }

    fn too_large(&self, what: &str) -> DatasetError {
        DatasetError::TooLarge { path: self.root.to_path_buf(), what: what.to_owned() }
    }

    /// Takes the entries of one folder, and returns the folders among them.
    fn take(&mut self, folder: &Path, paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, DatasetError> {
        // Whether files that the program wrote itself count as images.
        let results = self.purpose == Purpose::Dataset && is_below_masks(folder, self.root);
        let (mut folders, mut images) = (Vec::new(), Vec::new());
        for path in paths {
            if (self.stopped)() {
                return Err(DatasetError::Stopped { path: self.root.to_path_buf() });
            }
            match content::entry(&path) {
                Entry::Image if !results && write::is_result(&path) => {
                    let item = LeftOut::new(path, LeftOutKind::Result, "a result of this program");
                    self.tree.left_out.push(item);
                }
                Entry::Image => images.push(path),
                Entry::Folder => folders.push(path),
                Entry::LeftOut(item) => self.tree.left_out.push(item),
                Entry::Failure(error) => self.tree.failures.push(error),
            }
        }
        self.found.push((folder.to_path_buf(), images));
        self.tree.folders.extend(folders.iter().cloned());
        Ok(folders)
    }
}

/// Whether a folder is one of masks by its name or those above it, up to the root.
fn is_below_masks(folder: &Path, root: &Path) -> bool {
    let below = folder.strip_prefix(root).unwrap_or(Path::new(""));
    below.iter().enumerate().any(|(depth, name)| {
        let word = if depth == 0 { words::at_top(name) } else { words::of(name) };
        word == Some(Word::Mask)
    })
}
