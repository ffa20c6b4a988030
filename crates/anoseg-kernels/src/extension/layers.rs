//! The layers between the convolutions, and the losses after them, as the networks call them.

use burn::backend::Dispatch;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Tensor, activation, module};

use super::kernels_run;
use super::ops::KernelOps;
use crate::EPSILON;
use crate::pool::Upsampling;

/// The result of [`batch_norm`].
pub struct Normalised {
    /// `[n, c, h, w]`
    pub output: Tensor<4>,
    /// `[2, c]`: mean and variance (of the whole population) of every channel of the input. Outside
    /// autodiff.
    pub moments: Tensor<2>,
}

/// Batch normalisation while training: every channel of `x [n, c, h, w]` is brought to mean 0 and
/// variance 1, then multiplied by `scale [c]`, shifted by `shift [c]`, and with `relu` cut off
/// below zero.
///
/// # Panics
/// If the shapes do not fit each other.
pub fn batch_norm(x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>, relu: bool) -> Normalised {
    let [n, channels, height, width] = x.dims();
    assert_eq!(scale.dims(), [channels], "one scale for each of {channels} channels");
    assert_eq!(shift.dims(), [channels], "one shift for each of {channels} channels");
    if !kernels_run(&x) {
        let flat = x.clone().swap_dims(0, 1).reshape([channels, n * height * width]);
        let (variance, mean) = flat.var_mean_bias(1);
        let [mean, variance] = [mean, variance].map(|moment| moment.reshape([1, channels, 1, 1]));
        let normal = (x - mean.clone()) / (variance.clone() + EPSILON).sqrt();
        let [scale, shift] = [scale, shift].map(|factor| factor.reshape([1, channels, 1, 1]));
        let moments = Tensor::cat(vec![mean, variance], 0).reshape([2, channels]).inner();
        let output = normal * scale + shift;
        return Normalised { output: if relu { activation::relu(output) } else { output }, moments };
    }
    let moments = Dispatch::moments(x.clone().inner().into_dispatch());
    let (x, scale, shift) = (x.into_dispatch(), scale.into_dispatch(), shift.into_dispatch());
    let output = Dispatch::normalisation(x, moments.clone(), scale, shift, relu);
    Normalised { output: Tensor::from_dispatch(output), moments: Tensor::from_dispatch(moments) }
}

/// `relu(a + b)`, for tensors of one shape: where a skip connection ends.
///
/// # Panics
/// If the shapes differ.
pub fn add_relu(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    assert_eq!(a.dims(), b.dims(), "both tensors have one shape");
    if !kernels_run(&a) {
        return activation::relu(a + b);
    }
    Tensor::from_dispatch(Dispatch::add_relu(a.into_dispatch(), b.into_dispatch()))
}

/// Twice the resolution: `[n, c, h, w]` -> `[n, c, 2 h, 2 w]`.
///
/// # Panics
/// If there are no pixels.
pub fn upsample2d(x: Tensor<4>, upsampling: Upsampling) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    assert!(height.min(width) > 0, "{height} x {width} pixels cannot be interpolated");
    if !kernels_run(&x) {
        let mode = match upsampling {
            Upsampling::Nearest => InterpolateMode::Nearest,
            Upsampling::Bilinear => InterpolateMode::Bilinear,
        };
        let options = InterpolateOptions::new(mode).with_align_corners(false);
        return module::interpolate(x, options.with_output_size([2 * height, 2 * width]));
    }
    Tensor::from_dispatch(Dispatch::upsample(x.into_dispatch(), upsampling.share()))
}

/// The losses of an anomaly map.
pub struct MapLosses {
    /// Focal loss (Lin et al., 2017), mean over all pixels: `-(1 - p)^gamma * log p`, p being the
    /// probability that the map gives to a pixel's label.
    pub focal: Tensor<1>,
    /// Soft Dice loss over the whole batch: `1 - (2 * sum(q * y) + 1) / (sum(q) + sum(y) + 1)`, q
    /// being the probability of an anomaly and y the label.
    pub dice: Tensor<1>,
}

/// Losses of the map whose logits are `[n, 1, h, w]`, with labels of 0 or 1 of the same shape.
///
/// # Panics
/// If the shapes differ.
pub fn map_losses(logits: Tensor<4>, labels: Tensor<4>, gamma: f32) -> MapLosses {
    assert_eq!(logits.dims(), labels.dims(), "one label for each logit");
    if !kernels_run(&logits) {
        // With s = +1 on anomalous and -1 on normal pixels, p = sigmoid(s * logit) covers both at
        // once.
        let signed = logits.clone() * (labels.clone() * 2.0 - 1.0);
        let focal = activation::sigmoid(-signed.clone()).powf_scalar(gamma) * activation::log_sigmoid(signed);
        let map = activation::sigmoid(logits);
        let overlap = (map.clone() * labels.clone()).sum() * 2.0 + 1.0;
        let total = map.sum() + labels.sum() + 1.0;
        return MapLosses { focal: -focal.mean(), dice: -(overlap / total) + 1.0 };
    }
    let losses = Dispatch::map_losses(logits.into_dispatch(), labels.into_dispatch(), gamma);
    let losses = Tensor::<1>::from_dispatch(losses);
    let loss = |i: usize| losses.clone().slice(i..i + 1);
    MapLosses { focal: loss(0), dice: loss(1) }
}

/// Moves every `block` x `block` square of pixels into the channels:
/// `[n, c, h, w]` -> `[n, c * block * block, h / block, w / block]`.
///
/// # Panics
/// If `block` does not divide height and width.
pub fn space_to_depth(x: Tensor<4>, block: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    assert!(
        block > 0 && h.is_multiple_of(block) && w.is_multiple_of(block),
        "{h} x {w} pixels in blocks of {block}"
    );
    if kernels_run(&x) {
        return Tensor::from_dispatch(Dispatch::space_to_depth(x.into_dispatch(), block));
    }
    let deep = [n, c * block * block, h / block, w / block];
    x.reshape([n, c, h / block, block, w / block, block]).permute([0, 1, 3, 5, 2, 4]).reshape(deep)
}

/// The reverse of [`space_to_depth`]: `[n, c * block * block, h, w]` ->
/// `[n, c, h * block, w * block]`.
///
/// # Panics
/// If the channels are no multiple of `block * block`.
pub fn depth_to_space(x: Tensor<4>, block: usize) -> Tensor<4> {
    let [n, deep, h, w] = x.dims();
    assert!(block > 0 && deep.is_multiple_of(block * block), "{deep} channels in blocks of {block}");
    if kernels_run(&x) {
        return Tensor::from_dispatch(Dispatch::depth_to_space(x.into_dispatch(), block));
    }
    let c = deep / (block * block);
    x.reshape([n, c, block, block, h, w]).permute([0, 1, 4, 2, 5, 3]).reshape([n, c, h * block, w * block])
}
