//! EfficientNet-Lite (Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural
//! networks", 2019; the Lite variants have ReLU6 throughout and no squeeze-and-excitation) down to
//! a sixteenth of the resolution, pretrained and frozen.
//!
//! Normalisation is already part of the filters. The original pads as TensorFlow's "SAME" does:
//! where the resolution is halved, one row and column less before than after. The same sums come
//! from filters with a row and a column of zeros before and as much padding on all sides. Weights that
//! were trained with the same padding on all sides have the zeros after.

use anoseg_kernels::Activation;

use super::encoder::layer;
use crate::network::layer::ConvolutionKind;
use crate::network::{Blueprint, Convolution, Executor};

/// Channels of the first layer.
const STEM: usize = 32;

/// Several blocks that work at one resolution.
struct Stage {
    kernel: usize,
    /// Stride of the first block.
    stride: usize,
    /// Channels between a block's two 1 x 1 layers, as a multiple of its inputs.
    expansion: usize,
}

/// The first five stages; the others work at a thirty-second of the resolution and are not used.
const STAGES: [Stage; 5] = [
    Stage { kernel: 3, stride: 1, expansion: 1 },
    Stage { kernel: 3, stride: 2, expansion: 6 },
    Stage { kernel: 5, stride: 2, expansion: 6 },
    Stage { kernel: 3, stride: 2, expansion: 6 },
    Stage { kernel: 5, stride: 1, expansion: 6 },
];

/// The stages that end with the features.
const TAPS: [usize; 4] = [0, 1, 2, 4];

/// The frozen network.
#[derive(Clone, Debug)]
pub(super) struct EfficientNet {
    stem: Convolution,
    stages: Vec<Vec<Block>>,
}

/// Inverted residual block (Sandler et al., "MobileNetV2", 2018).
#[derive(Clone, Debug)]
struct Block {
    expand: Option<Convolution>,
    depthwise: Convolution,
    project: Convolution,
    /// Whether the input is added to the output.
    residual: bool,
}

impl EfficientNet {
    /// The network and its parameters, under the name of the part that is described; `repeats` and
    /// `outputs` are the blocks of each stage and their channels. Filters that halve the resolution are
    /// one wider than the original's.
    pub(super) fn new(b: &mut Blueprint, repeats: &[usize], outputs: [usize; 5]) -> Self {
        let stem = layer(b, "stem", [STEM, 3, 4, 4], [2, 1], Activation::Relu6);
        let (mut inputs, mut number) = (STEM, 0);
        let mut stages = Vec::with_capacity(STAGES.len());
        for ((stage, &repeats), outputs) in STAGES.iter().zip(repeats).zip(outputs) {
            let mut blocks = Vec::with_capacity(repeats);
            for i in 0..repeats {
                let stride = if i == 0 { stage.stride } else { 1 };
                let channels = [inputs, outputs];
                blocks.push(b.at("blocks", |b| b.at(number, |b| Block::new(b, stage, channels, stride))));
                inputs = outputs;
                number += 1;
            }
            stages.push(blocks);
        }
        Self { stem, stages }
    }

    /// Scaled images `[n, 3, h, w]` to features at strides 2, 4, 8 and 16.
    pub(super) fn features<X: Executor>(&self, x: &mut X, images: &X::Value) -> [X::Value; 4] {
        let mut y = x.convolution(&self.stem, &[images]);
        let ends: Vec<X::Value> = self
            .stages
            .iter()
            .map(|blocks| {
                blocks.iter().for_each(|block| y = block.forward(x, &y));
                y.clone()
            })
            .collect();
        TAPS.map(|stage| ends[stage].clone())
    }
}

impl Block {
    fn new(b: &mut Blueprint, stage: &Stage, [inputs, outputs]: [usize; 2], stride: usize) -> Self {
        let (wide, kernel) = (inputs * stage.expansion, stage.kernel + usize::from(stride == 2));
        let expand = (stage.expansion > 1)
            .then(|| layer(b, "expand", [wide, inputs, 1, 1], [1, 0], Activation::Relu6));
        let shape = [wide, 1, kernel, kernel];
        let depthwise = layer(b, "depthwise", shape, [stride, stage.kernel / 2], Activation::Relu6);
        let depthwise = Convolution { kind: ConvolutionKind::Depthwise, ..depthwise };
        let project = layer(b, "project", [outputs, wide, 1, 1], [1, 0], Activation::None);
        Self { expand, depthwise, project, residual: stride == 1 && inputs == outputs }
    }

    fn forward<X: Executor>(&self, x: &mut X, input: &X::Value) -> X::Value {
        let wide = match &self.expand {
            Some(expand) => x.convolution(expand, &[input]),
            None => input.clone(),
        };
        let filtered = x.convolution(&self.depthwise, &[&wide]);
        let y = x.convolution(&self.project, &[&filtered]);
        if self.residual { x.add(input, &y) } else { y }
    }
}
