//! `anoseg encoder`, and the encoder that a training needs.

use std::path::{Path, PathBuf};

use anoseg::{Config, PretrainedEncoder, SettingError, TrainError};
use anoseg_infer::network::Kind;
use anyhow::Result;
use etcetera::BaseStrategy as _;

use crate::args::EncoderCommand;
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(command: &EncoderCommand) -> Result<Outcome> {
    let EncoderCommand::Add { file } = command;
    let stored = PretrainedEncoder::read(file)?.store(&data_folder()?)?;
    console::result(&console::one_line(&format!("encoder   {}", stored.display())));
    Ok(Outcome::Fine)
}

/// The encoder that `config` needs: from this file, or the one that was added. None if it needs
/// none.
pub(crate) fn of(config: &Config, file: Option<&Path>) -> Result<Option<PretrainedEncoder>, TrainError> {
    match (config.architecture.network, file) {
        (Kind::Pretrained, Some(file)) => PretrainedEncoder::read(file).map(Some),
        (Kind::Pretrained, None) => PretrainedEncoder::find(&data_folder()?).map(Some),
        (_, Some(file)) => Err(SettingError::new("--encoder", file, "only preset accurate takes one").into()),
        (_, None) => Ok(None),
    }
}

/// Where the user's programs keep their data.
fn data_folder() -> Result<PathBuf, TrainError> {
    let homeless = |error: etcetera::HomeDirError| {
        let allowed = format!("there is no folder for the user's data ({error}): give the encoder's file");
        TrainError::from(SettingError::new("--encoder", "", allowed))
    };
    let folders = etcetera::choose_base_strategy().map_err(homeless)?;
    Ok(folders.data_dir().join("anoseg"))
}
