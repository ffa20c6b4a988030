//! Evaluating a model on a dataset's test images.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anoseg_image::dataset::{MaskFinding, Truth};
use anoseg_image::write::ResultNames;
use anoseg_image::{Dataset, Decoded, Image, Limits, Mask, TestImage, dataset, decode, write};
use anoseg_infer::{Analysis, Decision, Model, file_digest};
use anoseg_metrics::{Curves, EvaluatedImage, Evaluation, Evaluator, Thresholds};
use serde::Serialize;

use crate::doubts::Doubts;
pub use crate::reported::Reported;
use crate::reported::Reports;
use crate::{Error, Result, Table};

/// Most points of a curve; more make no visible difference in a plot.
const CURVE_POINTS: usize = 300;

/// A test image and its result; its map is not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The image's file.
    pub path: PathBuf,
    /// Its defect type, `good` for none.
    pub defect: String,
    /// How anomalous the image is, 0..=1.
    pub score: f32,
    /// The decision at the calibrated thresholds.
    pub decision: Decision,
    /// The file of its map in the folder of the maps; None where maps are not written.
    pub map: Option<String>,
}

/// All figures of a test set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Version of this object's layout.
    pub schema: u32,
    /// Name of the dataset's folder.
    pub category: String,
    /// Figures over all test images.
    #[serde(flatten)]
    pub all: Evaluation,
    /// Mean time from the decoded image to its map and score.
    pub seconds_per_image: Option<f64>,
    /// Figures of each defect type against all good images.
    pub defects: BTreeMap<String, Evaluation>,
}

/// The JSON object of `eval --json`: the figures, and the data they were computed from except the
/// maps, so that they can be recomputed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// What `predict` reports of these images.
    pub reported: Reported,
    /// The thresholds that the figures at a threshold were computed at.
    pub thresholds: ThresholdRecord,
    /// One entry per image that could be read, in the dataset's order.
    pub pictures: Vec<ImageRecord>,
    /// What the user should know of the dataset, a sentence each: what was left out, masks that are
    /// implausible, and what makes the figures doubtful.
    pub warnings: Vec<String>,
}

/// A model's thresholds; a value must be strictly greater to exceed one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ThresholdRecord {
    /// Scores above this reject the image.
    pub image: f32,
    /// Scores above this send it to review.
    pub review: f32,
    /// Map values above this mark the pixel.
    pub pixel: f32,
}

/// A test image's entry in the record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImageRecord {
    /// The image's file, relative to the dataset's folder if it is inside.
    pub file: PathBuf,
    /// Its defect type, `good` for none.
    pub defect: String,
    /// How anomalous the image is, 0..=1.
    pub score: f32,
    /// The decision at the calibrated thresholds.
    pub decision: Decision,
    /// The file of its map, relative to the folder of the maps; left out where maps are not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
}

/// An evaluated test set.
#[derive(Debug)]
pub struct TestRun {
    /// One entry per image that could be read, in the dataset's order.
    pub judged: Vec<Judged>,
    /// Images left out, and why.
    pub failures: Vec<Error>,
    /// What speaks against masks. Images whose mask would falsify the figures of pixels count for
    /// whole-image figures only.
    pub masks: Vec<MaskFinding>,
    /// The figures.
    pub figures: Figures,
    /// What `predict` reports of these images.
    pub reported: Reported,
    /// The curves, simplified for plotting.
    pub curves: Curves,
    /// Image AUROC with the score of the map alone, without the second GAN. None where the test
    /// images are all good or all not.
    pub image_auroc_by_map: Option<f64>,
    /// What makes the figures doubtful, a sentence each without its full stop: test images that were
    /// trained on or gave the thresholds, images unlike those of the training, equal scores.
    pub doubts: Vec<String>,
    /// Outputs that could not be written, and why; the figures do not depend on them.
    pub unwritten: Vec<Error>,
    thresholds: ThresholdRecord,
    root: PathBuf,
    dataset_warnings: Vec<String>,
}

impl Figures {
    /// The figures as a table: one row for each defect type and one for all.
    pub fn table(&self) -> Table {
        let columns = [
            "images", "im AUROC", "im AP", "px AUROC", "px AP", "F1 max", "IoU max", "IoU thr", "region",
            "PRO .30", "PRO .05", "detected",
        ];
        let all = std::iter::once((&self.category, &self.all));
        let rows = self.defects.iter().chain(all).map(|(name, figures)| (name.clone(), cells(figures)));
        Table { head: String::new(), columns: columns.map(str::to_owned).to_vec(), rows: rows.collect() }
    }

