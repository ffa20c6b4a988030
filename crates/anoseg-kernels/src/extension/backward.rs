//! The kernels' gradients, as Burn's autodiff asks for them.

use burn::backend::TensorMetadata;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::tensor::FloatTensor;
use burn::tensor::Slice;

use super::ops::KernelOps;
use crate::geometry::Geometry;

/// Which channels a convolution leads from and to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// From all inputs to all outputs.
    Plain,
    /// From all outputs to all inputs: the same sums with input and output exchanged.
    Transposed,
}

/// A convolution of one input.
#[derive(Debug)]
pub(crate) struct Convolution {
    pub(crate) geometry: Geometry,
    pub(crate) kind: Kind,
}

impl<B: KernelOps> Backward<B, 3> for Convolution {
    /// Input, filters, and the output if it went through a ReLU.
    type State = (FloatTensor<B>, FloatTensor<B>, Option<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let Self { geometry, kind } = self;
        let ([node_x, node_weight, node_bias], (x, weight, y)) = (ops.parents, ops.state);
        let grad = before_relu::<B>(grads.consume::<B>(&ops.node), y);
        if let Some(node) = node_bias {
            grads.register::<B>(node.id, B::channel_sums(grad.clone()));
        }
        if let Some(node) = node_weight {
            let gradient = match kind {
                Kind::Plain => B::convolution_weight_gradient(x, grad.clone(), geometry),
                Kind::Transposed => B::convolution_weight_gradient(grad.clone(), x, geometry),
            };
            grads.register::<B>(node.id, gradient);
        }
        if let Some(node) = node_x {
            let gradient = match kind {
                Kind::Plain => B::convolution_input_gradient(grad, weight, geometry),
                Kind::Transposed => B::transposed_convolution_input_gradient(grad, weight, geometry),
            };
            grads.register::<B>(node.id, gradient);
        }
    }
}

/// A convolution of two inputs that are joined along the channels.
#[derive(Debug)]
pub(crate) struct JoinedConvolution {
    pub(crate) geometry: Geometry,
}

impl<B: KernelOps> Backward<B, 4> for JoinedConvolution {
    /// Inputs, filters, and the output if it went through a ReLU.
    type State = ([FloatTensor<B>; 2], FloatTensor<B>, Option<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let geometry = self.geometry;
        let ([node_a, node_b, node_weight, node_bias], ([a, b], weight, y)) = (ops.parents, ops.state);
        let grad = before_relu::<B>(grads.consume::<B>(&ops.node), y);
        if let Some(node) = node_bias {
            grads.register::<B>(node.id, B::channel_sums(grad.clone()));
        }
        let mut first = 0;
        for (node, input) in [(node_a, &a), (node_b, &b)] {
            let [images, inputs] = [0, 1].map(|axis| input.shape()[axis]);
            if let Some(node) = node {
                let own = filters_of::<B>(weight.clone(), first..first + inputs);
                let gradient =
                    B::convolution_input_gradient(grad.clone(), own, Geometry { inputs, ..geometry });
                let serves_all = images == 1 && grad.shape()[0] > 1;
                let gradient = if serves_all { B::float_sum_dim(gradient, 0) } else { gradient };
                grads.register::<B>(node.id, gradient);
            }
            first += inputs;
        }
        if let Some(node) = node_weight {
            grads.register::<B>(node.id, B::joined_convolution_weight_gradient(a, b, grad, geometry));
        }
    }
}

/// The taps of some of the channels of filters `[o, c, k, k]`.
fn filters_of<B: KernelOps>(weight: FloatTensor<B>, channels: std::ops::Range<usize>) -> FloatTensor<B> {
    let shape = weight.shape();
    let ranges = [0..shape[0], channels, 0..shape[2], 0..shape[3]];
    B::float_slice(weight, &ranges.map(Slice::from))
}

#[derive(Debug)]
pub(crate) struct Normalisation {
    pub(crate) relu: bool,
}

impl<B: KernelOps> Backward<B, 3> for Normalisation {
    /// Input, its moments, and scale and shift.
    type State = [FloatTensor<B>; 4];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([node_x, node_scale, node_shift], state) = (ops.parents, ops.state);
        let grad = grads.consume::<B>(&ops.node);
        let [x, moments, scale, shift] = state.clone();
        let sums = B::normalisation_affine_gradient(x, grad.clone(), moments, scale, shift, self.relu);
        let row = |row: isize| {
            let channels = sums.shape()[1];
            let rows = [Slice::new(row, Some(row + 1), 1), Slice::new(0, Some(channels as isize), 1)];
            B::float_reshape(B::float_slice(sums.clone(), &rows), [channels].into())
        };
        if let Some(node) = node_scale {
            grads.register::<B>(node.id, row(0));
        }
        if let Some(node) = node_shift {
            grads.register::<B>(node.id, row(1));
        }
        if let Some(node) = node_x {
            let [x, moments, scale, shift] = state;
            let gradient = B::normalisation_input_gradient(x, grad, sums, moments, scale, shift, self.relu);
            grads.register::<B>(node.id, gradient);
        }
    }
}

/// A sum cut off below zero: both summands have the same gradient.
#[derive(Debug)]
pub(crate) struct AddRelu;

impl<B: KernelOps> Backward<B, 2> for AddRelu {
    /// The output.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = B::relu_gradient(ops.state, grads.consume::<B>(&ops.node));
        for node in ops.parents.into_iter().flatten() {
            grads.register::<B>(node.id, grad.clone());
        }
    }
}

/// The labels have no gradient: they are given.
#[derive(Debug)]
pub(crate) struct MapLosses {
    pub(crate) gamma: f32,
}

impl<B: KernelOps> Backward<B, 1> for MapLosses {
    /// Logits and labels.
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([node], grad, [logits, labels]) = (ops.parents, grads.consume::<B>(&ops.node), ops.state);
        if let Some(node) = node {
            grads.register::<B>(node.id, B::map_losses_gradient(logits, labels, grad, self.gamma));
        }
    }
}

#[derive(Debug)]
pub(crate) struct Upsample {
    pub(crate) share: f32,
}

impl<B: KernelOps> Backward<B, 1> for Upsample {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([node], grad) = (ops.parents, grads.consume::<B>(&ops.node));
        if let Some(node) = node {
            grads.register::<B>(node.id, B::upsample_gradient(grad, self.share));
        }
    }
}

/// Blocks of pixels into channels, or back.
#[derive(Debug)]
pub(crate) struct Shuffle {
    pub(crate) block: usize,
    pub(crate) deepens: bool,
}

impl<B: KernelOps> Backward<B, 1> for Shuffle {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([node], grad) = (ops.parents, grads.consume::<B>(&ops.node));
        let back = if self.deepens { B::depth_to_space } else { B::space_to_depth };
        if let Some(node) = node {
            grads.register::<B>(node.id, back(grad, self.block));
        }
    }
}

/// The gradient before the ReLU whose output was `y`.
fn before_relu<B: KernelOps>(grad: FloatTensor<B>, y: Option<FloatTensor<B>>) -> FloatTensor<B> {
    match y {
        Some(y) => B::relu_gradient(y, grad),
        None => grad,
    }
}
