//! Frozen features, their spread on good images, and a memory bank of them.

use std::collections::BTreeMap;

use anoseg_kernels::Pool;
use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::fine_memory::FineMemory;
use super::kind::EncoderKind;
use super::memory_bank::MemoryBank;
use super::spread::Spread;
use crate::network::{Architecture, Blueprint, Executor};
use crate::parameters::{ParameterData, ParameterError, ParameterStore, prefixed, take_prefix, with_prefix};

/// Standard deviations above the mean distance at which a pixel is as likely anomalous as not, where the map
/// comes from the distance alone.
pub(crate) const DOUBTFUL: f32 = 6.0;

/// Frozen encoder, standardisation and memory bank.
#[derive(Clone, Debug)]
pub struct Backbone {
    /// The frozen network.
    pub encoder: Encoder,
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
    /// A second memory bank at stride 4, beside one that is at half of the resolution.
    pub fine: Option<FineMemory>,
    /// Where positions are averaged with their neighbours.
    pub averaging: Averaging,
}

/// Where the features that are compared with the memory bank are averaged with their neighbours, 3 x 3 positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Averaging {
    /// At stride 8, to which all features have been brought: over 24 pixels. Models whose file says nothing.
    #[default]
    Joined,
    /// The features at stride 16 at their own stride: over 48 pixels.
    OwnStride,
}

impl Averaging {
    pub(crate) fn is_joined(&self) -> bool {
        *self == Self::Joined
    }
}

/// Standardised features of images, and their distance to those of good images.
#[derive(Clone, Debug)]
pub struct Features<V> {
    /// `[n, c, h / 2, w / 2]`, of the channels [`EncoderKind::channels`].
    pub stride2: V,
    /// `[n, c, h / 4, w / 4]`
    pub stride4: V,
    /// `[n, c, h / 8, w / 8]`
    pub stride8: V,
    /// `[n, c, h / 16, w / 16]`
    pub stride16: V,
    /// `[n, 1, h / 8, w / 8]`: distance to the memory bank in standard deviations from the mean of
    /// good images.
    pub distance: V,
}

impl Backbone {
    /// The features of images `[n, 3, h, w]` with values in 0..=1.
    pub fn forward<X: Executor>(&self, x: &mut X, images: &X::Value) -> Features<X::Value> {
        let raw = self.encoder.features(x, images);
        let [stride2, stride4, stride8, stride16] =
            standardised(x, self.encoder.kind(), &self.features, &raw);
        let descriptors = match &self.coarse {
            Some(spread) => {
                let halved = x.average_pool(images, Pool::blocks(2));
                Self::descriptors(x, &self.encoder, (spread, self.averaging), &halved)
            }
            None => descriptors(x, self.averaging, [&stride4, &stride8, &stride16]),
        };
        let distance = x.nearest_distance(&descriptors, &self.memory);
        let distance = self.distances.standardise(x, &distance, 0..1);
        let distance = if self.coarse.is_some() { x.double(&distance) } else { distance };
        Features { stride2, stride4, stride8, stride16, distance }
    }

    /// The distance to good images at the images' resolution, `[n, 1, h, w]`.
    ///
    /// Where there is a fine memory bank, the distance to the other is counted up to 6 deviations: it shows
    /// that there is a defect. The distance to the fine one shows where, and counts as far as the other has
    /// shown it.
    pub fn distance<X: Executor>(&self, x: &mut X, features: &Features<X::Value>) -> X::Value {
        let Some(fine) = &self.fine else {
            return (0..3).fold(features.distance.clone(), |distance, _| x.double(&distance));
        };
        let limited = at_most(x, &features.distance, DOUBTFUL);
        let limited = x.double(&limited);
        let share = x.multiply_scalar(&limited, 1.0 / DOUBTFUL);
        let share = x.leaky_relu(&share, 0.0);
        let fine = fine.distance(x, features);
        let fine = x.multiply(&fine, &share);
        let sum = x.add(&limited, &fine);
        (0..2).fold(sum, |distance, _| x.double(&distance))
    }

    /// Everything, by name.
    pub fn export(&self) -> BTreeMap<String, ParameterData> {
        prefixed("encoder", self.encoder_parameters.export())
            .chain(prefixed("features", self.features.export()))
            .chain(prefixed("distances", self.distances.export()))
            .chain(self.coarse.iter().flat_map(|coarse| prefixed("coarse", coarse.export())))
            .chain(self.fine.iter().flat_map(|fine| prefixed("fine", fine.export())))
            .chain([("memory".to_owned(), self.memory.vectors().clone())])
            .collect()
    }

