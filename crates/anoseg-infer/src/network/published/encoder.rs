//! ResNet-18 (He et al., "Deep residual learning for image recognition", 2016) without its
//! classifier.

use anoseg_kernels::Pool;

use super::scaled;
use crate::network::{Blueprint, Convolution, Executor};

/// Channels of the four stages.
const STAGES: [usize; 4] = [64, 128, 256, 512];

/// From images to features at a thirty-second of their resolution.
#[derive(Clone, Debug)]
pub struct Encoder {
    stem: Convolution,
    stages: Vec<[Block; 2]>,
    coordinates: bool,
}

#[derive(Clone, Debug)]
struct Block {
    first: Convolution,
    second: Convolution,
    /// 1 x 1 filters beside the block, where it changes the shape.
    shortcut: Option<Convolution>,
}

impl Encoder {
    /// For inputs of `channels` channels, and two more with `coordinates`; `width` is the share of
    /// the published channels.
    pub fn new(b: &mut Blueprint, channels: usize, coordinates: bool, width: f32) -> Self {
        let channels = if coordinates { channels + 2 } else { channels };
        let stem = Convolution::strided(b, "stem", [channels, scaled(STAGES[0], width)], 7, [2, 3]);
        let mut stages = Vec::with_capacity(STAGES.len());
        let mut inputs = scaled(STAGES[0], width);
        for (i, outputs) in STAGES.into_iter().enumerate() {
            let outputs = scaled(outputs, width);
            let stride = if i == 0 { 1 } else { 2 };
            stages.push(b.at("stages", |b| {
                b.at(i, |b| {
                    [
                        b.at("first", |b| Block::new(b, [inputs, outputs], stride)),
                        b.at("second", |b| Block::new(b, [outputs; 2], 1)),
                    ]
                })
            }));
            inputs = outputs;
        }
        Self { stem, stages, coordinates }
    }

    /// `[n, channels, h, w]`, h and w multiples of 32, to `[n, 512 * width, h / 32, w / 32]`.
    pub fn forward<X: Executor>(&self, x: &mut X, images: &X::Value) -> X::Value {
        let stem = if self.coordinates {
            let size = x.size(images);
            let coordinates = x.coordinates(size);
            x.convolution(&self.stem, &[images, &coordinates])
        } else {
            x.convolution(&self.stem, &[images])
        };
        let mut y = x.max_pool(&stem, Pool { kernel: 3, stride: 2, padding: 1 });
        for block in self.stages.iter().flatten() {
            y = block.forward(x, &y);
        }
        y
    }
}

impl Block {
    fn new(b: &mut Blueprint, channels: [usize; 2], stride: usize) -> Self {
        let outputs = channels[1];
        Self {
            first: Convolution::strided(b, "first", channels, 3, [stride, 1]),
            second: Convolution::normalised(b, "second", [outputs; 2], 3).linear(),
            shortcut: (stride > 1)
                .then(|| Convolution::strided(b, "shortcut", channels, 1, [stride, 0]).linear()),
        }
    }

    fn forward<X: Executor>(&self, x: &mut X, input: &X::Value) -> X::Value {
        let y = x.convolution(&self.first, &[input]);
        let y = x.convolution(&self.second, &[&y]);
        match &self.shortcut {
            Some(shortcut) => {
                let input = x.convolution(shortcut, &[input]);
                x.add_relu(&input, &y)
            }
            None => x.add_relu(input, &y),
        }
    }
}
