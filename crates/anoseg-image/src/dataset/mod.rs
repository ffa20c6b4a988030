//! Dataset folders: training images, test images and their ground truth.
//!
//! A [`Dataset`] is one folder with images of one kind of part, in one of several layouts
//! ([`Layout`]): that of a category of MVTec AD (Bergmann et al., CVPR 2019),
//!
//! ```text
//! train/good/*.png   test/good/*.png   test/<defect>/*.png   ground_truth/<defect>/<stem>_mask.png
//! ```
//!
//! those of other public datasets, folders named `good` and `bad`, or a plain folder of images of
//! good parts. Every image is taken for one thing or left out with a reason ([`LeftOut`]); where it
//! is not clear which images show good parts, the folder is refused.

mod content;
mod error;
mod ground_truth;
mod kolektor;
mod layout;
mod left_out;
mod list;
mod mask_content;
mod names;
mod open;
mod order;
mod pairs;
mod sort;
mod stems;
mod truth;
mod visa;
mod vocabulary;
mod walk;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::decode::{self, Limits};
use crate::plane::Mask;
use crate::text::count;
pub use content::{is_image_name, is_image_to_inspect};
pub use error::DatasetError;
pub use layout::Layout;
pub use left_out::{LeftOut, LeftOutKind, summarise_left_out};
pub use list::{Found, find_images, find_images_until, list_images};
pub use names::display_name;
pub use order::natural_order;
pub use truth::{MaskFault, MaskFinding, Truth, Turned, read_truth, summarise_masks};

/// The name of the test folder whose images show no defect.
pub const GOOD: &str = "good";

/// The images and masks of one kind of part: their paths, not their content.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dataset {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub root: PathBuf,
    /// How the folder is arranged.
    pub layout: Layout,
    /// Training images, all of good parts; empty when the folder has none.
    pub train: Vec<PathBuf>,
    /// Images of good parts that are neither for training nor for tests (`validation/good`).
    pub validation: Vec<PathBuf>,
    /// Test images, sorted by defect type; empty for a plain folder.
    pub test: Vec<TestImage>,
    /// Masks that no figure needs: of good images, of no image, or one of two for the same image.
    pub unused_masks: Vec<PathBuf>,
    /// Files that are none of these, with the reason.
    pub left_out: Vec<LeftOut>,
    /// What cannot be used and should be mended, such as a folder that cannot be read. The rest of
    /// the dataset can be used.
    pub problems: Vec<Problem>,
    /// Everything that the user should know: texts that each name a path. They include the problems
    /// and the images that were left out.
    pub warnings: Vec<String>,
    /// Why there are no training images, where the folder has a part for them.
    no_good_folder: Option<PathBuf>,
}

/// A part of a dataset that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong; it names the path.
    pub message: String,
    /// Which part of the dataset it concerns.
    pub part: Part,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Images that are learned from, or may be.
    Training,
    /// Test images and masks.
    Test,
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
    /// Further masks of the same image, where each of its defects has one. A pixel is anomalous if
    /// any of them marks it.
    pub more_masks: Vec<PathBuf>,
}

impl TestImage {
    /// Whether the image shows no defect.
    pub fn is_good(&self) -> bool {
        self.defect == GOOD
    }

    /// All masks of the image.
    pub fn masks(&self) -> impl Iterator<Item = &Path> {
        self.mask.iter().chain(&self.more_masks).map(PathBuf::as_path)
    }
}

/// The good images of a dataset, wherever they lie in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GoodPaths {
    /// The images, those for training first.
    pub paths: Vec<PathBuf>,
    /// How many are training images.
    pub train: usize,
    /// How many are validation images.
    pub validation: usize,
    /// How many are test images.
    pub test: usize,
}

impl fmt::Display for GoodPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.train, "training"), (self.validation, "validation"), (self.test, "test")];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(number, name)| format!("{number} {name}")).collect();
        write!(f, "{} ({})", count(self.paths.len(), "good image", "good images"), parts.join(", "))
    }
}

impl Dataset {
    /// Finds the images and masks of a dataset folder, whose layout is found out. It lists folders;
    /// of images it reads the labels of [`Layout::Kolektor`], and a few where a folder is named after
    /// masks.
    ///
    /// # Errors
    /// When the folder is missing, holds no images, holds several datasets, or does not say which
    /// of its images show good parts.
    pub fn open(root: &Path) -> Result<Self, DatasetError> {
        Self::open_as(root, None)
    }

