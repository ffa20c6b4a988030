//! The second GAN: from an image with its anomaly map to one score for the image (AnoSeg,
//! appendix).

use super::{Decoder, Discriminator, Encoder};
use crate::network::{Blueprint, Executor};

/// Weight of the image's own error beside that of its features in the score.
const IMAGE_WEIGHT: f32 = 0.1;

/// A generator that reconstructs good images, and a discriminator whose features measure how far an
/// image is from one.
#[derive(Clone, Debug)]
pub struct Detector {
    encoder: Encoder,
    decoder: Decoder,
    discriminator: Discriminator,
}

/// The result of a [`Detector`]'s discriminator.
pub struct Judgement<V> {
    /// `[n, 1, k, k]` before the sigmoid; positive = a good image with an empty map.
    pub logits: V,
    /// The input of its last layer.
    pub features: V,
}

impl Detector {
    /// `width` is the share of the published channels.
    pub fn new(b: &mut Blueprint, width: f32) -> Self {
        Self {
            encoder: b.at("encoder", |b| Encoder::new(b, 4, false, width)),
            decoder: b.at("decoder", |b| Decoder::new(b, 3, width)),
            discriminator: b.at("discriminator", |b| Discriminator::new(b, width)),
        }
    }

    /// Whether the parameter of this name is the discriminator's.
    pub fn is_discriminators(parameter: &str) -> bool {
        parameter.starts_with("discriminator.")
    }

    /// The image reconstructed as a good one: `images [n, 3, h, w]` and `maps [n, 1, h, w]`, both
    /// in 0..=1, to `[n, 3, h, w]` in 0..=1.
    pub fn reconstruct<X: Executor>(&self, x: &mut X, images: &X::Value, maps: &X::Value) -> X::Value {
        let (images, maps) = (x.centre(images), x.centre(maps));
        let pair = x.join(&[&images, &maps]);
        let features = self.encoder.forward(x, &pair);
        let drawn = self.decoder.forward(x, &features);
        x.sigmoid(&drawn)
    }

    /// The discriminator's result for images `[n, 3, h, w]` with maps `[n, 1, h, w]`.
    pub fn judge<X: Executor>(&self, x: &mut X, images: &X::Value, maps: &X::Value) -> Judgement<X::Value> {
        let (images, maps) = (x.centre(images), x.centre(maps));
        self.discriminator.forward(x, &images, &maps)
    }

    /// How far each image is from a good one, at least 0:
    /// `MSE(f(x, 0), f(x^, A^)) + 0.1 MSE(x, x^)`, f being the discriminator's features, x^ the
    /// reconstruction and A^ its anomaly map. `[n, 1, 1, 1]`.
    pub fn score<X: Executor>(&self, x: &mut X, images: &X::Value, maps: &X::Value) -> X::Value {
        let reconstructed = self.reconstruct(x, images, maps);
        let empty = x.zeros_like(maps);
        let good = self.judge(x, images, &empty).features;
        let found = self.judge(x, &reconstructed, maps).features;
        let features = x.mean_squared_difference(&good, &found);
        let pixels = x.mean_squared_difference(images, &reconstructed);
        let pixels = x.multiply_scalar(&pixels, IMAGE_WEIGHT);
        x.add(&features, &pixels)
    }
}
