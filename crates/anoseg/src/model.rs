//! The trained model: one file, and what it says about a picture.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use anoseg_image::{AnomalyMap, Image, resample};
use anoseg_synth::Recipe;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::calibrate::Calibration;
use crate::config::{Config, Input, Output, Preset};
use crate::network::pretrained::distance_map;
use crate::network::{
    Architecture, Backbone, Detector, Folded, Generator, Kind, Mode, ParameterError, WeightInit,
    export_parameters, import_parameters, parameter_count, planes_tensor, prefixed, values_of, with_prefix,
};
use crate::score::{gaussian_blur, probability};
use crate::{Error, Result, archive};

const KIND: &str = "model";

/// What the names of the second GAN's parameters begin with.
const DETECTOR: &str = "detector";

/// What those of the frozen encoder and the memory begin with.
const BACKBONE: &str = "backbone";

/// Standard deviations above the mean distance at which a place counts as anomalous and normal alike, where nothing but
/// the distance is known.
const DOUBTFUL: f32 = 6.0;

/// Version of the model file. Older ones stay readable.
const FORMAT: u32 = 1;

/// A map is smoothed in its logits, so that what is nearly anomalous counts more than what is not at all; beyond this, a
/// probability of one in ten thousand, differences mean nothing.
const CERTAIN: f32 = 9.21;

/// What the model file says besides its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Settings it was trained with.
    pub preset: Preset,
    /// The network's shape; the decoder that only training needs is not stored.
    pub architecture: Architecture,
    /// How pictures reach the network.
    pub input: Input,
    /// How the network's map becomes the one that is given out.
    #[serde(default)]
    pub output: Output,
    /// How synthetic anomalies were made; calibration uses them again.
    pub synthesis: Recipe,
    /// Thresholds and what they come from. None until calibrated.
    pub calibration: Option<Calibration>,
    /// Where the model comes from.
    pub provenance: Provenance,
}

impl Description {
    /// Whether there is a network that draws the map; else the map is the distance to good pictures.
    fn has_learned(&self) -> bool {
        self.provenance.steps > 0 || self.architecture.network != Kind::Pretrained
    }
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of anoseg that trained it.
    pub program_version: String,
    /// Name of the category folder.
    pub category: String,
    /// BLAKE3 over names and contents of the good pictures.
    pub data_blake3: String,
    /// Pictures learned from.
    pub training_images: usize,
    /// Pictures calibrated on.
    pub held_out_images: usize,
    /// Seed of weights, synthesis and split.
    pub seed: u64,
    /// Training steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
}

/// A network with all that is needed to judge pictures.
#[derive(Debug)]
pub struct Model {
    description: Description,
    /// None where the backbone's distance map is all there is.
    network: Option<Generator>,
    backbone: Option<Arc<Backbone>>,
    detector: Option<Detector>,
    folded: Folded,
    device: Device,
}

/// What the network says about a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// How anomalous the picture is, 0..=1.
    pub score: f32,
    /// How anomalous each pixel is, 0..=1, at the picture's own resolution.
    pub map: AnomalyMap,
}

impl Model {
    /// A trained network that is not calibrated yet.
    pub(crate) fn new(
        config: &Config,
        provenance: Provenance,
        (network, detector): (Generator, Option<Detector>),
        backbone: Option<Arc<Backbone>>,
        device: &Device,
    ) -> Self {
        let architecture = Architecture { reconstruction: false, ..config.architecture.clone() };
        let description = Description {
            preset: config.preset,
            architecture,
            input: config.input.clone(),
            output: config.output.clone(),
            synthesis: config.synthesis.clone(),
            calibration: None,
            provenance,
        };
        let network = description.has_learned().then(|| network.without_reconstruction());
        Self { description, network, backbone, detector, folded: Folded::default(), device: device.clone() }
    }

