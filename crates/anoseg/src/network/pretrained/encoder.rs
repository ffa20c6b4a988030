//! The features of a frozen encoder, brought to few channels and one resolution.

use anoseg_kernels::{Upsampling, upsample2d};
use burn::module::Module;
use burn::tensor::Tensor;

use super::efficientnet::CHANNELS;
use crate::network::blocks::ConvNorm;
use crate::network::{Mode, WeightInit};

/// Channels that the features of each stride become.
const PROJECTED: usize = 48;

/// Channels of what the encoder gives at stride 4: three projections and the distance map.
pub(super) const JOINED: usize = 3 * PROJECTED + 1;

/// 1 x 1 filters over the features at strides 4, 8 and 16.
#[derive(Module, Debug)]
pub struct Encoder {
    projections: Vec<ConvNorm>,
}

impl Encoder {
    pub(in crate::network) fn new(init: &mut WeightInit) -> Self {
        let projection = |&channels: &usize| ConvNorm::new(init, [channels, PROJECTED], 1).linear();
        Self { projections: CHANNELS[1..].iter().map(projection).collect() }
    }

    /// A backbone's sight to the features at stride 2 as they are, and everything else at stride 4.
    pub(in crate::network) fn forward(&self, sight: &[Tensor<4>], mode: &mut Mode) -> Vec<Tensor<4>> {
        let (fine, rest) = sight.split_first().expect("a backbone sees at four strides");
        let (features, distance) = rest.split_at(self.projections.len());
        let mut joined: Vec<Tensor<4>> = self
            .projections
            .iter()
            .zip(features)
            .enumerate()
            .map(|(doublings, (projection, features))| {
                (0..doublings).fold(projection.forward(features.clone(), mode), |x, _| double(x))
            })
            .collect();
        joined.push(double(distance[0].clone()));
        vec![fine.clone(), Tensor::cat(joined, 1)]
    }
}

/// Twice the resolution.
pub(super) fn double(x: Tensor<4>) -> Tensor<4> {
    upsample2d(x, Upsampling::Bilinear)
}
