//! From a folder to a [`Dataset`].

use std::path::{Path, PathBuf};

use super::ground_truth::{self, Assigned};
use super::kolektor;
use super::left_out::{LeftOut, LeftOutKind, named, summarise_left_out};
use super::list::Tree;
use super::sort::{self, Sorted, UNSORTED};
use super::stems::{self, Names};
use super::walk::{Purpose, walk};
use super::words::{self, Split, Word};
use super::{Dataset, DatasetError, Layout, Part, Problem, display_name, layout, pairs, visa};
use crate::text::count;

/// Opens the folder in this layout; `None` finds it out.
pub(super) fn open(
    root: &Path,
    wanted: Option<Layout>,
    stopped: &dyn Fn() -> bool,
) -> Result<Dataset, DatasetError> {
    let mut tree = walk(root, Purpose::Dataset, stopped)?;
    let layout = match wanted {
        Some(layout) => layout,
        None => layout::detect(root, &tree)?,
    };
    if tree.images.is_empty() {
        return Err(if tree.failures.is_empty() {
            tree.no_images(root)
        } else {
            tree.failures.swap_remove(0)
        });
    }
    let Tree { images, folders, left_out, failures } = tree;
    let mut sorted = sort::sort(root, images, layout);
    let (mut warnings, mut problems, mut unused_masks) = (Vec::new(), Vec::new(), Vec::new());
    match layout {
        Layout::Plain => plain(root, &mut sorted, wanted.is_some(), &mut warnings),
        Layout::Kolektor => (problems, unused_masks) = kolektor::sort(root, &mut sorted, wanted.is_some())?,
        Layout::Visa => divide(root, &mut sorted),
        Layout::Sorted => settle(root, &mut sorted, &mut warnings)?,
        Layout::Mvtec => {}
    }
    if wanted.is_none() && layout != Layout::Kolektor {
        check_names(root, &sorted.train, &mut warnings)?;
    }
    let Sorted { train, validation, test, masks, left_out: unsorted } = sorted;
    let Assigned { mut images, warnings: more, problems: of_masks, unused } =
        ground_truth::assign(test, &masks);
    images.sort_by(|a, b| a.defect.cmp(&b.defect));
    problems.extend(of_masks);
    problems.extend(failures.iter().map(|error| problem(error, root, layout)));
    warnings.extend(more);
    unused_masks.extend(unused);
    let left_out = [left_out, unsorted].concat();
    let mut dataset = Dataset {
        name: dataset_name(root),
        root: root.to_path_buf(),
        layout,
        no_good_folder: without_good(&folders, root),
        train,
        validation,
        test: images,
        unused_masks,
        left_out,
        problems,
        warnings,
    };
    dataset.check_not_empty(wanted)?;
    dataset.warn();
    Ok(dataset)
}

impl Dataset {
    /// Refuses a dataset of nothing.
    fn check_not_empty(&self, wanted: Option<Layout>) -> Result<(), DatasetError> {
        if !(self.train.is_empty() && self.validation.is_empty() && self.test.is_empty()) {
            return Ok(());
        }
        if let Some(layout) = wanted {
            return Err(DatasetError::OtherLayout { path: self.root.clone(), layout });
        }
        self.training_images().map(drop)
    }

    /// Completes the warnings.
    fn warn(&mut self) {
        let of_problems = self.problems.iter().map(|problem| problem.message.clone());
        let mut warnings: Vec<String> = of_problems.collect();
        warnings.extend(summarise_left_out(&self.left_out, false));
        warnings.append(&mut self.warnings);
        self.warnings = warnings;
    }
}

/// A failure of the listing.
fn problem(error: &DatasetError, root: &Path, layout: Layout) -> Problem {
    let path = error.path().to_path_buf();
    let part = part(&path, root, layout).unwrap_or(Part::Training);
    Problem { path, message: error.to_string(), part }
}

