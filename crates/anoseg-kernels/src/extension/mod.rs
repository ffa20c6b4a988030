//! The kernels as operators of Burn, with hand-written gradients. On the CPU backend (flex) they
//! run our vector code; on any other device they run Burn's own operators.
//!
//! Burn's flex computes the gradient of a convolution's weights by a generic path that makes a
//! training step several times slower than its forward pass. Here all passes of a convolution are
//! one pair of loops over shifted planes ([`conv2d`], [`conv_transpose2d`]), and batch
//! normalisation is one operator with its ReLU ([`batch_norm`]).

mod autodiff;
mod backward;
mod convolution;
mod flex;
mod layers;
mod ops;

use burn::tensor::Tensor;

pub use convolution::{Convolution, conv_transpose2d, conv2d, conv2d_joined};
pub use layers::{
    MapLosses, Normalised, add_relu, batch_norm, depth_to_space, map_losses, space_to_depth, upsample2d,
};

/// Whether our kernels take `x`.
fn kernels_run(x: &Tensor<4>) -> bool {
    use burn::backend::DispatchDevice;
    let device = x.device().inner();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_)) && !crate::simd::stock_is_wanted()
}