    /// Reads a model file and places the network on `device`.
    ///
    /// # Errors
    /// The file is missing, damaged, newer than this program, or not a model.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let archive::Archive { body: description, tensors } =
            archive::load::<Description>(path, KIND, FORMAT)?;
        let config = Config {
            architecture: description.architecture.clone(),
            input: description.input.clone(),
            output: description.output.clone(),
            synthesis: description.synthesis.clone(),
            ..Config::default()
        };
        config
            .validate()
            .map_err(|error| Error::model(path, format!("its settings are unusable: {error}")))?;
        if let Some(calibration) = &description.calibration {
            calibration.validate().map_err(|what| Error::model(path, what))?;
        }
        let Architecture { network, detector, width, .. } = description.architecture;
        let init = &mut WeightInit::new(0, device);
        let unfit = |error: ParameterError| Error::model(path, error.to_string());
        let fresh = Generator::new(&description.architecture, init);
        let learned = description.has_learned();
        let backbone = (network == Kind::Pretrained)
            .then(|| Backbone::import(&with_prefix(BACKBONE, &tensors), device))
            .transpose()
            .map_err(unfit)?
            .map(Arc::new);
        let network = learned.then(|| import_parameters(fresh, &tensors)).transpose().map_err(unfit)?;
        let parameters = with_prefix(DETECTOR, &tensors);
        let detector = detector
            .then(|| import_parameters(Detector::new(init, width), &parameters))
            .transpose()
            .map_err(unfit)?;
        let folded = Folded::default();
        Ok(Self { description, network, backbone, detector, folded, device: device.clone() })
    }

    /// Writes the model file, atomically.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors = self.network.as_ref().map(export_parameters).unwrap_or_default();
        tensors.extend(self.backbone.iter().flat_map(|backbone| prefixed(BACKBONE, backbone.export())));
        tensors.extend(
            self.detector.iter().flat_map(|detector| prefixed(DETECTOR, export_parameters(detector))),
        );
        archive::save(path, KIND, FORMAT, &self.description, &tensors)
    }

    /// What the model file says besides its tensors.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How many numbers the network has learned.
    pub fn parameters(&self) -> usize {
        self.network.as_ref().map_or(0, parameter_count) + self.detector.as_ref().map_or(0, parameter_count)
    }

    /// Replaces the thresholds.
    pub fn set_calibration(&mut self, calibration: Calibration) {
        self.description.calibration = Some(calibration);
    }

    /// The thresholds.
    ///
    /// # Errors
    /// The model was never calibrated.
    pub fn calibration(&self) -> Result<&Calibration> {
        let advice = "the model has no thresholds yet: run `anoseg calibrate` with good pictures";
        self.description.calibration.as_ref().ok_or_else(|| Error::Arguments(advice.into()))
    }

    /// Score and anomaly map of a picture of any size.
    ///
    /// # Errors
    /// The network gave a value that is not finite.
    pub fn analyse(&self, image: &Image) -> Result<Analysis> {
        let Analysis { score, map } = self.judge(&self.fit(image))?;
        Ok(Analysis { score, map: resample::resize_map(&map, image.width(), image.height()) })
    }

    /// The picture as the network takes it: `size` x `size` pixels.
    pub fn fit(&self, image: &Image) -> Image {
        let Input { size, filter } = self.description.input;
        resample::resize(image, size, size, filter)
    }

    /// Score and map of a picture that already has the network's size, the map of that size too.
    pub(crate) fn judge(&self, image: &Image) -> Result<Analysis> {
        self.judge_from(image, None)
    }

    /// [`Model::judge`] of a picture that was learned from, by its number, whose own features do not count then. Of no effect once the
    /// model has been saved and loaded.
    pub(crate) fn judge_from(&self, image: &Image, source: Option<usize>) -> Result<Analysis> {
        let logits = self.logit_map(image, source)?;
        let given = self.smoothed(&logits);
        let map = given.map(probability);
        let Some(detector) = &self.detector else {
            return Ok(Analysis { score: self.description.output.score.score(&map, &given), map });
        };
        let tensor = |planes: &[f32]| planes_tensor(planes, [image.height(), image.width()], &self.device);
        let mut mode = Mode::Use(self.folded.clone());
        // The second GAN has learned from maps as they are drawn.
        let (picture, drawn) = (tensor(image.as_slice()), tensor(logits.map(probability).as_slice()));
        let distance = rayon::scope(|_| values_of(detector.score(picture, drawn, &mut mode)))[0];
        if !distance.is_finite() {
            return Err(Error::Bug("the network gave a score that is not finite".into()));
        }
        Ok(Analysis { score: distance / (1.0 + distance), map })
    }

    /// Logits as they are given out, from those that the network drew.
    fn smoothed<'a>(&self, logits: &'a AnomalyMap) -> Cow<'a, AnomalyMap> {
        match self.description.output.smoothing_px {
            0.0 => Cow::Borrowed(logits),
            sigma => {
                let sigma = sigma * logits.width() as f32 / 256.0;
                Cow::Owned(gaussian_blur(&logits.map(|logit| logit.clamp(-CERTAIN, CERTAIN)), sigma))
            }
        }
    }

    /// Logits of the map `[1, 1, h, w]` of a picture `[1, 3, h, w]`.
    fn logits(&self, picture: Tensor<4>, source: Option<usize>) -> Tensor<4> {
        let sight = match &self.backbone {
            Some(backbone) => backbone.look(picture, source.as_ref().map(std::slice::from_ref)),
            None => vec![picture],
        };
        let distance = self.backbone.as_ref().map(|_| distance_map(&sight));
        let drawn = self
            .network
            .as_ref()
            .map(|network| network.map_logits(sight, &mut Mode::Use(self.folded.clone())));
        match (drawn, distance) {
            (Some(drawn), Some(distance)) => drawn + distance * self.description.output.distance_weight,
            (Some(drawn), None) => drawn,
            (None, distance) => (distance.expect("a model has one of the two") - DOUBTFUL) / 2.0,
        }
    }

    /// The logits of the map as the network draws it.
    fn logit_map(&self, image: &Image, source: Option<usize>) -> Result<AnomalyMap> {
        let (width, height) = (image.width(), image.height());
        let picture = planes_tensor(image.as_slice(), [height, width], &self.device);
        // On a thread of the pool: every operator called from outside would have to wake one up.
        let values = rayon::scope(|_| values_of(self.logits(picture, source)));
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Bug("the network gave a value that is not finite".into()));
        }
        Ok(AnomalyMap::from_vec(width, height, values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{ScoreRule, logit};

    /// A network that has learned nothing.
    fn untrained(smoothing_px: f32) -> Model {
        let mut config = Config { output: Output { smoothing_px, ..Output::default() }, ..Config::default() };
        config.architecture = Architecture { widths: vec![4, 4], ..Architecture::default() };
        config.input.size = 32;
        let provenance = Provenance {
            program_version: String::new(),
            category: String::new(),
            data_blake3: String::new(),
            training_images: 0,
            held_out_images: 0,
            seed: 0,
            steps: 0,
            seconds: 0.0,
        };
        let device = Device::flex();
        let network = Generator::new(&config.architecture, &mut WeightInit::new(0, &device));
        Model::new(&config, provenance, (network, None), None, &device)
    }

    #[test]
    fn smoothing_is_laid_over_the_map_at_the_scale_of_its_side() {
        let picture = Image::from_fn(32, 32, |x, y| [x as f32 / 32.0, y as f32 / 32.0, 0.5]);
        let drawn = untrained(0.0).judge(&picture).unwrap();
        let smoothed = untrained(16.0).judge(&picture).unwrap();
        let expected = gaussian_blur(&drawn.map.map(logit), 2.0);
        let found = smoothed.map.map(logit);
        assert!(found.as_slice().iter().zip(expected.as_slice()).all(|(a, b)| (a - b).abs() < 1e-4));
        assert_ne!(smoothed.map, drawn.map);
        assert_eq!(smoothed.score, ScoreRule::Smoothed.score(&smoothed.map, &found));
    }

    #[test]
    fn smoothing_a_map_that_is_sure_of_everything_gives_numbers() {
        let model = untrained(16.0);
        let sure = AnomalyMap::from_fn(32, 32, |x, _| if x < 16 { -1e9 } else { 1e9 });
        let map = model.smoothed(&sure).map(probability);
        assert!(map.as_slice().iter().all(|value| (0.0..=1.0).contains(value)));
        assert!(map.get(0, 0) < 1e-3 && map.get(31, 0) > 0.999 && map.get(15, 0) < map.get(16, 0));
    }

    /// Thresholds belong to the scores that they were derived from.
    #[test]
    fn a_model_that_names_no_rule_is_scored_as_it_was() {
        let picture = Image::from_fn(32, 32, |x, y| [x as f32 / 32.0, y as f32 / 32.0, 0.5]);
        let mut model = untrained(0.0);
        let mut written = serde_json::to_value(model.description()).unwrap();
        written["output"].as_object_mut().unwrap().remove("score").unwrap();
        model.description = serde_json::from_value(written).unwrap();
        let Analysis { score, map } = model.judge(&picture).unwrap();
        assert_eq!(score, ScoreRule::Smoothed.score(&map, &map.map(logit)));
    }

    #[test]
    fn the_model_file_keeps_the_smoothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.anoseg");
        untrained(4.0).save(&path).unwrap();
        let model = Model::load(&path, &Device::flex()).unwrap();
        assert_eq!(model.description().output, Output { smoothing_px: 4.0, ..Output::default() });
    }
}
