//! The kernels as operators of Burn's backends: on flex they run here, on others they are not called.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;

use crate::conv::{self, Finish, Part};
use crate::filters::{Filters, Roles};
use crate::geometry::Geometry;
use crate::losses;
use crate::norm::{self, Affine};
use crate::resample;
use crate::shuffle::{self, Blocks};
use crate::simd::Level;

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

    /// [`KernelOps::convolution`] with filters that are laid out already. Called outside autodiff.
    fn fixed_convolution(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        filters: Arc<Filters<'static>>,
        geometry: Geometry,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// `x [n, o, h', w']`, `weight [o, c, k, k]`, `bias [c]` -> `[n, c, h, w]`: from outputs to inputs of `geometry`.
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

    /// The largest of each 2 x 2 pixels: `[n, c, h, w]` -> `[n, c, h / 2, w / 2]`.
    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient of the input `x` of [`KernelOps::max_pool`] from the output's.
    fn max_pool_gradient(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self>;

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
    /// the gradient of [`KernelOps::normalisation`] knows how they depend on the input.
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

impl KernelOps for Flex {
    fn convolution(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        geometry: Geometry,
        relu: bool,
    ) -> FlexTensor {
        forward(x, weight, Some(bias), geometry, relu)
    }

    fn fixed_convolution(
        x: FlexTensor,
        bias: FlexTensor,
        filters: Arc<Filters<'static>>,
        geometry: Geometry,
        relu: bool,
    ) -> FlexTensor {
        convolve(x, &filters, Some(bias), geometry, relu)
    }

    fn transposed_convolution(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        geometry: Geometry,
        relu: bool,
    ) -> FlexTensor {
        transposed(x, weight, Some(bias), geometry, relu)
    }

    fn convolution_input_gradient(grad: FlexTensor, weight: FlexTensor, geometry: Geometry) -> FlexTensor {
        transposed(grad, weight, None, geometry, false)
    }

    fn convolution_weight_gradient(x: FlexTensor, grad: FlexTensor, geometry: Geometry) -> FlexTensor {
        let [x, grad] = [x, grad].map(|tensor| tensor.to_contiguous());
        let part = Part { values: values(&x), channels: geometry.inputs };
        let gradient = conv::weight_gradient(Level::current(), &geometry, &[part], values(&grad));
        tensor(gradient, [geometry.outputs, geometry.inputs, geometry.kernel, geometry.kernel])
    }

    fn transposed_convolution_input_gradient(
        grad: FlexTensor,
        weight: FlexTensor,
        geometry: Geometry,
    ) -> FlexTensor {
        forward(grad, weight, None, geometry, false)
    }

    fn channel_sums(grad: FlexTensor) -> FlexTensor {
        let grad = grad.to_contiguous();
        let [_, channels, height, width] = dims(&grad);
        let part = Part { values: values(&grad), channels };
        tensor(conv::bias_gradient(part, height * width), [channels])
    }

    fn add_relu(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        // Written so that what is not a number stays so.
        elementwise(a, b, |a, b| if a + b < 0.0 { 0.0 } else { a + b })
    }

    fn relu_gradient(y: FlexTensor, grad: FlexTensor) -> FlexTensor {
        elementwise(y, grad, |y, grad| if y > 0.0 { grad } else { 0.0 })
    }

    fn max_pool(x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        let [n, channels, height, width] = dims(&x);
        tensor(resample::max_pool(values(&x), [height, width]), [n, channels, height / 2, width / 2])
    }

    fn max_pool_gradient(x: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let [x, grad] = [x, grad].map(|tensor| tensor.to_contiguous());
        let shape @ [_, _, height, width] = dims(&x);
        tensor(resample::max_pool_gradient(values(&x), values(&grad), [height, width]), shape)
    }

    fn upsample(x: FlexTensor, share: f32) -> FlexTensor {
        let x = x.to_contiguous();
        let [n, channels, height, width] = dims(&x);
        let y = resample::upsample(values(&x), [height, width], share);
        tensor(y, [n, channels, 2 * height, 2 * width])
    }

    fn upsample_gradient(grad: FlexTensor, share: f32) -> FlexTensor {
        let grad = grad.to_contiguous();
        let [n, channels, height, width] = dims(&grad);
        let size = [height / 2, width / 2];
        let gradient = resample::upsample_gradient(values(&grad), size, share);
        tensor(gradient, [n, channels, size[0], size[1]])
    }

    fn map_losses(logits: FlexTensor, labels: FlexTensor, gamma: f32) -> FlexTensor {
        let [logits, labels] = [logits, labels].map(|tensor| tensor.to_contiguous());
        let sums = losses::sums(Level::current(), values(&logits), values(&labels), gamma);
        tensor(vec![sums.focal(), sums.dice()], [2])
    }

    fn map_losses_gradient(
        logits: FlexTensor,
        labels: FlexTensor,
        grad: FlexTensor,
        gamma: f32,
    ) -> FlexTensor {
        let [logits, labels, grad] = [logits, labels, grad].map(|tensor| tensor.to_contiguous());
        let (level, pair) = (Level::current(), [values(&logits), values(&labels)]);
        let slopes = losses::sums(level, pair[0], pair[1], gamma).slopes(values(&grad)[0], values(&grad)[1]);
        tensor(losses::gradient(level, pair[0], pair[1], gamma, slopes), dims::<4>(&logits))
    }

    fn space_to_depth(x: FlexTensor, block: usize) -> FlexTensor {
        let x = x.to_contiguous();
        let [n, channels, height, width] = dims(&x);
        let blocks = Blocks { height: height / block, width: width / block, block };
        let shape = [n, channels * block * block, blocks.height, blocks.width];
        tensor(shuffle::space_to_depth(values(&x), blocks), shape)
    }

    fn depth_to_space(x: FlexTensor, block: usize) -> FlexTensor {
        let x = x.to_contiguous();
        let [n, deep, height, width] = dims(&x);
        let blocks = Blocks { height, width, block };
        let shape = [n, deep / (block * block), height * block, width * block];
        tensor(shuffle::depth_to_space(values(&x), blocks), shape)
    }

    fn moments(x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        let shape = norm_shape(&x);
        tensor(norm::moments(Level::current(), shape, values(&x)), [2, shape.channels])
    }

    fn normalisation(
        x: FlexTensor,
        moments: FlexTensor,
        scale: FlexTensor,
        shift: FlexTensor,
        relu: bool,
    ) -> FlexTensor {
        let x = x.to_contiguous();
        let parameters = [moments, scale, shift].map(|tensor| tensor.to_contiguous());
        let y = norm::normalise(Level::current(), norm_shape(&x), values(&x), affine(&parameters, relu));
        tensor(y, dims::<4>(&x))
    }

    fn normalisation_affine_gradient(
        x: FlexTensor,
        grad: FlexTensor,
        moments: FlexTensor,
        scale: FlexTensor,
        shift: FlexTensor,
        relu: bool,
    ) -> FlexTensor {
        let [x, grad] = [x, grad].map(|tensor| tensor.to_contiguous());
        let parameters = [moments, scale, shift].map(|tensor| tensor.to_contiguous());
        let (shape, inputs) = (norm_shape(&x), [values(&x), values(&grad)]);
        let sums = norm::affine_gradient(Level::current(), shape, inputs, affine(&parameters, relu));
        tensor(sums, [2, shape.channels])
    }

    fn normalisation_input_gradient(
        x: FlexTensor,
        grad: FlexTensor,
        sums: FlexTensor,
        moments: FlexTensor,
        scale: FlexTensor,
        shift: FlexTensor,
        relu: bool,
    ) -> FlexTensor {
        let [x, grad, sums] = [x, grad, sums].map(|tensor| tensor.to_contiguous());
        let parameters = [moments, scale, shift].map(|tensor| tensor.to_contiguous());
        let (shape, inputs) = (norm_shape(&x), [values(&x), values(&grad)]);
        let affine = affine(&parameters, relu);
        let gradient = norm::input_gradient(Level::current(), shape, inputs, values(&sums), affine);
        tensor(gradient, dims::<4>(&x))
    }
}

/// From inputs to outputs of `geometry`.
fn forward(
    x: FlexTensor,
    weight: FlexTensor,
    bias: Option<FlexTensor>,
    geometry: Geometry,
    relu: bool,
) -> FlexTensor {
    let weight = weight.to_contiguous();
    convolve(
        x,
        &Filters::new(Level::current(), &geometry, values(&weight), Roles::AsGiven),
        bias,
        geometry,
        relu,
    )
}

fn convolve(
    x: FlexTensor,
    filters: &Filters<'_>,
    bias: Option<FlexTensor>,
    geometry: Geometry,
    relu: bool,
) -> FlexTensor {
    let x = x.to_contiguous();
    let bias = bias.map(|bias| bias.to_contiguous());
    let [batch, _, _, _] = dims(&x);
    let part = Part { values: values(&x), channels: geometry.inputs };
    let finish = Finish { bias: bias.as_ref().map(values), relu };
    let y = conv::forward(&geometry, &[part], filters, finish);
    let [height, width] = geometry.output_size();
    tensor(y, [batch, geometry.outputs, height, width])
}

/// From outputs to inputs of `geometry`.
fn transposed(
    x: FlexTensor,
    weight: FlexTensor,
    bias: Option<FlexTensor>,
    geometry: Geometry,
    relu: bool,
) -> FlexTensor {
    let [x, weight] = [x, weight].map(|tensor| tensor.to_contiguous());
    let bias = bias.map(|bias| bias.to_contiguous());
    let [batch, _, _, _] = dims(&x);
    let finish = Finish { bias: bias.as_ref().map(values), relu };
    let filters = Filters::new(Level::current(), &geometry, values(&weight), Roles::Exchanged);
    let y = conv::transposed(&geometry, values(&x), &filters, finish);
    let [height, width] = geometry.size;
    tensor(y, [batch, geometry.inputs, height, width])
}

/// `f` of every two elements of tensors of one shape.
fn elementwise(a: FlexTensor, b: FlexTensor, f: impl Fn(f32, f32) -> f32) -> FlexTensor {
    let [a, b] = [a, b].map(|tensor| tensor.to_contiguous());
    let results = values(&a).iter().zip(values(&b)).map(|(&a, &b)| f(a, b)).collect();
    tensor(results, dims::<4>(&a))
}

/// What normalises: moments, scale and shift.
fn affine([moments, scale, shift]: &[FlexTensor; 3], relu: bool) -> Affine<'_> {
    Affine { moments: values(moments), scale: values(scale), shift: values(shift), relu }
}

fn norm_shape(x: &FlexTensor) -> norm::Shape {
    let [batch, channels, height, width] = dims(x);
    norm::Shape { batch, channels, pixels: height * width }
}

fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("the networks compute in contiguous f32")
}

fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    std::array::from_fn(|i| tensor.layout().shape()[i])
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
