//! Execution of one step of a program.

use anoseg_kernels::{
    EPSILON, Planes, PreparedConvolution, Residual, Upsampling, average_pool, depth_to_space, double,
    max_pool, sigmoid, space_to_depth,
};
use rayon::prelude::*;

use super::program::{Context, Operand, Operation, Place, Program, ResidualPlace, Scalar, Step};
use crate::Window;

/// Element-wise work is split into pieces of this many values.
const PIECE: usize = 16 << 10;

impl Program {
    pub(super) fn execute(&self, step: &Step, input: &[f32], context: Context<'_>, buffers: &mut [Vec<f32>]) {
        let Place::Buffer(number) = step.output.place else { return };
        // The buffer is taken out, so that the inputs can be read while it is written. It holds no
        // input.
        let mut target = std::mem::take(&mut buffers[number]);
        let values: Vec<&[f32]> =
            step.inputs.iter().map(|operand| self.values(*operand, input, buffers)).collect();
        compute(step, &values, context, &mut target[..step.output.len()]);
        buffers[number] = target;
    }
}

/// The operation of `step` on the values of its inputs, into `y`.
pub(super) fn compute(step: &Step, x: &[&[f32]], context: Context<'_>, y: &mut [f32]) {
    let shape = |i: usize| step.inputs[i].shape;
    match &step.operation {
        Operation::Convolution { layer, dynamic_bias, residual } => {
            convolve(layer, (*dynamic_bias, *residual), &step.inputs, x, y);
        }
        Operation::Scalars(scalars) => scalars_of(scalars, x[0], y),
        Operation::Standardise { mean, deviation } => standardise(shape(0), x[0], [mean, deviation], y),
        Operation::Add => pairs(x[0], x[1], y, |a, b| a + b),
        Operation::Multiply => pairs(x[0], x[1], y, |a, b| a * b),
        // Written so that NaN stays NaN.
        Operation::AddRelu => pairs(x[0], x[1], y, |a, b| if a + b < 0.0 { 0.0 } else { a + b }),
        Operation::AveragePool(pool) => average_pool(x[0], step.inputs[0].size(), *pool, y),
        Operation::MaxPool(pool) => max_pool(x[0], step.inputs[0].size(), *pool, y),
        Operation::Double => double(x[0], step.inputs[0].size(), Upsampling::Bilinear, y),
        Operation::SpaceToDepth(block) => space_to_depth(x[0], step.inputs[0].size(), *block, y),
        Operation::DepthToSpace(block) => depth_to_space(x[0], step.inputs[0].size(), *block, y),
        Operation::Join => join(&step.inputs, x, y),
        Operation::Moments => moments(shape(0), x[0], y),
        Operation::Expand => {
            let positions = (step.output.shape[2] * step.output.shape[3]).max(1);
            y.chunks_exact_mut(positions).zip(x[0]).for_each(|(plane, value)| plane.fill(*value));
        }
        Operation::Nearest(bank) => {
            let [n, ..] = shape(0);
            let images = y
                .chunks_exact_mut((y.len() / n.max(1)).max(1))
                .zip(x[0].chunks_exact((x[0].len() / n.max(1)).max(1)));
            let images: Vec<_> = images.enumerate().collect();
            images.into_par_iter().for_each(|(i, (y, x))| {
                let own = bank.own(context.sources.get(i).copied().flatten());
                bank.nearest().distances(x, own, y);
            });
        }
        Operation::Coordinates(stride) => coordinates(step.output.shape, *stride, context.windows, y),
        Operation::Sigmoid => sigmoid(x[0], y),
        Operation::LeakyRelu(slope) => each(x[0], y, |x| if x < 0.0 { slope * x } else { x }),
        Operation::Round(scale) => each(x[0], y, |x| scale.rounded(x)),
        Operation::MeanSquaredDifference => {
            let size = (x[0].len() / y.len().max(1)).max(1);
            for ((y, a), b) in y.iter_mut().zip(x[0].chunks_exact(size)).zip(x[1].chunks_exact(size)) {
                let squares = a.iter().zip(b).map(|(a, b)| f64::from((a - b) * (a - b)));
                *y = (squares.sum::<f64>() / size as f64) as f32;
            }
        }
    }
}

