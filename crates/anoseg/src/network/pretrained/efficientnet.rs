//! EfficientNet-Lite (Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019; the Lite variants
//! have ReLU6 throughout and no squeeze-and-excitation) down to a sixteenth of the resolution, learned elsewhere and frozen.
//!
//! Normalisation is already part of the filters. The original pads as TensorFlow's "SAME" does: where the resolution is halved, one
//! row and column less before than after. The same sums come from filters with a row and a column of zeros before and as much padding
//! on all sides.

use std::collections::BTreeMap;

use anoseg_kernels::{Convolution, FixedConvolution, depthwise_conv2d};
use burn::tensor::{Device, Tensor, TensorData};

use crate::network::{ParameterData, ParameterError, lookup};

/// Mean and scale of the grey levels 0..=255 that the network was trained with.
const CENTRE: f32 = 127.0;
const SCALE: f32 = 128.0;

/// Sides of the pictures must be multiples of this.
pub(crate) const STRIDE: usize = 16;

/// Where ReLU6 cuts off.
const CEILING: f32 = 6.0;

/// Channels of the first layer.
const STEM: usize = 32;

/// Several blocks that work at one resolution.
struct Stage {
    repeats: usize,
    kernel: usize,
    /// Of the first block.
    stride: usize,
    /// How many times the channels between a block's two 1 x 1 layers are its inputs.
    expansion: usize,
    outputs: usize,
}

/// The first five stages; what follows works at a thirty-second of the resolution and is not used.
const STAGES: [Stage; 5] = [
    Stage { repeats: 1, kernel: 3, stride: 1, expansion: 1, outputs: 16 },
    Stage { repeats: 2, kernel: 3, stride: 2, expansion: 6, outputs: 24 },
    Stage { repeats: 2, kernel: 5, stride: 2, expansion: 6, outputs: 40 },
    Stage { repeats: 3, kernel: 3, stride: 2, expansion: 6, outputs: 80 },
    Stage { repeats: 3, kernel: 5, stride: 1, expansion: 6, outputs: 112 },
];

/// Channels of the features that are given out, at strides 2, 4, 8 and 16.
pub(super) const CHANNELS: [usize; 4] = [16, 24, 40, 112];

/// The stages after which they are.
const TAPS: [usize; 4] = [0, 1, 2, 4];

/// The frozen network.
#[derive(Debug)]
pub(crate) struct EfficientNet {
    stem: Layer,
    stages: Vec<Vec<Block>>,
}

/// Inverted residual block (Sandler et al., "MobileNetV2", 2018).
#[derive(Debug)]
struct Block {
    expand: Option<Layer>,
    depthwise: Layer,
    project: Layer,
    /// Whether the input is added to the output.
    residual: bool,
}

#[derive(Debug)]
enum Layer {
    Dense(FixedConvolution),
    Depthwise { weight: Tensor<4>, bias: Tensor<1>, options: Convolution },
}

impl EfficientNet {
    /// The network of these parameters, which [`shapes`] lists.
    ///
    /// # Errors
    /// One is missing or has another shape.
    pub(crate) fn new(
        parameters: &BTreeMap<String, ParameterData>,
        device: &Device,
    ) -> Result<Self, ParameterError> {
        let mut shapes = shapes().into_iter();
        let mut layer = |depthwise: bool, options: Convolution| {
            let (name, shape) = shapes.next().expect("a shape for each layer");
            Layer::new(parameters, &name, shape, (depthwise, options), device)
        };
        let halving = Convolution { stride: 2, padding: 1, relu: true };
        let pointwise = Convolution::same(1);
        let stem = layer(false, halving)?;
        let mut inputs = STEM;
        let mut stages = Vec::with_capacity(STAGES.len());
        for stage in &STAGES {
            let mut blocks = Vec::with_capacity(stage.repeats);
            for i in 0..stage.repeats {
                let stride = if i == 0 { stage.stride } else { 1 };
                let expand =
                    (stage.expansion > 1).then(|| layer(false, pointwise.with_relu())).transpose()?;
                let depthwise = layer(true, Convolution { stride, padding: stage.kernel / 2, relu: true })?;
                let project = layer(false, pointwise)?;
                blocks.push(Block {
                    expand,
                    depthwise,
                    project,
                    residual: stride == 1 && inputs == stage.outputs,
                });
                inputs = stage.outputs;
            }
            stages.push(blocks);
        }
        Ok(Self { stem, stages })
    }

    /// Pictures `[n, 3, h, w]` with values in 0..=1 to features `[n, c, h / s, w / s]` of the channels [`CHANNELS`], at strides 2,
    /// 4, 8 and 16.
    pub(crate) fn features(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let mut x = self.stem.forward((images * 255.0 - CENTRE) / SCALE).clamp_max(CEILING);
        let mut features = Vec::with_capacity(TAPS.len());
        for (i, stage) in self.stages.iter().enumerate() {
            x = stage.iter().fold(x, |x, block| block.forward(x));
            if TAPS.contains(&i) {
                features.push(x.clone());
            }
        }
        features
    }
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let wide = match &self.expand {
            Some(expand) => expand.forward(x.clone()).clamp_max(CEILING),
            None => x.clone(),
        };
        let y = self.project.forward(self.depthwise.forward(wide).clamp_max(CEILING));
        if self.residual { x + y } else { y }
    }
}

impl Layer {
    fn new(
        parameters: &BTreeMap<String, ParameterData>,
        name: &str,
        shape: [usize; 4],
        (depthwise, options): (bool, Convolution),
        device: &Device,
    ) -> Result<Self, ParameterError> {
        let data = |part: &str, shape: &[usize]| {
            let data = lookup(parameters, &format!("{name}.{part}"), shape)?;
            Ok(TensorData::new(data.values.clone(), shape))
        };
        let weight = Tensor::from_data(data("weight", &shape)?, device);
        let bias = Tensor::from_data(data("bias", &shape[..1])?, device);
        Ok(if depthwise {
            Self::Depthwise { weight, bias, options }
        } else {
            Self::Dense(FixedConvolution::new(weight, bias, options))
        })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Dense(layer) => layer.forward(x),
            Self::Depthwise { weight, bias, options } => {
                depthwise_conv2d(x, weight.clone(), bias.clone(), *options)
            }
        }
    }
}

/// Name and filter shape `[outputs, inputs, kernel, kernel]` of every layer in order. Each has a `weight` of this shape and a
/// `bias`; filters that halve the resolution are one wider than the original's, with zeros before.
pub(crate) fn shapes() -> Vec<(String, [usize; 4])> {
    let mut shapes = vec![("stem".to_owned(), [STEM, 3, 4, 4])];
    let mut inputs = STEM;
    let mut number = 0;
    for stage in &STAGES {
        for i in 0..stage.repeats {
            let kernel = stage.kernel + usize::from(i == 0 && stage.stride == 2);
            let wide = inputs * stage.expansion;
            if stage.expansion > 1 {
                shapes.push((format!("blocks.{number}.expand"), [wide, inputs, 1, 1]));
            }
            shapes.push((format!("blocks.{number}.depthwise"), [wide, 1, kernel, kernel]));
            shapes.push((format!("blocks.{number}.project"), [stage.outputs, wide, 1, 1]));
            inputs = stage.outputs;
            number += 1;
        }
    }
    shapes
}
