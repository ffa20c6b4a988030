//! `anoseg verify`.

use std::collections::BTreeMap;

use anoseg::evaluation::write_json;
use anoseg::{Limits, Model, SettingError, StopToken, decode};
use anoseg_export::Weights;
use anoseg_image::dataset::{self, Found, LeftOut, display_name};
use anoseg_image::text::count;
use anoseg_report::format::exact_score;
use anoseg_verify::{
    Changed, Compared, Comparison, Difference, Engines, Exported, Judged, NotCompared, Report, VerifyError,
};
use anyhow::Result;

use crate::args::{EngineName, Verify};
use crate::exit::Outcome;
use crate::{advice, console, outputs, stop};

pub(crate) fn run(options: &Verify) -> Result<Outcome> {
    require_order(options)?;
    if let (Some(runtime), EngineName::Rten) = (&options.runtime, options.engine) {
        let allowed = "it is not used with --engine rten; give one of the two";
        return Err(SettingError::new("--runtime", runtime.display(), allowed).into());
    }
    if let Some(path) = &options.json {
        outputs::prepare_file(path, "--json", outputs::Output::Figures)?;
    }
    let model = Model::load(&options.model)?;
    let file = Exported::read(&options.onnx, &model)?;
    let found = find(options)?;
    let engines = Engines::load(&file, options.engine.choice(), options.runtime.as_deref())?;
    if let Some(why) = &engines.missing {
        console::note(&format!("the built-in engine alone is compared, because {why}: {}", advice::RUNTIME));
    }
    if model.description().calibration.is_none() {
        console::warning("the model has no thresholds: decisions are not compared");
    }
    let stop = stop::on_signals("stopping after this image");
    let mut comparison = Comparison::new(&model, &file, engines);
    let all_read = compare(&mut comparison, &found, &options.limits.limits(), &stop)?;
    let report = comparison.finish();
    tell_left_out(&report);
    if stop.is_stopped() && report.images == 0 {
        return Ok(Outcome::Interrupted);
    }
    if report.images == 0 {
        return Err(VerifyError::NoImages.into());
    }
    show(&report);
    let judged = report.judged(options.tolerance);
    options.json.as_ref().map_or(Ok(()), |path| write_json(path, &judged))?;
    tell_differences(&report, options.tolerance, file.weights());
    let complete = all_read && found.failures.is_empty() && !found.left_out.iter().any(LeftOut::is_loss);
    Ok(match (report.agrees(options.tolerance), stop.is_stopped()) {
        (false, _) => Outcome::Differs,
        (true, true) => Outcome::Interrupted,
        (true, false) => super::outcome(complete),
    })
}

/// Names swapped arguments.
fn require_order(options: &Verify) -> Result<(), SettingError> {
    let Verify { model, onnx, .. } = options;
    if outputs::is_model(onnx) && !outputs::is_model(model) {
        let allowed = format!("the model comes first, and then the ONNX file; {} is a model", onnx.display());
        return Err(SettingError::new("MODEL", model.display(), allowed));
    }
    Ok(())
}

/// The images; what cannot be used of the inputs is told.
fn find(options: &Verify) -> Result<Found> {
    let mut found = dataset::find_images(&options.images);
    if found.images.is_empty() && !found.failures.is_empty() {
        return Err(found.failures.swap_remove(0).into());
    }
    found.failures.iter().for_each(|failure| console::warning(&failure.to_string()));
    dataset::summarise_left_out(&found.left_out, false).iter().for_each(|line| console::warning(line));
    Ok(found)
}

/// Compares all images. Returns whether all could be read.
fn compare(
    comparison: &mut Comparison<'_>,
    found: &Found,
    limits: &Limits,
    stop: &StopToken,
) -> Result<bool> {
    let mut all_read = true;
    for path in found.images.iter().take_while(|_| !stop.is_stopped()) {
        match decode::load(path, limits) {
            Ok(image) => {
                comparison.add(&display_name(path), &image)?;
            }
            Err(error) => {
                console::warning(&advice::with(&error));
                comparison.unreadable(&display_name(path), error.to_string());
                all_read = false;
            }
        }
    }
    Ok(all_read)
}

/// Why images were left out, a line for each reason.
fn tell_left_out(report: &Report) {
    let mut reasons = BTreeMap::<&str, Vec<&str>>::new();
    for NotCompared { image, reason } in &report.left_out {
        reasons.entry(reason).or_default().push(image);
    }
    for (reason, images) in reasons {
        let images = match &images[..] {
            [image] => (*image).to_owned(),
            [first, ..] => format!("{} images, the first {first}", images.len()),
            [] => continue,
        };
        console::note(&format!("left out: {images}: {reason}"));
    }
}

/// The figures of each engine, and each other decision.
fn show(report: &Report) {
    console::result(&format!("images    {}", report.images));
    for engine in &report.engines {
        let Compared { engine: name, library, map, score, changed } = engine;
        let library = library.as_ref().map_or_else(String::new, |path| format!(" ({path})"));
        console::result(&console::one_line(&format!("engine    {name}{library}")));
        for (what, Difference { largest, mean, .. }) in [("map", map), ("score", score)] {
            let [largest, mean] = [*largest, *mean].map(shown);
            console::result(&format!("{what:<10}largest difference {largest}, mean {mean}"));
        }
        console::result(&format!("decisions {} of {} changed", changed.len(), report.images));
        for Changed { image, native, engine } in changed {
            let line = format!("changed   {image}: {} in {name}, not {}", told(engine), told(native));
            console::result(&console::one_line(&line));
        }
    }
}

/// A difference with two figures.
fn shown(difference: f64) -> String {
    if difference == 0.0 { "0".to_owned() } else { format!("{difference:.1e}") }
}

fn told(judged: &Judged) -> String {
    let decision =
        judged.decision.map_or_else(String::new, |decision| format!("{decision:?} ").to_lowercase());
    format!("{decision}(score {})", exact_score(judged.score))
}

/// What is above the tolerance, and why it may be.
fn tell_differences(report: &Report, tolerance: f64, weights: Weights) {
    for engine in report.engines.iter().filter(|engine| !engine.is_within(tolerance)) {
        for (what, difference) in [("maps", &engine.map), ("scores", &engine.score)] {
            let Some(image) = difference.image.as_ref().filter(|_| difference.largest > tolerance) else {
                continue;
            };
            let (name, largest) = (engine.engine, difference.largest);
            let line =
                format!("{name}: {what} differ by up to {largest:.1e}, more than {tolerance}: {image}");
            console::warning(&line);
        }
    }
    match report.changed() {
        0 => {}
        changed => {
            let images = count(changed, "image has", "images have");
            console::warning(&format!("{images} another decision"));
        }
    }
    if report.agrees(tolerance) {
        console::result(&format!("result    the same within {tolerance}"));
        return;
    }
    console::result(&format!("result    not the same within {tolerance}"));
    let (stored, usual) = match weights {
        Weights::Halves => ("16-bit floats", 0.05),
        Weights::Bytes => ("8-bit integers", 0.2),
        Weights::Floats => return,
    };
    if tolerance < usual {
        console::note(&format!(
            "the file has weights in {stored}, which changes the results: --tolerance {usual} accepts what is usual for \
             them; another decision is never accepted"
        ));
    }
}
