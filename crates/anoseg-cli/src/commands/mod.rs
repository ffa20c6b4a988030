//! One file per command.

pub(crate) mod ablate;
pub(crate) mod bench;
pub(crate) mod calibrate;
pub(crate) mod check;
mod collect;
pub(crate) mod demo;
pub(crate) mod documents;
pub(crate) mod encoder;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod feedback;
mod former;
mod image_warnings;
pub(crate) mod info;
mod int8;
pub(crate) mod merge;
mod network_input;
pub(crate) mod predict;
pub(crate) mod queue;
mod regression;
mod replace;
pub(crate) mod resume;
pub(crate) mod serve;
mod shard;
pub(crate) mod submit;
pub(crate) mod synth;
pub(crate) mod train;
mod verdict;
pub(crate) mod verify;
mod watch;
pub(crate) mod worker;

use std::path::{Path, PathBuf};

use anoseg::batch::Counts;
use anoseg::evaluation::TestRun;
use anoseg::{
    Calibration, Config, ErrorKind, Limits, Model, ModelFile, Preset, RegionFilter, SettingError, TrainError,
};
use anoseg_image::DatasetError;
use anoseg_image::dataset::{self, Dataset, Layout, Part};
use anoseg_image::text::count;
use anoseg_report::format::{exact_score, with_digits};

use crate::args::{DataOptions, PresetName, RegionOptions};
use crate::exit::{Outcome, kind_of};
use crate::{advice, console, outputs};

/// The settings of a preset, refined by those of a file.
fn settings(preset: Option<PresetName>, file: Option<&Path>) -> Result<Config, TrainError> {
    let preset = preset.map(|preset| match preset {
        PresetName::Fast => Preset::Fast,
        PresetName::Accurate => Preset::Accurate,
        PresetName::Paper => Preset::Paper,
    });
    match file {
        Some(path) => Config::read(path, preset),
        None => Ok(Config::of(preset.unwrap_or_default())),
    }
}

/// Names swapped arguments: `others` has a model, and `model` is none.
fn require_model_first<'a>(
    model: &Path,
    others: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<(), SettingError> {
    match others.into_iter().find(|other| outputs::is_model(other)) {
        Some(other) if !outputs::is_model(model) => {
            let allowed =
                format!("the model comes first, and then the images; {} is a model", other.display());
            Err(SettingError::new("MODEL", model, allowed))
        }
        _ => Ok(()),
    }
}

/// The model with the region of interest that was given, inside its own.
fn narrowed(model: Model, options: &RegionOptions, limits: &Limits) -> anyhow::Result<Model> {
    let (model, remarks) = model.narrowed_by(&options.drawings(limits)?)?;
    remarks.iter().for_each(|remark| console::warning(remark));
    Ok(model)
}

/// Opens the folder of a dataset.
fn open(folder: &Path, options: &DataOptions) -> Result<Dataset, DatasetError> {
    Dataset::open_as(folder, options.layout)
}

/// Writes a trained model. A model in its place that was calibrated since its training is kept beside it.
pub(crate) fn save_trained(model: &ModelFile, path: &Path) -> anyhow::Result<()> {
    replace::save(model, path, replace::is_calibrated)
}

/// The datasets in a folder; none where it is one itself, or is to be read as one.
fn categories(folder: &Path, options: &DataOptions) -> Result<Vec<PathBuf>, DatasetError> {
    match options.layout {
        None | Some(Layout::Mvtec | Layout::Visa) => dataset::categories(folder),
        Some(_) => Ok(Vec::new()),
    }
}

/// The folders in `root` that cannot be read, with the reason. Whether they are datasets is not
/// known.
fn unreadable_folders(root: &Path) -> Vec<(PathBuf, anoseg::Error)> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut unreadable: Vec<_> = folders
        .filter_map(|path| {
            let error = std::fs::read_dir(&path).err()?;
            let error = anoseg::Error::io(&path, error);
            Some((path, error))
        })
        .collect();
    unreadable.sort_by(|(a, _), (b, _)| a.cmp(b));
    unreadable
}

