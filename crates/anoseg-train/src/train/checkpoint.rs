//! The state of a training between two steps: enough to resume exactly where it stopped.

use std::collections::BTreeMap;
use std::path::Path;

use anoseg_infer::archive;
use anoseg_infer::parameters::ParameterData;
use serde::{Deserialize, Serialize};

use super::health::Health;
use super::schedule::Schedule;
use crate::Result;

const KIND: &str = "checkpoint";
const FORMAT: u32 = 1;

/// A training's state between two steps; the parameters are stored beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Steps done.
    pub(super) step: u64,
    /// Seconds of training until then.
    pub(super) elapsed: f64,
    pub(super) schedule: Schedule,
    #[serde(default)]
    pub(super) health: Health,
    /// The settings as TOML; a training resumes only with the same.
    pub(super) config: String,
    /// Digest of the data; a training resumes only with the same.
    pub(super) manifest: String,
}

pub(super) fn save(path: &Path, state: &State, tensors: &BTreeMap<String, ParameterData>) -> Result<()> {
    Ok(archive::save(path, KIND, FORMAT, state, tensors)?)
}

pub(super) fn load(path: &Path) -> Result<(State, BTreeMap<String, ParameterData>)> {
    let archive = archive::load(path, KIND, FORMAT)?;
    Ok((archive.body, archive.tensors))
}
