//! Evaluating a model on a category's test pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anoseg_image::{Category, Image, Limits, TestImage, dataset, decode, write};
use anoseg_metrics::{EvaluatedImage, Evaluation, Thresholds};
use serde::Serialize;

use crate::calibrate::Decision;
use crate::model::{Analysis, Model};
use crate::train::make_folder;
use crate::{Error, Result};

/// A test picture and what the model decided.
pub struct Judged {
    /// The picture's file.
    pub path: PathBuf,
    /// What the model decided.
    pub decision: Decision,
}

/// All figures of a test set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Version of this object's layout.
    pub schema: u32,
    /// Name of the category folder.
    pub category: String,
    /// Figures over all test pictures.
    #[serde(flatten)]
    pub all: Evaluation,
    /// Mean time from the decoded picture to its map and score.
    pub seconds_per_image: Option<f64>,
    /// Figures of each defect type against all good pictures.
    pub defects: BTreeMap<String, Evaluation>,
}

/// The JSON object of `eval --json`: the figures, and what they were computed from but the maps, so that anybody can
/// compute them again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// The thresholds that the figures at a threshold were computed at.
    pub thresholds: ThresholdRecord,
    /// One entry per picture that could be read, in the dataset's order.
    pub pictures: Vec<PictureRecord>,
}

/// A model's thresholds; a value must be strictly greater to exceed one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ThresholdRecord {
    /// Scores above this reject the picture.
    pub image: f32,
    /// Scores above this send it to review.
    pub review: f32,
    /// Map values above this mark the pixel.
    pub pixel: f32,
}

/// A test picture as it is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PictureRecord {
    /// The picture's file, below the category folder where it lies there.
    pub file: PathBuf,
    /// Its defect type, `good` for none.
    pub defect: String,
    /// How anomalous the model says it is.
    pub score: f32,
    /// What the model decided.
    pub decision: Decision,
}

/// An evaluated test set.
pub struct TestRun {
    /// One entry per picture that could be read, in the dataset's order.
    pub judged: Vec<Judged>,
    /// Score, map and ground truth of those pictures, in the same order.
    pub evaluated: Vec<EvaluatedImage>,
    /// Pictures left out, and why.
    pub failures: Vec<Error>,
    /// The figures.
    pub figures: Figures,
    thresholds: ThresholdRecord,
    root: PathBuf,
}

impl TestRun {
    /// What `eval --json` writes.
    pub fn record(&self) -> Record {
        let pictures = self.judged.iter().zip(&self.evaluated).map(|(judged, evaluated)| PictureRecord {
            file: judged.path.strip_prefix(&self.root).unwrap_or(&judged.path).to_owned(),
            defect: evaluated.defect.clone(),
            score: evaluated.score,
            decision: judged.decision,
        });
        Record { figures: self.figures.clone(), thresholds: self.thresholds, pictures: pictures.collect() }
    }
}

/// What is called with each picture, as soon as it is judged: the picture itself is not kept.
pub type OnJudged<'a> = dyn FnMut(&Judged, &EvaluatedImage, &Image) -> Result<()> + 'a;

/// Checks that `category` has test pictures, before anything long is begun that ends in an evaluation.
///
/// # Errors
/// It has none.
pub fn require_test_pictures(category: &Category) -> Result<()> {
    if category.test.is_empty() {
        let what =
            "there is nothing to evaluate: it has no test folder with pictures (test/good, test/<defect>)";
        return Err(Error::data(&category.root, what));
    }
    Ok(())
}

/// Judges every test picture of `category` and computes the figures.
///
/// Pictures that cannot be read are left out and returned in [`TestRun::failures`].
///
/// # Errors
/// There is no test picture, or none can be read; the model is not calibrated; `on_judged` fails.
pub fn evaluate(model: &Model, category: &Category, on_judged: &mut OnJudged<'_>) -> Result<TestRun> {
    require_test_pictures(category)?;
    let calibration = model.calibration()?;
    let (mut judged, mut evaluated, mut failures, mut seconds) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
    for test in &category.test {
        let (image, mask) = match read(test) {
            Ok(read) => read,
            Err(error) => {
                failures.push(error);
                continue;
            }
        };
        let begun = Instant::now();
        let analysis = model.analyse(&image)?;
        seconds += begun.elapsed().as_secs_f64();
        let decision = calibration.decide(analysis.score);
        let entry = Judged { path: test.path.clone(), decision };
        let Analysis { score, map } = analysis;
        let measured = EvaluatedImage { defect: test.defect.clone(), score, map, mask };
        on_judged(&entry, &measured, &image)?;
        judged.push(entry);
        evaluated.push(measured);
    }
    if judged.is_empty() {
        let first = failures.into_iter().next();
        return Err(first.unwrap_or_else(|| Error::data(&category.root, "no test picture can be read")));
    }
    let thresholds = Thresholds { image: calibration.image_threshold, pixel: calibration.pixel_threshold };
    let seconds_per_image = Some(seconds / judged.len() as f64);
    let all = anoseg_metrics::evaluate(&evaluated, Some(thresholds))?;
    let defects = anoseg_metrics::evaluate_by_defect(&evaluated, Some(thresholds))?.into_iter().collect();
    let figures = Figures { schema: 1, category: category.name.clone(), all, seconds_per_image, defects };
    let thresholds = ThresholdRecord {
        image: calibration.image_threshold,
        review: calibration.review_threshold,
        pixel: calibration.pixel_threshold,
    };
    Ok(TestRun { judged, evaluated, failures, figures, thresholds, root: category.root.clone() })
}

fn read(test: &TestImage) -> Result<(Image, Option<anoseg_image::Mask>)> {
    let limits = Limits::default();
    let image = decode::load(&test.path, &limits)?;
    let mask = dataset::load_ground_truth(test, (image.width(), image.height()), &limits)?;
    Ok((image, mask))
}

/// Writes a map as float32 TIFF into `folder`, in the test folder's structure: `<folder>/<defect>/<stem>.tiff`.
///
/// # Errors
/// The file cannot be written.
pub fn write_map(folder: &Path, judged: &Judged, evaluated: &EvaluatedImage) -> Result<()> {
    let folder = folder.join(&evaluated.defect);
    make_folder(&folder)?;
    let stem = judged.path.file_stem().unwrap_or(judged.path.as_os_str());
    let mut name = stem.to_os_string();
    name.push(".tiff");
    write::write_tiff_f32(&folder.join(name), &evaluated.map)?;
    Ok(())
}
