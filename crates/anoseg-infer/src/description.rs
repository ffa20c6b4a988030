//! The description of a model: the document in a model file beside the tensors.

use anoseg_image::Filter;
use serde::{Deserialize, Serialize};

use crate::network::{Architecture, Kind};
use crate::{Calibration, Postprocess, Preprocess, SettingError, TrainingImages};

/// The document of a model file.
///
/// Unknown fields of this document, of the calibration and of the provenance are ignored when a file is
/// read: a later version may add remarks there. Those that decide a result (architecture, preprocess,
/// postprocess, region filter) are refused, and what changes results raises the format's version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Name of the settings that it was trained with.
    pub preset: String,
    /// The network's shape; the decoder that only training needs is not stored.
    pub architecture: Architecture,
    /// How images become the network's input.
    pub preprocess: Preprocess,
    /// How the network's logits become map and score.
    pub postprocess: Postprocess,
    /// Settings of the synthesis, which calibration uses again. The training crate defines their
    /// format.
    pub synthesis: serde_json::Value,
    /// Thresholds and the scores that they come from. None until calibrated.
    pub calibration: Option<Calibration>,
    /// The thresholds before, the latest first; at most four sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_calibrations: Vec<Calibration>,
    /// Provenance of the model.
    pub provenance: Provenance,
    /// What the training images had in common. None in older models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_images: Option<TrainingImages>,
}

/// Provenance of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of anoseg that trained it.
    pub program_version: String,
    /// Name of the dataset's folder.
    pub category: String,
    /// BLAKE3 over names and contents of the good images.
    pub data_blake3: String,
    /// Number of training images.
    pub training_images: usize,
    /// Number of images held out for calibration.
    pub held_out_images: usize,
    /// Seed of weights, synthesis and split.
    pub seed: u64,
    /// Training steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// The files of the images that were trained on, without those held out, as [`file_digest`] gives
    /// them, in ascending order. Empty in older models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trained_on: Vec<String>,
}

/// The beginning of the BLAKE3 of a file's content: 16 hexadecimal digits.
pub fn file_digest(content: &[u8]) -> String {
    blake3::hash(content).to_hex()[..16].to_owned()
}

/// [`file_digest`] of a content, from its whole BLAKE3 in hexadecimal digits.
pub fn file_digest_of_blake3(digest: &str) -> String {
    digest.chars().take(16).collect()
}

impl Description {
    /// Whether a trained network gives the map; otherwise the map is the distance to good images.
    pub fn is_trained(&self) -> bool {
        self.provenance.steps > 0 || self.architecture.network != Kind::Pretrained
    }

    /// Puts a set of former thresholds in force again; the present ones take its place. `number` counts
    /// from 1. Returns whether there is such a set.
    pub fn restore_calibration(&mut self, number: usize) -> bool {
        let former = &mut self.former_calibrations;
        let Some(index) = number.checked_sub(1).filter(|&index| index < former.len()) else { return false };
        let present = self.calibration.replace(former.remove(index));
        former.splice(index..index, present);
        true
    }

    /// Checks that every setting is in its range and that they fit each other.
    ///
    /// # Errors
    /// Names the setting, its value and its range.
    pub fn validate(&self) -> Result<(), SettingError> {
        self.architecture.validate()?;
        self.preprocess.validate(self.architecture.stride())?;
        self.architecture.validate_work(self.preprocess.size())?;
        self.postprocess.validate()?;
        self.training_images.as_ref().map_or(Ok(()), TrainingImages::validate)?;
        self.calibration.iter().chain(&self.former_calibrations).try_for_each(Calibration::validate)
    }

    /// The document as it is shown: its fields, and `input` and `output` as earlier versions called
    /// preprocessing and postprocessing.
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = json_value(self).unwrap_or_default();
        let [height, width] = self.preprocess.size();
        if let Some(object) = json.as_object_mut() {
            let input = FormerInput { size: height.max(width), filter: self.preprocess.filter };
            object.insert("input".into(), json_value(&input).unwrap_or_default());
            object.insert("output".into(), json_value(&self.postprocess).unwrap_or_default());
        }
        json
    }
}

/// A JSON value with numbers as they are written: `serde_json::to_value` widens `0.1_f32` to
/// 0.10000000149011612.
///
/// # Errors
/// The value has no form in JSON.
pub fn json_value(value: &impl Serialize) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(&serde_json::to_string(value)?)
}

/// Preprocessing in files of format 1: images are resampled to `size` x `size` pixels.
#[derive(Serialize, Deserialize)]
struct FormerInput {
    size: usize,
    filter: Filter,
}

/// The document of format 1.
#[derive(Deserialize)]
pub(crate) struct Former {
    preset: String,
    architecture: Architecture,
    input: FormerInput,
    #[serde(default)]
    output: Postprocess,
    synthesis: serde_json::Value,
    calibration: Option<Calibration>,
    provenance: Provenance,
}

impl From<Former> for Description {
    fn from(former: Former) -> Self {
        let Former { preset, architecture, input, output, synthesis, calibration, provenance } = former;
        let preprocess = Preprocess::square(input.size, input.filter);
        let (postprocess, training_images) = (output, None);
        Self {
            preset,
            architecture,
            preprocess,
            postprocess,
            synthesis,
            calibration,
            former_calibrations: Vec::new(),
            provenance,
            training_images,
        }
    }
}
