//! `anoseg predict`.

use std::path::Path;

use anoseg::batch::{ImageFiles, Inspected, Sink, Summary, VerdictWriter, inspect_files};
use anoseg::{Error, ErrorKind, Model};
use anoseg_image::{dataset, write};
use anyhow::Result;

use super::make_folder;
use crate::args::Predict;
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(options: &Predict) -> Result<Outcome> {
    let model = Model::load(&options.model)?;
    let mut found = dataset::find_images(&options.inputs);
    if found.images.is_empty() && !found.failures.is_empty() {
        return Err(found.failures.swap_remove(0).into());
    }
    found.failures.iter().for_each(|failure| console::warning(&failure.to_string()));
    dataset::summarise_left_out(&found.left_out, false).iter().for_each(|line| console::warning(line));
    let complete = found.failures.is_empty() && !found.left_out.iter().any(dataset::LeftOut::is_loss);
    let paths = found.images;
    make_folder(&options.output)?;
    let mut files = image_files(options, &model)?;
    let verdicts = options.output.join(options.format.file_name());
    let mut outcome = Ok(Summary::default());
    write::atomic(&verdicts, |file| {
        let mut writer = VerdictWriter::new(options.format, file)?;
        let mut written = Ok(());
        let mut lines = |inspected: &Inspected| -> Result<(), Error> {
            if written.is_ok() {
                written = writer.write(&inspected.verdict());
            }
            Ok(())
        };
        let sinks: &mut [&mut dyn Sink] = &mut [&mut files, &mut lines];
        let limits = options.limits.limits();
        outcome =
            inspect_files(&model, &paths, &limits, sinks, &mut |error| console::warning(&error.to_string()));
        written?;
        writer.finish().map(drop)
    })?;
    let mut summary = outcome?;
    let outcome = summarise(&summary, &verdicts, options.fail_on_anomaly);
    // A bad image concerns that image; a bad model or a full disk concerns all of them.
    let worst = summary.failures.iter().position(|failure| failure.kind() != ErrorKind::Data);
    let outcome = if complete { outcome } else { Outcome::SomeBadData };
    worst.map_or(Ok(outcome), |worst| Err(summary.failures.swap_remove(worst).into()))
}

fn image_files(options: &Predict, model: &Model) -> Result<ImageFiles> {
    let mut files = ImageFiles::new(&options.output);
    if options.overlay {
        files = files.overlay(model.calibration()?.pixel_threshold);
    }
    if options.mask {
        files = files.mask();
    }
    if options.map {
        files = files.map();
    }
    Ok(files)
}

fn summarise(summary: &Summary, verdicts: &Path, fail_on_anomaly: bool) -> Outcome {
    let Summary { good, review, rejected, failures } = summary;
    let verdicts = verdicts.display();
    console::result(&format!("{good} good, {review} to review, {rejected} rejected: {verdicts}"));
    if !failures.is_empty() {
        console::warning(&format!("{} images could not be judged", failures.len()));
        if summary.judged() == 0 {
            console::warning("not one image was judged");
        }
        return Outcome::SomeBadData;
    }
    if *rejected > 0 && fail_on_anomaly { Outcome::Anomalies } else { Outcome::Fine }
}
