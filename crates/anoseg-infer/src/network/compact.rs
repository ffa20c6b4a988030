//! The network of preset `fast`, with skip connections.
//!
//! All convolution happens at a quarter of the image's resolution and below: the first layer takes
//! each 4 x 4 block of pixels as one position with sixteen times the channels, and the last layer
//! writes sixteen map pixels per position. No pixel is dropped, and the matrix products are large
//! enough to keep a CPU busy.

use super::{Architecture, Blueprint, Convolution, Executor, Residual};

/// Side of the pixel block that the first layer takes as one position.
pub const PATCH: usize = 4;

/// Features of images at strides 4, 8, 16, ...
#[derive(Clone, Debug)]
pub struct Encoder {
    stem: Convolution,
    stages: Vec<Stage>,
    /// Coordinates run from minus to plus this value.
    coordinates: Option<f32>,
}

/// One scale: an optional halving of the resolution, residual blocks, and the context.
#[derive(Clone, Debug)]
struct Stage {
    down: Option<Convolution>,
    blocks: Vec<Residual>,
    /// Joins each position with mean and standard deviation of all positions.
    context: Option<Convolution>,
}

impl Encoder {
    pub(super) fn new(b: &mut Blueprint, architecture: &Architecture) -> Self {
        let widths = &architecture.widths;
        let channels = if architecture.coordinates { 5 } else { 3 };
        let stem = Convolution::normalised(b, "stem", [channels * PATCH * PATCH, widths[0]], 3);
        let mut stages = Vec::with_capacity(widths.len());
        for (i, &width) in widths.iter().enumerate() {
            stages.push(b.at("stages", |b| {
                b.at(i, |b| Stage {
                    down: (i > 0)
                        .then(|| Convolution::normalised(b, "down", [4 * widths[i.max(1) - 1], width], 1)),
                    blocks: (0..architecture.blocks)
                        .map(|block| b.at("blocks", |b| b.at(block, |b| Residual::new(b, width))))
                        .collect(),
                    context: (i > 0 && architecture.context)
                        .then(|| Convolution::normalised(b, "context", [3 * width, width], 1)),
                })
            }));
        }
        let coordinates = architecture.coordinates.then_some(architecture.coordinate_scale);
        Self { stem, stages, coordinates }
    }

    /// Images `[n, 3, h, w]`, h and w multiples of 4 * 2^(scales - 1), to one value per scale,
    /// finest first: `[n, widths[i], h / (4 * 2^i), w / (4 * 2^i)]`.
    pub(super) fn forward<X: Executor>(&self, x: &mut X, images: &X::Value) -> Vec<X::Value> {
        let size = x.size(images);
        let blocks = x.space_to_depth(images, PATCH);
        let mut y = match self.coordinates {
            Some(scale) => {
                let coordinates = x.coordinates(size);
                let coordinates = x.multiply_scalar(&coordinates, scale);
                let coordinates = x.space_to_depth(&coordinates, PATCH);
                x.convolution(&self.stem, &[&blocks, &coordinates])
            }
            None => x.convolution(&self.stem, &[&blocks]),
        };
        let mut features = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            if let Some(down) = &stage.down {
                let halved = x.space_to_depth(&y, 2);
                y = x.convolution(down, &[&halved]);
            }
            for block in &stage.blocks {
                y = block.forward(x, &y);
            }
            if let Some(context) = &stage.context {
                let moments = x.moments(&y);
                let compared = x.convolution(context, &[&y, &moments]);
                y = x.add(&y, &compared);
            }
            features.push(y.clone());
        }
        features
    }
}

/// Output at the image's resolution: the anomaly map (one channel) or the reconstruction (three).
#[derive(Clone, Debug)]
pub struct Decoder {
    ups: Vec<Up>,
    head: Convolution,
}

/// Doubles the resolution and adds the encoder's features of that scale.
#[derive(Clone, Debug)]
struct Up {
    expand: Convolution,
    block: Residual,
}

impl Decoder {
    /// Outputs of `channels` channels start around `level`.
    pub(super) fn new(b: &mut Blueprint, architecture: &Architecture, channels: usize, level: f32) -> Self {
        let widths = &architecture.widths;
        let up = |b: &mut Blueprint, i: usize| Up {
            expand: Convolution::normalised(b, "expand", [widths[i], 4 * widths[i - 1]], 1),
            block: b.at("block", |b| Residual::new(b, widths[i - 1])),
        };
        let scales = (1..widths.len()).rev().enumerate();
        let ups = scales.map(|(number, i)| b.at("ups", |b| b.at(number, |b| up(b, i)))).collect();
        Self { ups, head: Convolution::head(b, "head", [widths[0], channels * PATCH * PATCH], level) }
    }

    /// `features` as the encoder gives them, to `[n, channels, h, w]` before any activation.
    ///
    /// With `skips` false only the coarsest features are used, as in the published network: a
    /// reconstruction that can copy its input learns nothing.
    pub(super) fn forward<X: Executor>(&self, x: &mut X, features: &[X::Value], skips: bool) -> X::Value {
        let mut y = features[features.len() - 1].clone();
        let finer = features[..features.len() - 1].iter().rev();
        for (up, skip) in self.ups.iter().zip(finer) {
            let expanded = x.convolution(&up.expand, &[&y]);
            y = x.depth_to_space(&expanded, 2);
            if skips {
                y = x.add(&y, skip);
            }
            y = up.block.forward(x, &y);
        }
        let blocks = x.convolution(&self.head, &[&y]);
        x.depth_to_space(&blocks, PATCH)
    }
}
