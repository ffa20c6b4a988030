//! How far each place of a picture is from anything normal: the distance to the nearest of many feature vectors of good
//! pictures (Roth et al., "Towards total recall in industrial anomaly detection", 2022).

use std::ops::Range;

use anoseg_kernels::{Convolution, FixedConvolution};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::network::{ParameterData, values_of};

/// Vectors that are compared at a time, so that the products stay in the cache.
const BLOCK: usize = 256;

/// Feature vectors of good pictures.
#[derive(Debug)]
pub(crate) struct Memory {
    vectors: ParameterData,
    /// The picture that each vector comes from, ascending; empty in a model that is done learning.
    owners: Vec<usize>,
    blocks: Vec<Block>,
}

/// Some of the vectors as filters: their products with a place's vector are a 1 x 1 convolution.
#[derive(Debug)]
struct Block {
    vectors: Range<usize>,
    /// Gives `|m|^2 - 2 m x` for every vector m.
    compare: FixedConvolution,
}

impl Memory {
    /// Remembers `vectors [m, c]`; `owners` says which picture each is from, in ascending order, or is empty.
    pub(crate) fn new(vectors: ParameterData, owners: Vec<usize>, device: &Device) -> Self {
        let channels = vectors.shape[1];
        let blocks = vectors
            .values
            .chunks(BLOCK * channels)
            .enumerate()
            .map(|(i, values)| {
                let count = values.len() / channels;
                let filters = values.iter().map(|value| -2.0 * value).collect::<Vec<f32>>();
                let squares: Vec<f32> = values.chunks(channels).map(square).collect();
                let weight = Tensor::from_data(TensorData::new(filters, [count, channels, 1, 1]), device);
                let bias = Tensor::from_data(TensorData::new(squares, [count]), device);
                Block {
                    vectors: i * BLOCK..i * BLOCK + count,
                    compare: FixedConvolution::new(weight, bias, Convolution::same(1)),
                }
            })
            .collect();
        Self { vectors, owners, blocks }
    }

    /// The vectors, `[m, c]`.
    pub(crate) fn vectors(&self) -> &ParameterData {
        &self.vectors
    }

    /// Euclidean distances `[n, 1, h, w]` of features `[n, c, h, w]` to the nearest vector. With `sources`, one number for each
    /// picture, the vectors that come from that very picture are left out.
    pub(crate) fn distances(&self, features: Tensor<4>, sources: Option<&[usize]>) -> Tensor<4> {
        let [n, _, height, width] = features.dims();
        let (places, device) = (height * width, features.device());
        let pictures: Vec<(Tensor<4>, Range<usize>)> = (0..n)
            .map(|i| (features.clone().slice(i..i + 1), self.own(sources.map(|sources| sources[i]))))
            .collect();
        let nearest: Vec<f32> = pictures
            .into_par_iter()
            .flat_map_iter(|(features, own)| {
                let mut nearest = vec![f32::INFINITY; places];
                for block in &self.blocks {
                    let compared = values_of(block.compare.forward(features.clone()));
                    for (vector, compared) in block.vectors.clone().zip(compared.chunks_exact(places)) {
                        if !own.contains(&vector) {
                            nearest
                                .iter_mut()
                                .zip(compared)
                                .for_each(|(least, value)| *least = least.min(*value));
                        }
                    }
                }
                let values = values_of(features);
                let mut squares = vec![0.0_f32; places];
                for plane in values.chunks_exact(places) {
                    squares.iter_mut().zip(plane).for_each(|(sum, value)| *sum += value * value);
                }
                nearest.into_iter().zip(squares).map(|(least, square)| (least + square).max(0.0).sqrt())
            })
            .collect();
        Tensor::from_data(TensorData::new(nearest, [n, 1, height, width]), &device)
    }

    /// The vectors of picture `source`, unless there are no others.
    fn own(&self, source: Option<usize>) -> Range<usize> {
        let Some(source) = source else { return 0..0 };
        let first = self.owners.partition_point(|&owner| owner < source);
        let last = self.owners.partition_point(|&owner| owner <= source);
        if last - first == self.owners.len() { 0..0 } else { first..last }
    }
}

fn square(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three vectors of two channels; the last two are from picture 1.
    fn memory() -> Memory {
        let vectors = ParameterData { shape: vec![3, 2], values: vec![0.0, 0.0, 3.0, 4.0, 10.0, 0.0] };
        Memory::new(vectors, vec![0, 1, 1], &Device::flex())
    }

    /// Features of one picture, place by place.
    fn features(places: &[[f32; 2]]) -> Tensor<4> {
        let values = (0..2).flat_map(|channel| places.iter().map(move |place| place[channel])).collect();
        Tensor::from_data(TensorData::new(values, [1, 2, 1, places.len()]), &Device::flex())
    }

    #[test]
    fn the_distance_is_that_to_the_nearest_vector() {
        let found = values_of(memory().distances(features(&[[0.0, 1.0], [3.0, 4.0], [10.0, 5.0]]), None));
        for (found, expected) in found.into_iter().zip([1.0, 0.0, 5.0]) {
            assert!((found - expected).abs() < 1e-3, "{found} for {expected}");
        }
    }

    #[test]
    fn an_image_s_own_vectors_are_left_out() {
        let places = [[3.0, 4.0], [0.0, 0.0]];
        let distances = |source| values_of(memory().distances(features(&places), source));
        let close = |found: Vec<f32>, expected: [f32; 2]| {
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-3)
        };
        assert!(close(distances(None), [0.0, 0.0]));
        assert!(close(distances(Some(&[1])), [5.0, 0.0]));
        assert!(close(distances(Some(&[0])), [0.0, 5.0]));
        // A picture that no vector is from.
        assert!(close(distances(Some(&[7])), [0.0, 0.0]));
    }

    #[test]
    fn a_batch_gives_what_its_pictures_give_alone() {
        let (a, b) = (features(&[[1.0, 2.0], [3.0, 3.0]]), features(&[[9.0, 1.0], [0.0, 0.5]]));
        let memory = memory();
        let alone = |x: &Tensor<4>, source: usize| values_of(memory.distances(x.clone(), Some(&[source])));
        let expected = [alone(&a, 0), alone(&b, 1)].concat();
        assert_eq!(values_of(memory.distances(Tensor::cat(vec![a, b], 0), Some(&[0, 1]))), expected);
    }
}
