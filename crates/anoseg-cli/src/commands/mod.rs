//! One file per command.

pub(crate) mod calibrate;
pub(crate) mod demo;
pub(crate) mod eval;
pub(crate) mod info;
pub(crate) mod predict;
pub(crate) mod synth;
pub(crate) mod train;

use std::path::Path;

use anoseg::{Device, Model, Result};

/// Where models run that are only used.
fn cpu() -> Device {
    Device::flex()
}

fn load_model(path: &Path) -> Result<Model> {
    Model::load(path, &cpu())
}
