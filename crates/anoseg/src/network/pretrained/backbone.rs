//! What is known before anything is learned: frozen features, how they are spread on good pictures, and a memory of them.

use std::collections::BTreeMap;

use anoseg_image::Image;
use anoseg_kernels::{Upsampling, upsample2d};
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Tensor};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::coreset;
use super::efficientnet::{CHANNELS, EfficientNet};
use super::memory::Memory;
use super::spread::{Spread, Sums};
use crate::network::{
    ParameterData, ParameterError, Sight, lookup, planes_tensor, prefixed, values_of, with_prefix,
};

/// Pictures that means and deviations are taken from: more hardly change them.
const MEASURED: usize = 64;

/// Pictures that the memory is drawn from.
const REMEMBERED: usize = 1024;

/// How many vectors are drawn for each one that is remembered.
const CANDIDATES: usize = 4;

/// Channels of all features together.
const ALL_CHANNELS: usize = CHANNELS[0] + CHANNELS[1] + CHANNELS[2] + CHANNELS[3];

/// Channels of what is compared with the memory: the features at strides 4, 8 and 16.
const DESCRIPTOR: usize = ALL_CHANNELS - CHANNELS[0];

/// Frozen encoder, standardisation and memory.
#[derive(Debug)]
pub(crate) struct Backbone {
    encoder: EfficientNet,
    encoder_parameters: BTreeMap<String, ParameterData>,
    features: Spread,
    memory: Memory,
    distances: Spread,
}

impl Backbone {
    /// Measures and remembers good pictures, all of one size. `vectors` is the size of the memory, `seed` that of its choice.
    ///
    /// # Errors
    /// The encoder's parameters are not those of the network.
    pub(crate) fn learn(
        encoder_parameters: &BTreeMap<String, ParameterData>,
        pictures: &[Image],
        (vectors, seed): (usize, u64),
        device: &Device,
    ) -> Result<Self, ParameterError> {
        let encoder = EfficientNet::new(encoder_parameters, device)?;
        let picture = |i: usize| {
            let image = &pictures[i];
            planes_tensor(image.as_slice(), [image.height(), image.width()], device)
        };
        let measured = evenly(pictures.len(), MEASURED);
        let features = spread(&measured, |i| encoder.features(picture(i)));
        let described = |i: usize| descriptors(&features.standardise(encoder.features(picture(i))));
        let memory = remember(pictures.len(), described, (vectors, seed), device);
        let distances = spread(&measured, |i| vec![memory.distances(described(i), Some(&[i]))]);
        Ok(Self { encoder, encoder_parameters: encoder_parameters.clone(), features, memory, distances })
    }

    /// What pictures `[n, 3, h, w]` with values in 0..=1 look like: standardised features at strides 2, 4, 8 and 16, then
    /// the standardised distance to anything normal at stride 8. `sources` says which of the learned pictures each is made
    /// from, whose own features do not count then.
    pub(crate) fn look(&self, images: Tensor<4>, sources: Option<&[usize]>) -> Sight {
        let mut sight = self.features.standardise(self.encoder.features(images));
        let distances = self.memory.distances(descriptors(&sight), sources);
        sight.extend(self.distances.standardise(vec![distances]));
        sight
    }

    /// Everything, by name.
    pub(crate) fn export(&self) -> BTreeMap<String, ParameterData> {
        prefixed("encoder", self.encoder_parameters.clone())
            .chain(prefixed("features", self.features.export()))
            .chain(prefixed("distances", self.distances.export()))
            .chain([("memory".to_owned(), self.memory.vectors().clone())])
            .collect()
    }

