//! A decoder with skip connections: features at several scales to a full-resolution output.

use anoseg_kernels::depth_to_space;
use burn::module::Module;
use burn::tensor::Tensor;

use super::encoder::PATCH;
use crate::network::blocks::{ConvNorm, Head, Residual};
use crate::network::{Architecture, Mode, WeightInit};

/// Draws an output at the picture's resolution: the anomaly map (one channel) or the reconstruction (three).
#[derive(Module, Debug)]
pub struct Decoder {
    ups: Vec<Up>,
    head: Head,
}

/// Doubles the resolution and takes in the encoder's features of that scale.
#[derive(Module, Debug)]
struct Up {
    expand: ConvNorm,
    block: Residual,
}

impl Decoder {
    /// Outputs of `channels` channels start around `level`.
    pub(in crate::network) fn new(
        init: &mut WeightInit,
        architecture: &Architecture,
        channels: usize,
        level: f32,
    ) -> Self {
        let widths = &architecture.widths;
        let ups = (1..widths.len())
            .rev()
            .map(|i| Up {
                expand: ConvNorm::new(init, [widths[i], 4 * widths[i - 1]], 1),
                block: Residual::new(init, widths[i - 1]),
            })
            .collect();
        let head = Head::new(init, [widths[0], channels * PATCH * PATCH], level);
        Self { ups, head }
    }

    /// `features` as the encoder returns them, to `[n, channels, h, w]` before any squashing.
    ///
    /// With `skips` false only the coarsest features are used, as in the published network: a reconstruction
    /// that may copy its input learns nothing.
    pub(in crate::network) fn forward(
        &self,
        features: &[Tensor<4>],
        skips: bool,
        mode: &mut Mode,
    ) -> Tensor<4> {
        let (coarsest, finer) = features.split_last().expect("an encoder has at least one scale");
        let mut x = coarsest.clone();
        for (up, skip) in self.ups.iter().zip(finer.iter().rev()) {
            x = depth_to_space(up.expand.forward(x, mode), 2);
            if skips {
                x = x + skip.clone();
            }
            x = up.block.forward(x, mode);
        }
        depth_to_space(self.head.forward(x, mode), PATCH)
    }
}
