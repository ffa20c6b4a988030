//! The discriminators of the adversarial losses: they classify pairs of image and anomaly map as
//! real or generated.

use anoseg_infer::network::compact::PATCH;
use anoseg_infer::network::{
    Architecture, Blueprint, Convolution, Executor as _, Init, Kind, ParameterId, keeping_variance, published,
};
use anoseg_kernels::extension::{Convolution as Options, conv2d};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::Training;

/// Judges pairs of image and anomaly map (AnoSeg, section 3.2).
#[derive(Clone, Debug)]
pub(crate) enum Discriminator {
    /// Patch by patch.
    Compact(Compact),
    /// As a whole.
    Published(published::Discriminator),
}

impl Discriminator {
    /// The discriminator that goes with the generator of `architecture`.
    pub(crate) fn new(b: &mut Blueprint, architecture: &Architecture) -> Self {
        match architecture.network {
            // A pretrained network has no reconstruction, so it needs no discriminator.
            Kind::Compact | Kind::Pretrained => Self::Compact(Compact::new(b, &architecture.widths)),
            Kind::Published => Self::Published(published::Discriminator::new(b, architecture.width)),
        }
    }

    /// Images `[n, 3, h, w]` and anomaly maps `[n, 1, h, w]`, both in 0..=1, to logits
    /// `[n, 1, h', w']`; positive = a true pair.
    pub(crate) fn forward(&self, x: &mut Training<'_>, images: &Tensor<4>, maps: &Tensor<4>) -> Tensor<4> {
        let (images, maps) = (x.centre(images), x.centre(maps));
        match self {
            Self::Compact(network) => network.forward(x, &images, &maps),
            Self::Published(network) => network.forward(x, &images, &maps).logits,
        }
    }
}

/// The compact network's discriminator.
#[derive(Clone, Debug)]
pub(crate) struct Compact {
    stem: StandardisedConvolution,
    downs: Vec<StandardisedConvolution>,
    head: Convolution,
}

impl Compact {
    /// Channels at strides 4, 8, 16, ... as in `widths`.
    fn new(b: &mut Blueprint, widths: &[usize]) -> Self {
        let stem = b.at("stem", |b| StandardisedConvolution::new(b, [4 * PATCH * PATCH, widths[0]], 1.0));
        let down = |b: &mut Blueprint, pair: &[usize]| {
            StandardisedConvolution::new(b, [4 * pair[0], pair[1]], RELU_GAIN)
        };
        let downs = widths.windows(2).enumerate();
        let downs = downs.map(|(i, pair)| b.at("downs", |b| b.at(i, |b| down(b, pair)))).collect();
        let head = Convolution::head(b, "head", [widths[widths.len() - 1], 1], 0.0);
        Self { stem, downs, head }
    }

    /// Centred images and maps to one logit per patch.
    fn forward(&self, x: &mut Training<'_>, images: &Tensor<4>, maps: &Tensor<4>) -> Tensor<4> {
        let pair = x.join(&[images, maps]);
        let blocks = x.space_to_depth(&pair, PATCH);
        let mut y = self.stem.forward(x, blocks);
        for down in &self.downs {
            let blocks = x.space_to_depth(&relu(y), 2);
            y = down.forward(x, blocks);
        }
        x.convolution(&self.head, &[&relu(y)])
    }
}

/// Keeps the division of the weight standardisation finite.
const EPSILON: f32 = 1e-6;

/// Side of the filters.
const KERNEL: usize = 3;

/// Gain that keeps the variance of a ReLU's output at one for a unit normal input: sqrt(2 / (1 -
/// 1/pi)) (Brock et al., "Characterizing signal propagation to close the performance gap in
/// unnormalized ResNets", 2021).
const RELU_GAIN: f32 = 1.712_858_5;

/// Convolution with scaled weight standardisation (Brock et al., 2021).
///
/// Each filter is brought to mean 0 and to the variance that preserves the signal's, then scaled by
/// a trained gain. The discriminator has it in place of batch normalisation, because batch
/// statistics would reveal whether a batch holds real or generated pairs.
#[derive(Clone, Debug)]
struct StandardisedConvolution {
    weight: ParameterId,
    gain: ParameterId,
    bias: ParameterId,
    channels: [usize; 2],
}

impl StandardisedConvolution {
    /// 3 x 3 filters, zero padding that keeps the size. A `gain` of 1 keeps the signal's variance,
    /// [`RELU_GAIN`] that of a signal before its ReLU.
    fn new(b: &mut Blueprint, [input, output]: [usize; 2], gain: f32) -> Self {
        let fan_in = input * KERNEL * KERNEL;
        Self {
            weight: b.trained("weight", [output, input, KERNEL, KERNEL], keeping_variance(fan_in)),
            gain: b.trained("gain", [output], Init::Constant(gain)),
            bias: b.trained("bias", [output], Init::Constant(0.0)),
            channels: [input, output],
        }
    }

    /// `[n, input, h, w]` -> `[n, output, h, w]`.
    fn forward(&self, x: &Training<'_>, input: Tensor<4>) -> Tensor<4> {
        let ([inputs, outputs], parameters) = (self.channels, x.parameters());
        let rows = parameters.get(self.weight, [outputs, inputs * KERNEL * KERNEL]);
        let centred = rows.clone() - rows.mean_dim(1);
        let norm = (centred.clone().square().sum_dim(1) + EPSILON).sqrt();
        let filters = centred / norm * parameters.get(self.gain, [outputs, 1]);
        let filters = filters.reshape([outputs, inputs, KERNEL, KERNEL]);
        conv2d(input, filters, parameters.get(self.bias, [outputs]), Options::same(KERNEL))
    }
}
