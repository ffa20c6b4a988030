//! Which masks belong to which test images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::left_out::named;
use super::sort::{MaskFile, Place, Shown};
use super::words::without_mask_ending;
use super::{DatasetError, Part, Problem, TestImage, display_name};

/// What [`assign`] finds.
#[derive(Debug, Default)]
pub(super) struct Assigned {
    pub(super) images: Vec<TestImage>,
    pub(super) warnings: Vec<String>,
    pub(super) problems: Vec<Problem>,
    pub(super) unused: Vec<PathBuf>,
}

/// Finds the masks of every image: `<stem>_mask` or `<stem>` in the folder that corresponds to the
/// image's, with the ending of any format, or all files in a folder `<stem>` there.
pub(super) fn assign(shown: Vec<Shown>, masks: &[MaskFile]) -> Assigned {
    let index = Masks::new(masks);
    let mut assigned = Assigned::default();
    let mut used = BTreeMap::<PathBuf, PathBuf>::new();
    let (mut bare, mut for_good) = (Vec::new(), BTreeSet::new());
    for Shown { path, defect, place } in shown {
        let mut image = TestImage { path, defect, mask: None, more_masks: Vec::new() };
        let found = index.of(&place);
        if image.is_good() {
            // A mask of a good image marks nothing, or is a mistake; it is not used.
            for_good.extend(found.into_iter().flatten());
            assigned.images.push(image);
            continue;
        }
        match found {
            Ok(found) if found.is_empty() => bare.push(image.path.clone()),
            Ok(found) => {
                for mask in &found {
                    if let Some(other) = used.insert(mask.clone(), image.path.clone()) {
                        let (mask, other, path) =
                            (display_name(mask), display_name(&other), display_name(&image.path));
                        assigned
                            .warnings
                            .push(format!("{mask} is the mask of two images, {other} and {path}"));
                    }
                }
                let mut found = found.into_iter();
                (image.mask, image.more_masks) = (found.next(), found.collect());
            }
            Err([first, second]) => {
                used.extend([(first.clone(), image.path.clone()), (second.clone(), image.path.clone())]);
                let error = DatasetError::TwoMasks { image: image.path.clone(), first, second };
                let message = format!("{error}; until then the image counts for whole-image figures only");
                assigned.problems.push(Problem { path: image.path.clone(), message, part: Part::Test });
            }
        }
        assigned.images.push(image);
    }
    let taken: BTreeSet<&Path> = assigned.images.iter().flat_map(TestImage::masks).collect();
    let unused = masks.iter().filter(|mask| !taken.contains(mask.path.as_path()));
    assigned.unused = unused.map(|mask| mask.path.clone()).collect();
    warn_of_bare(&bare, &mut assigned.warnings);
    warn_of_orphans(masks, &used, &for_good, &assigned.images, &mut assigned.warnings);
    assigned
}

/// Masks by the place of their image.
struct Masks<'a> {
    /// A mask by its own name, and by the name without the ending of a mask.
    by_place: BTreeMap<Place, Vec<&'a Path>>,
    /// All masks in a folder.
    by_folder: BTreeMap<&'a [String], Vec<&'a Path>>,
}

impl<'a> Masks<'a> {
    fn new(masks: &'a [MaskFile]) -> Self {
        let mut index = Self { by_place: BTreeMap::new(), by_folder: BTreeMap::new() };
        for MaskFile { path, place } in masks {
            index.by_folder.entry(&place.folders).or_default().push(path);
            index.by_place.entry(place.clone()).or_default().push(path);
            if let Some(stem) = without_mask_ending(&place.stem) {
                let place = Place { stem: stem.to_owned(), ..place.clone() };
                index.by_place.entry(place).or_default().push(path);
            }
        }
        index
    }

    /// The masks of the image at this place; two that contradict each other are an error.
    fn of(&self, image: &Place) -> Result<Vec<PathBuf>, [PathBuf; 2]> {
        let at = |folders: &[String]| {
            let place = Place { folders: folders.to_vec(), stem: image.stem.clone() };
            self.by_place.get(&place).map_or(&[][..], Vec::as_slice)
        };
        let folder_of_masks = [image.folders.as_slice(), std::slice::from_ref(&image.stem)].concat();
        let several = self.by_folder.get(folder_of_masks.as_slice()).map_or(&[][..], Vec::as_slice);
        // The masks of nested images, and of all defects, may lie in one folder.
        let first = image.folders.len().min(1);
        let found = [at(&image.folders), at(&image.folders[..first]), at(&[])];
        let owned = |paths: &[&Path]| paths.iter().map(|path| path.to_path_buf()).collect();
        match found.into_iter().find(|found| !found.is_empty()) {
            Some([mask]) => Ok(vec![mask.to_path_buf()]),
            Some([first, second, ..]) => Err([first.to_path_buf(), second.to_path_buf()]),
            _ => Ok(owned(several)),
        }
    }
}

fn warn_of_bare(bare: &[PathBuf], warnings: &mut Vec<String>) {
    let paths: Vec<&Path> = bare.iter().map(PathBuf::as_path).collect();
    match paths.as_slice() {
        [] => {}
        [path] => warnings.push(format!(
            "{} shows a defect but has no mask, so it counts for whole-image figures only",
            display_name(path)
        )),
        paths => warnings.push(format!(
            "{} images show a defect but each has no mask, so they count for whole-image figures only: {}",
            paths.len(),
            named(paths)
        )),
    }
}

/// Warns of masks that belong to no image, and of masks for good images.
fn warn_of_orphans(
    masks: &[MaskFile],
    used: &BTreeMap<PathBuf, PathBuf>,
    for_good: &BTreeSet<PathBuf>,
    images: &[TestImage],
    warnings: &mut Vec<String>,
) {
    let list = |wanted: &dyn Fn(&MaskFile) -> bool| -> Vec<&Path> {
        masks.iter().filter(|mask| wanted(mask)).map(|mask| mask.path.as_path()).collect()
    };
    let good = list(&|mask| for_good.contains(&mask.path) && !used.contains_key(&mask.path));
    let orphans = list(&|mask| !for_good.contains(&mask.path) && !used.contains_key(&mask.path));
    match good.as_slice() {
        [] => {}
        [mask] => {
            warnings.push(format!("{} is left out: good images have no defect to mark", display_name(mask)))
        }
        masks => warnings.push(format!(
            "{} masks are left out, because good images have no defect to mark: {}",
            masks.len(),
            named(masks)
        )),
    }
    let hint = if images.is_empty() { "; there are no test images at all" } else { "" };
    match orphans.as_slice() {
        [] => {}
        [mask] => warnings.push(format!("{} is a mask without an image{hint}", display_name(mask))),
        masks => warnings.push(format!("{} masks have no image{hint}: {}", masks.len(), named(masks))),
    }
}
