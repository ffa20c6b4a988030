//! Masks that lie beside their images: `x.png` and `x_mask.png`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::names::key;
use super::words::without_mask_ending;

/// Which images are masks of others in the same folder, by path, with the image's path.
pub(super) fn of(images: &[PathBuf]) -> BTreeMap<&Path, &Path> {
    let mut by_place = BTreeMap::new();
    for image in images {
        by_place.entry(place(image, &stem(image))).or_insert(image.as_path());
    }
    let masks = images.iter().filter_map(|mask| {
        let stem = stem(mask);
        let image = by_place.get(&place(mask, without_mask_ending(&stem)?))?;
        Some((mask.as_path(), *image))
    });
    masks.collect()
}

/// As [`of`], where the mask has the name of its image and another ending: `x.jpg` and `x.png`, as
/// in Real-IAD. All PNG files of a folder must be such masks.
pub(super) fn by_ending(images: &[PathBuf]) -> BTreeMap<&Path, &Path> {
    let mut folders = BTreeMap::<&Path, (BTreeMap<String, &Path>, Vec<&Path>)>::new();
    for image in images {
        let (jpegs, masks) = folders.entry(image.parent().unwrap_or(Path::new(""))).or_default();
        let ending = image.extension().unwrap_or_default().to_ascii_lowercase();
        if ending == "jpg" || ending == "jpeg" {
            jpegs.insert(stem(image), image);
        } else {
            masks.push(image);
        }
    }
    let mut found = BTreeMap::new();
    for (jpegs, masks) in folders.into_values() {
        let partner = |mask: &&Path| jpegs.get(&stem(mask)).filter(|_| mask.extension().is_some_and(is_png));
        if masks.iter().all(|mask| partner(mask).is_some()) {
            found.extend(masks.iter().filter_map(|mask| Some((*mask, *partner(mask)?))));
        }
    }
    found
}

fn is_png(ending: &std::ffi::OsStr) -> bool {
    ending.eq_ignore_ascii_case("png")
}

/// Whether any image is the mask of another one.
pub(super) fn any(images: &[PathBuf]) -> bool {
    let stems: BTreeSet<_> = images.iter().map(|image| place(image, &stem(image))).collect();
    images.iter().any(|mask| {
        let stem = stem(mask);
        without_mask_ending(&stem).is_some_and(|image| stems.contains(&place(mask, image)))
    })
}

fn place(image: &Path, stem: &str) -> (PathBuf, String) {
    (image.parent().unwrap_or(Path::new("")).to_path_buf(), stem.to_owned())
}

/// The stem of a file's name, for comparison.
pub(super) fn stem(path: &Path) -> String {
    key(path.file_stem().unwrap_or_default())
}
