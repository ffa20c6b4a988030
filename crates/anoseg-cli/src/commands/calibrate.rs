//! `anoseg calibrate`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anoseg::evaluation::{CalibrationSettings, calibrate_until};
use anoseg::{Calibration, ImageError, Model, ModelFile, StopToken, TrainError};
use anoseg_image::dataset::{Part, display_name};
use anoseg_image::text::count;
use anoseg_image::write::FileLock;
use anoseg_image::{Decoded, Image, decode};
use anoseg_infer::images_needed;
use anoseg_report::format::exact_score;
use anyhow::{Context as _, Result};

use super::image_warnings::ImageWarnings;
use super::{former, replace};
use crate::args::Calibrate;
use crate::console;
use crate::exit::Outcome;
use crate::{advice, outputs, stop};

/// With fewer images a threshold says nothing.
const FEWEST_IMAGES: usize = 4;

/// A model that rejects a smaller share of synthetic anomalies rejects next to nothing.
const NEXT_TO_NOTHING: f64 = 0.05;

/// Time between two lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(crate) fn run(options: &Calibrate) -> Result<Outcome> {
    if let Some(number) = options.former {
        return former::restore(options, number);
    }
    let folder = options.normals.as_deref().context("the parser asks for images")?;
    let stop = stop::on_signals("stopping after this image; the model stays as it is");
    let review = options.review.unwrap_or((5.0 * options.false_reject).min(0.5).max(options.false_reject));
    let settings = CalibrationSettings { false_reject: options.false_reject, review, ..Default::default() };
    settings.validate()?;
    super::require_model_first(&options.model, &options.normals)?;
    let output = options.output.as_ref().unwrap_or(&options.model);
    let (model, _lock) = locked(&options.model, output, || Ok(Model::load(&options.model)?))?;
    let mut model = super::narrowed(model, &options.region, &options.limits.limits())?;
    let dataset = super::open(folder, &options.data_options)?;
    super::show_warnings(&dataset);
    let good = dataset.good_images()?;
    let others = &good.paths[good.train..];
    // A model that does not tell what it was trained on was probably trained on the training images.
    let unknown = model.description().provenance.trained_on.is_empty();
    let paths = if unknown && others.len() >= FEWEST_IMAGES { others } else { &good.paths };
    if !others.is_empty() {
        let (shown, count) = (folder.display(), paths.len());
        console::note(&format!("of {shown} the good images are taken: {count} of {good}"));
    }
    let normals = Normals::read(paths, &model, options, &stop)?;
    normals.show(&model);
    let (count, failures) = (normals.images.len(), normals.failures);
    if count < FEWEST_IMAGES {
        return Err(too_few(folder, options.false_reject, (count, normals.trained_on)).into());
    }
    let mut told = Instant::now();
    let on_image = &mut |done: usize, of: usize| {
        if stop.is_stopped() {
            return Err(TrainError::Stopped);
        }
        if told.elapsed() >= LINE_EVERY {
            console::note(&format!("thresholds: image {done}/{of}"));
            told = Instant::now();
        }
        Ok(())
    };
    let mut calibration = calibrate_until(&model, normals.images, &settings, on_image)?;
    calibration.calibrated_on = normals.digests;
    calibration.calibrated_on.sort_unstable();
    if let Some(what) = useless(&calibration, model.description().calibration.as_ref()) {
        let what = format!("{what}; the thresholds of the model stay as they are");
        return Err(TrainError::Data { path: folder.to_owned(), what }.into());
    }
    model.set_calibration(calibration.clone());
    let (old, new) = ModelFile::formats(&options.model)?;
    write(&model.to_file(), output)?;
    // Not before: thresholds that are printed are those of the file.
    summarise(&calibration, output);
    model.description().cautions().iter().for_each(|caution| console::warning(caution));
    if old != new {
        console::note(&format!(
            "{} is written in format {new}, the first was in format {old}, which older programs read",
            output.display()
        ));
    }
    let whole = ![Part::Training, Part::Test].into_iter().any(|part| dataset.is_incomplete(part));
    Ok(super::outcome(failures == 0 && whole))
}

