//! What a dataset is taken for, and which of its files are implausible.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anoseg_image::dataset::{self, LeftOut, LeftOutKind, MaskFinding, TestImage, display_name};
use anoseg_image::text::count;
use anoseg_image::{Dataset, Decoded, Limits};
use anoseg_infer::Preprocess;
use serde::Serialize;

use crate::data::load_within;
use crate::in_parallel::{probe_all, read_all};
use crate::remark::Remark;
use crate::repeated::{self, Tested};
use crate::sanity::{self, Identity};
use crate::{Config, Error, Result, few_good_images};

/// Side of the images on which the training set is compared, in pixels.
const SIDE: usize = 64;

/// The JSON document of `check --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Examinations {
    /// Version of this object's layout.
    pub schema: u32,
    /// Version of the program.
    pub version: String,
    /// One entry for each dataset.
    pub datasets: Vec<Examination>,
}

impl Examinations {
    /// The document of these datasets.
    pub fn new(datasets: Vec<Examination>) -> Self {
        Self { schema: 1, version: env!("CARGO_PKG_VERSION").to_owned(), datasets }
    }
}

/// What a dataset is taken for, and what is wrong with it.
#[derive(Clone, Debug, Serialize)]
pub struct Examination {
    /// Name of the dataset's folder.
    pub name: String,
    /// The folder.
    pub folder: String,
    /// The layout, as it is chosen: `plain`, `mvtec`, ...
    pub layout: String,
    /// How many images of good parts are learned from: those that can be read.
    pub train: usize,
    /// How many images of good parts are neither for training nor for tests.
    pub validation: usize,
    /// How many test images of each type can be read, `good` for no defect.
    pub test: BTreeMap<String, TestCounts>,
    /// Masks that no figure needs: of good images, of no image, or one of two for the same image.
    pub unused_masks: Vec<String>,
    /// Files that were left out.
    pub left_out: Vec<LeftOutFile>,
    /// What cannot be used: folders and files that cannot be read, masks that would falsify figures.
    pub problems: Vec<String>,
    /// What can be used but is implausible: copies, black images, masks that mark most of an image.
    pub remarks: Vec<String>,
    /// How the folder was understood, where that is not obvious, and how many images are advised.
    pub notes: Vec<String>,
}

/// Test images of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TestCounts {
    /// Images.
    pub images: usize,
    /// Images with a mask.
    pub masks: usize,
}

/// A file that was left out.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOutFile {
    /// The file.
    pub file: String,
    /// Why.
    pub reason: String,
    /// What kind of reason: `not_read`, `unsorted`, `not_good`, `companion`, `result`, `repeated`,
    /// `no_image` or `hidden`.
    pub kind: &'static str,
    #[serde(skip)]
    item: LeftOut,
}

impl From<&LeftOut> for LeftOutFile {
    fn from(item: &LeftOut) -> Self {
        let kind = match item.kind {
            LeftOutKind::NotRead => "not_read",
            LeftOutKind::Unsorted => "unsorted",
            LeftOutKind::NotGood => "not_good",
            LeftOutKind::Companion => "companion",
            LeftOutKind::Result => "result",
            LeftOutKind::Repeated => "repeated",
            LeftOutKind::Hidden => "hidden",
            _ => "no_image",
        };
        Self { file: display_name(&item.path), reason: item.reason.clone(), kind, item: item.clone() }
    }
}

impl Examination {
    /// Whether nothing is wrong: every image and every mask can be used and is plausible.
    pub fn is_fine(&self) -> bool {
        let lost = self.left_out.iter().any(|file| file.item.is_loss());
        !lost && self.problems.is_empty() && self.remarks.is_empty()
    }

    /// What is taken for what, a line each.
    pub fn counts(&self) -> Vec<String> {
        let images = |n: usize| count(n, "image", "images");
        let mut lines = Vec::new();
        if self.train > 0 || self.test.is_empty() {
            lines.push(format!("{} of good parts to learn from", images(self.train)));
        }
        if self.validation > 0 {
            lines.push(format!("{} of good parts for validation, not learned from", images(self.validation)));
        }
        for (name, counts) in &self.test {
            lines.push(match name.as_str() {
                dataset::GOOD => format!("{} of good parts to test with", images(counts.images)),
                defect => {
                    let masks = count(counts.masks, "with a mask", "with masks");
                    format!("{} of defect {defect} to test with, {masks}", images(counts.images))
                }
            });
        }
        lines
    }

    /// What was left out, summed up.
    pub fn left_out_summary(&self) -> Vec<String> {
        let left_out: Vec<LeftOut> = self.left_out.iter().map(|file| file.item.clone()).collect();
        dataset::summarise_left_out(&left_out, true)
    }

    /// Everything that is wrong, except what was left out.
    pub fn findings(&self) -> impl Iterator<Item = &String> {
        self.problems.iter().chain(&self.remarks)
    }
}

/// Reads all images and masks of a dataset and looks for what is implausible.
///
/// # Errors
/// A fault of this library.
pub fn examine(dataset: &Dataset) -> Result<Examination> {
    examine_within(dataset, &Limits::default())
}

