//! Batches as the networks take them.

use anoseg_synth::Pair;
use burn::tensor::{Device, Tensor, TensorData};

/// Parts of a batch that are computed side by side, each on its own copy of the weights; their gradients are then
/// averaged. Much of a step is single-threaded, so this keeps a second core busy. The number is part of the result
/// (it decides the order of sums), hence fixed and not taken from the machine.
const SHARDS: usize = 2;

/// A batch as the networks take it: one part for each shard.
pub(super) struct Batch {
    pub(super) shards: Vec<Shard>,
}

/// Pictures `[n, 3, h, w]` and labels `[n, 1, h, w]`, 1 = anomalous.
pub(super) struct Shard {
    images: TensorData,
    labels: TensorData,
}

impl Batch {
    /// Joins pairs of one size.
    pub(super) fn new(pairs: &[Pair]) -> Self {
        Self { shards: pairs.chunks(pairs.len().div_ceil(SHARDS).max(1)).map(Shard::new).collect() }
    }

    /// The shards' shares of the batch.
    pub(super) fn weights(&self) -> Vec<f32> {
        let total: usize = self.shards.iter().map(Shard::len).sum();
        self.shards.iter().map(|shard| shard.len() as f32 / total as f32).collect()
    }
}

impl Shard {
    fn new(pairs: &[Pair]) -> Self {
        let (height, width) = pairs.first().map_or((0, 0), |pair| (pair.image.height(), pair.image.width()));
        let images: Vec<f32> = pairs.iter().flat_map(|pair| pair.image.as_slice()).copied().collect();
        let labels: Vec<f32> = pairs
            .iter()
            .flat_map(|pair| pair.label.as_slice())
            .map(|&anomalous| f32::from(u8::from(anomalous)))
            .collect();
        Self {
            images: TensorData::new(images, [pairs.len(), 3, height, width]),
            labels: TensorData::new(labels, [pairs.len(), 1, height, width]),
        }
    }

    fn len(&self) -> usize {
        self.images.shape()[0]
    }

    /// Which pictures have no anomaly.
    pub(super) fn good(&self) -> Vec<bool> {
        let labels = self.labels.as_slice::<f32>().expect("labels are f32");
        labels
            .chunks_exact(labels.len() / self.len())
            .map(|label| label.iter().all(|&label| label == 0.0))
            .collect()
    }

    pub(super) fn tensors(self, device: &Device) -> (Tensor<4>, Tensor<4>) {
        (Tensor::from_data(self.images, device), Tensor::from_data(self.labels, device))
    }
}
