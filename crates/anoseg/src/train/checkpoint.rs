//! What a training needs to go on exactly where it stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::health::Health;
use super::schedule::Schedule;
use crate::network::ParameterData;
use crate::{Result, archive};

const KIND: &str = "checkpoint";
const FORMAT: u32 = 1;

/// A training's state between two steps; the parameters travel beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Steps done.
    pub(super) step: u64,
    /// Seconds of training until then.
    pub(super) elapsed: f64,
    pub(super) schedule: Schedule,
    #[serde(default)]
    pub(super) health: Health,
    /// The settings as TOML; a training goes on only with the same.
    pub(super) config: String,
    /// Digest of the data; a training goes on only with the same.
    pub(super) manifest: String,
}

/// Where a run directory keeps its checkpoint.
pub(super) fn path(run_dir: &Path) -> PathBuf {
    run_dir.join("checkpoint").join("state.safetensors")
}

pub(super) fn save(run_dir: &Path, state: &State, tensors: &BTreeMap<String, ParameterData>) -> Result<()> {
    archive::save(&path(run_dir), KIND, FORMAT, state, tensors)
}

pub(super) fn load(run_dir: &Path) -> Result<(State, BTreeMap<String, ParameterData>)> {
    let archive = archive::load(&path(run_dir), KIND, FORMAT)?;
    Ok((archive.body, archive.tensors))
}