/// As [`examine`], each image within these limits.
///
/// # Errors
/// As [`examine`].
pub fn examine_within(dataset: &Dataset, limits: &Limits) -> Result<Examination> {
    let mut found = Examination {
        name: dataset.name.clone(),
        folder: display_name(&dataset.root),
        layout: dataset.layout.to_string(),
        train: dataset.train.len(),
        validation: dataset.validation.len(),
        test: BTreeMap::new(),
        unused_masks: dataset.unused_masks.iter().map(|path| display_name(path)).collect(),
        left_out: dataset.left_out.iter().map(LeftOutFile::from).collect(),
        problems: dataset.problems.iter().map(|problem| problem.message.clone()).collect(),
        remarks: Vec::new(),
        notes: Vec::new(),
    };
    let said = dataset::summarise_left_out(&dataset.left_out, false);
    let known = |warning: &String| found.problems.contains(warning) || said.contains(warning);
    found.notes = dataset.warnings.iter().filter(|warning| !known(warning)).cloned().collect();
    if let Some(note) = dataset.without_good_tests() {
        found.notes.push(note);
    }
    for image in &dataset.test {
        let counts = found.test.entry(image.defect.clone()).or_default();
        counts.images += 1;
        counts.masks += usize::from(image.mask.is_some());
    }
    let learned = examine_training(dataset, limits, &mut found)?;
    examine_tests(dataset, &learned, limits, &mut found);
    Ok(found)
}

/// The images to learn from: those that cannot be read, copies, black ones, strangers. Gives those
/// that can be read.
fn examine_training(
    dataset: &Dataset,
    limits: &Limits,
    found: &mut Examination,
) -> Result<HashMap<Identity, PathBuf>> {
    let mut learned = HashMap::new();
    if dataset.train.is_empty() {
        return Ok(learned);
    }
    found.notes.extend(few_good_images(dataset.train.len()));
    let mut config = Config::default();
    config.input.size = SIDE;
    match load_within(dataset, &config, limits) {
        Ok(good) => {
            for image in &good.seen {
                learned.entry(image.identity()).or_insert_with(|| dataset.root.join(&image.name));
            }
            found.train -= good.unreadable;
            found.problems.extend(good.warnings.clone());
            let (notes, remarks): (Vec<_>, Vec<_>) = good.remarks().into_iter().partition(Remark::is_note);
            found.remarks.extend(remarks.iter().map(Remark::to_string));
            found.notes.extend(notes.iter().map(Remark::to_string));
        }
        Err(error @ Error::Bug(_)) => return Err(error),
        Err(error) => {
            // Too few can be read to learn from.
            found.train = 0;
            found.problems.push(error.to_string());
        }
    }
    Ok(learned)
}

/// The other images: those that cannot be read, masks, images that are `learned` from as well, copies.
fn examine_tests(
    dataset: &Dataset,
    learned: &HashMap<Identity, PathBuf>,
    limits: &Limits,
    found: &mut Examination,
) {
    let others: Vec<PathBuf> =
        dataset.validation.iter().chain(dataset.test.iter().map(|image| &image.path)).cloned().collect();
    if others.is_empty() {
        return;
    }
    // As the images to learn from are compared with each other.
    let preprocess = Preprocess::square(SIDE, Config::default().input.filter);
    let by_path: HashMap<&Path, &TestImage> =
        dataset.test.iter().map(|image| (image.path.as_path(), image)).collect();
    let read = read_all(&probe_all(&others, limits), |path| {
        let image = Decoded::load(path, limits)?;
        let truth = by_path.get(path).map(|test| dataset::read_truth(test, &image, limits));
        let size = [image.image.width(), image.image.height()];
        let identity = (sanity::digest(&preprocess.resample(&image.image)), size);
        Ok::<_, Error>(Tested::new(&image, truth.unwrap_or_default(), identity))
    });
    let mut masks = Vec::new();
    let mut readable: Vec<(&TestImage, Tested)> = Vec::new();
    let (mut known, mut constant, mut further) = (Vec::new(), Vec::new(), Vec::new());
    for (path, tested) in others.iter().zip(read) {
        let test = by_path.get(path.as_path()).copied();
        match tested {
            Ok(mut tested) => {
                masks.append(&mut tested.masks);
                known.extend(learned.get(&tested.identity).map(|train| (path.as_path(), train)));
                further.extend(tested.further.then_some(path.as_path()));
                constant.extend(tested.constant.then_some(path.as_path()));
                readable.extend(test.map(|test| (test, tested)));
            }
            Err(error) => {
                found.leave_out(test);
                found.problems.push(format!("left out: {error}"));
            }
        }
    }
    let (problems, remarks): (Vec<_>, Vec<_>) = masks.into_iter().partition(MaskFinding::excludes);
    found.problems.extend(dataset::summarise_masks(&problems));
    found.remarks.extend(dataset::summarise_masks(&remarks));
    found.remarks.extend(repeated::remarks(&readable));
    if let Some((test, train)) = known.first() {
        found.remarks.push(format!(
            "{} learned from as well: {} is the same as {}",
            count(known.len(), "image to test with is", "images to test with are"),
            display_name(test),
            display_name(train)
        ));
    }
    if let Some(first) = further.first() {
        found.notes.push(format!(
            "{}, such as pages or frames; only the first is used: {}",
            count(
                further.len(),
                "image to test with is the first of several in its file",
                "images to test with are the first of several in their files"
            ),
            display_name(first)
        ));
    }
    if let Some(first) = constant.first() {
        found.remarks.push(format!(
            "{} a single value, as a covered lens gives: {}",
            count(constant.len(), "image to test with has", "images to test with have"),
            display_name(first)
        ));
    }
}

impl Examination {
    /// Takes an image out of the counts, because it cannot be read; none is one for validation.
    fn leave_out(&mut self, test: Option<&TestImage>) {
        let Some(test) = test else {
            self.validation = self.validation.saturating_sub(1);
            return;
        };
        if let Some(counts) = self.test.get_mut(&test.defect) {
            counts.images = counts.images.saturating_sub(1);
            counts.masks = counts.masks.saturating_sub(usize::from(test.mask.is_some()));
        }
    }
}
