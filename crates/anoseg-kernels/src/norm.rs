//! Batch normalisation (Ioffe & Szegedy, 2015) with an optional ReLU, forward and backward.
//!
//! Every channel is handled on its own, so threads do not change the order of a sum. The loops are
//! plain Rust over sixteen lanes, which the compiler turns into the vectors of the chosen
//! instructions.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::EPSILON;
use crate::output::written;
use crate::simd::Level;

/// Sums are kept in this many lanes.
const LANES: usize = 16;

/// Sizes of images `[n, channels, h, w]`.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    /// h * w
    pub(crate) pixels: usize,
}

impl Shape {
    /// The planes of one channel in all images.
    fn planes(self, values: &[f32], channel: usize) -> impl Iterator<Item = &[f32]> {
        (0..self.batch).map(move |n| &values[(n * self.channels + channel) * self.pixels..][..self.pixels])
    }

    fn count(self) -> f32 {
        (self.batch * self.pixels) as f32
    }
}

/// What normalisation does to one channel: `(x - mean) * inverse`, then `* scale + shift`.
#[derive(Clone, Copy)]
struct Channel {
    mean: f32,
    inverse: f32,
    scale: f32,
    shift: f32,
}

impl Channel {
    #[inline(always)]
    fn normal(&self, x: f32) -> f32 {
        (x - self.mean) * self.inverse
    }

    #[inline(always)]
    fn result(&self, x: f32) -> f32 {
        self.normal(x) * self.scale + self.shift
    }

    /// The gradient that passes through the ReLU at `x`.
    #[inline(always)]
    fn passed(&self, x: f32, grad: f32, relu: bool) -> f32 {
        if relu && self.result(x) <= 0.0 { 0.0 } else { grad }
    }
}

/// The numbers that normalise each channel.
#[derive(Clone, Copy)]
pub(crate) struct Affine<'a> {
    /// `[2, channels]`: means, then variances.
    pub(crate) moments: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    pub(crate) relu: bool,
}

impl Affine<'_> {
    fn channel(&self, c: usize) -> Channel {
        let channels = self.scale.len();
        let inverse = (self.moments[channels + c] + EPSILON).sqrt().recip();
        Channel { mean: self.moments[c], inverse, scale: self.scale[c], shift: self.shift[c] }
    }
}

/// Mean and variance (of the whole population) of every channel: `[2, channels]`.
pub(crate) fn moments(level: Level, shape: Shape, x: &[f32]) -> Vec<f32> {
    let mut moments = vec![0.0; 2 * shape.channels];
    let (means, variances) = moments.split_at_mut(shape.channels);
    means.par_iter_mut().zip(variances).enumerate().for_each(|(c, (mean, variance))| {
        let sum = shape.planes(x, c).map(|plane| level.run(Sum { plane, f: |x| x })).sum::<f32>();
        *mean = sum / shape.count();
        let mean = *mean;
        let square = |x: f32| (x - mean) * (x - mean);
        *variance =
            shape.planes(x, c).map(|plane| level.run(Sum { plane, f: square })).sum::<f32>() / shape.count();
    });
    moments
}

/// `scale * (x - mean) / sqrt(variance + epsilon) + shift`, and zero where that is negative if
/// there is a ReLU.
pub(crate) fn normalise(level: Level, shape: Shape, x: &[f32], affine: Affine<'_>) -> Vec<f32> {
    let pixels = shape.pixels.max(1);
    // SAFETY: planes of `y` and `x` have the same sizes, and every number of a plane is written.
    unsafe {
        written(x.len(), |y| {
            y.par_chunks_mut(pixels).zip(x.par_chunks(pixels)).enumerate().for_each(|(i, (y, x))| {
                let channel = affine.channel(i % shape.channels);
                level.run(Normalise { x, y, channel, relu: affine.relu });
            });
        })
    }
}

/// Gradients of scale and shift, `[2, channels]`, from the output's.
pub(crate) fn affine_gradient(
    level: Level,
    shape: Shape,
    [x, grad]: [&[f32]; 2],
    affine: Affine<'_>,
) -> Vec<f32> {
    let mut sums = vec![0.0; 2 * shape.channels];
    let (scales, shifts) = sums.split_at_mut(shape.channels);
    scales.par_iter_mut().zip(shifts).enumerate().for_each(|(c, (scale, shift))| {
        let channel = affine.channel(c);
        for (x, grad) in shape.planes(x, c).zip(shape.planes(grad, c)) {
            let [by_scale, by_shift] = level.run(GradientSums { x, grad, channel, relu: affine.relu });
            *scale += by_scale;
            *shift += by_shift;
        }
    });
    sums
}