    /// The image-level shares with their 95 % intervals, a line each.
    pub fn intervals(&self) -> Vec<String> {
        let all = &self.all;
        let share = |name: &str, value: Option<f64>, interval: Option<[f64; 2]>| {
            let (value, [low, high]) = (value?, interval?);
            if all.ranks_nothing() && value == 0.5 && low == high {
                return Some(format!("{name}: 50 %, because the scores are equal"));
            }
            let [value, low, high] = [value, low, high].map(|share| 100.0 * share);
            Some(format!("{name}: {value:.1} % (95 % interval {low:.1} to {high:.1})"))
        };
        let lines = [
            share("image AUROC", all.image_auroc, all.intervals.image_auroc),
            share("defective images rejected", all.detection_rate, all.intervals.detection_rate),
            share("good images rejected", all.false_reject_rate, all.intervals.false_reject_rate),
        ];
        lines.into_iter().flatten().collect()
    }
}

fn cells(evaluation: &Evaluation) -> Vec<String> {
    let values = [
        evaluation.image_auroc,
        evaluation.image_ap,
        evaluation.pixel_auroc,
        evaluation.pixel_ap,
        evaluation.pixel_f1_max,
        evaluation.iou_max,
        evaluation.iou_at_threshold,
        evaluation.region_recall,
        evaluation.aupro_30,
        evaluation.aupro_05,
        evaluation.detection_rate,
    ];
    let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    std::iter::once(evaluation.images.to_string()).chain(values.map(text)).collect()
}

impl TestRun {
    /// The shares of images rejected and reviewed, and of what is marked, a line each.
    pub fn lines(&self) -> Vec<String> {
        [self.figures.intervals(), self.reported.lines()].concat()
    }

    /// Whether every image and every mask could be used.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && !self.masks.iter().any(MaskFinding::excludes)
    }

    /// The record that `eval --json` writes.
    pub fn record(&self) -> Record {
        let images = self.judged.iter().map(|judged| ImageRecord {
            file: judged.path.strip_prefix(&self.root).unwrap_or(&judged.path).to_owned(),
            defect: judged.defect.clone(),
            score: judged.score,
            decision: judged.decision,
            map: judged.map.clone(),
        });
        let mut warnings = self.dataset_warnings.clone();
        warnings.extend(self.masks.iter().map(ToString::to_string));
        warnings.extend(self.failures.iter().map(|failure| format!("left out: {failure}")));
        warnings.extend(self.doubts.iter().cloned());
        let Self { figures, reported, thresholds, .. } = self;
        let (figures, reported, thresholds) = (figures.clone(), *reported, *thresholds);
        Record { figures, reported, thresholds, pictures: images.collect(), warnings }
    }
}

/// Called with each image as soon as it is judged; image and map are dropped after the call.
pub type OnJudged<'a> = dyn FnMut(&Judged, &EvaluatedImage, &Image) -> Result<()> + 'a;

/// Checks that `dataset` has test images, before a long run that ends in an evaluation.
///
/// # Errors
/// It has none.
pub fn require_test_images(dataset: &Dataset) -> Result<()> {
    if dataset.test.is_empty() {
        let what =
            "there is nothing to evaluate: it has no test folder with images (test/good, test/<defect>)";
        return Err(Error::data(&dataset.root, what));
    }
    Ok(())
}

/// Evaluates a model on every test image of `dataset`. Images are read, judged, ranked and dropped
/// one by one: memory does not grow with the number of images, except for the ranking of their
/// pixels.
///
/// Images that cannot be read are left out and returned in [`TestRun::failures`].
///
/// # Errors
/// There is no test image, or none can be read; the model is not calibrated; `on_judged` fails.
pub fn evaluate(model: &Model, dataset: &Dataset, on_judged: &mut OnJudged<'_>) -> Result<TestRun> {
    evaluate_within(model, dataset, &Limits::default(), on_judged)
}

