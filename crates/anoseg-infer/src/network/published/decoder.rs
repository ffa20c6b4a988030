//! The decoders: from the encoder's last features to an image or a map.

use super::scaled;
use crate::network::{Blueprint, Convolution, Executor};

/// Channels of the five pairs of layers.
const PAIRS: [usize; 5] = [512, 256, 128, 128, 128];

/// Output at the image's resolution: the anomaly map (one channel) or the reconstruction (three).
#[derive(Clone, Debug)]
pub struct Decoder {
    pairs: Vec<Pair>,
    last: Convolution,
    head: Convolution,
}

/// A convolution, and one that doubles the resolution.
#[derive(Clone, Debug)]
struct Pair {
    convolution: Convolution,
    doubling: Convolution,
}

impl Decoder {
    /// Outputs of `channels` channels; `width` is the share of the published channels.
    pub fn new(b: &mut Blueprint, channels: usize, width: f32) -> Self {
        let mut inputs = scaled(PAIRS[0], width);
        let mut pairs = Vec::with_capacity(PAIRS.len());
        for (i, outputs) in PAIRS.into_iter().enumerate() {
            let outputs = scaled(outputs, width);
            pairs.push(b.at("pairs", |b| {
                b.at(i, |b| Pair {
                    convolution: Convolution::normalised(b, "convolution", [inputs, outputs], 3),
                    doubling: Convolution::doubling(b, "doubling", [outputs; 2]),
                })
            }));
            inputs = outputs;
        }
        let last = Convolution::normalised(b, "last", [inputs; 2], 3);
        Self { pairs, last, head: Convolution::head(b, "head", [inputs, channels], 0.0) }
    }

    /// `[n, 512 * width, h / 32, w / 32]` to `[n, channels, h, w]` before the sigmoid.
    pub fn forward<X: Executor>(&self, x: &mut X, features: &X::Value) -> X::Value {
        let mut y = features.clone();
        for pair in &self.pairs {
            y = x.convolution(&pair.convolution, &[&y]);
            y = x.convolution(&pair.doubling, &[&y]);
        }
        y = x.convolution(&self.last, &[&y]);
        x.convolution(&self.head, &[&y])
    }
}
