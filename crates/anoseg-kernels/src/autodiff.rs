//! The kernels' gradients, as Burn's autodiff asks for them.

use std::sync::Arc;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::tensor::Slice;

use crate::extension::KernelOps;
use crate::filters::Filters;
use crate::geometry::Geometry;

impl<B: KernelOps, C: CheckpointStrategy> KernelOps for Autodiff<B, C> {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        relu: bool,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y = B::convolution(x.clone(), weight.clone(), bias.into_primitive(), geometry, relu);
        match (Convolution { geometry, transposed: false }).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, weight, relu.then(|| y.clone())), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn transposed_convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        relu: bool,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y = B::transposed_convolution(x.clone(), weight.clone(), bias.into_primitive(), geometry, relu);
        match (Convolution { geometry, transposed: true }).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, weight, relu.then(|| y.clone())), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, x) = ([x.node()], x.into_primitive());
        let y = B::max_pool(x.clone());
        match MaxPool.prepare::<C>(node).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn upsample(x: FloatTensor<Self>, share: f32) -> FloatTensor<Self> {
        let node = [x.node()];
        let y = B::upsample(x.into_primitive(), share);
        match (Upsample { share }).prepare::<C>(node).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn space_to_depth(x: FloatTensor<Self>, block: usize) -> FloatTensor<Self> {
        let node = [x.node()];
        let y = B::space_to_depth(x.into_primitive(), block);
        match (Shuffle { block, deepens: true }).prepare::<C>(node).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn depth_to_space(x: FloatTensor<Self>, block: usize) -> FloatTensor<Self> {
        let node = [x.node()];
        let y = B::depth_to_space(x.into_primitive(), block);
        match (Shuffle { block, deepens: false }).prepare::<C>(node).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn add_relu(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node()];
        let y = B::add_relu(a.into_primitive(), b.into_primitive());
        match AddRelu.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(y.clone(), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn map_losses(logits: FloatTensor<Self>, labels: FloatTensor<Self>, gamma: f32) -> FloatTensor<Self> {
        let node = [logits.node()];
        let (logits, labels) = (logits.into_primitive(), labels.into_primitive());
        let y = B::map_losses(logits.clone(), labels.clone(), gamma);
        match (MapLosses { gamma }).prepare::<C>(node).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish([logits, labels], y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn normalisation(
        x: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), scale.node(), shift.node()];
        let (x, moments) = (x.into_primitive(), moments.into_primitive());
        let (scale, shift) = (scale.into_primitive(), shift.into_primitive());
        let y = B::normalisation(x.clone(), moments.clone(), scale.clone(), shift.clone(), relu);
        match (Normalisation { relu }).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish([x, moments, scale, shift], y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn convolution_input_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Geometry,
    ) -> FloatTensor<Self> {
        no_second_order()
    }

    fn convolution_weight_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Geometry,
    ) -> FloatTensor<Self> {
        no_second_order()
    }

    fn fixed_convolution(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Arc<Filters<'static>>,
        _: Geometry,
        _: bool,
    ) -> FloatTensor<Self> {
        no_second_order()
    }

    fn moments(_: FloatTensor<Self>) -> FloatTensor<Self> {
        no_second_order()
    }

    fn transposed_convolution_input_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Geometry,
    ) -> FloatTensor<Self> {
        no_second_order()
    }

    fn channel_sums(_: FloatTensor<Self>) -> FloatTensor<Self> {
        no_second_order()
    }

    fn max_pool_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        no_second_order()
    }

    fn upsample_gradient(_: FloatTensor<Self>, _: f32) -> FloatTensor<Self> {
        no_second_order()
    }

    fn relu_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        no_second_order()
    }

    fn map_losses_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f32,
    ) -> FloatTensor<Self> {
        no_second_order()
    }

    fn normalisation_affine_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: bool,
    ) -> FloatTensor<Self> {
        no_second_order()
    }

    fn normalisation_input_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: bool,
    ) -> FloatTensor<Self> {
        no_second_order()
    }
}

/// Gradients are reached from `Backward` alone; moments and fixed filters from wrappers that see to it: all on the
/// inner backend.
fn no_second_order() -> ! {
    unreachable!("gradients of gradients are not part of this crate's interface")
}

/// A convolution, or a transposed one: the same sums with input and output exchanged.
#[derive(Debug)]
struct Convolution {
    geometry: Geometry,
    transposed: bool,
}

impl<B: KernelOps> Backward<B, 3> for Convolution {
    /// Input, filters, and the output if it went through a ReLU.
    type State = (FloatTensor<B>, FloatTensor<B>, Option<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let Self { geometry, transposed } = self;
        let ([node_x, node_weight, node_bias], (x, weight, y)) = (ops.parents, ops.state);
        let grad = before_relu::<B>(grads.consume::<B>(&ops.node), y);
        if let Some(node) = node_bias {
            grads.register::<B>(node.id, B::channel_sums(grad.clone()));
        }
        if let Some(node) = node_weight {
            let (input, output) = if transposed { (grad.clone(), x) } else { (x, grad.clone()) };
            grads.register::<B>(node.id, B::convolution_weight_gradient(input, output, geometry));
        }
        if let Some(node) = node_x {
            let gradient = if transposed {
                B::transposed_convolution_input_gradient(grad, weight, geometry)
            } else {
                B::convolution_input_gradient(grad, weight, geometry)
            };
            grads.register::<B>(node.id, gradient);
        }
    }
}

#[derive(Debug)]
struct Normalisation {
    relu: bool,
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
            let channels = burn::backend::TensorMetadata::shape(&sums)[1];
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
struct AddRelu;

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
struct MapLosses {
    gamma: f32,
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
struct MaxPool;

impl<B: KernelOps> Backward<B, 1> for MaxPool {
    /// The input.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([node], grad) = (ops.parents, grads.consume::<B>(&ops.node));
        if let Some(node) = node {
            grads.register::<B>(node.id, B::max_pool_gradient(ops.state, grad));
        }
    }
}

#[derive(Debug)]
struct Upsample {
    share: f32,
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
struct Shuffle {
    block: usize,
    deepens: bool,
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

/// The gradient in front of the ReLU whose output was `y`.
fn before_relu<B: KernelOps>(grad: FloatTensor<B>, y: Option<FloatTensor<B>>) -> FloatTensor<B> {
    match y {
        Some(y) => B::relu_gradient(y, grad),
        None => grad,
    }
}
