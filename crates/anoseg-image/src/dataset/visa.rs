//! The division of VisA into training and test images.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::names::key;

/// Largest file that is read; the published one has 1 MB.
const MOST_BYTES: u64 = 64 << 20;

/// Of each image of a category (its path within the category's folder), whether it is a training
/// image. None where `split_csv/1cls.csv` does not lie beside or in the folder.
///
/// The file's columns are `object,split,label,image,mask`, with paths from the folder that holds
/// all categories.
pub(super) fn division(root: &Path) -> Option<BTreeMap<String, bool>> {
    let real = fs::canonicalize(root).ok()?;
    let category = key(real.file_name()?);
    let beside = real.parent().map(|above| above.join("split_csv/1cls.csv"));
    let file = beside.into_iter().chain([real.join("split_csv/1cls.csv")]).find(|path| is_sane(path))?;
    let text = fs::read_to_string(file).ok()?;
    let lines = text.lines().filter_map(|line| {
        let mut cells = line.split(',').map(str::trim);
        let (object, split, _label, image) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let within = image.strip_prefix(object)?.strip_prefix('/')?;
        (key(object.as_ref()) == category)
            .then(|| (within.to_lowercase(), split.eq_ignore_ascii_case("train")))
    });
    let division: BTreeMap<_, _> = lines.collect();
    (!division.is_empty()).then_some(division)
}

fn is_sane(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MOST_BYTES)
}
