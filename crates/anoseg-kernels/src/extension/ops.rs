//! The kernels as operators of Burn's backends: on flex they run this crate's kernels (see `flex`);
//! on other backends they are not called.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use crate::geometry::Geometry;

/// Operators with hand-written gradients (see `autodiff`), and those gradients.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait KernelOps: Backend {
    /// `x [n, c, h, w]`, `weight [o, c, k, k]`, `bias [o]` -> `[n, o, h', w']`.
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// [`KernelOps::convolution`] of two inputs that are joined along the channels; one image
    /// serves all of the other.
    fn joined_convolution(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// `x [n, o, h', w']`, `weight [o, c, k, k]`, `bias [c]` -> `[n, c, h, w]`: from outputs to
    /// inputs of `geometry`.
    fn transposed_convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// Gradient of a convolution's input, `[n, c, h, w]`, from the output's.
    fn convolution_input_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;

    /// Gradient of a convolution's filters, `[o, c, k, k]`, from the output's.
    fn convolution_weight_gradient(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;

    /// Gradient of the filters of [`KernelOps::joined_convolution`], `[o, c, k, k]`, from the
    /// output's.
    fn joined_convolution_weight_gradient(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;

    /// Gradient of a transposed convolution's input, `[n, o, h', w']`, from the output's.
    fn transposed_convolution_input_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;

    /// Sums over all but the channels: `[n, c, h, w]` -> `[c]`.
    fn channel_sums(grad: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `relu(a + b)`, element by element.
    fn add_relu(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `grad` where the output `y` of a ReLU is positive, else 0.
    fn relu_gradient(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `[n, c, h, w]` -> `[n, c, 2 h, 2 w]`, of which `share` comes from the neighbouring pixels.
    fn upsample(x: FloatTensor<Self>, share: f32) -> FloatTensor<Self>;

    /// Gradient of the input of [`KernelOps::upsample`], `[n, c, h, w]`, from the output's.
    fn upsample_gradient(grad: FloatTensor<Self>, share: f32) -> FloatTensor<Self>;

    /// Focal and Dice loss, `[2]`, of `logits [n, 1, h, w]` with `labels` of the same shape.
    fn map_losses(logits: FloatTensor<Self>, labels: FloatTensor<Self>, gamma: f32) -> FloatTensor<Self>;

    /// Gradient of the logits of [`KernelOps::map_losses`] from the output's.
    fn map_losses_gradient(
        logits: FloatTensor<Self>,
        labels: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        gamma: f32,
    ) -> FloatTensor<Self>;

    /// `[n, c, h, w]` -> `[n, c * block^2, h / block, w / block]`.
    fn space_to_depth(x: FloatTensor<Self>, block: usize) -> FloatTensor<Self>;

    /// `[n, c * block^2, h, w]` -> `[n, c, h * block, w * block]`.
    fn depth_to_space(x: FloatTensor<Self>, block: usize) -> FloatTensor<Self>;

    /// Mean and variance of every channel of `[n, c, h, w]`, as `[2, c]`. Called outside autodiff:
    /// the gradient of [`KernelOps::normalisation`] includes their dependence on the input.
    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `x [n, c, h, w]` normalised by its own `moments`, with `scale [c]` and `shift [c]`.
    fn normalisation(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// Gradients of scale and shift, `[2, c]`, from the output's.
    fn normalisation_affine_gradient(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// Gradient of the input from the output's and from `sums`, the gradients of scale and shift.
    fn normalisation_input_gradient(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        sums: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self>;
}
