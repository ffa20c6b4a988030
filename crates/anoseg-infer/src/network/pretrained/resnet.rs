//! ResNets (He et al., "Deep residual learning for image recognition", 2016; Zagoruyko and
//! Komodakis, "Wide residual networks", 2016) down to a sixteenth of the resolution, pretrained and
//! frozen. Normalisation is already part of the filters.

use anoseg_kernels::{Activation, Pool};

use super::encoder::layer;
use crate::network::{Blueprint, Convolution, Executor};

/// Channels of the first layer, and of the first stage's 3 x 3 filters before widening.
const STEM: usize = 64;

/// A bottleneck block has so many times more outputs than its inner layers have, before widening.
const EXPANSION: usize = 4;

/// The frozen network.
#[derive(Clone, Debug)]
pub(super) struct ResNet {
    stem: Convolution,
    /// The first three stages; the fourth works at a thirty-second of the resolution and is not used.
    stages: [Vec<Block>; 3],
}

#[derive(Clone, Debug)]
struct Block {
    layers: Vec<Convolution>,
    /// 1 x 1 filters beside the block, where it changes the shape.
    shortcut: Option<Convolution>,
}

/// A layer of a block: its outputs, kernel and stride.
type Shape = (usize, usize, usize);

impl ResNet {
    /// With blocks of two 3 x 3 layers, so many in each stage.
    pub(super) fn basic(b: &mut Blueprint, blocks: &[usize]) -> Self {
        Self::new(b, blocks, |channels, stride| vec![(channels, 3, stride), (channels, 3, 1)])
    }

    /// With blocks of a 3 x 3 layer between two of 1 x 1, so many in each stage. The inner layers have
    /// `width` times the usual channels. The 3 x 3 layer halves the resolution.
    pub(super) fn bottleneck(b: &mut Blueprint, blocks: &[usize], width: usize) -> Self {
        Self::new(b, blocks, |channels, stride| {
            let inner = channels * width;
            vec![(inner, 1, 1), (inner, 3, stride), (channels * EXPANSION, 1, 1)]
        })
    }

    /// `shapes` gives the layers of a block from the channels of its stage and the block's stride.
    fn new(b: &mut Blueprint, blocks: &[usize], shapes: impl Fn(usize, usize) -> Vec<Shape>) -> Self {
        let stem = layer(b, "stem", [STEM, 3, 7, 7], [2, 3], Activation::Relu);
        let mut inputs = STEM;
        let stages = [0, 1, 2].map(|stage: usize| {
            let mut block = |b: &mut Blueprint, number: usize| {
                let stride = if stage > 0 && number == 0 { 2 } else { 1 };
                let block = Block::new(b, inputs, stride, &shapes(STEM << stage, stride));
                inputs = block.layers.last().map_or(inputs, Convolution::outputs);
                block
            };
            let mut of_stage = |b: &mut Blueprint| {
                (0..blocks[stage]).map(|number| b.at(number, |b| block(b, number))).collect()
            };
            b.at("stages", |b| b.at(stage, &mut of_stage))
        });
        Self { stem, stages }
    }

    /// Scaled images `[n, 3, h, w]` to features at strides 2, 4, 8 and 16: those of the first layer and
    /// of each stage.
    pub(super) fn features<X: Executor>(&self, x: &mut X, images: &X::Value) -> [X::Value; 4] {
        let stride2 = x.convolution(&self.stem, &[images]);
        let y = x.max_pool(&stride2, Pool { kernel: 3, stride: 2, padding: 1 });
        let [first, second, third] = &self.stages;
        let stride4 = first.iter().fold(y, |y, block| block.forward(x, &y));
        let stride8 = second.iter().fold(stride4.clone(), |y, block| block.forward(x, &y));
        let stride16 = third.iter().fold(stride8.clone(), |y, block| block.forward(x, &y));
        [stride2, stride4, stride8, stride16]
    }
}

impl Block {
    fn new(b: &mut Blueprint, inputs: usize, stride: usize, shapes: &[Shape]) -> Self {
        let mut channels = inputs;
        let last = shapes.len() - 1;
        let layers = shapes.iter().enumerate().map(|(i, &(outputs, kernel, stride))| {
            // The last one is activated after the sum with the input.
            let activation = if i == last { Activation::None } else { Activation::Relu };
            let shape = [outputs, channels, kernel, kernel];
            channels = outputs;
            layer(b, &i.to_string(), shape, [stride, kernel / 2], activation)
        });
        let layers = layers.collect();
        let shape = [channels, inputs, 1, 1];
        let shortcut = (stride > 1 || inputs != channels)
            .then(|| layer(b, "shortcut", shape, [stride, 0], Activation::None));
        Self { layers, shortcut }
    }

    fn forward<X: Executor>(&self, x: &mut X, input: &X::Value) -> X::Value {
        let mut y = input.clone();
        for layer in &self.layers {
            y = x.convolution(layer, &[&y]);
        }
        match &self.shortcut {
            Some(shortcut) => {
                let input = x.convolution(shortcut, &[input]);
                x.add_relu(&input, &y)
            }
            None => x.add_relu(input, &y),
        }
    }
}
