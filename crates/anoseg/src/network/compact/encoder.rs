//! The encoder: picture and coordinate channels to features at several scales.

use anoseg_kernels::space_to_depth;
use burn::module::Module;
use burn::tensor::Tensor;

use crate::network::blocks::{ConvNorm, Residual};
use crate::network::coordinates::coordinates;
use crate::network::{Architecture, Mode, WeightInit};

/// Side of the pixel block that the first layer sees as one position.
pub(in crate::network) const PATCH: usize = 4;

/// Reads pictures at strides 4, 8, 16, ...
#[derive(Module, Debug)]
pub struct Encoder {
    stem: ConvNorm,
    stages: Vec<Stage>,
    #[module(skip)]
    coordinates: bool,
}

/// One scale: an optional halving of the resolution, then residual blocks.
#[derive(Module, Debug)]
struct Stage {
    down: Option<ConvNorm>,
    blocks: Vec<Residual>,
}

impl Encoder {
    pub(in crate::network) fn new(init: &mut WeightInit, architecture: &Architecture) -> Self {
        let widths = &architecture.widths;
        let channels = if architecture.coordinates { 5 } else { 3 };
        let stem = ConvNorm::new(init, [channels * PATCH * PATCH, widths[0]], 3);
        let stages = (0..widths.len())
            .map(|i| Stage {
                down: (i > 0).then(|| ConvNorm::new(init, [4 * widths[i.max(1) - 1], widths[i]], 1)),
                blocks: (0..architecture.blocks).map(|_| Residual::new(init, widths[i])).collect(),
            })
            .collect();
        Self { stem, stages, coordinates: architecture.coordinates }
    }

    /// Pictures `[n, 3, h, w]`, h and w multiples of 4 * 2^(scales - 1), to one feature
    /// tensor per scale, finest first: `[n, widths[i], h / (4 * 2^i), w / (4 * 2^i)]`.
    pub(in crate::network) fn forward(&self, images: Tensor<4>, mode: &mut Mode) -> Vec<Tensor<4>> {
        let [_, _, height, width] = images.dims();
        let x = space_to_depth(images, PATCH);
        let mut x = if self.coordinates {
            let coordinates = space_to_depth(coordinates([height, width], &x.device()), PATCH);
            self.stem.forward_joined([x, coordinates], mode)
        } else {
            self.stem.forward(x, mode)
        };
        let mut features = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            if let Some(down) = &stage.down {
                x = down.forward(space_to_depth(x, 2), mode);
            }
            for block in &stage.blocks {
                x = block.forward(x, mode);
            }
            features.push(x.clone());
        }
        features
    }
}
