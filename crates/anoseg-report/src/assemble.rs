//! From a model and its test run to the report's view model.

use std::sync::Arc;

use anoseg_image::draw::{GROUND_TRUTH_COLOUR, contours, draw_region, heat_overlay, outlined};
use anoseg_image::{Dataset, Image, Mask};
use anoseg_infer::{Calibration, Model};
use anoseg_metrics::{Curves, EvaluatedImage, Evaluation};
use anoseg_train::calibrate::recipe;
use anoseg_train::evaluate::{Judged, TestRun};
use anoseg_train::{Result, RunDir, StepRecord, load_good_images_as, synthesizer, without_small};

use crate::format::percent;
use crate::html::render;
use crate::model::{Curve, Report, ReportImage, Thresholds, TrainingPoint};
use crate::summary::plain_summary;
use crate::thumbnail::Thumbnail;

/// Points of the plotted training curve.
const TRAINING_POINTS: usize = 400;

/// Synthetic pairs shown.
const SAMPLES: u64 = 12;

/// Collects what the report shows while the test images pass by, so that they need not be kept.
pub struct Assembly<'a> {
    model: &'a Model,
    calibration: &'a Calibration,
    images: Vec<ReportImage>,
}

impl<'a> Assembly<'a> {
    /// An empty report about `model`.
    ///
    /// # Errors
    /// The model is not calibrated.
    pub fn new(model: &'a Model) -> Result<Self> {
        Ok(Self { model, calibration: model.calibration()?, images: Vec::new() })
    }

    /// Adds a test image.
    ///
    /// # Errors
    /// The model is not calibrated.
    pub fn add(&mut self, judged: &Judged, evaluated: &EvaluatedImage, image: &Image) -> Result<()> {
        // As `predict` marks it: shares of area are those of the part's frame, for example.
        let (marked, _) = self.model.marks(image, &evaluated.map, evaluated.score)?;
        let inside = self.model.inside(image);
        let threshold = self.calibration.pixel_threshold;
        self.images.push(report_image_inside(
            judged,
            evaluated,
            (image, &marked, inside.as_ref()),
            threshold,
        ));
        Ok(())
    }

    /// The finished page; see [`Assembly::report`].
    ///
    /// # Errors
    /// As [`Assembly::report`].
    pub fn render(self, run: &TestRun, dataset: &Dataset, run_dir: &RunDir) -> Result<String> {
        Ok(render(&self.report(run, dataset, run_dir)?))
    }

    /// The contents of the page. `run_dir` is the training's run directory; what it lacks is left out.
    ///
    /// # Errors
    /// A file of the run directory exists but cannot be read.
    pub fn report(self, run: &TestRun, dataset: &Dataset, run_dir: &RunDir) -> Result<Report> {
        let calibration = self.calibration;
        let thresholds = Thresholds {
            image: calibration.image_threshold,
            review: calibration.review_threshold,
            pixel: calibration.pixel_threshold,
        };
        let mut report = Report::new(dataset.name.clone(), thresholds);
        report.figures = Some(run.figures.all.clone());
        report.by_defect = run.figures.defects.clone().into_iter().collect();
        report.curves = curves(&run.curves, &run.figures.all);
        report.provenance = provenance(self.model, dataset);
        report.region = self.model.description().preprocess.region.is_some();
        let log = run_dir.log()?;
        report.training = training(&log.records);
        report.config = run_dir.config_text()?.unwrap_or_default();
        let trained_on = self.model.description().provenance.training_images as u64;
        report.summary = vec![plain_summary(trained_on, calibration.false_reject, &self.images)];
        report.summary.extend(self.model.description().cautions().into_iter().map(sentence));
        report.summary.extend(run.doubts.iter().cloned().map(sentence));
        if log.broken > 0 {
            let path = run_dir.log_path();
            let remark = format!("Broken lines of {} are left out: {}.", path.display(), log.broken);
            report.summary.push(remark);
        }
        match samples(self.model, dataset) {
            Ok(samples) => report.samples = samples,
            Err(error) => {
                report.summary.push(format!("The samples of synthetic anomalies are missing: {error}."))
            }
        }
        report.images = self.images;
        Ok(report)
    }
}

/// A remark as a sentence of its own.
fn sentence(remark: String) -> String {
    let mut rest = remark.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).chain(['.']).collect()
}

/// What the report keeps of a test image and of what is marked on it; colouring begins below `pixel_threshold`.
pub fn report_image(
    judged: &Judged,
    evaluated: &EvaluatedImage,
    (image, marked): (&Image, &Mask),
    pixel_threshold: f32,
) -> ReportImage {
    report_image_inside(judged, evaluated, (image, marked, None), pixel_threshold)
}

/// The same with the region of interest outlined, if there is one.
fn report_image_inside(
    judged: &Judged,
    evaluated: &EvaluatedImage,
    (image, marked, inside): (&Image, &Mask, Option<&Mask>),
    pixel_threshold: f32,
) -> ReportImage {
    let file = judged.path.file_name().unwrap_or(judged.path.as_os_str()).to_string_lossy();
    let EvaluatedImage { defect, score, map, mask } = evaluated;
    let with_region = inside.map(|inside| {
        let mut image = image.clone();
        draw_region(&mut image, inside);
        image
    });
    let ground = with_region.as_ref().unwrap_or(image);
    let heat = heat_overlay(ground, map, pixel_threshold, 1.0);
    let lines = contours(ground, marked, mask.as_ref());
    ReportImage {
        name: format!("{defect}/{file}"),
        defect: defect.clone(),
        score: *score,
        decision: judged.decision,
        image: Some(Thumbnail::from_image(image)),
        anomaly_map: Some(Thumbnail::from_image(&heat)),
        contours: Some(Thumbnail::from_image(&lines)),
    }
}

