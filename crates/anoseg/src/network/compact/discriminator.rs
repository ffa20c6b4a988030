//! The discriminator of the adversarial loss: does this map belong to this picture?

use anoseg_kernels::{Convolution, conv2d, space_to_depth};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::encoder::PATCH;
use crate::network::blocks::Head;
use crate::network::{Mode, WeightInit};

/// Judges pairs of picture and anomaly map (AnoSeg, section 3.2), patch by patch.
#[derive(Module, Debug)]
pub struct Discriminator {
    stem: StandardisedConv,
    downs: Vec<StandardisedConv>,
    head: Head,
}

impl Discriminator {
    /// Channels at strides 4, 8, 16, ... as in `widths`.
    pub(in crate::network) fn new(init: &mut WeightInit, widths: &[usize]) -> Self {
        let stem = StandardisedConv::new(init, [4 * PATCH * PATCH, widths[0]], 3, 1.0);
        let downs = widths
            .windows(2)
            .map(|pair| StandardisedConv::after_relu(init, [4 * pair[0], pair[1]], 3, 1.0))
            .collect();
        let head = Head::new(init, [*widths.last().expect("at least one scale"), 1], 0.0);
        Self { stem, downs, head }
    }

    /// Pictures `[n, 3, h, w]` and maps `[n, 1, h, w]` to one logit per patch, `[n, 1, h', w']`; positive = a true pair.
    pub(in crate::network) fn forward(&self, images: Tensor<4>, maps: Tensor<4>, mode: &Mode) -> Tensor<4> {
        let pair = Tensor::cat(vec![images, maps], 1);
        let mut x = self.stem.forward(space_to_depth(pair, PATCH));
        for down in &self.downs {
            x = down.forward(space_to_depth(relu(x), 2));
        }
        self.head.forward(relu(x), mode)
    }
}

/// Keeps the division of the weight standardisation finite.
const EPSILON: f32 = 1e-6;

/// Gain that keeps the variance of a ReLU's output at one for a unit normal input: sqrt(2 / (1 - 1/pi)) (Brock et al.,
/// "Characterizing signal propagation to close the performance gap in unnormalized ResNets", 2021).
const RELU_GAIN: f32 = 1.712_858_5;

/// Convolution with scaled weight standardisation (Brock et al., 2021).
///
/// Each filter is brought to mean 0 and to the variance that preserves the signal's, then scaled by a learned
/// gain. The discriminator has it in place of batch normalisation, which would tell it real from
/// generated pairs by the batch they come in.
#[derive(Module, Debug)]
pub(super) struct StandardisedConv {
    weight: Param<Tensor<4>>,
    gain: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

impl StandardisedConv {
    /// `kernel` x `kernel` filters, zero padding that keeps the size. `gain` 1 keeps the signal's variance.
    pub(in crate::network) fn new(
        init: &mut WeightInit,
        [input, output]: [usize; 2],
        kernel: usize,
        gain: f32,
    ) -> Self {
        Self {
            weight: init.filters([input, output], kernel),
            gain: init.constant([output], gain),
            bias: init.constant([output], 0.0),
        }
    }

    /// As [`StandardisedConv::new`], for an input that went through [`relu`]: the gain makes up for what the ReLU took.
    pub(in crate::network) fn after_relu(
        init: &mut WeightInit,
        channels: [usize; 2],
        kernel: usize,
        gain: f32,
    ) -> Self {
        Self::new(init, channels, kernel, gain * RELU_GAIN)
    }

    /// `[n, input, h, w]` -> `[n, output, h, w]`.
    pub(in crate::network) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let [output, input, kernel, _] = weight.dims();
        let rows = weight.reshape([output, input * kernel * kernel]);
        let centred = rows.clone() - rows.mean_dim(1);
        let norm = (centred.clone().square().sum_dim(1) + EPSILON).sqrt();
        let filters = centred / norm * self.gain.val().reshape([output, 1]);
        conv2d(
            x,
            filters.reshape([output, input, kernel, kernel]),
            self.bias.val(),
            Convolution::same(kernel),
        )
    }
}
