//! Convolutions as the networks call them.

use burn::backend::Dispatch;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Tensor, activation, module};

use super::kernels_run;
use super::ops::KernelOps;
use crate::geometry::Geometry;

/// How a convolution moves over its input, and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Pixels between two places of a filter, on both axes.
    pub stride: usize,
    /// Rows and columns of zeros on every side.
    pub padding: usize,
    /// Whether a ReLU follows.
    pub relu: bool,
}

impl Convolution {
    /// Stride 1 and the padding that keeps the size, for filters of odd side `kernel`.
    pub fn same(kernel: usize) -> Self {
        Self { stride: 1, padding: kernel / 2, relu: false }
    }

    /// Followed by a ReLU.
    pub fn with_relu(self) -> Self {
        Self { relu: true, ..self }
    }
}

/// Convolution with zero padding: `x [n, c, h, w]` with filters `[o, c, k, k]` and a bias `[o]`
/// gives `[n, o, h', w']`, h' = (h + 2 padding - k) / stride + 1, rounded down.
///
/// # Panics
/// If the shapes do not fit each other, filters are not square, or the padded input is smaller than
/// a filter.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, options: Convolution) -> Tensor<4> {
    let geometry = geometry(x.dims(), &weight, &bias, options);
    if !kernels_run(&x) {
        return stock(x, weight, bias, options);
    }
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolution(x, weight, bias, geometry, options.relu))
}

/// [`conv2d`] of two inputs joined along the channels, `[n, c, h, w]` and `[n, d, h, w]` with
/// filters `[o, c + d, k, k]`, which are not copied together. An input of one image,
/// `[1, c, h, w]`, is joined to every image of the other.
///
/// # Panics
/// As [`conv2d`], and if the inputs differ in height or width, or in the number of images where
/// neither is 1.
pub fn conv2d_joined(
    x: [Tensor<4>; 2],
    weight: Tensor<4>,
    bias: Tensor<1>,
    options: Convolution,
) -> Tensor<4> {
    let geometry = geometry(joined_dims(&x), &weight, &bias, options);
    if !kernels_run(&x[0]) {
        return stock(join(x), weight, bias, options);
    }
    let [a, b] = x.map(Tensor::into_dispatch);
    let (weight, bias) = (weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::joined_convolution(a, b, weight, bias, geometry, options.relu))
}

/// Sizes of a convolution over images `[n, c, h, w]`, checked.
fn geometry(x: [usize; 4], weight: &Tensor<4>, bias: &Tensor<1>, options: Convolution) -> Geometry {
    let ([_, channels, height, width], [outputs, inputs, kernel, k2]) = (x, weight.dims());
    assert_eq!(kernel, k2, "filters of {kernel} x {k2} are not square");
    assert_eq!(channels, inputs, "filters of {inputs} channels on {channels} channels");
    assert_eq!(bias.dims(), [outputs], "one bias for each of {outputs} filters");
    let Convolution { stride, padding, .. } = options;
    assert!(stride > 0 && kernel > 0, "stride and filter side must be at least 1");
    assert!(height.min(width) > 0, "{height} x {width} pixels have nothing to filter");
    assert!(
        height.min(width) + 2 * padding >= kernel,
        "filters of side {kernel} on {height} x {width} pixels with padding {padding}"
    );
    Geometry { inputs, outputs, size: [height, width], kernel, stride, padding }
}

/// Dimensions of two inputs joined along the channels, checked.
fn joined_dims(x: &[Tensor<4>; 2]) -> [usize; 4] {
    let [[n, c, height, width], [m, d, height_b, width_b]] = x.each_ref().map(Tensor::dims);
    assert_eq!([height, width], [height_b, width_b], "joined inputs have one size");
    assert!(n == m || n.min(m) == 1, "{n} images joined to {m}");
    [n.max(m), c + d, height, width]
}

/// Both inputs in one tensor.
fn join(x: [Tensor<4>; 2]) -> Tensor<4> {
    let images = joined_dims(&x)[0];
    let repeat = |x: Tensor<4>| if x.dims()[0] == images { x } else { x.repeat_dim(0, images) };
    Tensor::cat(x.map(repeat).into(), 1)
}

/// Burn's own convolution.
fn stock(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, options: Convolution) -> Tensor<4> {
    let Convolution { stride, padding, relu } = options;
    let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
    finish(module::conv2d(x, weight, Some(bias), options), relu)
}

/// Transposed convolution: `x [n, c, h, w]` with filters `[c, o, k, k]` and a bias `[o]` gives
/// `[n, o, h', w']`, h' = (h - 1) * stride + k - 2 padding.
///
/// # Panics
/// If the shapes do not fit each other, filters are not square, or padding leaves nothing.
pub fn conv_transpose2d(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, options: Convolution) -> Tensor<4> {
    let ([_, channels, height, width], [inputs, outputs, kernel, k2]) = (x.dims(), weight.dims());
    assert_eq!(kernel, k2, "filters of {kernel} x {k2} are not square");
    assert_eq!(channels, inputs, "filters of {inputs} channels on {channels} channels");
    assert_eq!(bias.dims(), [outputs], "one bias for each of {outputs} filters");
    let Convolution { stride, padding, relu } = options;
    assert!(stride > 0 && kernel > 0, "stride and filter side must be at least 1");
    let size = [height, width].map(|size| (size.max(1) - 1) * stride + kernel);
    assert!(size.iter().all(|&size| size > 2 * padding), "padding {padding} leaves nothing of {size:?}");
    if !kernels_run(&x) {
        let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0, 0], [1, 1], 1);
        return finish(module::conv_transpose2d(x, weight, Some(bias), options), relu);
    }
    let size = size.map(|size| size - 2 * padding);
    let geometry = Geometry { inputs: outputs, outputs: inputs, size, kernel, stride, padding };
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::transposed_convolution(x, weight, bias, geometry, relu))
}

fn finish(x: Tensor<4>, relu: bool) -> Tensor<4> {
    if relu { activation::relu(x) } else { x }
}
