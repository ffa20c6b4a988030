//! The layers that encoder, decoder and discriminator are made of.

use anoseg_kernels::conv2d;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::WeightInit;

/// Keeps the division of the weight standardisation finite.
const EPSILON: f32 = 1e-6;

/// Gain that keeps the variance of a ReLU's output at one for a unit normal input: sqrt(2 / (1 - 1/pi)) (Brock et al.,
/// "Characterizing signal propagation to close the performance gap in unnormalized ResNets", 2021).
const RELU_GAIN: f32 = 1.712_858_5;

/// Convolution with scaled weight standardisation (Brock et al., 2021).
///
/// Each filter is brought to mean 0 and to the variance that preserves the signal's, then scaled by a learned
/// gain. It takes the place of batch normalisation: it costs nothing per pixel, works at any batch size, and
/// acts the same in training and in use.
#[derive(Module, Debug)]
pub(super) struct Conv {
    weight: Param<Tensor<4>>,
    gain: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

impl Conv {
    /// `kernel` x `kernel` filters, zero padding that keeps the size. `gain` 1 keeps the signal's variance.
    pub(super) fn new(init: &mut WeightInit, [input, output]: [usize; 2], kernel: usize, gain: f32) -> Self {
        Self {
            weight: init.filters([input, output], kernel),
            gain: init.constant([output], gain),
            bias: init.constant([output], 0.0),
        }
    }

    /// As [`Conv::new`], for an input that went through [`relu`]: the gain makes up for what the ReLU took.
    pub(super) fn after_relu(init: &mut WeightInit, channels: [usize; 2], kernel: usize, gain: f32) -> Self {
        Self::new(init, channels, kernel, gain * RELU_GAIN)
    }

    /// `[n, input, h, w]` -> `[n, output, h, w]`.
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let [output, input, kernel, _] = weight.dims();
        let rows = weight.reshape([output, input * kernel * kernel]);
        let centred = rows.clone() - rows.mean_dim(1);
        let norm = (centred.clone().square().sum_dim(1) + EPSILON).sqrt();
        let filters = centred / norm * self.gain.val().reshape([output, 1]);
        conv2d(x, filters.reshape([output, input, kernel, kernel]), self.bias.val())
    }
}

/// The last layer: a plain 3 x 3 convolution, free to give outputs of any size.
#[derive(Module, Debug)]
pub(super) struct Head {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
}

impl Head {
    pub(super) fn new(init: &mut WeightInit, channels: [usize; 2]) -> Self {
        Self { weight: init.filters(channels, 3), bias: init.constant([channels[1]], 0.0) }
    }

    /// `[n, input, h, w]` -> `[n, output, h, w]`, of `relu(x)`.
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv2d(relu(x), self.weight.val(), self.bias.val())
    }
}

/// Pre-activation residual block: `x + conv(relu(conv(relu(x))))`, starting near the identity.
#[derive(Module, Debug)]
pub(super) struct Residual {
    first: Conv,
    second: Conv,
}

impl Residual {
    pub(super) fn new(init: &mut WeightInit, channels: usize) -> Self {
        Self {
            first: Conv::after_relu(init, [channels, channels], 3, 1.0),
            second: Conv::after_relu(init, [channels, channels], 3, 0.3),
        }
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.first.forward(relu(x.clone()));
        x + self.second.forward(relu(y))
    }
}

/// Moves every `block` x `block` square of pixels into the channels:
/// `[n, c, h, w]` -> `[n, c * block * block, h / block, w / block]`.
pub(super) fn space_to_depth(x: Tensor<4>, block: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c, h / block, block, w / block, block]).permute([0, 1, 3, 5, 2, 4]).reshape([
        n,
        c * block * block,
        h / block,
        w / block,
    ])
}

/// The reverse of [`space_to_depth`]: `[n, c * block * block, h, w]` -> `[n, c, h * block, w * block]`.
pub(super) fn depth_to_space(x: Tensor<4>, block: usize) -> Tensor<4> {
    let [n, channels, h, w] = x.dims();
    let c = channels / (block * block);
    x.reshape([n, c, block, block, h, w]).permute([0, 1, 4, 2, 5, 3]).reshape([n, c, h * block, w * block])
}
