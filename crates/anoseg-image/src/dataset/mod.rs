//! Category folders: pictures to learn from, pictures to test on, and their ground truth.
//!
//! A category is either in the layout of MVTec AD (Bergmann et al., CVPR 2019),
//!
//! ```text
//! train/good/*.png   test/good/*.png   test/<defect>/*.png   ground_truth/<defect>/<stem>_mask.png
//! ```
//!
//! where masks may also be called `<stem>.png` and every picture may be of any known format, or it is any folder
//! of pictures of good parts; then there is nothing to test on.

mod error;
mod ground_truth;
mod list;

use std::path::{Path, PathBuf};

use crate::decode::{self, Limits};
use crate::plane::Mask;
pub use error::DatasetError;
pub use list::{image_paths, list_images};

use list::Entries;

/// The name of the test folder whose pictures show no defect.
pub const GOOD: &str = "good";

/// One kind of part: its pictures and masks, found but not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub root: PathBuf,
    /// Pictures of good parts to learn from; empty when the folder has only a `test` folder.
    pub train: Vec<PathBuf>,
    /// Pictures to test on, defect type by defect type; empty for a plain folder.
    pub test: Vec<TestImage>,
    /// What looks wrong but does not hinder: each names a path.
    pub warnings: Vec<String>,
    mvtec: bool,
}

/// A picture to test on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestImage {
    /// The picture.
    pub path: PathBuf,
    /// [`GOOD`], or the type of defect: the name of the picture's folder.
    pub defect: String,
    /// Where the defect is; `None` for good pictures, and for defects that nobody marked, which count for
    /// whole-image figures only.
    pub mask: Option<PathBuf>,
}

impl TestImage {
    /// Whether the picture shows no defect.
    pub fn is_good(&self) -> bool {
        self.defect == GOOD
    }
}

impl Category {
    /// Finds the pictures and masks of a category folder. Reads folders, not pictures.
    ///
    /// # Errors
    /// When the folder is missing, holds no pictures, holds several categories, or has two masks for a
    /// picture.
    pub fn open(root: &Path) -> Result<Self, DatasetError> {
        let Entries { folders, .. } = list::entries(root)?;
        let has = |name: &str| folders.iter().any(|folder| folder.ends_with(name));
        let mut category = Self {
            name: category_name(root),
            root: root.to_path_buf(),
            train: Vec::new(),
            test: Vec::new(),
            warnings: Vec::new(),
            mvtec: has("train") || has("test"),
        };
        if !category.mvtec {
            category.open_plain(&folders)?;
            return Ok(category);
        }
        if has("train") {
            category.train = training_pictures(&root.join("train"))?;
        }
        if has("test") {
            category.test = ground_truth::test_images(root, &mut category.warnings)?;
        }
        if category.train.is_empty() && category.test.is_empty() {
            return Err(DatasetError::NoPictures { path: root.to_path_buf() });
        }
        Ok(category)
    }

    /// Whether the folder is in the layout of MVTec AD (has `train` or `test`), not a plain folder.
    pub fn is_mvtec(&self) -> bool {
        self.mvtec
    }

    /// The pictures to learn from.
    ///
    /// # Errors
    /// When there are none.
    pub fn training_images(&self) -> Result<&[PathBuf], DatasetError> {
        if self.train.is_empty() {
            return Err(DatasetError::NoTrainingPictures { path: self.root.clone() });
        }
        Ok(&self.train)
    }

    /// Holds the size of every mask against that of its picture, from the headers alone, and returns what does
    /// not fit or cannot be read, in the order of [`test`](Self::test).
    pub fn check_masks(&self, limits: &Limits) -> Vec<DatasetError> {
        let check = |image: &TestImage| -> Result<(), DatasetError> {
            let Some(mask) = &image.mask else { return Ok(()) };
            let size = decode::probe(&image.path, limits)?;
            same_size(image, size, mask, decode::probe(mask, limits)?)
        };
        self.test.iter().filter_map(|image| check(image).err()).collect()
    }

    fn open_plain(&mut self, folders: &[PathBuf]) -> Result<(), DatasetError> {
        let categories: Vec<_> =
            folders.iter().filter(|folder| folder.join("train").join(GOOD).is_dir()).collect();
        if !categories.is_empty() {
            let names = categories.iter().map(|folder| category_name(folder)).collect();
            return Err(DatasetError::ManyCategories { path: self.root.clone(), names });
        }
        self.train = list_images(&self.root)?;
        if self.train.iter().all(|path| path.parent() != Some(&self.root)) {
            self.warnings.push(format!(
                "{} holds no pictures itself, so those in the folders below it are all taken as good",
                self.root.display()
            ));
        }
        Ok(())
    }
}

/// The category folders in the layout of MVTec AD that lie in `root`, in natural order; empty when `root` is one
/// itself, or holds none.
///
/// # Errors
/// When the folder is missing or cannot be read.
pub fn categories(root: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let Entries { folders, .. } = list::entries(root)?;
    let is_part = |folder: &PathBuf| folder.ends_with("train") || folder.ends_with("test");
    if folders.iter().any(is_part) {
        return Ok(Vec::new());
    }
    let is_category =
        |folder: &PathBuf| folder.join("train").join(GOOD).is_dir() || folder.join("test").is_dir();
    Ok(folders.into_iter().filter(is_category).collect())
}

/// Reads the mask of a test picture that is `size` (width, height) pixels large; `None` where it has none.
///
/// # Errors
/// When the mask cannot be read or has another size than its picture.
pub fn load_ground_truth(
    image: &TestImage,
    size: (usize, usize),
    limits: &Limits,
) -> Result<Option<Mask>, DatasetError> {
    let Some(path) = &image.mask else { return Ok(None) };
    let mask = decode::load_mask(path, limits)?;
    same_size(image, size, path, (mask.width(), mask.height()))?;
    Ok(Some(mask))
}

fn same_size(
    image: &TestImage,
    image_size: (usize, usize),
    mask: &Path,
    mask_size: (usize, usize),
) -> Result<(), DatasetError> {
    if image_size == mask_size {
        return Ok(());
    }
    let (image, mask) = (image.path.clone(), mask.to_path_buf());
    Err(DatasetError::MaskSize { image, image_size, mask, mask_size })
}

fn training_pictures(train: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let good = train.join(GOOD);
    if !good.is_dir() {
        return Err(DatasetError::NoGoodFolder { path: train.to_path_buf() });
    }
    list_images(&good)
}

/// The last part of the path, looked up where the path ends in `.` or `..`.
fn category_name(root: &Path) -> String {
    let named = match root.file_name() {
        Some(_) => Some(root.to_path_buf()),
        None => std::fs::canonicalize(root).ok(),
    };
    let name = named.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "pictures".into())
}
