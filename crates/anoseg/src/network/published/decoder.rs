//! The decoders: from the encoder's last features to a picture or a map.

use burn::module::Module;
use burn::tensor::Tensor;

use super::scaled;
use crate::network::blocks::{ConvNorm, Head};
use crate::network::{Mode, WeightInit};

/// Channels of the five pairs of layers.
const PAIRS: [usize; 5] = [512, 256, 128, 128, 128];

/// Draws at the picture's resolution: the anomaly map (one channel) or the reconstruction (three).
#[derive(Module, Debug)]
pub struct Decoder {
    pairs: Vec<Pair>,
    last: ConvNorm,
    head: Head,
}

/// A convolution, and one that doubles the resolution.
#[derive(Module, Debug)]
struct Pair {
    convolution: ConvNorm,
    doubling: ConvNorm,
}

impl Decoder {
    /// Outputs of `channels` channels; `width` is the share of the published channels.
    pub(in crate::network) fn new(init: &mut WeightInit, channels: usize, width: f32) -> Self {
        let mut inputs = scaled(PAIRS[0], width);
        let mut pairs = Vec::with_capacity(PAIRS.len());
        for outputs in PAIRS {
            let outputs = scaled(outputs, width);
            pairs.push(Pair {
                convolution: ConvNorm::new(init, [inputs, outputs], 3),
                doubling: ConvNorm::doubling(init, [outputs; 2]),
            });
            inputs = outputs;
        }
        let last = ConvNorm::new(init, [inputs; 2], 3);
        Self { pairs, last, head: Head::new(init, [inputs, channels], 0.0) }
    }

    /// `[n, 512 * width, h / 32, w / 32]` to `[n, channels, h, w]` before the sigmoid.
    pub(in crate::network) fn forward(&self, features: Tensor<4>, mode: &mut Mode) -> Tensor<4> {
        let x = self.pairs.iter().fold(features, |x, pair| {
            let x = pair.convolution.forward(x, mode);
            pair.doubling.forward(x, mode)
        });
        let x = self.last.forward(x, mode);
        self.head.forward(x, mode)
    }
}
