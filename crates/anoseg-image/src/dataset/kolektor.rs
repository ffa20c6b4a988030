//! Images that each lie beside a label that says whether and where the part is defective.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::left_out::{LeftOut, LeftOutKind};
use super::sort::{Shown, Sorted};
use super::words::{self, Split};
use super::{DatasetError, Part, Problem, display_name, pairs};
use crate::decode::{self, ImageError, Limits};

/// What the label of an image says.
enum Label {
    Good,
    Defect(PathBuf),
    Unreadable(ImageError),
    Missing,
}

/// Sorts images, all listed as training images so far, by their labels. `wanted`: the user chose
/// this layout, so that an image without a label is good if no label marks nothing. Returns labels
/// that are not used further, too.
pub(super) fn sort(
    root: &Path,
    sorted: &mut Sorted,
    wanted: bool,
) -> Result<(Vec<Problem>, Vec<PathBuf>), DatasetError> {
    let all = std::mem::take(&mut sorted.train);
    let labels: BTreeMap<&Path, &Path> = pairs::of(&all);
    let by_image: BTreeMap<&Path, &Path> = labels.iter().map(|(label, image)| (*image, *label)).collect();
    let (orphans, images): (Vec<&PathBuf>, Vec<&PathBuf>) = all
        .iter()
        .filter(|path| !labels.contains_key(path.as_path()))
        .partition(|path| words::without_mask_ending(&pairs::stem(path)).is_some());
    let orphan = |path: &PathBuf| LeftOut::new(path, LeftOutKind::NotGood, "a label without an image");
    sorted.left_out.extend(orphans.into_iter().map(orphan));
    let read: Vec<Label> =
        images.par_iter().map(|image| read(by_image.get(image.as_path()).copied())).collect();
    let empty_labels = read.iter().any(|label| matches!(label, Label::Good));
    let missing = images.iter().zip(&read).find(|(_, label)| matches!(label, Label::Missing));
    if let Some((image, _)) = missing
        && !empty_labels
        && !wanted
    {
        let image = display_name(image.strip_prefix(root).unwrap_or(image));
        let found = format!(
            "some of its images have a mask beside them and others, such as {image}, have none, \
             which does not say whether they are good"
        );
        return Err(DatasetError::Suspicious { path: root.to_path_buf(), found });
    }
    let mut problems = Vec::new();
    for (image, label) in images.into_iter().zip(read) {
        let part = part(root, image);
        match label {
            Label::Missing if empty_labels => {
                sorted.left_out.push(LeftOut::new(image, LeftOutKind::Unsorted, "without a label"));
            }
            Label::Good | Label::Missing => match part {
                Split::Test => sorted.test.push(Shown::good(image.clone())),
                _ => sorted.train.push(image.clone()),
            },
            Label::Defect(_) if part == Split::Train => {
                sorted.left_out.push(LeftOut::new(
                    image,
                    LeftOutKind::NotGood,
                    "a training image that shows a defect",
                ));
            }
            Label::Defect(label) => sorted.add_labelled(image.clone(), label, root),
            Label::Unreadable(error) => {
                let part = if part == Split::Test { Part::Test } else { Part::Training };
                let message = format!("{error}; its image is left out");
                problems.push(Problem { path: image.clone(), message, part });
            }
        }
    }
    let used: BTreeSet<&Path> = sorted.masks.iter().map(|mask| mask.path.as_path()).collect();
    let unused = labels.keys().filter(|label| !used.contains(*label)).map(|label| label.to_path_buf());
    Ok((problems, unused.collect()))
}

/// The part of the dataset that an image belongs to; `Validation` where there are no parts.
fn part(root: &Path, image: &Path) -> Split {
    let top = image.strip_prefix(root).ok().and_then(|below| below.iter().next());
    top.and_then(words::split).unwrap_or(Split::Validation)
}

fn read(label: Option<&Path>) -> Label {
    let Some(label) = label else { return Label::Missing };
    match decode::load_mask(label, &Limits::default()) {
        Ok(mask) if mask.any() => Label::Defect(label.to_path_buf()),
        Ok(_) => Label::Good,
        Err(error) => Label::Unreadable(error),
    }
}

/// The type of every defect: the labels do not tell them apart.
pub(super) const DEFECT: &str = "defect";