    /// Checks what is measured on good images through such an encoder, without the encoder itself, under
    /// names that begin with `prefix.`. Gives the names.
    pub(crate) fn check_measured(
        encoder: EncoderKind,
        prefix: &str,
        from: &BTreeMap<String, ParameterData>,
    ) -> Result<Vec<String>, ParameterError> {
        let named = |name: &str| format!("{prefix}.{name}");
        let mut names = vec![named("memory")];
        MemoryBank::check(&names[0], from, encoder.descriptor())?;
        names.extend(FineMemory::check(encoder, &named("fine"), from)?);
        let all = encoder.all_channels();
        let coarse = from.contains_key(&named("coarse.mean")).then_some(("coarse", all));
        for (part, channels) in [("features", all), ("distances", 1)].into_iter().chain(coarse) {
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
    pub fn import(
        architecture: &Architecture,
        mut from: BTreeMap<String, ParameterData>,
    ) -> Result<Self, ParameterError> {
        let mut blueprint = Blueprint::default();
        let encoder = Encoder::new(&mut blueprint, &architecture.encoder);
        let kind = encoder.kind();
        let mut weights = take_prefix("encoder", &mut from);
        let encoder_parameters = ParameterStore::take(&mut weights, blueprint.parameters())?;
        let memory = MemoryBank::take("memory", &mut from, kind.descriptor())?;
        let fine = FineMemory::import(kind, "fine", &mut from)?;
        Ok(Self {
            encoder,
            encoder_parameters,
            features: Spread::import(&with_prefix("features", &from), kind.all_channels())?,
            memory,
            distances: Spread::import(&with_prefix("distances", &from), 1)?,
            coarse: from
                .contains_key("coarse.mean")
                .then(|| Spread::import(&with_prefix("coarse", &from), kind.all_channels()))
                .transpose()?,
            fine,
            averaging: architecture.averaging,
        })
    }
}

/// The smaller of each value and `limit`.
fn at_most<X: Executor>(x: &mut X, value: &X::Value, limit: f32) -> X::Value {
    let below = x.multiply_scalar(value, -1.0);
    let below = x.add_scalar(&below, limit);
    let below = x.leaky_relu(&below, 0.0);
    let below = x.multiply_scalar(&below, -1.0);
    x.add_scalar(&below, limit)
}

/// The encoder's features, finest first, each channel brought to mean 0 and deviation 1.
pub(crate) fn standardised<X: Executor>(
    x: &mut X,
    encoder: EncoderKind,
    spread: &Spread,
    raw: &[X::Value; 4],
) -> [X::Value; 4] {
    let mut first = 0;
    let mut number = 0;
    raw.each_ref().map(|value| {
        let channels = first..first + encoder.channels()[number];
        (first, number) = (channels.end, number + 1);
        spread.standardise(x, value, channels)
    })
}

/// `[n, c, h / 8, w / 8]` from standardised features at strides 4, 8 and 16: brought to stride 8,
/// and every position averaged with its eight neighbours. Neighbours outside of the image count as
/// zeros, the mean of good images. Distances are therefore smaller at the border, where half of a
/// position's surroundings is unknown. Without the zeros in the mean, distances would be larger
/// there on good images too.
pub(crate) fn descriptors<X: Executor>(
    x: &mut X,
    averaging: Averaging,
    [fine, middle, coarse]: [&X::Value; 3],
) -> X::Value {
    let neighbours = Pool { kernel: 3, stride: 1, padding: 1 };
    let halved = x.average_pool(fine, Pool::blocks(2));
    match averaging {
        Averaging::Joined => {
            let doubled = x.double(coarse);
            let joined = x.join(&[&halved, middle, &doubled]);
            x.average_pool(&joined, neighbours)
        }
        Averaging::OwnStride => {
            let joined = x.join(&[&halved, middle]);
            let averaged = x.average_pool(&joined, neighbours);
            let coarse = x.average_pool(coarse, neighbours);
            let doubled = x.double(&coarse);
            x.join(&[&averaged, &doubled])
        }
    }
}

impl Backbone {
    /// The descriptors `[n, c, h / 8, w / 8]` of images `[n, 3, h, w]` under this encoder and
    /// spread. The memory bank holds such vectors.
    pub fn descriptors<X: Executor>(
        x: &mut X,
        encoder: &Encoder,
        (spread, averaging): (&Spread, Averaging),
        images: &X::Value,
    ) -> X::Value {
        let raw = encoder.features(x, images);
        let [_, stride4, stride8, stride16] = standardised(x, encoder.kind(), spread, &raw);
        descriptors(x, averaging, [&stride4, &stride8, &stride16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::EncoderArchitecture;
    use crate::runtime::Recorder;

    fn numbers(shape: &[usize]) -> ParameterData {
        let len: usize = shape.iter().product();
        let values = (0..len).map(|i| (i * 37 % 101) as f32 / 101.0 + 0.01).collect();
        ParameterData { shape: shape.to_vec(), values }
    }

    /// What a backbone on tiles exports, without the encoder.
    fn measured(encoder: EncoderKind) -> BTreeMap<String, ParameterData> {
        let mut parts = BTreeMap::new();
        let spreads = ["features", "coarse"].map(|part| (part, encoder.all_channels()));
        for (part, channels) in spreads.into_iter().chain([("distances", 1), ("fine.distances", 1)]) {
            parts.insert(format!("backbone.{part}.mean"), numbers(&[channels]));
            parts.insert(format!("backbone.{part}.deviation"), numbers(&[channels]));
        }
        parts.insert("backbone.memory".into(), numbers(&[7, encoder.descriptor()]));
        parts.insert("backbone.fine.memory".into(), numbers(&[5, encoder.fine_descriptor()]));
        parts
    }

    #[test]
    fn both_memory_banks_are_read_back_and_checked() {
        for kind in [EncoderKind::EfficientNetLite0, EncoderKind::ResNet18] {
            let (parts, encoder) = (measured(kind), EncoderArchitecture::as_published(kind));
            let mut names = Backbone::check_measured(kind, "backbone", &parts).unwrap();
            names.sort();
            assert_eq!(names, parts.keys().cloned().collect::<Vec<_>>());
            let mut blueprint = Blueprint::default();
            Encoder::new(&mut blueprint, &encoder);
            let weights = blueprint.parameters().iter();
            let weights = weights.map(|spec| (format!("encoder.{}", spec.name), numbers(&spec.shape)));
            let all: BTreeMap<_, _> = with_prefix("backbone", &parts).into_iter().chain(weights).collect();
            let architecture = Architecture { encoder, ..Architecture::pretrained() };
            assert_eq!(Backbone::import(&architecture, all.clone()).unwrap().export(), all);
            for (name, shape) in [
                ("backbone.fine.memory", vec![5, kind.fine_descriptor() + 1]),
                ("backbone.fine.memory", vec![0, kind.fine_descriptor()]),
                ("backbone.fine.memory", vec![]),
                ("backbone.fine.distances.mean", vec![2]),
            ] {
                let mut damaged = measured(kind);
                damaged.insert(name.to_owned(), numbers(&shape));
                let error = Backbone::check_measured(kind, "backbone", &damaged).unwrap_err();
                assert!(matches!(error, ParameterError::Shape { .. }), "{name}: {error}");
            }
            let mut missing = measured(kind);
            missing.remove("backbone.fine.distances.deviation");
            assert!(Backbone::check_measured(kind, "backbone", &missing).is_err());
        }
        let other = Backbone::check_measured(
            EncoderKind::WideResNet50,
            "backbone",
            &measured(EncoderKind::EfficientNetLite0),
        );
        assert!(other.unwrap_err().to_string().contains("backbone.memory"));
    }

    /// One position at stride 16 differs: averaged at its own stride it counts for as much at all positions around,
    /// averaged at stride 8 for more at its own and for less two positions away.
    #[test]
    fn features_at_stride_16_are_averaged_over_their_own_neighbours() {
        let found = |averaging| {
            let (mut x, input) = Recorder::new([1, 1, 8, 8]);
            let fine = x.double(&input);
            let coarse = x.average_pool(&input, Pool::blocks(2));
            let all = descriptors(&mut x, averaging, [&fine, &input, &coarse]);
            let mut image = vec![0.0; 64];
            for at in [36, 37, 44, 45] {
                image[at] = 9.0;
            }
            x.finish(&[all]).run(&image, &[]).swap_remove(0)[128..].to_vec()
        };
        let (joined, own) = (found(Averaging::Joined), found(Averaging::OwnStride));
        assert!((own[4 * 8 + 4] - 1.0).abs() < 1e-5 && joined[4 * 8 + 4] > 1.5);
        assert!((own[3 * 8 + 2] - 0.75).abs() < 1e-5 && joined[3 * 8 + 2] < 0.5);
    }

    #[test]
    fn values_above_the_limit_are_cut() {
        let (mut x, input) = Recorder::new([1, 1, 1, 4]);
        let limited = at_most(&mut x, &input, 6.0);
        let found = x.finish(&[limited]).run(&[-3.0, 5.5, 6.5, 1e6], &[]);
        assert_eq!(found[0], [-3.0, 5.5, 6.0, 6.0]);
    }
}
