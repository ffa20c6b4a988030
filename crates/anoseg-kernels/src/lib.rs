//! CPU compute for Burn. On the CPU backend (flex) the operators here run our own vector code; on any other device
//! they are Burn's own.
//!
//! Burn's flex computes the gradient of a convolution's weights by a generic path that makes a training step several
//! times slower than its forward pass. Here all passes of a convolution are one pair of loops over shifted planes
//! ([`conv2d`], [`conv_transpose2d`]), and batch normalisation is one operator with its ReLU ([`batch_norm`]).
//!
//! Instructions are chosen when the program runs: AVX-512, AVX2 with FMA, or portable code; see [`Level`]. Results
//! have the same bits at any number of threads.

mod autodiff;
mod backward;
mod convolution;
mod correlate;
mod depthwise;
mod extension;
mod filters;
mod flex;
mod geometry;
mod layers;
mod losses;
pub mod memory;
mod norm;
mod output;
mod passes;
mod resample;
mod shuffle;
mod simd;
mod winograd;

use burn::tensor::Tensor;

pub use convolution::{
    Convolution, FixedConvolution, conv_transpose2d, conv2d, conv2d_joined, depthwise_conv2d,
};
pub use layers::{
    MapLosses, Normalised, Upsampling, add_relu, batch_norm, depth_to_space, map_losses, max_pool2d,
    space_to_depth, upsample2d,
};
pub use norm::EPSILON;
pub use simd::{Level, SIMD_VARIABLE};

/// Whether our kernels take `x`.
fn kernels_run(x: &Tensor<4>) -> bool {
    use burn::backend::DispatchDevice;
    let device = x.device().inner();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_)) && !simd::stock_is_wanted()
}