/// The part of a dataset that a path lies in, where the layout has parts.
pub(super) fn part(path: &Path, root: &Path, layout: Layout) -> Option<Part> {
    if layout != Layout::Mvtec {
        return None;
    }
    let top = path.strip_prefix(root).ok().and_then(|below| below.iter().next())?;
    match words::split(top) {
        Some(Split::Train | Split::Validation) => Some(Part::Training),
        Some(Split::Test | Split::Unlabelled) => Some(Part::Test),
        None => (words::at_top(top) == Some(Word::Mask)).then_some(Part::Test),
    }
}

/// The folder of training images, if it has no folder of good ones.
fn without_good(folders: &[PathBuf], root: &Path) -> Option<PathBuf> {
    let is_train = |folder: &&PathBuf| {
        folder.parent() == Some(root) && folder.file_name().and_then(words::split) == Some(Split::Train)
    };
    let train = folders.iter().find(is_train)?;
    let is_good =
        |folder: &PathBuf| folder.parent() == Some(train) && folder.file_name().is_some_and(words::is_good);
    (!folders.iter().any(is_good)).then(|| train.clone())
}

/// A plain folder. Files that are named like masks are no good parts, unless the user says so.
fn plain(root: &Path, sorted: &mut Sorted, wanted: bool, warnings: &mut Vec<String>) {
    if !wanted {
        let images = std::mem::take(&mut sorted.train);
        let is_mask = |image: &PathBuf| {
            let stem = pairs::stem(image);
            words::without_mask_ending(&stem).is_some() && !stem.to_lowercase().ends_with("label")
        };
        let (masks, images): (Vec<_>, Vec<_>) = images.into_iter().partition(is_mask);
        sorted.train = images;
        sorted.left_out.extend(
            masks.into_iter().map(|mask| LeftOut::new(mask, LeftOutKind::NotGood, "named as masks are")),
        );
    }
    let folders: std::collections::BTreeSet<&Path> =
        sorted.train.iter().filter_map(|path| path.parent()).filter(|folder| *folder != root).collect();
    let below = sorted.train.iter().filter(|path| path.parent() != Some(root)).count();
    let own = std::fs::canonicalize(root).unwrap_or_default();
    let near = own.iter().rev().take(2).filter(|name| words::of(name) == Some(Word::Mask));
    let in_masks: Vec<&Path> = folders
        .iter()
        .copied()
        .filter(|folder| words::names_masks(folder.strip_prefix(root).unwrap_or(folder)))
        .collect();
    if !wanted && !in_masks.is_empty() {
        warnings.push(format!(
            "folders are named after masks but hold photos, which are taken as good: {}",
            named(&in_masks)
        ));
    } else if let Some(name) = near.last().filter(|_| !wanted && !sorted.train.is_empty()) {
        warnings.push(format!(
            "{}: the folder {} is named after masks but holds photos, which are taken as good",
            display_name(root),
            display_name(Path::new(name))
        ));
    }
    if below > 0 {
        let here = sorted.train.len() - below;
        let folders: Vec<&Path> =
            folders.iter().map(|folder| folder.strip_prefix(root).unwrap_or(folder)).collect();
        let (root, folders) = (display_name(root), named(&folders));
        warnings.push(match here {
            0 => format!(
                "{root} holds no images itself; all images in the folders below it are taken as good, {below} in \
                 {folders}"
            ),
            _ => format!(
                "{root} holds {} itself and {below} in folders below it, {folders}; all are taken as good",
                count(here, "image", "images")
            ),
        });
    }
}

