//! `anoseg predict --watch`.

use std::path::Path;

use anoseg::batch::{Counts, Delivery, Format, Step, Watch, WatchStep, Watched, watch_into};
use anoseg::{Model, SettingError};
use anoseg_image::Limits;
use anoseg_image::dataset::display_name;
use anyhow::Result;

use super::image_warnings::ImageWarnings;
use super::{make_folder, predict};
use crate::args::Predict;
use crate::exit::Outcome;
use crate::{console, stop};

pub(super) fn run(options: &Predict, model: &Model, limits: Limits) -> Result<Outcome> {
    let watch = what(options, limits)?;
    make_folder(&options.output)?;
    let stop = stop::on_signals("stopping after this image");
    let results = predict::open(options, model, None)?;
    let verdicts = results.path();
    let folder = display_name(&watch.folder);
    console::note(&format!("watching {folder}; stop with Ctrl-C"));
    let mut warnings = ImageWarnings::default();
    let on_step = &mut |step: &WatchStep<'_>| show(&mut warnings, &folder, step);
    let counts = watch_into(results, model, &watch, &|| stop.is_stopped(), on_step)?;
    warnings.say_how_many_more(": see the verdicts");
    let Watched { good, review, rejected: reject, failed, .. } = counts;
    super::tell_verdicts(Counts { good, review, reject, failed }, &verdicts);
    // The user ends every watch.
    Ok(Outcome::Fine)
}

fn what(options: &Predict, limits: Limits) -> Result<Watch, SettingError> {
    if options.format != Format::Jsonl {
        let allowed = "--watch writes jsonl only; leave --format out";
        return Err(SettingError::new("--format", options.format.name(), allowed));
    }
    let [folder] = options.inputs.as_slice() else {
        let allowed =
            "--watch takes one folder; give the folder above them, as folders below are watched too";
        return Err(SettingError::new("INPUTS", options.inputs.len(), allowed));
    };
    if folder.is_file() {
        return Err(SettingError::new("INPUTS", folder, "--watch takes a folder; leave --watch out"));
    }
    Ok(Watch { folder: folder.clone(), limits, delivery: delivery(options, folder)? })
}

fn delivery(options: &Predict, folder: &Path) -> Result<Option<Delivery>, SettingError> {
    let (option, to, delivery) = match (&options.move_to, &options.link_to) {
        (Some(to), _) => ("--move-to", to, Delivery::Move(to.clone())),
        (None, Some(to)) => ("--link-to", to, Delivery::Link(to.clone())),
        (None, None) => return Ok(None),
    };
    if let Some(file) = delivery.folders().into_iter().find(|folder| folder.exists() && !folder.is_dir()) {
        let allowed = format!("{} is a file; give a folder", display_name(&file));
        return Err(SettingError::new(option, to.display(), allowed));
    }
    if delivery.sorts_into(folder) {
        let allowed =
            "it has the watched folder as its own or as good, review or reject; give another folder";
        return Err(SettingError::new(option, to.display(), allowed));
    }
    Ok(Some(delivery))
}

fn show(warnings: &mut ImageWarnings, folder: &str, step: &WatchStep<'_>) {
    match step {
        WatchStep::Failed(error) => predict::show(warnings, &Step::Failed(error)),
        WatchStep::Judged(verdict, unwritten) => predict::show(warnings, &Step::Judged(verdict, unwritten)),
        WatchStep::Undelivered(path, error) => {
            console::warning(&format!("{}: not moved or linked: {error}", display_name(path)));
        }
        WatchStep::Held(error) => {
            console::warning(&format!("{error}; the images wait, and it is tried again every few seconds"));
        }
        WatchStep::GoesOn => console::note("results can be written again; going on"),
        WatchStep::FolderMissing => console::warning(&format!("{folder} cannot be listed; waiting for it")),
        WatchStep::FolderBack => console::note(&format!("{folder} is there again")),
    }
}
