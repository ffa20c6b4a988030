//! EfficientNet-Lite (Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural
//! networks", 2019; the Lite variants have ReLU6 throughout and no squeeze-and-excitation) down to
//! a sixteenth of the resolution, pretrained and frozen.
//!
//! Normalisation is already part of the filters. The original pads as TensorFlow's "SAME" does:
//! where the resolution is halved, one row and column less before than after. The same sums come
//! from filters with a row and a column of zeros before and as much padding on all sides.

use anoseg_kernels::Activation;

use crate::network::layer::{Behind, ConvolutionKind, Init};
use crate::network::{Blueprint, Convolution, Executor};

/// Mean and scale of the grey levels 0..=255 that the network was trained with.
const CENTRE: f32 = 127.0;
const SCALE: f32 = 128.0;

/// Sides of the images must be multiples of this.
pub const STRIDE: usize = 16;

/// Channels of the first layer.
const STEM: usize = 32;

/// Several blocks that work at one resolution.
struct Stage {
    repeats: usize,
    kernel: usize,
    /// Stride of the first block.
    stride: usize,
    /// Channels between a block's two 1 x 1 layers, as a multiple of its inputs.
    expansion: usize,
    outputs: usize,
}

/// The first five stages; the others work at a thirty-second of the resolution and are not used.
const STAGES: [Stage; 5] = [
    Stage { repeats: 1, kernel: 3, stride: 1, expansion: 1, outputs: 16 },
    Stage { repeats: 2, kernel: 3, stride: 2, expansion: 6, outputs: 24 },
    Stage { repeats: 2, kernel: 5, stride: 2, expansion: 6, outputs: 40 },
    Stage { repeats: 3, kernel: 3, stride: 2, expansion: 6, outputs: 80 },
    Stage { repeats: 3, kernel: 5, stride: 1, expansion: 6, outputs: 112 },
];

/// Channels of the features at strides 2, 4, 8 and 16.
pub const CHANNELS: [usize; 4] = [16, 24, 40, 112];

/// The stages that end with them.
const TAPS: [usize; 4] = [0, 1, 2, 4];

/// The frozen network.
#[derive(Clone, Debug)]
pub struct EfficientNet {
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
    /// The network and its parameters, under the name of the part that is described. Filters that
    /// halve the resolution are one wider than the original's, with zeros before.
    pub fn new(b: &mut Blueprint) -> Self {
        let stem = layer(b, "stem", [STEM, 3, 4, 4], [2, 1], Activation::Relu6);
        let (mut inputs, mut number) = (STEM, 0);
        let mut stages = Vec::with_capacity(STAGES.len());
        for stage in &STAGES {
            let mut blocks = Vec::with_capacity(stage.repeats);
            for i in 0..stage.repeats {
                let stride = if i == 0 { stage.stride } else { 1 };
                blocks.push(b.at("blocks", |b| b.at(number, |b| Block::new(b, stage, inputs, stride))));
                inputs = stage.outputs;
                number += 1;
            }
            stages.push(blocks);
        }
        Self { stem, stages }
    }

    /// The layers by name, each with the shape of its filters.
    pub fn layers() -> Vec<(String, [usize; 4])> {
        let mut blueprint = Blueprint::default();
        Self::new(&mut blueprint);
        let shape = |shape: &[usize]| [shape[0], shape[1], shape[2], shape[3]];
        let weights = blueprint.parameters().iter().filter_map(|parameter| {
            Some((parameter.name.strip_suffix(".weight")?.to_owned(), shape(&parameter.shape)))
        });
        weights.collect()
    }

    /// Images `[n, 3, h, w]` with values in 0..=1 to features `[n, c, h / s, w / s]` of the
    /// channels [`CHANNELS`], at strides 2, 4, 8 and 16.
    pub fn features<X: Executor>(&self, x: &mut X, images: &X::Value) -> [X::Value; 4] {
        let bytes = x.multiply_scalar(images, 255.0);
        let centred = x.add_scalar(&bytes, -CENTRE);
        let scaled = x.multiply_scalar(&centred, 1.0 / SCALE);
        let mut y = x.convolution(&self.stem, &[&scaled]);
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
    fn new(b: &mut Blueprint, stage: &Stage, inputs: usize, stride: usize) -> Self {
        let (wide, kernel) = (inputs * stage.expansion, stage.kernel + usize::from(stride == 2));
        let expand = (stage.expansion > 1)
            .then(|| layer(b, "expand", [wide, inputs, 1, 1], [1, 0], Activation::Relu6));
        let shape = [wide, 1, kernel, kernel];
        let depthwise = layer(b, "depthwise", shape, [stride, stage.kernel / 2], Activation::Relu6);
        let depthwise = Convolution { kind: ConvolutionKind::Depthwise, ..depthwise };
        let project = layer(b, "project", [stage.outputs, wide, 1, 1], [1, 0], Activation::None);
        Self { expand, depthwise, project, residual: stride == 1 && inputs == stage.outputs }
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

/// A layer with a bias. Its values come from the pretrained weights; random values are for tests
/// only.
fn layer(
    b: &mut Blueprint,
    name: &str,
    shape: [usize; 4],
    [stride, padding]: [usize; 2],
    activation: Activation,
) -> Convolution {
    b.at(name, |b| {
        let fan_in: usize = shape[1..].iter().product();
        let weight = b.trained("weight", shape, Init::Normal((2.0 / fan_in as f32).sqrt()));
        let behind = Behind::Bias(b.trained("bias", [shape[0]], Init::Constant(0.0)));
        Convolution { weight, behind, kind: ConvolutionKind::Plain, shape, stride, padding, activation }
    })
}
