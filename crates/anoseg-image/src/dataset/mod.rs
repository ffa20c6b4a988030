//! Dataset folders: training images, test images and their ground truth.
//!
//! A [`Dataset`] is one folder with images of one kind of part. It is either in the layout of a
//! category of MVTec AD (Bergmann et al., CVPR 2019),
//!
//! ```text
//! train/good/*.png   test/good/*.png   test/<defect>/*.png   ground_truth/<defect>/<stem>_mask.png
//! ```
//!
//! where masks may also be called `<stem>.png` and every image may be of any known format, or it is
//! a plain folder of images of good parts, without test images.

mod error;
mod ground_truth;
mod list;

use std::path::{Path, PathBuf};

use crate::decode::{self, Limits};
use crate::plane::Mask;
pub use error::DatasetError;
pub use list::{Found, LeftOut, find_images, list_images};

use list::Entries;

/// The name of the test folder whose images show no defect.
pub const GOOD: &str = "good";

/// The images and masks of one kind of part: their paths, not their content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub root: PathBuf,
    /// Training images, all of good parts; empty when the folder has only a `test` folder.
    pub train: Vec<PathBuf>,
    /// Test images, sorted by defect type; empty for a plain folder.
    pub test: Vec<TestImage>,
    /// Problems that do not prevent the use of the dataset. Each text names a path.
    pub warnings: Vec<String>,
    mvtec: bool,
}

/// A test image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestImage {
    /// The image file.
    pub path: PathBuf,
    /// [`GOOD`], or the type of defect: the name of the image's folder.
    pub defect: String,
    /// The ground-truth mask; `None` for good images, and for defective images without a mask. The
    /// latter count for image-level metrics only.
    pub mask: Option<PathBuf>,
}

impl TestImage {
    /// Whether the image shows no defect.
    pub fn is_good(&self) -> bool {
        self.defect == GOOD
    }
}

impl Dataset {
    /// Finds the images and masks of a dataset folder. It lists folders and does not read images.
    ///
    /// # Errors
    /// When the folder is missing, holds no images, holds several datasets, or has two masks for
    /// one image.
    pub fn open(root: &Path) -> Result<Self, DatasetError> {
        let Entries { folders, .. } = list::entries(root)?;
        let has = |name: &str| folders.iter().any(|folder| folder.ends_with(name));
        let mut dataset = Self {
            name: dataset_name(root),
            root: root.to_path_buf(),
            train: Vec::new(),
            test: Vec::new(),
            warnings: Vec::new(),
            mvtec: has("train") || has("test"),
        };
        if !dataset.mvtec {
            dataset.open_plain(&folders)?;
            return Ok(dataset);
        }
        if has("train") {
            dataset.train = training_images(&root.join("train"))?;
        }
        if has("test") {
            dataset.test = ground_truth::test_images(root, &mut dataset.warnings)?;
        }
        if dataset.train.is_empty() && dataset.test.is_empty() {
            return Err(DatasetError::NoImages { path: root.to_path_buf() });
        }
        Ok(dataset)
    }

    /// Whether the folder is in the layout of MVTec AD (has `train` or `test`), not a plain folder.
    pub fn is_mvtec(&self) -> bool {
        self.mvtec
    }

    /// The training images.
    ///
    /// # Errors
    /// [`DatasetError::NoTrainingImages`] when there are none.
    pub fn training_images(&self) -> Result<&[PathBuf], DatasetError> {
        if self.train.is_empty() {
            return Err(DatasetError::NoTrainingImages { path: self.root.clone() });
        }
        Ok(&self.train)
    }

    /// Compares the size of every mask with that of its image, from the file headers alone. Returns
    /// an error for each mask that has another size or cannot be read, in the order of
    /// [`test`](Self::test).
    pub fn check_masks(&self, limits: &Limits) -> Vec<DatasetError> {
        let check = |image: &TestImage| -> Result<(), DatasetError> {
            let Some(mask) = &image.mask else { return Ok(()) };
            let size = decode::probe(&image.path, limits)?;
            same_size(image, size, mask, decode::probe(mask, limits)?)
        };
        self.test.iter().filter_map(|image| check(image).err()).collect()
    }

    fn open_plain(&mut self, folders: &[PathBuf]) -> Result<(), DatasetError> {
        let datasets: Vec<_> =
            folders.iter().filter(|folder| folder.join("train").join(GOOD).is_dir()).collect();
        if !datasets.is_empty() {
            let names = datasets.iter().map(|folder| dataset_name(folder)).collect();
            return Err(DatasetError::ManyDatasets { path: self.root.clone(), names });
        }
        self.train = list_images(&self.root)?;
        if self.train.iter().all(|path| path.parent() != Some(&self.root)) {
            self.warnings.push(format!(
                "{} holds no images itself; all images in the folders below it are taken as good",
                self.root.display()
            ));
        }
        Ok(())
    }
}

/// The category folders in the layout of MVTec AD that lie in `root`, in natural order; empty when
/// `root` is such a folder itself, or holds none. Each can be opened as a [`Dataset`].
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

/// Reads the mask of a test image of `size` (width, height) in pixels; `None` when the image has no
/// mask.
///
/// # Errors
/// When the mask cannot be read or has another size than its image.
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

fn training_images(train: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let good = train.join(GOOD);
    if !good.is_dir() {
        return Err(DatasetError::NoGoodFolder { path: train.to_path_buf() });
    }
    list_images(&good)
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