/// Coordinates of windows into `y [n, 2, h, w]`; an image without a window is a whole plane.
fn coordinates([_, _, h, w]: [usize; 4], stride: usize, windows: &[Window], y: &mut [f32]) {
    for (i, y) in y.chunks_exact_mut((2 * h * w).max(1)).enumerate() {
        let window = windows.get(i).copied().unwrap_or_else(|| Window::whole(w * stride, h * stride));
        y.copy_from_slice(&window.coordinates([h, w], stride));
    }
}

fn convolve(
    layer: &PreparedConvolution,
    (dynamic_bias, residual): (bool, Option<ResidualPlace>),
    operands: &[Operand],
    x: &[&[f32]],
    y: &mut [f32],
) {
    let count = operands.len() - usize::from(dynamic_bias) - usize::from(residual.is_some());
    let planes: Vec<Planes<'_>> = (operands[..count].iter().zip(x))
        .map(|(operand, values)| Planes { values, channels: operand.shape[1] })
        .collect();
    let residual = residual.map(|place| Residual {
        values: x[x.len() - 1],
        before_activation: place == ResidualPlace::BeforeActivation,
    });
    let bias = dynamic_bias.then(|| x[count]);
    layer.forward_with(&planes, operands[0].size(), bias, residual, y);
}

fn scalars_of(scalars: &[Scalar], x: &[f32], y: &mut [f32]) {
    let apply = |value: f32, scalar: &Scalar| match scalar {
        Scalar::Add(summand) => value + summand,
        Scalar::Multiply(factor) => value * factor,
    };
    match scalars {
        [Scalar::Add(summand), Scalar::Multiply(factor)] => each(x, y, |x| (x + summand) * factor),
        [Scalar::Multiply(first), Scalar::Add(summand), Scalar::Multiply(second)] => {
            each(x, y, |x| (x * first + summand) * second);
        }
        _ => each(x, y, |x| scalars.iter().fold(x, apply)),
    }
}

fn standardise([_, channels, h, w]: [usize; 4], x: &[f32], [mean, deviation]: [&Vec<f32>; 2], y: &mut [f32]) {
    let positions = (h * w).max(1);
    let planes = y.par_chunks_exact_mut(positions).zip(x.par_chunks_exact(positions)).with_min_len(4);
    planes.enumerate().for_each(|(i, (y, x))| {
        let (mean, deviation) = (mean[i % channels], deviation[i % channels]);
        y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - mean) / deviation);
    });
}

/// Joins along the channels; an input of one image serves all images.
fn join(operands: &[Operand], x: &[&[f32]], y: &mut [f32]) {
    let images = operands.iter().map(|operand| operand.shape[0]).max().unwrap_or(1).max(1);
    for (n, mut y) in y.chunks_exact_mut((y.len() / images).max(1)).enumerate() {
        for (operand, x) in operands.iter().zip(x) {
            let len = operand.len() / operand.shape[0].max(1);
            let first = if operand.shape[0] == 1 { 0 } else { n * len };
            let (own, rest) = y.split_at_mut(len);
            own.copy_from_slice(&x[first..][..len]);
            y = rest;
        }
    }
}

/// Mean and standard deviation of every channel.
fn moments([n, channels, h, w]: [usize; 4], x: &[f32], y: &mut [f32]) {
    let positions = (h * w).max(1);
    for image in 0..n {
        for channel in 0..channels {
            let plane = &x[(image * channels + channel) * positions..][..positions];
            let mean = sum(plane, |value| value) / positions as f32;
            let variance = sum(plane, |value| (value - mean) * (value - mean)) / positions as f32;
            y[2 * image * channels + channel] = mean;
            y[(2 * image + 1) * channels + channel] = (variance + EPSILON).sqrt();
        }
    }
}

/// Sum of `f` over the values, in sixteen lanes, which the compiler turns into vectors.
fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut lanes = [0.0_f32; 16];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += f(*value));
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|value| f(*value)).sum::<f32>()
}

fn each(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32 + Sync) {
    let pieces = y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE));
    pieces.for_each(|(y, x)| y.iter_mut().zip(x).for_each(|(y, x)| *y = f(*x)));
}

fn pairs(a: &[f32], b: &[f32], y: &mut [f32], f: impl Fn(f32, f32) -> f32 + Sync) {
    let pieces = y.par_chunks_mut(PIECE).zip(a.par_chunks(PIECE)).zip(b.par_chunks(PIECE));
    pieces.for_each(|((y, a), b)| y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| *y = f(*a, *b)));
}