/// What `load` gives of a model, and the lock of the `output`, until which no other process replaces it.
pub(super) fn locked<T>(
    model: &Path,
    output: &Path,
    load: impl FnOnce() -> Result<T>,
) -> Result<(T, FileLock)> {
    let lock = || {
        outputs::prepare_file(output, "--output", outputs::Output::Model)?;
        Ok::<_, anyhow::Error>(FileLock::acquire(output, "calibrate")?)
    };
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    // A model that is replaced is locked before it is read: what another process makes of it until then would
    // be lost. A file that is no model is refused by its own error.
    let before = (outputs::is_model(model) && real(model) == real(output)).then(lock).transpose()?;
    let loaded = load()?;
    Ok((loaded, before.map_or_else(lock, Ok)?))
}

/// Writes the model. One of other weights in its place is kept if it was calibrated; other thresholds of
/// the same weights can be derived again.
pub(super) fn write(model: &ModelFile, path: &Path) -> Result<()> {
    replace::save(model, path, |other| replace::is_calibrated(other) && other.tensors != model.tensors)
}

/// Prints the thresholds that `path` has now.
pub(super) fn summarise(calibration: &Calibration, path: &Path) {
    console::result(&console::one_line(&format!("model     {}", path.display())));
    console::result(&format!("normals   {}", calibration.normal_scores.len()));
    console::result(&format!("reject    score > {}", exact_score(calibration.image_threshold)));
    super::show_further_limits(calibration);
}

/// Good images, as the model takes them.
#[derive(Default)]
struct Normals {
    images: Vec<Image>,
    /// Digest of each image's file, in the order of the images.
    digests: Vec<String>,
    /// How many cannot be read.
    failures: usize,
    /// How many the model was trained on; they are left out.
    trained_on: usize,
    /// How many are copies of others; they are left out.
    copies: usize,
    /// How many are the first of several in their files, and the first of these files.
    further: (usize, String),
}

impl Normals {
    /// Reads the images one after the other: only what the network takes is kept of each.
    fn read(paths: &[PathBuf], model: &Model, options: &Calibrate, stop: &StopToken) -> Result<Self> {
        let limits = options.limits.limits();
        let known: HashSet<&str> =
            model.description().provenance.trained_on.iter().map(String::as_str).collect();
        let mut normals = Self::default();
        let mut seen = HashSet::new();
        let (mut warnings, mut told) = (ImageWarnings::default(), Instant::now());
        for (number, path) in paths.iter().enumerate() {
            if stop.is_stopped() {
                return Err(TrainError::Stopped.into());
            }
            let content = decode::read_file(path, &limits);
            let digest =
                content.as_ref().map_or_else(|_| String::new(), |content| anoseg::file_digest(content));
            if known.contains(&*digest) {
                normals.trained_on += 1;
                continue;
            }
            if content.is_ok() && !seen.insert(digest.clone()) {
                normals.copies += 1;
                continue;
            }
            match content.and_then(|content| Decoded::from_bytes(&content, path, &limits)) {
                Ok(Decoded { image, further_pages, .. }) => {
                    normals.digests.push(digest);
                    if further_pages > 0 {
                        normals.add_further_images(path);
                    }
                    for warning in model.warnings(&image) {
                        let file = path.display().to_string();
                        warnings.show(&file, warning.code(), &warning.to_string());
                    }
                    normals.images.push(model.prepare(&image));
                }
                Err(error) => normals.fail(&error),
            }
            if told.elapsed() >= LINE_EVERY {
                console::note(&format!("{} of {} images read", number + 1, paths.len()));
                told = Instant::now();
            }
        }
        warnings.say_how_many_more("");
        Ok(normals)
    }

