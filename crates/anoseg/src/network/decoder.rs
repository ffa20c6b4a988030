//! A decoder with skip connections: features at several scales to a full-resolution output.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::WeightInit;
use super::blocks::{Conv, Head, Residual, depth_to_space};
use super::encoder::PATCH;
use super::generator::Architecture;

/// Draws an output at the picture's resolution: the anomaly map (one channel) or the reconstruction (three).
#[derive(Module, Debug)]
pub struct Decoder {
    ups: Vec<Up>,
    head: Head,
}

/// Doubles the resolution and takes in the encoder's features of that scale.
#[derive(Module, Debug)]
struct Up {
    expand: Conv,
    block: Residual,
}

impl Decoder {
    pub(super) fn new(init: &mut WeightInit, architecture: &Architecture, channels: usize) -> Self {
        let widths = &architecture.widths;
        let ups = (1..widths.len())
            .rev()
            .map(|i| Up {
                expand: Conv::after_relu(init, [widths[i], 4 * widths[i - 1]], 1, 1.0),
                block: Residual::new(init, widths[i - 1]),
            })
            .collect();
        let head = Head::new(init, [widths[0], channels * PATCH * PATCH]);
        Self { ups, head }
    }

    /// `features` as the encoder returns them, to `[n, channels, h, w]` before any squashing.
    ///
    /// With `skips` false only the coarsest features are used, as in the published network: a reconstruction
    /// that may copy its input learns nothing.
    pub fn forward(&self, features: &[Tensor<4>], skips: bool) -> Tensor<4> {
        let (coarsest, finer) = features.split_last().expect("an encoder has at least one scale");
        let mut x = coarsest.clone();
        for (up, skip) in self.ups.iter().zip(finer.iter().rev()) {
            x = depth_to_space(up.expand.forward(relu(x)), 2);
            if skips {
                x = (x + skip.clone()) * std::f32::consts::FRAC_1_SQRT_2;
            }
            x = up.block.forward(x);
        }
        depth_to_space(self.head.forward(x), PATCH)
    }
}
