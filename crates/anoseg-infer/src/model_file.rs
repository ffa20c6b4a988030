//! Reading and writing model files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::archive::{self, Archive};
use crate::description::Former;
use crate::network::pretrained::Encoder;
use crate::network::{Backbone, Blueprint, Detector, EncoderKind, ImageGenerator, head};
use crate::parameters::{ParameterData, ParameterError, lookup};
use crate::{Description, Error, ModelFault, Result};

const KIND: &str = "model";

/// Version of the model file. Older ones stay readable.
const FORMAT: u32 = 2;

/// Prefix of the names of the second GAN's parameters.
pub(crate) const DETECTOR: &str = "detector";

/// Prefix of the names of the frozen encoder and the memory bank.
pub(crate) const BACKBONE: &str = "backbone";

/// Prefix of the names of the frozen encoder.
const ENCODER: &str = "backbone.encoder";

/// The contents of a model file: checked, but not made ready to run.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// The model's description.
    pub description: Description,
    /// All parameters by name.
    pub tensors: BTreeMap<String, ParameterData>,
}

impl ModelFile {
    /// Reads a model file.
    ///
    /// # Errors
    /// The file is missing, damaged, newer than this library, or not a model.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&archive::read(path, KIND)?).map_err(|fault| Error::model(path, fault))
    }

    /// The contents of a model file that is in memory.
    ///
    /// # Errors
    /// As [`ModelFile::read`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelFault> {
        let unreadable = |error: serde_json::Error| ModelFault::Damaged(error.to_string());
        let Archive { body, format, tensors } = archive::parse::<serde_json::Value>(bytes, KIND, FORMAT)?;
        let description: Description = match format {
            1 => serde_json::from_value::<Former>(body).map_err(unreadable)?.into(),
            _ => serde_json::from_value(body).map_err(unreadable)?,
        };
        description.validate()?;
        Contents::of(&description).check(&tensors)?;
        Ok(Self { description, tensors })
    }

    /// The format that a model file is written in, and the one that [`ModelFile::write`] writes.
    ///
    /// # Errors
    /// As [`ModelFile::read`].
    pub fn formats(path: &Path) -> Result<(u32, u32)> {
        let archive = archive::load::<serde_json::Value>(path, KIND, FORMAT)?;
        Ok((archive.format, FORMAT))
    }

    /// Writes the file, atomically.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        archive::save(path, KIND, FORMAT, &self.description, &self.tensors)
    }

    /// BLAKE3 of description and parameters, as hexadecimal digits. The same for a file of an older
    /// format and its conversion.
    ///
    /// # Errors
    /// The description does not serialise, which is a fault of this library.
    pub fn digest(&self) -> Result<String> {
        archive::digest(KIND, FORMAT, &self.description, &self.tensors)
    }

    /// How many numbers were trained: all but those of the backbone.
    pub fn parameter_count(&self) -> usize {
        let trained = self.tensors.iter().filter(|(name, _)| !name.starts_with(BACKBONE));
        trained.map(|(_, data)| data.values.len()).sum()
    }
}

/// The parameters of a file: names and shapes, without values. No memory is allocated before the
/// file is known to hold the values.
struct Contents {
    /// Prefix of the names, and the parameters. The trained network has no prefix.
    parts: Vec<(&'static str, Blueprint)>,
    /// The encoder of a frozen backbone, if there is one.
    backbone: Option<EncoderKind>,
}

impl Contents {
    fn of(description: &Description) -> Self {
        let architecture = description.architecture.clone().in_use();
        let mut network = Blueprint::default();
        let backbone = ImageGenerator::new(&mut network, &architecture).is_none();
        if backbone && description.is_trained() {
            head(&mut network, &architecture);
        }
        let mut parts = vec![("", network)];
        if architecture.detector {
            let mut detector = Blueprint::default();
            Detector::new(&mut detector, architecture.width);
            parts.push((DETECTOR, detector));
        }
        if backbone {
            let mut encoder = Blueprint::default();
            Encoder::new(&mut encoder, &architecture.encoder);
            parts.push((ENCODER, encoder));
        }
        Self { parts, backbone: backbone.then_some(architecture.encoder.network) }
    }

    /// Checks that `tensors` are these parameters, no more and no less, with values in range.
    fn check(&self, tensors: &BTreeMap<String, ParameterData>) -> Result<(), ParameterError> {
        let mut known = BTreeSet::new();
        for (prefix, blueprint) in &self.parts {
            for spec in blueprint.parameters() {
                let name =
                    if prefix.is_empty() { spec.name.clone() } else { format!("{prefix}.{}", spec.name) };
                let data = lookup(tensors, &name, &spec.shape)?;
                if name.ends_with(".variance") && data.values.iter().any(|&value| value < 0.0) {
                    return Err(ParameterError::Range(name));
                }
                known.insert(name);
            }
        }
        if let Some(encoder) = self.backbone {
            known.extend(Backbone::check_measured(encoder, BACKBONE, tensors)?);
        }
        match tensors.keys().find(|name| !known.contains(*name)) {
            Some(surplus) => Err(ParameterError::Surplus(surplus.clone())),
            None => Ok(()),
        }
    }
}
