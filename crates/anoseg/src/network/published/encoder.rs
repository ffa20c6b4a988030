//! ResNet-18 (He et al., "Deep residual learning for image recognition", 2016) without its classifier.

use anoseg_kernels::add_relu;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

use super::scaled;
use crate::network::blocks::ConvNorm;
use crate::network::coordinates::coordinates;
use crate::network::{Mode, WeightInit};

/// Channels of the four stages.
const STAGES: [usize; 4] = [64, 128, 256, 512];

/// Reads pictures down to a thirty-second of their resolution.
#[derive(Module, Debug)]
pub struct Encoder {
    stem: ConvNorm,
    stages: Vec<Stage>,
    #[module(skip)]
    coordinates: bool,
}

/// Two residual blocks; the first of all stages but one halves the resolution.
#[derive(Module, Debug)]
struct Stage {
    first: Block,
    second: Block,
}

#[derive(Module, Debug)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    /// 1 x 1 filters beside the block, where it changes the shape.
    shortcut: Option<ConvNorm>,
}

impl Encoder {
    /// For inputs of `channels` channels, and two more with `coordinates`; `width` is the share of the published channels.
    pub(in crate::network) fn new(
        init: &mut WeightInit,
        channels: usize,
        coordinates: bool,
        width: f32,
    ) -> Self {
        let channels = if coordinates { channels + 2 } else { channels };
        let stem = ConvNorm::strided(init, [channels, scaled(STAGES[0], width)], 7, [2, 3]);
        let mut stages = Vec::with_capacity(STAGES.len());
        let mut inputs = scaled(STAGES[0], width);
        for (i, outputs) in STAGES.into_iter().enumerate() {
            let outputs = scaled(outputs, width);
            let first = Block::new(init, [inputs, outputs], if i == 0 { 1 } else { 2 });
            stages.push(Stage { first, second: Block::new(init, [outputs; 2], 1) });
            inputs = outputs;
        }
        Self { stem, stages, coordinates }
    }

    /// `[n, channels, h, w]`, h and w multiples of 32, to the features of every stage, finest first; the last are
    /// `[n, 512 * width, h / 32, w / 32]`.
    pub(in crate::network) fn forward(&self, x: Tensor<4>, mode: &mut Mode) -> Vec<Tensor<4>> {
        let [_, _, height, width] = x.dims();
        let x = if self.coordinates {
            let coordinates = coordinates([height, width], &x.device());
            self.stem.forward_joined([x, coordinates], mode)
        } else {
            self.stem.forward(x, mode)
        };
        let pool = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
        let mut x = max_pool2d(x, pool);
        let mut features = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            x = stage.second.forward(stage.first.forward(x, mode), mode);
            features.push(x.clone());
        }
        features
    }
}

impl Block {
    fn new(init: &mut WeightInit, channels: [usize; 2], stride: usize) -> Self {
        let outputs = channels[1];
        Self {
            first: ConvNorm::strided(init, channels, 3, [stride, 1]),
            second: ConvNorm::new(init, [outputs; 2], 3).linear(),
            shortcut: (stride > 1).then(|| ConvNorm::strided(init, channels, 1, [stride, 0]).linear()),
        }
    }

    fn forward(&self, x: Tensor<4>, mode: &mut Mode) -> Tensor<4> {
        let y = self.second.forward(self.first.forward(x.clone(), mode), mode);
        let x = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x, mode),
            None => x,
        };
        add_relu(x, y)
    }
}
