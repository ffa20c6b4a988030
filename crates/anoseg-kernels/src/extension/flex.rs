//! The operators on Burn's flex backend: tensors to slices, the kernels, and back.

use burn::backend::Flex;
use burn::tensor::TensorData;
use burn_flex::FlexTensor;

use super::ops::KernelOps;
use crate::filters::{Filters, Roles};
use crate::finish::Finish;
use crate::geometry::Geometry;
use crate::losses;
use crate::norm::{self, Affine};
use crate::passes::{self, Part};
use crate::pool;
use crate::shuffle::{Blocks, owned};
use crate::simd::Level;

impl KernelOps for Flex {
    fn convolution(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        geometry: Geometry,
        relu: bool,
    ) -> FlexTensor {
        forward([x], weight, Some(bias), geometry, relu)
    }

    fn joined_convolution(
        a: FlexTensor,
        b: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        geometry: Geometry,
        relu: bool,
    ) -> FlexTensor {
        forward([a, b], weight, Some(bias), geometry, relu)
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
        weight_gradient([x], grad, geometry)
    }

    fn joined_convolution_weight_gradient(
        a: FlexTensor,
        b: FlexTensor,
        grad: FlexTensor,
        geometry: Geometry,
    ) -> FlexTensor {
        weight_gradient([a, b], grad, geometry)
    }

    fn transposed_convolution_input_gradient(
        grad: FlexTensor,
        weight: FlexTensor,
        geometry: Geometry,
    ) -> FlexTensor {
        forward([grad], weight, None, geometry, false)
    }

    fn channel_sums(grad: FlexTensor) -> FlexTensor {
        let grad = grad.to_contiguous();
        let [_, channels, height, width] = dims(&grad);
        tensor(passes::bias_gradient(part(&grad), height * width), [channels])
    }

    fn add_relu(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        // Written so that NaN stays NaN.
        elementwise(a, b, |a, b| if a + b < 0.0 { 0.0 } else { a + b })
    }

    fn relu_gradient(y: FlexTensor, grad: FlexTensor) -> FlexTensor {
        elementwise(y, grad, |y, grad| if y > 0.0 { grad } else { 0.0 })
    }

    fn upsample(x: FlexTensor, share: f32) -> FlexTensor {
        let x = x.to_contiguous();
        let [n, channels, height, width] = dims(&x);
        let y = pool::upsample(values(&x), [height, width], share);
        tensor(y, [n, channels, 2 * height, 2 * width])
    }

    fn upsample_gradient(grad: FlexTensor, share: f32) -> FlexTensor {
        let grad = grad.to_contiguous();
        let [n, channels, height, width] = dims(&grad);
        let size = [height / 2, width / 2];
        let gradient = pool::upsample_gradient(values(&grad), size, share);
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
        tensor(owned::space_to_depth(values(&x), blocks), shape)
    }

    fn depth_to_space(x: FlexTensor, block: usize) -> FlexTensor {
        let x = x.to_contiguous();
        let [n, deep, height, width] = dims(&x);
        let blocks = Blocks { height, width, block };
        let shape = [n, deep / (block * block), height * block, width * block];
        tensor(owned::depth_to_space(values(&x), blocks), shape)
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

/// From inputs to outputs of `geometry`; the inputs are joined along the channels.
fn forward<const N: usize>(
    x: [FlexTensor; N],
    weight: FlexTensor,
    bias: Option<FlexTensor>,
    geometry: Geometry,
    relu: bool,
) -> FlexTensor {
    let (x, weight) = (x.map(|x| x.to_contiguous()), weight.to_contiguous());
    let filters = Filters::new(Level::current(), &geometry, values(&weight), Roles::AsGiven);
    let bias = bias.map(|bias| bias.to_contiguous());
    let batch = x.iter().map(|x| dims::<4>(x)[0]).max().unwrap_or(0);
    let finish = Finish::new(bias.as_ref().map(values), relu);
    let y = passes::forward(&geometry, &x.each_ref().map(part), &filters, finish);
    let [height, width] = geometry.output_size();
    tensor(y, [batch, geometry.outputs, height, width])
}

/// Gradient of a convolution's filters from its inputs, joined along the channels, and the
/// output's.
fn weight_gradient<const N: usize>(x: [FlexTensor; N], grad: FlexTensor, geometry: Geometry) -> FlexTensor {
    let (x, grad) = (x.map(|x| x.to_contiguous()), grad.to_contiguous());
    let parts = x.each_ref().map(part);
    let gradient = passes::weight_gradient(Level::current(), &geometry, &parts, values(&grad));
    tensor(gradient, [geometry.outputs, geometry.inputs, geometry.kernel, geometry.kernel])
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
    let finish = Finish::new(bias.as_ref().map(values), relu);
    let filters = Filters::new(Level::current(), &geometry, values(&weight), Roles::Exchanged);
    let y = passes::transposed(&geometry, values(&x), &filters, finish);
    let [height, width] = geometry.size;
    tensor(y, [batch, geometry.inputs, height, width])
}

/// `f` of every two elements of tensors of one shape.
fn elementwise(a: FlexTensor, b: FlexTensor, f: impl Fn(f32, f32) -> f32) -> FlexTensor {
    let [a, b] = [a, b].map(|tensor| tensor.to_contiguous());
    let results = values(&a).iter().zip(values(&b)).map(|(&a, &b)| f(a, b)).collect();
    tensor(results, dims::<4>(&a))
}

/// The parameters of a normalisation: moments, scale and shift.
fn affine([moments, scale, shift]: &[FlexTensor; 3], relu: bool) -> Affine<'_> {
    Affine { moments: values(moments), scale: values(scale), shift: values(shift), relu }
}

fn norm_shape(x: &FlexTensor) -> norm::Shape {
    let [batch, channels, height, width] = dims(x);
    norm::Shape { batch, channels, pixels: height * width }
}

fn part(tensor: &FlexTensor) -> Part<'_> {
    Part { values: values(tensor), channels: dims::<4>(tensor)[1] }
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
