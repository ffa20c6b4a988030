//! The discriminator: eight halvings from a pair of picture and map to one number.

use anoseg_kernels::{Convolution, conv2d};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::leaky_relu;

use super::scaled;
use crate::network::blocks::ConvNorm;
use crate::network::{Mode, WeightInit};

/// Channels behind the first seven layers; the last has one.
const CHANNELS: [usize; 7] = [64, 128, 256, 512, 512, 512, 128];

/// Slope of the leaky ReLU below zero: ours, after DCGAN (Radford et al., 2016).
const SLOPE: f64 = 0.2;

/// Every layer has 4 x 4 filters, stride 2, padding 1.
const HALVING: Convolution = Convolution { stride: 2, padding: 1, relu: false };

/// Judges a pair of picture and map as a whole.
#[derive(Module, Debug)]
pub struct Discriminator {
    first: Param<Tensor<4>>,
    first_bias: Param<Tensor<1>>,
    middle: Vec<ConvNorm>,
    last: Param<Tensor<4>>,
    last_bias: Param<Tensor<1>>,
}

impl Discriminator {
    /// `width` is the share of the published channels.
    pub(in crate::network) fn new(init: &mut WeightInit, width: f32) -> Self {
        let channels = CHANNELS.map(|channels| scaled(channels, width));
        Self {
            first: init.filters([4, channels[0]], 4),
            first_bias: init.constant([channels[0]], 0.0),
            middle: channels
                .windows(2)
                .map(|pair| ConvNorm::strided(init, [pair[0], pair[1]], 4, [2, 1]).linear())
                .collect(),
            last: init.filters([channels[6], 1], 4),
            last_bias: init.constant([1], 0.0),
        }
    }

    /// Pictures `[n, 3, 256 k, 256 k]` and maps `[n, 1, 256 k, 256 k]` to `[n, 1, k, k]` before the sigmoid, positive = a
    /// true pair, and to what the last layer sees of them, `[n, 128 * width, 2 k, 2 k]`.
    pub(in crate::network) fn forward(
        &self,
        images: Tensor<4>,
        maps: Tensor<4>,
        mode: &mut Mode,
    ) -> (Tensor<4>, Tensor<4>) {
        let pair = Tensor::cat(vec![images, maps], 1);
        let x = leaky_relu(conv2d(pair, self.first.val(), self.first_bias.val(), HALVING), SLOPE);
        let features = self.middle.iter().fold(x, |x, layer| leaky_relu(layer.forward(x, mode), SLOPE));
        let logits = conv2d(features.clone(), self.last.val(), self.last_bias.val(), HALVING);
        (logits, features)
    }
}