    /// As [`open`](Self::open), in the layout given; `None` finds it out. With [`Layout::Plain`]
    /// every image counts as good, whatever the names of folders and files say.
    ///
    /// # Errors
    /// As for [`open`](Self::open), and when the folder has nothing of the layout.
    pub fn open_as(root: &Path, layout: Option<Layout>) -> Result<Self, DatasetError> {
        Self::open_until(root, layout, &|| false)
    }

    /// As [`open_as`](Self::open_as), until `stopped` says yes; it is asked before each file.
    ///
    /// # Errors
    /// As for [`open_as`](Self::open_as), and [`DatasetError::Stopped`].
    pub fn open_until(
        root: &Path,
        layout: Option<Layout>,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Self, DatasetError> {
        open::open(root, layout, stopped)
    }

    /// Whether the folder is in the layout of MVTec AD (has `train` or `test`).
    pub fn is_mvtec(&self) -> bool {
        self.layout == Layout::Mvtec
    }

    /// The training images.
    ///
    /// # Errors
    /// [`DatasetError::NoTrainingImages`] or [`DatasetError::NoGoodFolder`] when there are none.
    pub fn training_images(&self) -> Result<&[PathBuf], DatasetError> {
        if !self.train.is_empty() {
            return Ok(&self.train);
        }
        Err(match &self.no_good_folder {
            Some(path) => DatasetError::NoGoodFolder { path: path.clone() },
            None => DatasetError::NoTrainingImages { path: self.root.clone() },
        })
    }

    /// All images of good parts: training, validation and test. None of them shows a defect as far
    /// as the folders tell, and none is a mask.
    ///
    /// # Errors
    /// As [`training_images`](Self::training_images) when there is none at all.
    pub fn good_images(&self) -> Result<GoodPaths, DatasetError> {
        let test = self.test.iter().filter(|image| image.is_good()).map(|image| image.path.clone());
        let test: Vec<PathBuf> = test.collect();
        let counts = (self.train.len(), self.validation.len(), test.len());
        let paths = [self.train.clone(), self.validation.clone(), test].concat();
        if paths.is_empty() {
            self.training_images()?;
        }
        let (train, validation, test) = counts;
        Ok(GoodPaths { paths, train, validation, test })
    }

    /// The problems that concern training.
    pub fn training_problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.part == Part::Training)
    }

    /// A remark, where there are test images but none of good parts.
    pub fn without_good_tests(&self) -> Option<String> {
        let missing = !self.test.is_empty() && !self.test.iter().any(TestImage::is_good);
        missing.then(|| {
            format!(
                "{} has no test images of good parts, so that figures which compare good and defective images are \
                 missing",
                display_name(&self.root)
            )
        })
    }

    /// Whether something of this part was passed over that should have been looked at: folders that
    /// cannot be read, images of a kind that is not read, masks that contradict each other.
    pub fn is_incomplete(&self, part: Part) -> bool {
        let concerns =
            |path: &Path| open::part(path, &self.root, self.layout).is_none_or(|other| other == part);
        let lost = self.left_out.iter().any(|item| item.is_loss() && concerns(&item.path));
        lost || self.problems.iter().any(|problem| problem.part == part || concerns(&problem.path))
    }

    /// Compares the size of every mask with that of its image, from the file headers alone. Returns
    /// an error for each mask that has another size or cannot be read, in the order of
    /// [`test`](Self::test).
    pub fn check_masks(&self, limits: &Limits) -> Vec<DatasetError> {
        let check = |image: &TestImage| -> Result<(), DatasetError> {
            let mut masks = image.masks().peekable();
            if masks.peek().is_none() {
                return Ok(());
            }
            let size = decode::probe(&image.path, limits)?;
            masks.try_for_each(|mask| same_size(image, size, mask, decode::probe(mask, limits)?))
        };
        self.test.iter().filter_map(|image| check(image).err()).collect()
    }
}

/// The folders in `root` that are datasets of their own, such as the categories of MVTec AD or
/// VisA, in natural order; empty when `root` is a dataset itself, or holds none. Each can be opened
/// as a [`Dataset`].
///
/// # Errors
/// When the folder is missing or cannot be read.
pub fn categories(root: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    layout::categories(root)
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
    let mut joined: Option<Mask> = None;
    for path in image.masks() {
        let mask = decode::load_mask(path, limits)?;
        same_size(image, size, path, (mask.width(), mask.height()))?;
        joined = Some(match joined {
            None => mask,
            Some(all) => truth::join(all, &mask),
        });
    }
    Ok(joined)
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
