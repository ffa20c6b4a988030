//! `anoseg feedback`.

use std::path::Path;

use anoseg::{Model, SettingError, TrainError};
use anoseg_history::export::export;
use anoseg_history::proposal::{Preview, Request};
use anoseg_history::thresholds::Sources;
use anoseg_history::{ModelKey, Reader, Truth, now};
use anoseg_image::text::count;
use anoseg_report::format::exact_score;
use anyhow::Result;

use super::{calibrate, regression};
use crate::args::{FeedbackCommand, FeedbackExport, FeedbackThresholds};
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(command: &FeedbackCommand) -> Result<Outcome> {
    match command {
        FeedbackCommand::Export(options) => run_export(options),
        FeedbackCommand::Thresholds(options) => run_thresholds(options),
        FeedbackCommand::Regression(options) => regression::run(options),
    }
}

fn run_export(options: &FeedbackExport) -> Result<Outcome> {
    let reader = Reader::open(&options.history)?;
    let export = export(&reader, &options.output, options.model.as_deref(), &options.limits.limits())?;
    let of = |truth: Truth| export.exported.iter().filter(|image| image.truth == truth).count();
    let folder = options.output.display();
    console::result(&console::one_line(&format!(
        "{folder}: {} and {}; {} left out (export.json has all)",
        count(of(Truth::Good), "good image", "good images"),
        count(of(Truth::Defect), "image of a defect", "images of defects"),
        count(export.left_out.len(), "verdict", "verdicts")
    )));
    for left in &export.left_out {
        let line = format!("left out: verdict {} ({}): {}", left.verdict, left.image, left.why);
        console::warning(&console::one_line(&line));
    }
    Ok(super::outcome(export.left_out.is_empty()))
}

fn run_thresholds(options: &FeedbackThresholds) -> Result<Outcome> {
    let model = Model::load(&options.model)?;
    let present = model.calibration()?.clone();
    let network = ModelKey::network_digest(model.to_file())?;
    let reader = Reader::open(&options.history)?;
    let since = options.since.map(|since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    let request = Request {
        sources: Sources { calibration: !options.without_calibration, unquestioned: options.unquestioned },
        since: since.map(|since| now().saturating_sub(since)),
        false_reject: options.false_reject,
        review: options.review,
        changes: usize::try_from(options.list).unwrap_or(usize::MAX),
    };
    let preview = Preview::of(&reader, model.description(), &network, &request)?;
    show_proposal(&preview);
    let regression = &preview.regression;
    regression::show(regression, "verdicts");
    regression::show_changes(&reader, regression, request.changes)?;
    preview.proposal.remarks.iter().for_each(|remark| console::warning(remark));
    match &options.output {
        Some(output) => {
            let calibration = preview.calibration(&reader, &present)?;
            write(model, calibration, &options.model, output)?;
        }
        None => console::note(
            "the model was not changed: --output writes another with these thresholds; `anoseg calibrate` derives such \
             that are guaranteed from good images, such as those of `anoseg feedback export`",
        ),
    }
    Ok(Outcome::Fine)
}

/// Writes the model with other thresholds into another file.
fn write(mut model: Model, calibration: anoseg::Calibration, from: &Path, output: &Path) -> Result<()> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if real(from).is_some_and(|from| real(output) == Some(from)) {
        let allowed = "the model itself, which stays as it is; give another file";
        return Err(SettingError::new("--output", output.display(), allowed).into());
    }
    if calibration.image_threshold >= 1.0 {
        let what = "no score could exceed the new threshold of 1: are there defects among what counts as good? Nothing was \
                    written";
        return Err(TrainError::Data { path: from.to_owned(), what: what.to_owned() }.into());
    }
    let ((), _lock) = calibrate::locked(from, output, || Ok(()))?;
    model.set_calibration(calibration);
    calibrate::write(&model.to_file(), output)?;
    console::result(&console::one_line(&format!("model     {}", output.display())));
    model.description().cautions().iter().for_each(|caution| console::warning(caution));
    Ok(())
}

fn show_proposal(preview: &Preview) {
    let (before, after, proposal) = (preview.present, preview.proposed, &preview.proposal);
    for (name, before, after) in
        [("reject", before.image, after.image), ("review", before.review, after.review)]
    {
        console::result(&format!(
            "{name:<10}score > {}, at present > {}",
            exact_score(after),
            exact_score(before)
        ));
    }
    let counts = &proposal.counts;
    console::result(&format!(
        "scores    {} confirmed by feedback, {} unquestioned, {} of the calibration ({:?} rule, wanted false-reject \
         rate {})",
        counts.confirmed, counts.unquestioned, counts.calibration, proposal.rule, proposal.false_reject
    ));
}