    /// What [`Backbone::export`] gave; whose picture each vector is from is not kept.
    ///
    /// # Errors
    /// Something is missing or has another shape.
    pub(crate) fn import(
        from: &BTreeMap<String, ParameterData>,
        device: &Device,
    ) -> Result<Self, ParameterError> {
        let encoder_parameters = with_prefix("encoder", from);
        let vectors = from.get("memory").ok_or_else(|| ParameterError::Missing("memory".into()))?;
        let count = vectors.shape.first().copied().unwrap_or(0).max(1);
        let vectors = lookup(from, "memory", &[count, DESCRIPTOR])?.clone();
        Ok(Self {
            encoder: EfficientNet::new(&encoder_parameters, device)?,
            encoder_parameters,
            features: Spread::import(&with_prefix("features", from), ALL_CHANNELS)?,
            memory: Memory::new(vectors, Vec::new(), device),
            distances: Spread::import(&with_prefix("distances", from), 1)?,
        })
    }
}

/// `[n, 176, h / 8, w / 8]` from standardised features: those at strides 4, 8 and 16 brought to stride 8, and every place averaged
/// with its eight neighbours. Neighbours outside of the picture count as zeros, the mean of good pictures: at the border, where
/// what a place belongs to is half unknown, distances shrink. Counted out instead, they rise there on good pictures too.
fn descriptors(features: &[Tensor<4>]) -> Tensor<4> {
    let halved = avg_pool2d(features[1].clone(), AvgPoolOptions::new([2, 2]).with_stride([2, 2]));
    let doubled = upsample2d(features[3].clone(), Upsampling::Bilinear);
    let joined = Tensor::cat(vec![halved, features[2].clone(), doubled], 1);
    let neighbours = AvgPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]);
    avg_pool2d(joined, neighbours)
}

/// The spread of what `see` gives of these pictures, several side by side.
fn spread(pictures: &[usize], see: impl Fn(usize) -> Vec<Tensor<4>> + Sync) -> Spread {
    let sums: Vec<Sums> = pictures.par_iter().map(|&i| Sums::of(see(i))).collect();
    // In the pictures' order, so that the sums do not depend on which was done first.
    sums.into_iter().fold(Sums::default(), Sums::add).spread()
}

/// The vectors that stand best for all places of the pictures, as `describe` gives them.
fn remember(
    pictures: usize,
    describe: impl Fn(usize) -> Tensor<4> + Sync,
    (vectors, seed): (usize, u64),
    device: &Device,
) -> Memory {
    let remembered = evenly(pictures, REMEMBERED);
    let share = (CANDIDATES * vectors).div_ceil(remembered.len().max(1));
    let drawn: Vec<Vec<f32>> = remembered
        .par_iter()
        .map(|&i| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(i as u64));
            draw(describe(i), share, &mut rng)
        })
        .collect();
    let owners: Vec<usize> = remembered
        .iter()
        .zip(&drawn)
        .flat_map(|(&i, vectors)| std::iter::repeat_n(i, vectors.len() / DESCRIPTOR))
        .collect();
    let candidates = drawn.concat();
    let chosen = coreset::choose(&candidates, DESCRIPTOR, vectors, seed);
    let values = chosen.iter().flat_map(|&i| &candidates[i * DESCRIPTOR..(i + 1) * DESCRIPTOR]);
    let vectors = ParameterData { shape: vec![chosen.len(), DESCRIPTOR], values: values.copied().collect() };
    Memory::new(vectors, chosen.into_iter().map(|i| owners[i]).collect(), device)
}

/// `count` of the places of `[1, c, h, w]`, drawn without replacement, as vectors `[count, c]`; all if there are fewer.
fn draw(descriptors: Tensor<4>, count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let [_, _, height, width] = descriptors.dims();
    let len = height * width;
    let values = values_of(descriptors);
    let mut places: Vec<usize> = (0..len).collect();
    for i in 0..count.min(len) {
        places.swap(i, rng.random_range(i..len));
    }
    let chosen = &places[..count.min(len)];
    chosen.iter().flat_map(|&place| values.chunks_exact(len).map(move |plane| plane[place])).collect()
}

/// `count` numbers below `len` at even distances, all of them if there are fewer.
fn evenly(len: usize, count: usize) -> Vec<usize> {
    let count = count.min(len);
    (0..count).map(|i| i * len / count).collect()
}
