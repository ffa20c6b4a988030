//! Frozen features, their spread on good images, and a memory bank of them.

use std::collections::BTreeMap;

use anoseg_kernels::Pool;

use super::efficientnet::{CHANNELS, EfficientNet};
use super::memory_bank::MemoryBank;
use super::spread::Spread;
use crate::network::{Blueprint, Executor};
use crate::parameters::{
    ParameterData, ParameterError, ParameterStore, lookup, prefixed, take_prefix, with_prefix,
};

/// Channels of all features together.
pub const ALL_CHANNELS: usize = CHANNELS[0] + CHANNELS[1] + CHANNELS[2] + CHANNELS[3];

/// Channels of what is compared with the memory bank: the features at strides 4, 8 and 16.
pub const DESCRIPTOR: usize = ALL_CHANNELS - CHANNELS[0];

/// Most vectors of a memory bank; `architecture.memory` has the same range.
const MOST_VECTORS: usize = 100_000;

/// Frozen encoder, standardisation and memory bank.
#[derive(Clone, Debug)]
pub struct Backbone {
    /// The frozen network.
    pub encoder: EfficientNet,
    /// Its parameters.
    pub encoder_parameters: ParameterStore,
    /// Spread of the features.
    pub features: Spread,
    /// Feature vectors of good images.
    pub memory: MemoryBank,
    /// Spread of the distances to the memory bank.
    pub distances: Spread,
    /// Spread of the features at half of the resolution, where the memory bank holds those: on images at
    /// a fine scale a position of the memory bank would show too little.
    pub coarse: Option<Spread>,
}

/// Standardised features of images, and their distance to those of good images.
#[derive(Clone, Debug)]
pub struct Features<V> {
    /// `[n, 16, h / 2, w / 2]`
    pub stride2: V,
    /// `[n, 24, h / 4, w / 4]`
    pub stride4: V,
    /// `[n, 40, h / 8, w / 8]`
    pub stride8: V,
    /// `[n, 112, h / 16, w / 16]`
    pub stride16: V,
    /// `[n, 1, h / 8, w / 8]`: distance to the memory bank in standard deviations from the mean of
    /// good images.
    pub distance: V,
}

impl Backbone {
    /// The features of images `[n, 3, h, w]` with values in 0..=1.
    pub fn forward<X: Executor>(&self, x: &mut X, images: &X::Value) -> Features<X::Value> {
        let raw = self.encoder.features(x, images);
        let [stride2, stride4, stride8, stride16] = standardised(x, &self.features, &raw);
        let descriptors = match &self.coarse {
            Some(spread) => {
                let halved = x.average_pool(images, Pool::blocks(2));
                Self::descriptors(x, &self.encoder, spread, &halved)
            }
            None => descriptors(x, [&stride4, &stride8, &stride16]),
        };
        let distance = x.nearest_distance(&descriptors, &self.memory);
        let distance = self.distances.standardise(x, &distance, 0..1);
        let distance = if self.coarse.is_some() { x.double(&distance) } else { distance };
        Features { stride2, stride4, stride8, stride16, distance }
    }

    /// Everything, by name.
    pub fn export(&self) -> BTreeMap<String, ParameterData> {
        prefixed("encoder", self.encoder_parameters.export())
            .chain(prefixed("features", self.features.export()))
            .chain(prefixed("distances", self.distances.export()))
            .chain(self.coarse.iter().flat_map(|coarse| prefixed("coarse", coarse.export())))
            .chain([("memory".to_owned(), self.memory.vectors().clone())])
            .collect()
    }

