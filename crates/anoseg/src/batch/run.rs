//! What verdicts are of, and what becomes of those of earlier runs.

use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::write;
use anoseg_infer::{Error, Model};
use serde::{Deserialize, Serialize};

use super::Format;
use super::error::{ResultsError, io_error};
use super::names::name_of;
use super::shard::Record;
use super::verdict::SCHEMA;

/// What the verdicts are of: `<verdicts>.run.json` beside them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    schema: u32,
    /// Name and version.
    pub(super) program: String,
    format: String,
    /// The model's file as it was named.
    model: String,
    /// [`Model::digest`]; thresholds are part of it.
    pub(super) model_blake3: String,
    /// The same without thresholds and region of interest. Earlier versions did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network_blake3: Option<String>,
    /// BLAKE3 of the region of interest; None where defects count everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region_blake3: Option<String>,
    thresholds: Thresholds,
    /// False while a run writes, and after one that did not come to its end.
    complete: bool,
}

/// A value must be strictly greater to exceed one of these.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Thresholds {
    image: f32,
    review: f32,
    pixel: f32,
}

impl Run {
    /// Of a run that begins.
    pub(super) fn of(model: &Model, format: Format) -> Result<Self, Error> {
        let calibration = model.calibration()?;
        let mut file = model.to_file();
        let model_blake3 = file.digest()?;
        file.description.calibration = None;
        file.description.former_calibrations.clear();
        let region = file.description.preprocess.region.take();
        let region = region.map(|region| serde_json::to_vec(&region)).transpose();
        let region = region.map_err(|error| Error::Bug(error.to_string()))?;
        Ok(Self {
            schema: SCHEMA,
            program: concat!("anoseg ", env!("CARGO_PKG_VERSION")).to_owned(),
            format: format.name().to_owned(),
            model: name_of(model.path()),
            model_blake3,
            network_blake3: Some(file.digest()?),
            region_blake3: region.map(|region| anoseg_infer::file_digest(&region)),
            thresholds: Thresholds {
                image: calibration.image_threshold,
                review: calibration.review_threshold,
                pixel: calibration.pixel_threshold,
            },
            complete: false,
        })
    }

    /// As it is at the end of a run; `complete` says whether all images had their turn.
    pub(super) fn ended(self, complete: bool) -> Self {
        Self { complete, ..self }
    }

    /// Writes it beside the verdicts.
    pub(super) fn write(&self, folder: &Path, format: Format) -> Result<(), ResultsError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Bug(error.to_string()))?;
        write::atomic(&folder.join(format.run_name()), |file| writeln!(file, "{text}"))?;
        Ok(())
    }

    /// That of an earlier run into a folder, if the file is one.
    pub(super) fn read(folder: &Path, format: Format) -> Option<Self> {
        let path = folder.join(format.run_name());
        let metadata = fs::metadata(&path).ok()?;
        let text = (metadata.is_file() && metadata.len() < 1 << 20).then(|| fs::read_to_string(path));
        serde_json::from_str(&text?.ok()?).ok()
    }

    /// Whether the verdicts that are there are of the same model.
    pub(super) fn check_earlier(&self, folder: &Path, format: Format) -> Result<(), ResultsError> {
        let path = folder.join(format.run_name());
        let Some(earlier) = Self::read(folder, format) else {
            return Err(ResultsError::UnknownModel { path });
        };
        if earlier.model_blake3 != self.model_blake3 {
            let path = folder.join(format.journal_name());
            let what = self.difference(&earlier);
            return Err(ResultsError::OtherModel { path, model: earlier.model, what });
        }
        Ok(())
    }

    /// What the verdicts of an earlier run with another digest are of.
    fn difference(&self, earlier: &Self) -> &'static str {
        if earlier.network_blake3.is_none() {
            return "another model, or the same with other thresholds or another region of interest";
        }
        if earlier.network_blake3 != self.network_blake3 {
            return "another model";
        }
        match (earlier.region_blake3 != self.region_blake3, earlier.thresholds != self.thresholds) {
            (true, true) => "the same model with other thresholds and another region of interest",
            (true, false) => "the same model with another region of interest",
            // The thresholds of regions are no part of the description of a run.
            (false, _) => "the same model with other thresholds",
        }
    }
}

/// Gives the earlier verdicts and what belongs to them other names: `verdicts.previous.jsonl`, or
/// one with a number. Returns that of the verdicts.
pub(super) fn keep_earlier(folder: &Path, format: Format) -> Result<Option<PathBuf>, ResultsError> {
    let (run_name, shard_name) = (format.run_name(), format.shard_name());
    let mut names = vec![format.file_name(), run_name.as_str(), shard_name.as_str()];
    if format.journal_name() != format.file_name() {
        names.insert(1, format.journal_name());
    }
    let there: Vec<&str> = names.into_iter().filter(|name| exists(&folder.join(name))).collect();
    // The descriptions of a run alone are no result; a file of the user may have their names.
    let is_description = |&name: &&str| {
        name == run_name && Run::read(folder, format).is_some()
            || name == shard_name && Record::read(folder, format).is_ok_and(|record| record.is_some())
    };
    if there.iter().all(is_description) {
        if there.contains(&shard_name.as_str()) {
            let path = folder.join(&shard_name);
            fs::remove_file(&path).map_err(|error| io_error(&path, error))?;
        }
        return Ok(None);
    }
    let renamed = |name: &str, number: usize| {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        folder.join(name.replacen("verdicts", &format!("verdicts.previous{number}"), 1))
    };
    let is_free = |number: &usize| there.iter().all(|name| !exists(&renamed(name, *number)));
    let number = (1..).find(is_free).unwrap_or(1);
    for name in &there {
        let (from, to) = (folder.join(name), renamed(name, number));
        fs::rename(&from, &to).map_err(|error| io_error(&from, error))?;
    }
    Ok(there.first().map(|name| renamed(name, number)))
}

/// Whether anything has this name, a dead link included.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All three were once told in one list.
    #[test]
    fn what_differs_is_told_by_its_name() {
        let run = Run {
            schema: SCHEMA,
            program: String::new(),
            format: String::new(),
            model: "m.anoseg".into(),
            model_blake3: "a".into(),
            network_blake3: Some("n".into()),
            region_blake3: None,
            thresholds: Thresholds { image: 0.5, review: 0.4, pixel: 0.5 },
            complete: true,
        };
        let region = Run { region_blake3: Some("r".into()), ..run.clone() };
        let thresholds = Run { thresholds: Thresholds { image: 0.6, ..run.thresholds }, ..run.clone() };
        let both = Run { thresholds: thresholds.thresholds, ..region.clone() };
        let other = Run { network_blake3: Some("o".into()), ..both.clone() };
        let old = Run { network_blake3: None, ..run.clone() };
        let told = |earlier: &Run| run.difference(earlier);
        assert_eq!(told(&region), "the same model with another region of interest");
        assert_eq!(told(&thresholds), "the same model with other thresholds");
        assert_eq!(told(&both), "the same model with other thresholds and another region of interest");
        assert_eq!(told(&other), "another model");
        assert!(told(&old).contains("another model, or the same with other thresholds or another region"));
    }
}
