//! The discriminator: eight halvings from a pair of image and map to one number.

use anoseg_kernels::Activation;

use super::{Judgement, scaled};
use crate::network::layer::{Behind, ConvolutionKind, Init, keeping_variance};
use crate::network::{Blueprint, Convolution, Executor};

/// Channels behind the first seven layers; the last has one.
const CHANNELS: [usize; 7] = [64, 128, 256, 512, 512, 512, 128];

/// Slope of the leaky ReLU below zero (our choice, after DCGAN, Radford et al., 2016).
const SLOPE: f32 = 0.2;

/// Classifies a pair of image and map as a whole.
#[derive(Clone, Debug)]
pub struct Discriminator {
    first: Convolution,
    middle: Vec<Convolution>,
    last: Convolution,
}

impl Discriminator {
    /// `width` is the share of the published channels.
    pub fn new(b: &mut Blueprint, width: f32) -> Self {
        let channels = CHANNELS.map(|channels| scaled(channels, width));
        Self {
            first: halving(b, "first", [4, channels[0]]),
            middle: channels
                .windows(2)
                .enumerate()
                .map(|(i, pair)| {
                    let name = i.to_string();
                    b.at("middle", |b| Convolution::strided(b, &name, [pair[0], pair[1]], 4, [2, 1]).linear())
                })
                .collect(),
            last: halving(b, "last", [channels[6], 1]),
        }
    }

    /// Images `[n, 3, 256 k, 256 k]` and maps `[n, 1, 256 k, 256 k]`, both centred, to
    /// `[n, 1, k, k]` before the sigmoid, positive = a true pair, and to the input of the last
    /// layer, `[n, 128 * width, 2 k, 2 k]`.
    pub fn forward<X: Executor>(&self, x: &mut X, images: &X::Value, maps: &X::Value) -> Judgement<X::Value> {
        let pair = x.join(&[images, maps]);
        let mut features = x.convolution(&self.first, &[&pair]);
        features = x.leaky_relu(&features, SLOPE);
        for layer in &self.middle {
            features = x.convolution(layer, &[&features]);
            features = x.leaky_relu(&features, SLOPE);
        }
        let logits = x.convolution(&self.last, &[&features]);
        Judgement { logits, features }
    }
}

/// A layer with 4 x 4 filters, stride 2, padding 1 and a bias; its parameters are `name` and
/// `name_bias`.
fn halving(b: &mut Blueprint, name: &str, [inputs, outputs]: [usize; 2]) -> Convolution {
    let shape = [outputs, inputs, 4, 4];
    let weight = b.trained(name, shape, keeping_variance(inputs * 16));
    let bias = b.trained(&format!("{name}_bias"), [outputs], Init::Constant(0.0));
    let (kind, activation) = (ConvolutionKind::Plain, Activation::None);
    Convolution { weight, behind: Behind::Bias(bias), kind, shape, stride: 2, padding: 1, activation }
}