    /// Checks what is measured on good images, without the encoder, under names that begin with
    /// `prefix.`. Gives the names.
    pub(crate) fn check_measured(
        prefix: &str,
        from: &BTreeMap<String, ParameterData>,
    ) -> Result<Vec<String>, ParameterError> {
        let named = |name: &str| format!("{prefix}.{name}");
        let mut names = vec![named("memory")];
        let memory = from.get(&names[0]).ok_or_else(|| ParameterError::Missing(names[0].clone()))?;
        let count = memory.shape.first().copied().unwrap_or(0).clamp(1, MOST_VECTORS);
        lookup(from, &names[0], &[count, DESCRIPTOR])?;
        let coarse = from.contains_key(&named("coarse.mean")).then_some(("coarse", ALL_CHANNELS));
        for (part, channels) in [("features", ALL_CHANNELS), ("distances", 1)].into_iter().chain(coarse) {
            let part = named(part);
            Spread::import(&with_prefix(&part, from), channels)?;
            names.extend(["mean", "deviation"].map(|value| format!("{part}.{value}")));
        }
        Ok(names)
    }

    /// What [`Backbone::export`] gave; the images that the memory bank's vectors are from are not
    /// kept.
    ///
    /// # Errors
    /// A part is missing or has another shape.
    pub fn import(mut from: BTreeMap<String, ParameterData>) -> Result<Self, ParameterError> {
        let mut blueprint = Blueprint::default();
        let encoder = EfficientNet::new(&mut blueprint);
        let mut weights = take_prefix("encoder", &mut from);
        let encoder_parameters = ParameterStore::take(&mut weights, blueprint.parameters())?;
        let missing = || ParameterError::Missing("memory".into());
        let count = from.get("memory").ok_or_else(missing)?.shape.first().copied().unwrap_or(0).max(1);
        lookup(&from, "memory", &[count, DESCRIPTOR])?;
        let vectors = from.remove("memory").ok_or_else(missing)?;
        Ok(Self {
            encoder,
            encoder_parameters,
            features: Spread::import(&with_prefix("features", &from), ALL_CHANNELS)?,
            memory: MemoryBank::new(vectors, Vec::new()),
            distances: Spread::import(&with_prefix("distances", &from), 1)?,
            coarse: from
                .contains_key("coarse.mean")
                .then(|| Spread::import(&with_prefix("coarse", &from), ALL_CHANNELS))
                .transpose()?,
        })
    }
}

/// The encoder's features, finest first, each channel brought to mean 0 and deviation 1.
pub(crate) fn standardised<X: Executor>(x: &mut X, spread: &Spread, raw: &[X::Value; 4]) -> [X::Value; 4] {
    let mut first = 0;
    let mut number = 0;
    raw.each_ref().map(|value| {
        let channels = first..first + CHANNELS[number];
        (first, number) = (channels.end, number + 1);
        spread.standardise(x, value, channels)
    })
}

/// `[n, 176, h / 8, w / 8]` from standardised features at strides 4, 8 and 16: brought to stride 8,
/// and every position averaged with its eight neighbours. Neighbours outside of the image count as
/// zeros, the mean of good images. Distances are therefore smaller at the border, where half of a
/// position's surroundings is unknown. Without the zeros in the mean, distances would be larger
/// there on good images too.
pub(crate) fn descriptors<X: Executor>(x: &mut X, [fine, middle, coarse]: [&X::Value; 3]) -> X::Value {
    let halved = x.average_pool(fine, Pool::blocks(2));
    let doubled = x.double(coarse);
    let joined = x.join(&[&halved, middle, &doubled]);
    x.average_pool(&joined, Pool { kernel: 3, stride: 1, padding: 1 })
}

impl Backbone {
    /// The descriptors `[n, 176, h / 8, w / 8]` of images `[n, 3, h, w]` under this encoder and
    /// spread. The memory bank holds such vectors.
    pub fn descriptors<X: Executor>(
        x: &mut X,
        encoder: &EfficientNet,
        spread: &Spread,
        images: &X::Value,
    ) -> X::Value {
        let raw = encoder.features(x, images);
        let [_, stride4, stride8, stride16] = standardised(x, spread, &raw);
        descriptors(x, [&stride4, &stride8, &stride16])
    }
}
