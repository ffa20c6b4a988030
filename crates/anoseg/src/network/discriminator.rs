//! The discriminator of the adversarial loss: does this map belong to this picture?

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::WeightInit;
use super::blocks::{Conv, Head, space_to_depth};
use super::encoder::PATCH;

/// Judges pairs of picture and anomaly map (AnoSeg, section 3.2), patch by patch.
#[derive(Module, Debug)]
pub struct Discriminator {
    stem: Conv,
    downs: Vec<Conv>,
    head: Head,
}

impl Discriminator {
    /// Channels at strides 4, 8, 16, ... as in `widths`.
    pub fn new(init: &mut WeightInit, widths: &[usize]) -> Self {
        let stem = Conv::new(init, [4 * PATCH * PATCH, widths[0]], 3, 1.0);
        let downs =
            widths.windows(2).map(|pair| Conv::after_relu(init, [4 * pair[0], pair[1]], 3, 1.0)).collect();
        let head = Head::new(init, [*widths.last().expect("at least one scale"), 1]);
        Self { stem, downs, head }
    }

    /// Pictures `[n, 3, h, w]` and anomaly maps `[n, 1, h, w]`, both in 0..=1, to one logit per patch;
    /// positive = a true pair.
    pub fn forward(&self, images: Tensor<4>, maps: Tensor<4>) -> Tensor<4> {
        let pair = (Tensor::cat(vec![images, maps], 1) - 0.5) * 4.0;
        let mut x = self.stem.forward(space_to_depth(pair, PATCH));
        for down in &self.downs {
            x = down.forward(space_to_depth(relu(x), 2));
        }
        self.head.forward(x)
    }
}
