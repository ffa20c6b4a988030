//! The state of a training between two steps: enough to resume exactly where it stopped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anoseg_infer::archive;
use anoseg_infer::parameters::ParameterData;
use serde::{Deserialize, Serialize};

use super::health::Health;
use super::schedule::Schedule;
use crate::run_dir::RunDir;
use crate::{Error, Result};

const KIND: &str = "checkpoint";
const FORMAT: u32 = 1;

/// A training's state between two steps; the parameters are stored beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Steps done.
    pub(super) step: u64,
    /// Seconds of training until then.
    #[serde(with = "super::exact")]
    pub(super) elapsed: f64,
    pub(super) schedule: Schedule,
    #[serde(default)]
    pub(super) health: Health,
    /// The instructions that it was computed with; empty in older checkpoints. Others change the last
    /// digits.
    #[serde(default)]
    pub(super) instructions: String,
    /// Further trainings that give the scores for the thresholds. 0 where a part of the images was held out, and in
    /// older checkpoints.
    #[serde(default)]
    pub(super) folds: usize,
    /// Digest of the pretrained encoder; a training resumes only with the same. Empty where there is none,
    /// and in older checkpoints.
    #[serde(default)]
    pub(super) encoder: String,
    /// The settings as TOML; a training resumes only with the same.
    pub(super) config: String,
    /// Digest of the data; a training resumes only with the same.
    pub(super) manifest: String,
}

/// Writes the checkpoint; the one before it is kept.
pub(super) fn save(run_dir: &RunDir, state: &State, tensors: &BTreeMap<String, ParameterData>) -> Result<()> {
    let (path, previous) = (run_dir.checkpoint_path(), run_dir.previous_checkpoint_path());
    // Writing to a pipe in its place could wait for ever.
    anoseg_image::read::refuse_special(&path).map_err(|error| Error::io(&path, error))?;
    if path.is_file() {
        // The new checkpoint takes its place in one step, so that the old one needs a second name
        // first. Where it cannot get one, there is only one checkpoint.
        _ = std::fs::remove_file(&previous);
        if std::fs::hard_link(&path, &previous).is_err() {
            _ = std::fs::rename(&path, &previous);
        }
    }
    Ok(archive::save(&path, KIND, FORMAT, state, tensors)?)
}

/// A checkpoint as it was read.
pub(super) struct Loaded {
    pub(super) state: State,
    pub(super) tensors: BTreeMap<String, ParameterData>,
    pub(super) path: PathBuf,
    /// Why the last one was not used, if this is the one before it.
    pub(super) damaged: Option<Error>,
}

/// Reads the last checkpoint, or the one before it if that one is missing or damaged.
///
/// # Errors
/// None can be read; the error is that of the last one.
pub(super) fn load(run_dir: &RunDir) -> Result<Loaded> {
    if !run_dir.has_checkpoint() {
        return Err(Error::NoCheckpoint { path: run_dir.path().to_owned() });
    }
    let error = match load_file(run_dir.checkpoint_path()) {
        Ok(loaded) => return Ok(loaded),
        Err(error) => error,
    };
    match load_file(run_dir.previous_checkpoint_path()) {
        Ok(loaded) => Ok(Loaded { damaged: Some(error), ..loaded }),
        Err(_) => Err(error),
    }
}

fn load_file(path: PathBuf) -> Result<Loaded> {
    let archive::Archive { body, tensors, .. } = archive::load(&path, KIND, FORMAT)?;
    Ok(Loaded { state: body, tensors, path, damaged: None })
}

/// Whether every value is a finite number.
pub(super) fn is_finite(tensors: &BTreeMap<String, ParameterData>) -> bool {
    tensors.values().flat_map(|data| &data.values).all(|value| value.is_finite())
}
