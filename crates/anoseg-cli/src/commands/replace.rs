//! Model files that take the place of others.

use std::path::{Path, PathBuf};

use anoseg::{Error, ModelFile};
use anoseg_image::write::first_free;
use anyhow::Result;

use crate::console;

/// Writes a model. A model in its place that `keeps` says is worth it is kept beside it, under a name
/// that is free.
///
/// # Errors
/// The model, or the one before it, cannot be written.
pub(super) fn save(model: &ModelFile, path: &Path, keeps: impl Fn(&ModelFile) -> bool) -> Result<()> {
    // What cannot be read is no model that was calibrated.
    let kept = match ModelFile::read(path) {
        Ok(former) if keeps(&former) => Some(keep(path)?),
        _ => None,
    };
    if let Err(error) = model.write(path) {
        _ = kept.map(std::fs::remove_file);
        return Err(error.into());
    }
    if let Some(kept) = kept {
        console::note(&format!(
            "the model that was in {} has thresholds of a later calibration: it is kept in {}",
            path.display(),
            kept.display()
        ));
    }
    Ok(())
}

/// Whether a model has thresholds that are not those of its training.
pub(super) fn is_calibrated(file: &ModelFile) -> bool {
    let description = &file.description;
    let provenance = &description.provenance;
    // Former ones are missing where an earlier version calibrated; then the number of scores tells.
    let scores = match provenance.held_out_images {
        0 => provenance.training_images,
        held_out => held_out,
    };
    let other = |calibration: &anoseg::Calibration| calibration.normal_scores.len() != scores;
    !description.former_calibrations.is_empty() || description.calibration.as_ref().is_some_and(other)
}

/// Gives the file a second name, `part.previous.anoseg`, with a number where that is taken.
fn keep(path: &Path) -> Result<PathBuf> {
    let numbered = |number: u32| {
        let mut name = path.file_stem().unwrap_or_default().to_os_string();
        name.push(if number == 1 { ".previous".to_owned() } else { format!(".previous-{number}") });
        if let Some(ending) = path.extension() {
            name.push(".");
            name.push(ending);
        }
        path.with_file_name(name)
    };
    let target = first_free(numbered);
    let io = |error| Error::io(&target, error);
    // Of a link the file that it leads to is kept.
    let file = std::fs::canonicalize(path).map_err(io)?;
    if std::fs::hard_link(&file, &target).is_err() {
        // Not every file system has second names.
        std::fs::copy(&file, &target).map_err(io)?;
    }
    Ok(target)
}
