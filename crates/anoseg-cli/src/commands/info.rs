//! `anoseg info`.

use anyhow::{Context as _, Result};

use crate::args::Info;
use crate::console::{self, minutes};
use crate::exit::Outcome;

pub(crate) fn run(options: &Info) -> Result<Outcome> {
    let model = super::load_model(&options.model)?;
    let description = model.description();
    if options.json {
        console::result(
            &serde_json::to_string_pretty(description).context("the description does not serialise")?,
        );
        return Ok(Outcome::Fine);
    }
    let provenance = &description.provenance;
    let (input, architecture) = (&description.input, &description.architecture);
    let rows = [
        ("category", provenance.category.clone()),
        ("preset", format!("{:?}", description.preset).to_lowercase()),
        ("input", format!("{0} x {0} pixels", input.size)),
        ("network", format!("{architecture}, {} parameters", model.parameters())),
        ("data", format!("{} pictures, blake3 {}", provenance.training_images, provenance.data_blake3)),
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
    for (name, value) in rows {
        console::result(&format!("{name:<10}{value}"));
    }
    let Ok(calibration) = model.calibration() else { return Ok(Outcome::Fine) };
    console::result(&format!(
        "reject    score > {}, wanted false-reject rate {} ({:?} rule, {} good pictures)",
        super::level(calibration.image_threshold),
        calibration.false_reject,
        calibration.rule,
        calibration.normal_scores.len()
    ));
    super::show_further_limits(calibration);
    Ok(Outcome::Fine)
}