/// Refuses good images whose names tell good and bad parts apart, because their folder does not.
/// Where it does, or where all names are alike, a warning is enough.
fn check_names(root: &Path, images: &[PathBuf], warnings: &mut Vec<String>) -> Result<(), DatasetError> {
    let real = std::fs::canonicalize(root).unwrap_or_default();
    let root_says = real.file_name().is_some_and(|name| words::of(name) == Some(Word::Good));
    let says_good = |image: &&PathBuf| {
        let below = image.strip_prefix(root).ok().and_then(Path::parent).unwrap_or(Path::new(""));
        root_says || below.iter().any(|name| words::of(name) == Some(Word::Good))
    };
    let (said, unsaid): (Vec<&PathBuf>, Vec<&PathBuf>) = images.iter().partition(says_good);
    for (images, refuse) in [(unsaid, true), (said, false)] {
        let images: Vec<PathBuf> = images.into_iter().cloned().collect();
        match stems::examine(&images) {
            Names::Fine => {}
            Names::Mixed(found) if refuse => {
                return Err(DatasetError::Suspicious { path: root.to_path_buf(), found });
            }
            Names::Mixed(found) => {
                let root = display_name(root);
                warnings.push(format!(
                    "{root}: {found}; all lie in a folder of good parts and are taken as good"
                ));
            }
            Names::AllOf(word) => warnings.push(format!(
                "{}: the word {word} stands in the names of all {}; they are taken as good",
                display_name(root),
                count(images.len(), "image", "images")
            )),
        }
    }
    Ok(())
}

/// Moves the test images of VisA's own division from the good images.
fn divide(root: &Path, sorted: &mut Sorted) {
    let Some(division) = visa::division(root) else { return };
    let is_test = |path: &PathBuf| {
        let within =
            path.strip_prefix(root).map(|path| path.to_string_lossy().replace('\\', "/").to_lowercase());
        within.is_ok_and(|within| division.get(&within) == Some(&false))
    };
    let (test, train): (Vec<_>, Vec<_>) = std::mem::take(&mut sorted.train).into_iter().partition(is_test);
    sorted.train = train;
    sorted.test.extend(test.into_iter().map(sort::Shown::good));
}

/// Decides about images in folders whose names say nothing, beside folders of good or bad images.
fn settle(root: &Path, sorted: &mut Sorted, warnings: &mut Vec<String>) -> Result<(), DatasetError> {
    let open = |item: &LeftOut| item.reason == UNSORTED;
    let (unsorted, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut sorted.left_out).into_iter().partition(open);
    sorted.left_out = rest;
    let (here, below): (Vec<_>, Vec<_>) =
        unsorted.into_iter().partition(|item| item.path.parent() == Some(root));
    if sorted.train.is_empty() && sorted.test.is_empty() {
        // No folder is named after good or bad parts, so this is another layout.
        sorted.left_out.extend([here, below].concat());
        return Ok(());
    }
    if !sorted.train.is_empty() {
        sorted.left_out.extend(here);
        let mut names = std::collections::BTreeSet::new();
        for LeftOut { path, .. } in below {
            let shown = sort::Shown::by_folder(path, root);
            names.insert(shown.defect.clone());
            sorted.test.push(shown);
        }
        if !names.is_empty() {
            let names: Vec<&Path> = names.iter().map(Path::new).collect();
            warnings.push(format!(
                "folders beside those of good images are taken as types of defects: {}",
                named(&names)
            ));
        }
        return Ok(());
    }
    if let Some(item) = below.first() {
        let folder = item.path.parent().unwrap_or(root);
        let found = format!(
            "it holds folders of defects and {}, whose name does not say whether its images are good",
            display_name(folder.strip_prefix(root).unwrap_or(folder))
        );
        return Err(DatasetError::Suspicious { path: root.to_path_buf(), found });
    }
    if !here.is_empty() {
        let bad: std::collections::BTreeSet<&str> =
            sorted.test.iter().map(|image| image.defect.as_str()).collect();
        let bad: Vec<&str> = bad.into_iter().collect();
        warnings.push(format!(
            "{}: {} taken as good, those in {} as defective",
            display_name(root),
            count(here.len(), "image in the folder itself is", "images in the folder itself are"),
            bad.join(", ")
        ));
    }
    sorted.train.extend(here.into_iter().map(|item| item.path));
    Ok(())
}

/// The last component of the path; of the canonical path where it ends in `.` or `..`.
fn dataset_name(root: &Path) -> String {
    let named = match root.file_name() {
        Some(_) => Some(root.to_path_buf()),
        None => std::fs::canonicalize(root).ok(),
    };
    let name = named.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "images".into())
}
