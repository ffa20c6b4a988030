//! The convolution as an operator of Burn's backends, with its gradients.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, backend_extension};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;

use crate::conv::{self, Shape};

/// Convolution of stride 1 and same size, and its gradients; see [`crate::conv2d`].
#[backend_extension(Flex, Autodiff)]
pub(crate) trait ConvOps: Backend {
    /// `[n, c, h, w]`, `[o, c, k, k]`, `[o]` -> `[n, o, h, w]`.
    fn same_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradient with respect to `x`, from the output's.
    fn same_conv2d_input_gradient(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient with respect to the filters of side `kernel`, from the output's.
    fn same_conv2d_weight_gradient(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        kernel: usize,
    ) -> FloatTensor<Self>;

    /// Gradient with respect to the bias, from the output's.
    fn same_conv2d_bias_gradient(grad: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl ConvOps for Flex {
    fn same_conv2d(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let (x, weight, bias) = (x.to_contiguous(), weight.to_contiguous(), bias.to_contiguous());
        let ([batch, inputs, height, width], [outputs, _, kernel, _]) = (dims(&x), dims(&weight));
        let shape = Shape { batch, inputs, outputs, height, width, kernel };
        let y = conv::forward(shape, values(&x), values(&weight), Some(values(&bias)));
        tensor(y, [batch, outputs, height, width])
    }

    fn same_conv2d_input_gradient(grad: FlexTensor, weight: FlexTensor) -> FlexTensor {
        let (grad, weight) = (grad.to_contiguous(), weight.to_contiguous());
        let ([batch, outputs, height, width], [_, inputs, kernel, _]) = (dims(&grad), dims(&weight));
        let shape = Shape { batch, inputs, outputs, height, width, kernel };
        tensor(conv::input_gradient(shape, values(&grad), values(&weight)), [batch, inputs, height, width])
    }

    fn same_conv2d_weight_gradient(x: FlexTensor, grad: FlexTensor, kernel: usize) -> FlexTensor {
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        let ([batch, inputs, height, width], [_, outputs, _, _]) = (dims(&x), dims(&grad));
        let shape = Shape { batch, inputs, outputs, height, width, kernel };
        tensor(conv::weight_gradient(shape, values(&x), values(&grad)), [outputs, inputs, kernel, kernel])
    }

    fn same_conv2d_bias_gradient(grad: FlexTensor) -> FlexTensor {
        let grad = grad.to_contiguous();
        let [batch, outputs, height, width] = dims(&grad);
        let shape = Shape { batch, inputs: 0, outputs, height, width, kernel: 1 };
        tensor(conv::bias_gradient(shape, values(&grad)), [outputs])
    }
}

impl<B: ConvOps, C: CheckpointStrategy> ConvOps for Autodiff<B, C> {
    fn same_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y = B::same_conv2d(x.clone(), weight.clone(), bias.into_primitive());
        match SameConv2d.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, weight), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn same_conv2d_input_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unimplemented_second_order()
    }

    fn same_conv2d_weight_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: usize,
    ) -> FloatTensor<Self> {
        unimplemented_second_order()
    }

    fn same_conv2d_bias_gradient(_: FloatTensor<Self>) -> FloatTensor<Self> {
        unimplemented_second_order()
    }
}

/// The gradients are reached from `Backward` alone, on the inner backend.
fn unimplemented_second_order() -> ! {
    unreachable!("gradients of gradients are not part of this crate's interface")
}

#[derive(Debug)]
struct SameConv2d;

impl<B: ConvOps> Backward<B, 3> for SameConv2d {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([node_x, node_weight, node_bias], (x, weight)) = (ops.parents, ops.state);
        let grad = grads.consume::<B>(&ops.node);
        if let Some(node) = node_bias {
            grads.register::<B>(node.id, B::same_conv2d_bias_gradient(grad.clone()));
        }
        if let Some(node) = node_weight {
            let kernel = burn::backend::TensorMetadata::shape(&weight)[3];
            grads.register::<B>(node.id, B::same_conv2d_weight_gradient(x, grad.clone(), kernel));
        }
        if let Some(node) = node_x {
            grads.register::<B>(node.id, B::same_conv2d_input_gradient(grad, weight));
        }
    }
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