/// Gradient of `x` from the output's and from `sums`, the result of [`affine_gradient`]. The
/// moments are those of `x` itself, so they depend on it.
pub(crate) fn input_gradient(
    level: Level,
    shape: Shape,
    [x, grad]: [&[f32]; 2],
    sums: &[f32],
    affine: Affine<'_>,
) -> Vec<f32> {
    let pixels = shape.pixels.max(1);
    assert_eq!(x.len(), grad.len());
    // SAFETY: planes of the result, `x` and `grad` have the same sizes, and every number of a plane
    // is written.
    unsafe {
        written(x.len(), |gradient| {
            let planes =
                gradient.par_chunks_mut(pixels).zip(x.par_chunks(pixels)).zip(grad.par_chunks(pixels));
            planes.enumerate().for_each(|(i, ((target, x), grad))| {
                let c = i % shape.channels;
                let means = [sums[c] / shape.count(), sums[shape.channels + c] / shape.count()];
                let channel = affine.channel(c);
                level.run(InputGradient { x, grad, target, channel, means, relu: affine.relu });
            });
        })
    }
}

/// Sum of `f(x)` over a plane.
struct Sum<'a, F> {
    plane: &'a [f32],
    f: F,
}

impl<F: Fn(f32) -> f32> WithSimd for Sum<'_, F> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let mut lanes = [0.0_f32; LANES];
        let chunks = self.plane.chunks_exact(LANES);
        let rest: f32 = chunks.remainder().iter().map(|&x| (self.f)(x)).sum();
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += (self.f)(x);
            }
        }
        lanes.iter().sum::<f32>() + rest
    }
}

struct Normalise<'a> {
    x: &'a [f32],
    y: &'a mut [MaybeUninit<f32>],
    channel: Channel,
    relu: bool,
}

impl WithSimd for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, y, channel, relu } = self;
        for (y, &x) in y.iter_mut().zip(x) {
            let result = channel.result(x);
            y.write(if relu && result < 0.0 { 0.0 } else { result });
        }
    }
}

/// Sums over a plane of the gradients of scale and shift.
struct GradientSums<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    channel: Channel,
    relu: bool,
}

impl WithSimd for GradientSums<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f32; 2] {
        let Self { x, grad, channel, relu } = self;
        let (mut scale, mut shift) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        let (xs, grads) = (x.chunks_exact(LANES), grad.chunks_exact(LANES));
        for (&x, &grad) in xs.remainder().iter().zip(grads.remainder()) {
            let grad = channel.passed(x, grad, relu);
            scale[0] += grad * channel.normal(x);
            shift[0] += grad;
        }
        for (x, grad) in xs.zip(grads) {
            for i in 0..LANES {
                let grad = channel.passed(x[i], grad[i], relu);
                scale[i] += grad * channel.normal(x[i]);
                shift[i] += grad;
            }
        }
        [scale.iter().sum(), shift.iter().sum()]
    }
}

struct InputGradient<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    target: &'a mut [MaybeUninit<f32>],
    channel: Channel,
    /// Gradients of scale and shift, per pixel.
    means: [f32; 2],
    relu: bool,
}

impl WithSimd for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, grad, target, channel, means: [by_scale, by_shift], relu } = self;
        let factor = channel.scale * channel.inverse;
        for ((target, &x), &grad) in target.iter_mut().zip(x).zip(grad) {
            let own = channel.passed(x, grad, relu);
            target.write(factor * (own - by_shift - channel.normal(x) * by_scale));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_gives_the_same_moments_and_gradients() {
        let shape = Shape { batch: 3, channels: 5, pixels: 37 };
        let numbers =
            |seed: usize| (0..3 * 5 * 37).map(|i| ((i * 7919 + seed) % 101) as f32 / 50.0 - 1.0).collect();
        let (x, grad): (Vec<f32>, Vec<f32>) = (numbers(3), numbers(17));
        let results = |level: Level| {
            let moments = moments(level, shape, &x);
            let (scale, shift) = ([0.5, 1.0, -1.0, 2.0, 0.0], [0.0, 0.1, 0.2, -0.3, 0.4]);
            let affine = Affine { moments: &moments, scale: &scale, shift: &shift, relu: true };
            let y = normalise(level, shape, &x, affine);
            let sums = affine_gradient(level, shape, [&x, &grad], affine);
            let gradient = input_gradient(level, shape, [&x, &grad], &sums, affine);
            [moments.clone(), y, sums, gradient].concat()
        };
        let portable = results(*Level::available().last().expect("portable code is always there"));
        for level in Level::available() {
            for (a, b) in results(level).iter().zip(&portable) {
                assert!((a - b).abs() < 1e-4, "{}: {a} is not {b}", level.name());
            }
        }
    }
}
