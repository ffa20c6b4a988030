//! CPU compute for Burn. On the CPU backend (flex) convolutions run here; on any other device they are Burn's own.
//!
//! Burn's flex computes the gradient of a convolution's weights by a generic path that makes a training step
//! several times slower than its forward pass. Here all three passes are blocked matrix products.

mod conv;
mod extension;
mod gemm;

use burn::backend::Dispatch;
use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::ConvOptions;

use extension::ConvOps;

/// Convolution of stride 1 with zero padding that keeps the size: `[n, c, h, w]` with filters `[o, c, k, k]`
/// (k odd) and a bias `[o]` gives `[n, o, h, w]`.
///
/// Results have the same bits at any number of threads.
///
/// # Panics
/// If the shapes do not fit each other or `k` is even.
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let ([_, channels, _, _], [out, inputs, k, k2]) = (x.dims(), weight.dims());
    assert!(k == k2 && k % 2 == 1, "filters of {k} x {k2} are not square and odd");
    assert_eq!(channels, inputs, "filters of {inputs} channels on {channels} channels");
    assert_eq!(bias.dims(), [out], "one bias for each of {out} filters");
    if !runs_on_flex(&x) {
        let options = ConvOptions::new([1, 1], [k / 2, k / 2], [1, 1], 1);
        return module::conv2d(x, weight, Some(bias), options);
    }
    Tensor::from_dispatch(Dispatch::same_conv2d(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
    ))
}

fn runs_on_flex(x: &Tensor<4>) -> bool {
    use burn::backend::DispatchDevice;
    let device = x.device().inner();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}
