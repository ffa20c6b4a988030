//! `anoseg info`.

use anoseg::{Calibration, ModelFile, Preprocess};
use anoseg_report::format::exact_score;
use anyhow::{Context as _, Result};

use crate::args::Info;
use crate::console::{self, minutes};
use crate::exit::Outcome;
use crate::shell;

pub(crate) fn run(options: &Info) -> Result<Outcome> {
    // Read and checked, but not made ready to run.
    let model = ModelFile::read(&options.model)?;
    let description = &model.description;
    if options.json {
        let text = serde_json::to_string_pretty(&description.to_json());
        console::result(&text.context("the description does not serialise")?);
        return Ok(Outcome::Fine);
    }
    let provenance = &description.provenance;
    let (architecture, parameters) = (&description.architecture, model.parameter_count());
    let region = description.preprocess.region.as_ref().map(|region| ("roi", region.to_string()));
    let rows = [
        ("category", provenance.category.clone()),
        ("preset", description.preset.clone()),
        ("input", input(&description.preprocess)),
        ("values", description.preprocess.scale.to_string()),
        ("network", format!("{architecture}, {parameters} parameters")),
        ("data", format!("{} images, blake3 {}", provenance.training_images, provenance.data_blake3)),
        (
            "training",
            format!(
                "{} steps in {}, seed {}",
                provenance.steps,
                minutes(provenance.seconds),
                provenance.seed
            ),
        ),
        ("program", format!("anoseg {}", provenance.program_version)),
    ];
    for (name, value) in rows.into_iter().chain(region) {
        console::result(&console::one_line(&format!("{name:<10}{value}")));
    }
    let Some(calibration) = &description.calibration else { return Ok(Outcome::Fine) };
    console::result(&format!("reject    {}", reject(calibration)));
    super::show_further_limits(calibration);
    let former = &description.former_calibrations;
    if !former.is_empty() {
        let model = shell::not_an_option(&options.model);
        let restore = ["calibrate".as_ref(), model.as_os_str(), "--former".as_ref(), "1".as_ref()];
        let restore = shell::command_of_program(&restore);
        console::result(&format!(
            "former    thresholds kept: {}, the latest first; to put the first in force again: {}",
            former.len(),
            console::one_line(&restore)
        ));
    }
    for (number, calibration) in (1..).zip(former) {
        console::result(&format!("          {number}: {}", reject(calibration)));
    }
    Ok(Outcome::Fine)
}

/// What the network takes of an image.
fn input(preprocess: &Preprocess) -> String {
    let geometry = preprocess.geometry;
    match &preprocess.alignment {
        Some(alignment) => {
            let [width, height] = alignment.frame();
            let by = alignment.way();
            format!("{geometry}, aligned by {by}: its frame has {width} x {height} pixels")
        }
        None => geometry.to_string(),
    }
}

/// The image threshold and where it comes from.
fn reject(calibration: &Calibration) -> String {
    format!(
        "score > {}, wanted false-reject rate {} ({:?} rule, {} good images)",
        exact_score(calibration.image_threshold),
        calibration.false_reject,
        calibration.rule,
        calibration.normal_scores.len()
    )
}
