//! Reading and writing model files.

use std::collections::BTreeMap;
use std::path::Path;

use crate::archive::{self, Archive};
use crate::description::Former;
use crate::network::{Architecture, Blueprint, ImageGenerator, Kind, head};
use crate::parameters::{ParameterData, ParameterError};
use crate::{Description, Error, ModelFault, Result};

const KIND: &str = "model";

/// Version of the model file. Older ones stay readable.
const FORMAT: u32 = 2;

/// Prefix of the names of the second GAN's parameters.
pub(crate) const DETECTOR: &str = "detector";

/// Prefix of the names of the frozen encoder and the memory bank.
pub(crate) const BACKBONE: &str = "backbone";

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
        check(&network_parameters(&description)?, &tensors)?;
        Ok(Self { description, tensors })
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

/// The shapes of the trained network, without values: no memory is allocated before the file is
/// known to hold the values.
fn network_parameters(description: &Description) -> Result<Blueprint, ModelFault> {
    let mut blueprint = Blueprint::default();
    let architecture = Architecture { reconstruction: false, ..description.architecture.clone() };
    if architecture.network == Kind::Pretrained {
        if description.is_trained() {
            head(&mut blueprint, &architecture);
        }
    } else {
        ImageGenerator::new(&mut blueprint, &architecture);
    }
    Ok(blueprint)
}

fn check(blueprint: &Blueprint, tensors: &BTreeMap<String, ParameterData>) -> Result<(), ParameterError> {
    blueprint
        .parameters()
        .iter()
        .try_for_each(|spec| crate::parameters::lookup(tensors, &spec.name, &spec.shape).map(drop))
}