/// As [`evaluate`], with images and masks within these limits.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_within(
    model: &Model,
    dataset: &Dataset,
    limits: &Limits,
    on_judged: &mut OnJudged<'_>,
) -> Result<TestRun> {
    require_test_images(dataset)?;
    let calibration = model.calibration()?;
    let (mut judged, mut failures, mut masks, mut seconds) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
    let (mut evaluator, mut by_map) = (Evaluator::new(), MapScores::default());
    let (mut doubts, mut reports) = (Doubts::new(model.description()), Reports::default());
    for test in &dataset.test {
        let (Decoded { image, further_pages, .. }, Truth { mask, findings, .. }, digest) =
            match read(test, limits) {
                Ok(read) => read,
                Err(error) => {
                    failures.push(error);
                    continue;
                }
            };
        masks.extend(findings);
        doubts.add(&test.path, &digest, &model.warnings(&image));
        if further_pages > 0 {
            doubts.add_further_images(&test.path);
        }
        let begun = Instant::now();
        let Analysis { score, map } = model.analyse(&image)?;
        let inside = model.inside(&image);
        seconds += begun.elapsed().as_secs_f64();
        let (path, defect) = (test.path.clone(), test.defect.clone());
        let entry =
            Judged { path, defect: defect.clone(), score, decision: calibration.decide(score), map: None };
        let measured = EvaluatedImage { defect, score, map, mask };
        on_judged(&entry, &measured, &model.scaled(&image))?;
        evaluator.add_inside(&measured, inside.as_ref())?;
        let (marked, _) = model.marks(&image, &measured.map, score)?;
        reports.add(&measured, entry.decision, &marked, inside.as_ref())?;
        by_map.add(model, &measured, inside.as_ref());
        doubts.add_region(&measured, inside.as_ref());
        judged.push(entry);
    }
    if judged.is_empty() {
        let first = failures.into_iter().next();
        return Err(first.unwrap_or_else(|| Error::data(&dataset.root, "no test image can be read")));
    }
    let thresholds = Thresholds { image: calibration.image_threshold, pixel: calibration.pixel_threshold };
    let results = evaluator.finish(Some(thresholds), CURVE_POINTS)?;
    let figures = Figures {
        schema: 1,
        category: dataset.name.clone(),
        all: results.all,
        seconds_per_image: Some(seconds / judged.len() as f64),
        defects: results.by_defect.into_iter().collect(),
    };
    let thresholds = ThresholdRecord {
        image: calibration.image_threshold,
        review: calibration.review_threshold,
        pixel: calibration.pixel_threshold,
    };
    let (curves, root) = (results.curves, dataset.root.clone());
    let image_auroc_by_map = by_map.auroc()?;
    let dataset_warnings = dataset.warnings.clone();
    Ok(TestRun {
        doubts: doubts.lines(&judged),
        judged,
        failures,
        masks,
        figures,
        reported: reports.shares()?,
        curves,
        image_auroc_by_map,
        thresholds,
        root,
        dataset_warnings,
        unwritten: Vec::new(),
    })
}

/// Scores of the maps alone.
#[derive(Default)]
struct MapScores {
    scores: Vec<f32>,
    anomalous: Vec<bool>,
}

impl MapScores {
    fn add(&mut self, model: &Model, image: &EvaluatedImage, inside: Option<&Mask>) {
        let (rule, geometry) =
            (model.description().postprocess.score, &model.description().preprocess.geometry);
        let plane = geometry.plane(image.map.width(), image.map.height());
        let pixels = image.map.as_slice().len() as f64 / (plane.width * plane.height).max(1) as f64;
        let area = (geometry.reference_area(plane) as f64 * pixels).round() as usize;
        let logits = image.map.map(anoseg_infer::logit);
        self.scores.push(rule.score(&image.map, &logits, inside, area));
        self.anomalous.push(!image.is_good());
    }

    fn auroc(&self) -> Result<Option<f64>> {
        Ok(anoseg_metrics::auroc(&self.scores, &self.anomalous)?)
    }
}

/// The image, its ground truth and the digest of its file.
fn read(test: &TestImage, limits: &Limits) -> Result<(Decoded, Truth, String)> {
    let content = decode::read_file(&test.path, limits)?;
    let image = Decoded::from_bytes(&content, &test.path, limits)?;
    let truth = dataset::read_truth(test, &image, limits);
    Ok((image, truth, file_digest(&content)))
}

/// Writes maps as float32 TIFF into a folder, in the test folder's structure:
/// `<folder>/<defect>/<stem>.tiff`, with a number where several images have the same stem, or where
/// a file is there that is no result.
#[derive(Debug)]
pub struct MapFiles {
    folder: PathBuf,
    names: BTreeMap<String, ResultNames>,
}

impl MapFiles {
    /// Writes nothing yet; folders are made as they are needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), names: BTreeMap::new() }
    }

    /// Writes the map of an image; gives its name relative to the folder.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, judged: &Judged, evaluated: &EvaluatedImage) -> Result<String> {
        let defect = write::usable_name(&evaluated.defect);
        let folder = self.folder.join(&defect);
        std::fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        let names = self.names.entry(defect.clone()).or_insert_with(|| ResultNames::new(&folder));
        let stem = names.stem(&judged.path);
        let name = names.file(&stem, "", "tiff");
        write::write_tiff_f32(&folder.join(&name), &evaluated.map)?;
        Ok(format!("{defect}/{name}"))
    }
}
