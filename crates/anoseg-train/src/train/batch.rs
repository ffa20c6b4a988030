//! Batches.

use anoseg_image::{Image, Mask};
use anoseg_infer::Window;
use anoseg_synth::Pair;
use burn::tensor::{Device, Tensor, TensorData};

use crate::in_parts::window_of;
use crate::tensors::join;

/// Parts of a batch that are computed in parallel, each on its own copy of the weights; their
/// gradients are then averaged. Much of a step is single-threaded, so this keeps a second core
/// busy. The number affects the result, because it decides the order of sums. It is therefore fixed
/// and does not depend on the machine.
const SHARDS: usize = 2;

/// A batch: one part for each shard.
pub(super) struct Batch {
    pub(super) shards: Vec<Shard>,
}

/// Images `[n, 3, h, w]` and labels `[n, 1, h, w]`, 1 = anomalous; in steps of the second GAN also
/// the same images without their anomalies, `[n, 3, h, w]`.
pub(super) struct Shard {
    images: TensorData,
    labels: TensorData,
    good: Option<TensorData>,
    /// 1 where defects count, `[n, 1, h, w]`; None if everywhere.
    inside: Option<TensorData>,
    sources: Vec<usize>,
    windows: Vec<Window>,
    number: u64,
}

/// A shard's tensors.
pub(super) struct ShardTensors {
    pub(super) images: Tensor<4>,
    pub(super) labels: Tensor<4>,
    pub(super) good: Option<Tensor<4>>,
    /// 1 where defects count, `[n, 1, h, w]`; None if everywhere.
    pub(super) inside: Option<Tensor<4>>,
    /// Which of `images` have an anomaly.
    pub(super) anomalous: Vec<bool>,
    /// Which training image each of `images` is made from.
    pub(super) sources: Vec<usize>,
    /// Which window of a training image each of `images` is; empty where they are whole images.
    pub(super) windows: Vec<Window>,
    /// Number of the training step.
    pub(super) step: u64,
    /// Number of the shard; it seeds the shard's random draws.
    pub(super) number: u64,
}

impl Batch {
    /// Joins pairs of one size, and their images without anomalies if given: as many, in the same
    /// order.
    /// `in_parts` says whether the pairs are parts of training images.
    pub(super) fn new(step: u64, pairs: &[Pair], good: Option<&[Image]>, in_parts: bool) -> Self {
        let size = pairs.len().div_ceil(SHARDS).max(1);
        let shard = |(part, pairs): (usize, &[Pair])| {
            let number = step * SHARDS as u64 + part as u64;
            Shard::new(
                number,
                pairs,
                good.map(|good| &good[part * size..part * size + pairs.len()]),
                in_parts,
            )
        };
        Self { shards: pairs.chunks(size).enumerate().map(shard).collect() }
    }

    /// The shards' shares of the batch.
    pub(super) fn weights(&self) -> Vec<f32> {
        let total: usize = self.shards.iter().map(Shard::len).sum();
        self.shards.iter().map(|shard| shard.len() as f32 / total as f32).collect()
    }
}

impl Shard {
    fn new(number: u64, pairs: &[Pair], good: Option<&[Image]>, in_parts: bool) -> Self {
        let (height, width) = pairs.first().map_or((0, 0), |pair| (pair.image.height(), pair.image.width()));
        let plane = |masks: &mut dyn Iterator<Item = &Mask>| {
            let pixels = masks.flat_map(|mask| mask.as_slice());
            let values: Vec<f32> = pixels.map(|&pixel| f32::from(u8::from(pixel))).collect();
            TensorData::new(values, [pairs.len(), 1, height, width])
        };
        // A region is that of all pairs or of none.
        let inside: Option<Vec<&Mask>> = pairs.iter().map(|pair| pair.inside.as_ref()).collect();
        Self {
            images: join(pairs.iter().map(|pair| &pair.image)),
            labels: plane(&mut pairs.iter().map(|pair| &pair.label)),
            inside: inside.map(|inside| plane(&mut inside.into_iter())),
            good: good.map(|good| join(good.iter())),
            sources: pairs.iter().map(|pair| pair.source).collect(),
            windows: if in_parts { pairs.iter().map(window_of).collect() } else { Vec::new() },
            number,
        }
    }

    fn len(&self) -> usize {
        self.images.shape()[0]
    }

    pub(super) fn tensors(self, device: &Device) -> ShardTensors {
        let labels = self.labels.as_slice::<f32>().expect("labels are f32");
        let anomalous =
            labels.chunks_exact(labels.len() / self.len()).map(|label| label.contains(&1.0)).collect();
        ShardTensors {
            images: Tensor::from_data(self.images, device),
            labels: Tensor::from_data(self.labels, device),
            good: self.good.map(|good| Tensor::from_data(good, device)),
            inside: self.inside.map(|inside| Tensor::from_data(inside, device)),
            anomalous,
            sources: self.sources,
            windows: self.windows,
            step: self.number / SHARDS as u64,
            number: self.number,
        }
    }
}
