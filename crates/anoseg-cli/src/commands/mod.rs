//! One file per command.

pub(crate) mod ablate;
pub(crate) mod bench;
pub(crate) mod calibrate;
pub(crate) mod demo;
pub(crate) mod eval;
pub(crate) mod info;
pub(crate) mod predict;
mod series;
pub(crate) mod synth;
pub(crate) mod train;

use std::path::Path;

use anoseg::{Config, Device, Model, Preset, Result};

use crate::args::PresetName;

/// Where models run that are only used.
fn cpu() -> Device {
    Device::flex()
}

/// The settings of a preset, refined by those of a file.
fn settings(preset: Option<PresetName>, file: Option<&Path>) -> Result<Config> {
    let preset = preset.map(|preset| match preset {
        PresetName::Fast => Preset::Fast,
        PresetName::Paper => Preset::Paper,
    });
    match file {
        Some(path) => Config::read(path, preset),
        None => Ok(Config::of(preset.unwrap_or_default())),
    }
}

fn load_model(path: &Path) -> Result<Model> {
    Model::load(path, &cpu())
}