/// The name of a dataset's folder.
fn folder_name(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

/// Shows what the user should know of a dataset.
fn show_warnings(dataset: &Dataset) {
    dataset.warnings.iter().for_each(|warning| console::warning(warning));
}

/// Shows what could not be used of an evaluation, and what makes its figures doubtful. Returns whether
/// everything could be used.
fn show_left_out(run: &TestRun, dataset: &Dataset) -> bool {
    dataset.without_good_tests().iter().for_each(|remark| console::warning(remark));
    run.failures.iter().for_each(|failure| console::warning(&format!("left out: {}", advice::with(failure))));
    dataset::summarise_masks(&run.masks).iter().for_each(|line| console::warning(line));
    run.doubts.iter().for_each(|line| console::warning(line));
    run.is_complete() && !dataset.is_incomplete(Part::Test)
}

/// Says where earlier results of a series are now.
fn tell_set_aside(folder: &Path, aside: &Path) {
    console::warning(&format!(
        "{} has results with other settings or images; they were moved to {}",
        folder.display(),
        aside.display()
    ));
}

/// Whether the other datasets can still be measured: only the images of this one are bad.
fn concerns_one_dataset(error: &anyhow::Error) -> bool {
    error.chain().find_map(kind_of) == Some(ErrorKind::Data)
}

/// Whether a model, or another archive, is at fault.
fn concerns_a_model(error: &anyhow::Error) -> bool {
    error.chain().find_map(kind_of) == Some(ErrorKind::Model)
}

/// How a command ends that did its work, with everything or with a part of it left out.
fn outcome(complete: bool) -> Outcome {
    if complete { Outcome::Fine } else { Outcome::SomeBadData }
}

/// Says how many verdicts there are of each kind, and where.
fn tell_verdicts(counts: Counts, verdicts: &Path) {
    let Counts { good, review, reject, failed } = counts;
    let verdicts = verdicts.display();
    let line = format!("{good} good, {review} to review, {reject} rejected: {verdicts}");
    console::result(&console::one_line(&line));
    if failed > 0 {
        console::warning(&format!("{} could not be judged", count(failed, "image", "images")));
    }
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), anoseg::Error> {
    std::fs::create_dir_all(path).map_err(|error| anoseg::Error::io(path, error))
}

/// The share of synthetic anomalies that is rejected, where it is known.
fn detects(calibration: &Calibration) -> Option<String> {
    let share = calibration.synthetic_rejected?;
    Some(format!("detects   {:.0} % of images with synthetic anomalies", 100.0 * share))
}

/// Shows [`further_limits`] and [`detects`].
fn show_further_limits(calibration: &Calibration) {
    for line in further_limits(calibration).into_iter().chain(detects(calibration)) {
        console::result(&line);
    }
}

/// The score above which images are to be reviewed.
fn review_limit(calibration: &Calibration) -> String {
    format!("review    score > {}", exact_score(calibration.review_threshold))
}

/// The limits for review, for pixels and for regions, a line each.
fn further_limits(calibration: &Calibration) -> Vec<String> {
    let Calibration { regions, regions_if_not_good, .. } = calibration;
    let mut lines = vec![
        review_limit(calibration),
        format!("pixel     value > {}", exact_score(calibration.pixel_threshold)),
        format!("region    {}", region_limit(regions)),
    ];
    let other = regions_if_not_good.as_ref().filter(|filter| *filter != regions);
    lines.extend(other.map(|filter| format!("          if not good, {}", region_limit(filter))));
    lines
}

/// Which regions above the pixel limit are reported.
fn region_limit(&RegionFilter { min_area, min_peak }: &RegionFilter) -> String {
    if min_area <= 0.0 {
        // Every region has an area above 0.
        return "any size".to_owned();
    }
    let area = with_digits(100.0 * min_area, 3);
    format!("area > {area} % of the image, or peak > {}", exact_score(min_peak))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small limits were once printed as 0.000 % and 0.0000.
    #[test]
    fn small_limits_are_shown_with_enough_digits() {
        let limit = |min_area| region_limit(&RegionFilter { min_area, min_peak: 0.5 });
        assert_eq!(limit(0.0), "any size");
        assert_eq!(limit(1.5e-6), "area > 0.00015 % of the image, or peak > 0.5");
        assert_eq!(limit(0.012_34), "area > 1.234 % of the image, or peak > 0.5");
    }
}
