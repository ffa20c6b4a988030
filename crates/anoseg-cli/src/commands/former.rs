//! `anoseg calibrate --former`: earlier thresholds in force again.

use anoseg::{ModelFile, SettingError};
use anyhow::{Context as _, Result};

use super::calibrate;
use crate::args::Calibrate;
use crate::exit::Outcome;

/// Exchanges the thresholds of a model with former ones, without images.
pub(super) fn restore(options: &Calibrate, number: usize) -> Result<Outcome> {
    let output = options.output.as_ref().unwrap_or(&options.model);
    let load = || Ok(ModelFile::read(&options.model)?);
    let (mut model, _lock) = calibrate::locked(&options.model, output, load)?;
    let kept = model.description.former_calibrations.len();
    if !model.description.restore_calibration(number) {
        let allowed = match kept {
            0 => "the model has no former thresholds".to_owned(),
            _ => format!("the model has {kept}, counted from 1; `info` lists them"),
        };
        return Err(SettingError::new("--former", number, allowed).into());
    }
    calibrate::write(&model, output)?;
    let calibration = model.description.calibration.as_ref().context("thresholds were put in force")?;
    calibrate::summarise(calibration, output);
    Ok(Outcome::Fine)
}
