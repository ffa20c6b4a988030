//! The second GAN: from a picture with its anomaly map to one score for the picture (AnoSeg, appendix).

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

use super::{Decoder, Discriminator, Encoder};
use crate::network::{Mode, WeightInit, centred};

/// Weight of the picture's own error beside that of its features in the score.
const PICTURE_WEIGHT: f32 = 0.1;

/// A generator that redraws good pictures, and a discriminator whose features tell how far a picture is from one.
#[derive(Module, Debug)]
pub struct Detector {
    encoder: Encoder,
    decoder: Decoder,
    discriminator: Discriminator,
}

/// What a [`Detector`]'s discriminator says.
pub struct Judgement {
    /// `[n, 1, k, k]` before the sigmoid; positive = a good picture with an empty map.
    pub logits: Tensor<4>,
    /// What its last layer sees.
    pub features: Tensor<4>,
}

impl Detector {
    /// `width` is the share of the published channels.
    pub fn new(init: &mut WeightInit, width: f32) -> Self {
        Self {
            encoder: Encoder::new(init, 4, false, width),
            decoder: Decoder::new(init, 3, width),
            discriminator: Discriminator::new(init, width),
        }
    }

    /// Whether the parameter of this name is the discriminator's.
    pub(crate) fn judges(parameter: &str) -> bool {
        parameter.starts_with("discriminator.")
    }

    /// The picture as it would be if it were good: `images [n, 3, h, w]` and `maps [n, 1, h, w]`, both in 0..=1, to
    /// `[n, 3, h, w]` in 0..=1.
    pub fn redraw(&self, images: Tensor<4>, maps: Tensor<4>, mode: &mut Mode) -> Tensor<4> {
        let pair = Tensor::cat(vec![centred(images), centred(maps)], 1);
        let features = self.encoder.forward(pair, mode);
        let coarsest = features.last().expect("the encoder has four stages");
        sigmoid(self.decoder.forward(coarsest.clone(), mode))
    }

    /// What the discriminator makes of pictures `[n, 3, h, w]` with maps `[n, 1, h, w]`.
    pub fn judge(&self, images: Tensor<4>, maps: Tensor<4>, mode: &mut Mode) -> Judgement {
        let (logits, features) = self.discriminator.forward(centred(images), centred(maps), mode);
        Judgement { logits, features }
    }

    /// How far each picture is from a good one, at least 0: `MSE(f(x, 0), f(x^, A^)) + 0.1 MSE(x, x^)`, f being the
    /// discriminator's features, x^ the redrawn picture and A^ its anomaly map. `[n]`.
    pub fn score(&self, images: Tensor<4>, maps: Tensor<4>, mode: &mut Mode) -> Tensor<1> {
        let redrawn = self.redraw(images.clone(), maps.clone(), mode);
        let good = self.judge(images.clone(), maps.zeros_like(), mode).features;
        let found = self.judge(redrawn.clone(), maps, mode).features;
        mean_square(good - found) + mean_square(images - redrawn) * PICTURE_WEIGHT
    }
}

/// Mean of the squares of each picture's values.
fn mean_square(values: Tensor<4>) -> Tensor<1> {
    let [n, channels, height, width] = values.dims();
    values.square().reshape([n, channels * height * width]).mean_dim(1).reshape([n])
}