    fn add_further_images(&mut self, path: &Path) {
        let (count, first) = &mut self.further;
        *count += 1;
        if *count == 1 {
            *first = display_name(path);
        }
    }

    fn fail(&mut self, error: &ImageError) {
        self.failures += 1;
        console::warning(&format!("left out: {}", advice::with(error)));
    }

    fn show(&self, model: &Model) {
        if self.copies > 0 {
            let copies = count(self.copies, "copy of other images is", "copies of other images are");
            console::warning(&format!("{copies} left out"));
        }
        let (further, first) = &self.further;
        if *further > 0 {
            let one = "image is the first of several in its file";
            let many = "images are the first of several in their files";
            let images = count(*further, one, many);
            console::warning(&format!("{images}, such as pages or frames; only the first is used: {first}"));
        }
        let trained_on = self.trained_on;
        if trained_on > 0 {
            let images = count(trained_on, "image that was", "images that were");
            console::warning(&format!(
                "left out: {images} trained on; the model scores them lower than others"
            ));
        } else if model.description().provenance.trained_on.is_empty() {
            console::note(
                "the model does not tell which images it was trained on: make sure that these are others",
            );
        }
    }
}

fn too_few(folder: &Path, false_reject: f64, (good, trained_on): (usize, usize)) -> TrainError {
    let others = if trained_on > 0 { " that the model was not trained on" } else { "" };
    let needed = images_needed(false_reject).max(FEWEST_IMAGES);
    let images = count(good, "good image", "good images");
    let what = format!(
        "{images}{others}: give at least {FEWEST_IMAGES}, and {needed} for a guaranteed \
         false-reject rate of {false_reject}"
    );
    TrainError::Data { path: folder.to_owned(), what }
}

/// Why a model with these thresholds would reject next to nothing, if the old ones do better.
fn useless(new: &Calibration, old: Option<&Calibration>) -> Option<String> {
    if new.image_threshold >= 1.0 {
        return Some(
            "no score could exceed the new threshold of 1: are there defects among the images?".into(),
        );
    }
    let share = new.synthetic_rejected.filter(|&share| share < NEXT_TO_NOTHING)?;
    let worse = old.and_then(|old| old.synthetic_rejected).is_some_and(|before| before > share);
    worse.then(|| {
        format!(
            "with the new thresholds only {:.0} % of the synthetic anomalies would be rejected: are there defects \
             or other parts among the images?",
            100.0 * share
        )
    })
}

#[cfg(test)]
mod tests {
    use anoseg::RegionFilter;

    use super::*;

    /// Thresholds of 1 once replaced good ones.
    #[test]
    fn thresholds_that_reject_next_to_nothing_are_useless() {
        let calibration = |image_threshold: f32, synthetic_rejected: Option<f64>| Calibration {
            image_threshold,
            review_threshold: 0.1,
            pixel_threshold: 0.5,
            regions: RegionFilter::default(),
            regions_if_not_good: None,
            false_reject: 0.01,
            review: 0.05,
            rule: anoseg_infer::Rule::Conformal,
            held_out: true,
            folds: None,
            normal_scores: vec![0.1],
            synthetic_rejected,
            calibrated_on: Vec::new(),
            verdicts: None,
        };
        let old = calibration(0.5, Some(0.9));
        let useless = |new: &Calibration, old: Option<&Calibration>| useless(new, old).is_some();
        assert!(useless(&calibration(1.0, Some(0.9)), Some(&old)));
        assert!(useless(&calibration(0.99, Some(0.01)), Some(&old)));
        assert!(!useless(&calibration(0.99, Some(0.0)), None));
        assert!(!useless(&calibration(0.6, Some(0.5)), Some(&old)));
        assert!(!useless(&calibration(0.6, None), Some(&old)));
        // No worse than before.
        assert!(!useless(&calibration(0.6, Some(0.02)), Some(&calibration(0.5, Some(0.02)))));
    }
}
