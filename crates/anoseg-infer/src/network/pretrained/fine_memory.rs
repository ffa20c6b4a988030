//! A second memory bank, of the features at strides 2 and 4: it shows where a defect ends.
//!
//! On tiles the memory bank is made at half of the network's resolution, and each of its positions
//! is a mean of nine: it finds a thin crack by its surroundings, and marks them too. The features at
//! strides 2 and 4 show little of the part, but each position shows its own place alone.

use std::collections::BTreeMap;

use anoseg_kernels::Pool;

use super::backbone::{Features, standardised};
use super::encoder::Encoder;
use super::kind::EncoderKind;
use super::memory_bank::MemoryBank;
use super::spread::Spread;
use crate::network::Executor;
use crate::parameters::{ParameterData, ParameterError, prefixed, with_prefix};

/// Feature vectors of good images at stride 4, and the spread of the distances to them.
#[derive(Clone, Debug)]
pub struct FineMemory {
    /// The vectors.
    pub memory: MemoryBank,
    /// Spread of the distances on good images.
    pub distances: Spread,
}

impl FineMemory {
    /// The descriptors `[n, c, h / 4, w / 4]` of images `[n, 3, h, w]` under this encoder and spread of its
    /// features. The memory bank holds such vectors.
    pub fn descriptors<X: Executor>(
        x: &mut X,
        encoder: &Encoder,
        spread: &Spread,
        images: &X::Value,
    ) -> X::Value {
        let raw = encoder.features(x, images);
        let [stride2, stride4, ..] = standardised(x, encoder.kind(), spread, &raw);
        joined(x, &stride2, &stride4)
    }

    /// The distance `[n, 1, h / 4, w / 4]` to good images, in standard deviations from their mean.
    pub fn distance<X: Executor>(&self, x: &mut X, features: &Features<X::Value>) -> X::Value {
        let descriptors = joined(x, &features.stride2, &features.stride4);
        let distance = x.nearest_distance(&descriptors, &self.memory);
        self.distances.standardise(x, &distance, 0..1)
    }

    /// Everything, by name.
    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        prefixed("distances", self.distances.export())
            .chain([("memory".to_owned(), self.memory.vectors().clone())])
            .collect()
    }

    /// Checks what [`FineMemory::export`] gives, under names that begin with `prefix.`. Gives the names:
    /// none if there is no such memory bank.
    ///
    /// # Errors
    /// A part is missing or has another shape.
    pub(super) fn check(
        encoder: EncoderKind,
        prefix: &str,
        from: &BTreeMap<String, ParameterData>,
    ) -> Result<Vec<String>, ParameterError> {
        let memory = format!("{prefix}.memory");
        if !from.contains_key(&memory) {
            return Ok(Vec::new());
        }
        MemoryBank::check(&memory, from, encoder.fine_descriptor())?;
        let distances = format!("{prefix}.distances");
        Spread::import(&with_prefix(&distances, from), 1)?;
        Ok(vec![memory, format!("{distances}.mean"), format!("{distances}.deviation")])
    }

    /// What [`FineMemory::export`] gave, under names that begin with `prefix.`, if it is there.
    ///
    /// # Errors
    /// As [`FineMemory::check`].
    pub(super) fn import(
        encoder: EncoderKind,
        prefix: &str,
        from: &mut BTreeMap<String, ParameterData>,
    ) -> Result<Option<Self>, ParameterError> {
        let memory = format!("{prefix}.memory");
        if !from.contains_key(&memory) {
            return Ok(None);
        }
        let memory = MemoryBank::take(&memory, from, encoder.fine_descriptor())?;
        let distances = Spread::import(&with_prefix(&format!("{prefix}.distances"), from), 1)?;
        Ok(Some(Self { memory, distances }))
    }
}

/// Standardised features at strides 2 and 4, both at stride 4.
fn joined<X: Executor>(x: &mut X, stride2: &X::Value, stride4: &X::Value) -> X::Value {
    let halved = x.average_pool(stride2, Pool::blocks(2));
    x.join(&[&halved, stride4])
}