fn curves(curves: &Curves, all: &Evaluation) -> Vec<Curve> {
    let note = |name: &str, value: Option<f64>| {
        value.map_or_else(String::new, |value| format!("{name} {}", percent(value)))
    };
    let (fpr, tpr) = ("False-positive rate", "True-positive rate");
    let rows = [
        ("ROC, images", fpr, tpr, &curves.image_roc, note("AUROC", all.image_auroc)),
        ("ROC, pixels", fpr, tpr, &curves.pixel_roc, note("AUROC", all.pixel_auroc)),
        ("Precision and recall, images", "Recall", "Precision", &curves.image_pr, note("AP", all.image_ap)),
        ("Precision and recall, pixels", "Recall", "Precision", &curves.pixel_pr, note("AP", all.pixel_ap)),
        ("Per-region overlap", fpr, "Overlap", &curves.pro, note("AUPRO to 0.3:", all.aupro_30)),
    ];
    rows.into_iter()
        .map(|(title, x_label, y_label, curve, note)| Curve {
            title: title.into(),
            x_label: x_label.into(),
            y_label: y_label.into(),
            points: curve.points.clone(),
            note,
        })
        .collect()
}

fn provenance(model: &Model, dataset: &Dataset) -> Vec<(String, String)> {
    let description = model.description();
    let provenance = &description.provenance;
    let geometry = description.preprocess.geometry;
    let parameters = model.to_file().parameter_count();
    let region = description.preprocess.region.as_ref();
    let region = region.map(|region| ("Region of interest", format!("{region}; outlined in white")));
    let alignment = description.preprocess.alignment.as_ref().map(|alignment| {
        let [width, height] = alignment.frame();
        (
            "Aligned",
            format!(
                "by {}: its frame has {width} x {height} pixels, and nothing else is inspected",
                alignment.way()
            ),
        )
    });
    let folds = description.calibration.as_ref().and_then(|calibration| calibration.folds);
    let held_out = match folds {
        Some(_) => "none: each image was judged by a network that was not trained on it".to_owned(),
        None => format!("{} good images", provenance.held_out_images),
    };
    let rows = [
        ("Test data", dataset.root.display().to_string()),
        ("Trained on", format!("{} good images of {}", provenance.training_images, provenance.category)),
        ("Held out for calibration", held_out),
        ("Training data, BLAKE3", provenance.data_blake3.clone()),
        ("Preset", description.preset.clone()),
        ("Network", format!("{parameters} parameters, input {geometry}")),
        ("Values", description.preprocess.scale.to_string()),
        ("Training", format!("{} steps in {:.0} s", provenance.steps, provenance.seconds)),
        ("Seed", provenance.seed.to_string()),
        ("Program", format!("anoseg {}", provenance.program_version)),
    ];
    rows.into_iter().chain(region).chain(alignment).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The logged steps, averaged over equal stretches so that the curve stays readable and small.
fn training(records: &[StepRecord]) -> Vec<TrainingPoint> {
    let stretch = records.len().div_ceil(TRAINING_POINTS).max(1);
    let mean = |values: &mut dyn Iterator<Item = f64>, n: usize| values.sum::<f64>() / n as f64;
    let point = |chunk: &[StepRecord]| {
        let last = chunk.last()?;
        let judged = || chunk.iter().filter_map(|record| record.losses.discriminator_accuracy).map(f64::from);
        let judgements = judged().count();
        Some(TrainingPoint {
            step: last.step,
            discriminator_accuracy: (judgements > 0).then(|| mean(&mut judged(), judgements)),
            loss: mean(&mut chunk.iter().map(|record| f64::from(record.losses.total)), chunk.len()),
            learning_rate: last.learning_rate,
        })
    };
    records.chunks(stretch).filter_map(point).collect()
}

/// Synthetic anomalies as the model was trained on, where the dataset has training images.
fn samples(model: &Model, dataset: &Dataset) -> Result<Vec<Thumbnail>> {
    if dataset.train.is_empty() {
        return Ok(Vec::new());
    }
    let description = model.description();
    let seed = description.provenance.seed;
    let mut few = dataset.clone();
    few.train.truncate(SAMPLES as usize);
    let good = load_good_images_as(&few, &description.preprocess, seed)?;
    let recipe = recipe(model)?;
    let inside = good.inside();
    let geometry = &description.preprocess.geometry;
    let images = without_small(&Arc::new(good.images), geometry);
    let synthesizer = synthesizer(images, recipe, seed, geometry)?.within(inside);
    let sample = |number| {
        let pair = synthesizer.whole_pair(number, 0);
        Thumbnail::from_image(&outlined(&pair.image, &pair.label, GROUND_TRUTH_COLOUR))
    };
    Ok((0..SAMPLES).map(sample).collect())
}
