//! Test pictures and the masks that belong to them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::list::{self, Entries};
use super::{DatasetError, GOOD, TestImage};

/// The pictures of `test` with their masks; what does not match is added to `warnings`.
pub(super) fn test_images(root: &Path, warnings: &mut Vec<String>) -> Result<Vec<TestImage>, DatasetError> {
    let test = root.join("test");
    let truth = root.join("ground_truth");
    let Entries { pictures, folders } = list::entries(&test)?;
    if let Some(stray) = pictures.first() {
        warnings.push(format!(
            "{} and {} more lie in test itself and are left out; sort them into test/{GOOD} or test/<defect>",
            stray.display(),
            pictures.len() - 1
        ));
    }
    let mut images = Vec::new();
    let mut defects = BTreeSet::new();
    for folder in &folders {
        let name = folder.file_name().unwrap_or_default();
        let defect = name.to_string_lossy().into_owned();
        let pictures = list::entries(folder)?.pictures;
        if pictures.is_empty() {
            warnings.push(format!("{} holds no pictures", folder.display()));
        }
        if defect == GOOD {
            let good = |path| TestImage { path, defect: GOOD.into(), mask: None };
            images.extend(pictures.into_iter().map(good));
        } else {
            let masks = Masks::open(&truth.join(name))?;
            images.extend(masks.assign(pictures, &defect, warnings)?);
        }
        defects.insert(name.to_os_string());
    }
    warn_of_orphan_folders(&truth, &defects, warnings)?;
    Ok(images)
}

/// The masks of one defect type, by file stem.
struct Masks {
    by_stem: BTreeMap<OsString, Vec<PathBuf>>,
}

impl Masks {
    /// An absent folder has no masks.
    fn open(folder: &Path) -> Result<Self, DatasetError> {
        let mut by_stem = BTreeMap::<_, Vec<_>>::new();
        if folder.is_dir() {
            for path in list::entries(folder)?.pictures {
                by_stem.entry(stem(&path).to_os_string()).or_default().push(path);
            }
        }
        Ok(Self { by_stem })
    }

    /// Gives every picture its mask: `<stem>_mask` or `<stem>`, with any picture's ending.
    fn assign(
        self,
        pictures: Vec<PathBuf>,
        defect: &str,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<TestImage>, DatasetError> {
        let mut used = BTreeMap::<PathBuf, PathBuf>::new();
        let mut images = Vec::with_capacity(pictures.len());
        for path in pictures {
            let mask = self.mask_of(&path)?;
            match &mask {
                None => warnings.push(format!(
                    "{} shows a defect but has no mask, so it counts for whole-image figures only",
                    path.display()
                )),
                Some(mask) => {
                    if let Some(other) = used.insert(mask.clone(), path.clone()) {
                        let (mask, other, path) = (mask.display(), other.display(), path.display());
                        warnings.push(format!("{mask} is the mask of two pictures, {other} and {path}"));
                    }
                }
            }
            images.push(TestImage { path, defect: defect.into(), mask });
        }
        let orphans = self.by_stem.values().flatten().filter(|mask| !used.contains_key(*mask));
        warnings.extend(orphans.map(|mask| format!("{} is a mask without a picture", mask.display())));
        Ok(images)
    }

    fn mask_of(&self, image: &Path) -> Result<Option<PathBuf>, DatasetError> {
        let mut suffixed = stem(image).to_os_string();
        suffixed.push("_mask");
        let named = |stem: &OsStr| self.by_stem.get(stem).map_or(&[][..], Vec::as_slice);
        match [named(&suffixed), named(stem(image))].concat().as_slice() {
            [] => Ok(None),
            [mask] => Ok(Some(mask.clone())),
            [first, second, ..] => Err(DatasetError::TwoMasks {
                image: image.to_path_buf(),
                first: first.clone(),
                second: second.clone(),
            }),
        }
    }
}

/// Masks of a type of defect that no test folder shows. Good pictures need none, so theirs are no orphans.
fn warn_of_orphan_folders(
    truth: &Path,
    defects: &BTreeSet<OsString>,
    warnings: &mut Vec<String>,
) -> Result<(), DatasetError> {
    if !truth.is_dir() {
        return Ok(());
    }
    for folder in list::entries(truth)?.folders {
        let name = folder.file_name().unwrap_or_default();
        if name == GOOD {
            warnings.push(format!("{} is left out: good pictures have no defect to mark", folder.display()));
        } else if !defects.contains(name) {
            warnings.push(format!("{} holds masks without pictures", folder.display()));
        }
    }
    Ok(())
}

fn stem(path: &Path) -> &OsStr {
    path.file_stem().unwrap_or_default()
}
