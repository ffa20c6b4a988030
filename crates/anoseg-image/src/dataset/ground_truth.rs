//! Test images and the masks that belong to them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::list::{self, Entries};
use super::{DatasetError, GOOD, TestImage};

/// The images of `test` with their masks; what does not match is added to `warnings`.
pub(super) fn test_images(root: &Path, warnings: &mut Vec<String>) -> Result<Vec<TestImage>, DatasetError> {
    let test = root.join("test");
    let truth = root.join("ground_truth");
    let Entries { images: strays, folders } = list::entries(&test)?;
    if let Some(stray) = strays.first() {
        warnings.push(format!(
            "{} and {} more are in test itself and are left out; sort them into test/{GOOD} or test/<defect>",
            stray.display(),
            strays.len() - 1
        ));
    }
    let mut images = Vec::new();
    let mut defects = BTreeSet::new();
    for folder in &folders {
        let name = folder.file_name().unwrap_or_default();
        let defect = name.to_string_lossy().into_owned();
        let paths = list::entries(folder)?.images;
        if paths.is_empty() {
            warnings.push(format!("{} holds no images", folder.display()));
        }
        if defect == GOOD {
            let good = |path| TestImage { path, defect: GOOD.into(), mask: None };
            images.extend(paths.into_iter().map(good));
        } else {
            let masks = Masks::open(&truth.join(name))?;
            images.extend(masks.assign(paths, &defect, warnings)?);
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
    /// Lists the masks in `folder`; a folder that does not exist has none.
    fn open(folder: &Path) -> Result<Self, DatasetError> {
        let mut by_stem = BTreeMap::<_, Vec<_>>::new();
        if folder.is_dir() {
            for path in list::entries(folder)?.images {
                by_stem.entry(stem(&path).to_os_string()).or_default().push(path);
            }
        }
        Ok(Self { by_stem })
    }

    /// Finds the mask of every image: `<stem>_mask` or `<stem>`, with the extension of any known
    /// format.
    fn assign(
        self,
        paths: Vec<PathBuf>,
        defect: &str,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<TestImage>, DatasetError> {
        let mut used = BTreeMap::<PathBuf, PathBuf>::new();
        let mut images = Vec::with_capacity(paths.len());
        for path in paths {
            let mask = self.mask_of(&path)?;
            match &mask {
                None => warnings.push(format!(
                    "{} shows a defect but has no mask, so it counts for whole-image figures only",
                    path.display()
                )),
                Some(mask) => {
                    if let Some(other) = used.insert(mask.clone(), path.clone()) {
                        let (mask, other, path) = (mask.display(), other.display(), path.display());
                        warnings.push(format!("{mask} is the mask of two images, {other} and {path}"));
                    }
                }
            }
            images.push(TestImage { path, defect: defect.into(), mask });
        }
        let orphans = self.by_stem.values().flatten().filter(|mask| !used.contains_key(*mask));
        warnings.extend(orphans.map(|mask| format!("{} is a mask without an image", mask.display())));
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

/// Warns of folders of masks that belong to no test folder, and of masks for good images.
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
            warnings.push(format!("{} is left out: good images have no defect to mark", folder.display()));
        } else if !defects.contains(name) {
            warnings.push(format!("{} holds masks without images", folder.display()));
        }
    }
    Ok(())
}

fn stem(path: &Path) -> &OsStr {
    path.file_stem().unwrap_or_default()
}
