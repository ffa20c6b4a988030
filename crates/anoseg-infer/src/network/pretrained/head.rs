//! The head: features to the anomaly map.

use anoseg_kernels::Pool;

use super::backbone::Features;
use crate::network::{Architecture, Blueprint, Convolution, Executor};

/// Channels that the features of each stride become.
const PROJECTED: usize = 48;

/// Channels at stride 4: three projections and the distance map.
const JOINED: usize = 3 * PROJECTED + 1;

/// Channels of the layers at strides 4 and 2.
const COARSE: [usize; 2] = [96, 64];
const FINE: [usize; 2] = [32, 32];

/// Channels of the context.
const CONTEXT: usize = 64;

/// Side of the blocks of positions that the context pools.
const POOLED: usize = 4;

/// Computes the anomaly map at half of the image's resolution and doubles its resolution.
#[derive(Clone, Debug)]
pub struct Head {
    /// 1 x 1 filters over the features at strides 4, 8 and 16.
    projections: [Convolution; 3],
    coarse: [Convolution; 2],
    context: Option<Context>,
    fine: [Convolution; 2],
    head: Convolution,
    coordinates: bool,
}

/// Pools the image in blocks of [`POOLED`] x [`POOLED`] positions and joins each block with mean
/// and standard deviation of all blocks. Some defects differ only from the rest of their own image,
/// such as a region of another grain whose every patch occurs on some good part. A few positions do
/// not show such a defect.
#[derive(Clone, Debug)]
struct Context {
    gather: Convolution,
    compare: Convolution,
}

impl Head {
    /// The map's logits start around `level`.
    pub(crate) fn new(b: &mut Blueprint, architecture: &Architecture, level: f32) -> Self {
        let features = architecture.encoder.network.channels();
        let projections = b.at("encoder.projections", |b| {
            [0, 1, 2].map(|i: usize| {
                let channels = [features[i + 1], PROJECTED];
                Convolution::normalised(b, &i.to_string(), channels, 1).linear()
            })
        });
        b.at("map", |b| {
            let joined = if architecture.coordinates { JOINED + 2 } else { JOINED };
            let inputs = if architecture.context { COARSE[0] + CONTEXT } else { COARSE[0] };
            let coarse = b.at("coarse", |b| {
                [
                    Convolution::normalised(b, "0", [joined, COARSE[0]], 3),
                    Convolution::normalised(b, "1", [inputs, COARSE[1]], 3),
                ]
            });
            let context = architecture.context.then(|| b.at("context", Context::new));
            let fine = b.at("fine", |b| {
                [
                    Convolution::normalised(b, "0", [COARSE[1] + features[0], FINE[0]], 3),
                    Convolution::normalised(b, "1", [FINE[0], FINE[1]], 3),
                ]
            });
            let head = Convolution::head(b, "head", [FINE[1], 1], level);
            let coordinates = architecture.coordinates;
            Self { projections, coarse, context, fine, head, coordinates }
        })
    }

    /// Features to logits `[n, 1, h, w]`.
    pub fn forward<X: Executor>(&self, x: &mut X, features: &Features<X::Value>) -> X::Value {
        let [first, second] = &self.coarse;
        let y = self.joined(x, features, first);
        let y = match &self.context {
            Some(context) => {
                let surroundings = context.forward(x, &y);
                x.convolution(second, &[&y, &surroundings])
            }
            None => x.convolution(second, &[&y]),
        };
        let y = x.double(&y);
        let y = x.convolution(&self.fine[0], &[&y, &features.stride2]);
        let y = x.convolution(&self.fine[1], &[&y]);
        let y = x.convolution(&self.head, &[&y]);
        x.double(&y)
    }

    /// The first layer at stride 4: projections of the features, distance and coordinates.
    fn joined<X: Executor>(&self, x: &mut X, features: &Features<X::Value>, layer: &Convolution) -> X::Value {
        let [fine, middle, coarse] = &self.projections;
        let fine = x.convolution(fine, &[&features.stride4]);
        let middle = x.convolution(middle, &[&features.stride8]);
        let middle = x.double(&middle);
        let coarse = x.convolution(coarse, &[&features.stride16]);
        let coarse = x.double(&coarse);
        let coarse = x.double(&coarse);
        let distance = x.double(&features.distance);
        if self.coordinates {
            let size = x.size(&fine);
            let coordinates = x.coordinates(size);
            x.convolution(layer, &[&fine, &middle, &coarse, &distance, &coordinates])
        } else {
            x.convolution(layer, &[&fine, &middle, &coarse, &distance])
        }
    }
}

impl Context {
    fn new(b: &mut Blueprint) -> Self {
        Self {
            gather: Convolution::normalised(b, "gather", [COARSE[0], CONTEXT], 3),
            compare: Convolution::normalised(b, "compare", [3 * CONTEXT, CONTEXT], 3),
        }
    }

    /// `[n, channels, h, w]` -> `[n, CONTEXT, h, w]`; [`POOLED`] must divide height and width.
    fn forward<X: Executor>(&self, x: &mut X, input: &X::Value) -> X::Value {
        let blocks = x.average_pool(input, Pool::blocks(POOLED));
        let blocks = x.convolution(&self.gather, &[&blocks]);
        let moments = x.moments(&blocks);
        let compared = x.convolution(&self.compare, &[&blocks, &moments]);
        // Doubled twice: as many positions as before.
        let compared = x.double(&compared);
        x.double(&compared)
    }
}
