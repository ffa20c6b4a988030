//! `anoseg predict`.

use std::path::Path;

use anoseg::batch::{
    Counts, End, ImageFiles, Part, Results, ResultsError, Step, Summary, inspect_into, lines_of_left_out,
};
use anoseg::{ErrorKind, Model};
use anoseg_image::dataset::{self, Found, LeftOut, LeftOutKind};
use anoseg_image::text::count;
use anyhow::Result;

use super::image_warnings::ImageWarnings;
use super::{make_folder, shard};
use crate::args::Predict;
use crate::exit::Outcome;
use crate::{advice, console, shell, stop};

pub(crate) fn run(options: &Predict) -> Result<Outcome> {
    super::require_model_first(&options.model, options.inputs.iter().take(1))?;
    let limits = options.limits.limits();
    let model = super::narrowed(Model::load(&options.model)?, &options.region, &limits)?;
    if options.watch {
        return super::watch::run(options, &model, limits);
    }
    let mut found = dataset::find_images(&options.inputs);
    if found.images.is_empty() && !found.failures.is_empty() {
        return Err(found.failures.swap_remove(0).into());
    }
    let part = shard::narrow(&mut found, options, &limits);
    found.failures.iter().for_each(|failure| console::warning(&failure.to_string()));
    dataset::summarise_left_out(&found.left_out, false).iter().for_each(|line| console::warning(line));
    let complete = found.failures.is_empty() && !found.left_out.iter().any(LeftOut::is_loss);
    make_folder(&options.output)?;
    let stop = stop::on_signals("stopping after this image");
    let mut results = open(options, &model, part)?;
    let not_looked_at = not_looked_at(&found, &mut results)?;
    let verdicts = results.path();
    let stopped = || stop.is_stopped();
    let mut warnings = ImageWarnings::default();
    let on_step = &mut |step: &Step<'_>| show(&mut warnings, step);
    let summary = inspect_into(results, &model, &found.images, &limits, &stopped, on_step)?;
    warnings.say_how_many_more(": see the verdicts");
    summarise(&summary, not_looked_at, &verdicts);
    outcome(summary, complete, options.fail_on_anomaly)
}

pub(super) fn open(options: &Predict, model: &Model, part: Option<Part>) -> Result<Results> {
    let files = image_files(options, model)?;
    let Predict { output, format, .. } = options;
    let results = if options.resume || options.watch {
        Results::resume_part(output, *format, files, model, part)?
    } else {
        Results::create_part(output, *format, files, model, part)?
    };
    let results = results.with_segmentation(options.coco_segmentation);
    let results = if options.tree { results.mirroring(&options.inputs) } else { results };
    if let Some(kept) = results.kept() {
        console::note(&format!("the verdicts of an earlier run are kept: {}", kept.display()));
    }
    if results.broken_lines() > 0 {
        let lines = count(results.broken_lines(), "broken line", "broken lines");
        console::warning(&format!("left out: {lines} in {}", results.path().display()));
    }
    Ok(results)
}

/// Parts that nobody looked at have their lines too: images of other formats, and inputs that do not
/// exist. Results of an earlier run are mentioned. Gives the number of lines.
fn not_looked_at(found: &Found, results: &mut Results) -> Result<usize> {
    let lines = lines_of_left_out(found);
    lines.iter().try_for_each(|(path, why)| results.add_failure(path, why))?;
    let earlier = found.left_out.iter().filter(|item| item.kind == LeftOutKind::Result).count();
    if earlier > 0 {
        let files = count(earlier, "file is", "files are");
        console::note(&format!("{files} left out: results of an earlier run"));
    }
    Ok(lines.len())
}

fn image_files(options: &Predict, model: &Model) -> Result<ImageFiles> {
    let mut files = ImageFiles::default();
    if options.overlay {
        files = files.overlay(model.calibration()?.pixel_threshold);
    }
    if options.mask {
        files = files.mask();
    }
    if options.map {
        files = files.map_as(options.map_format);
    }
    Ok(files)
}

/// Shows what is wrong with an image as soon as it is known.
pub(super) fn show(warnings: &mut ImageWarnings, step: &Step<'_>) {
    match step {
        Step::Failed(error) => console::warning(&advice::with(*error)),
        Step::Judged(verdict, unwritten) => {
            for warning in &verdict.warnings {
                warnings.show(&verdict.image, &warning.code, &warning.message);
            }
            unwritten.iter().for_each(|error| console::warning(&error.to_string()));
        }
    }
}

fn summarise(summary: &Summary, not_looked_at: usize, verdicts: &Path) {
    let &Summary { good, review, rejected: reject, ref failures, ref unwritten, .. } = summary;
    let failed = failures.len() + not_looked_at;
    super::tell_verdicts(Counts { good, review, reject, failed }, verdicts);
    if failed > 0 && summary.judged() == 0 {
        console::warning("not one image was judged");
    }
    if !unwritten.is_empty() {
        let files = count(unwritten.len(), "file", "files");
        console::warning(&format!("{files} could not be written; the verdicts are kept"));
    }
}

/// The exit code, by what concerns most: nothing more could be written, the user stopped, the model
/// or the environment is bad, images are bad, anomalies.
fn outcome(summary: Summary, all_found: bool, fail_on_anomaly: bool) -> Result<Outcome> {
    let go_on = || console::note(&format!("to go on: {}", shell::this_command_with("--resume")));
    match summary.end {
        End::Failed(error) => {
            if !matches!(error, ResultsError::InUse(_)) {
                go_on();
            }
            return Err(error.into());
        }
        End::Stopped => {
            go_on();
            return Ok(Outcome::Interrupted);
        }
        End::Complete => {}
    }
    let rejected = summary.rejected > 0;
    let all_judged = summary.failures.is_empty();
    if let Some(worst) = summary.failures.into_iter().find(|failure| failure.kind() != ErrorKind::Data) {
        return Err(worst.into());
    }
    if let Some(error) = summary.unwritten.into_iter().next() {
        return Err(error.into());
    }
    Ok(match (all_judged && all_found, rejected && fail_on_anomaly) {
        (false, _) => Outcome::SomeBadData,
        (true, true) => Outcome::Anomalies,
        (true, false) => Outcome::Fine,
    })
}
