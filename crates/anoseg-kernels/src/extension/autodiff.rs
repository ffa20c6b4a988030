//! The kernels under Burn's autodiff: each operator keeps what its gradient (see `backward`) needs.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::ops::{Backward, NodeGuard, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::backward::{
    AddRelu, Convolution, JoinedConvolution, Kind, MapLosses, Normalisation, Shuffle, Upsample,
};
use super::ops::KernelOps;
use crate::geometry::Geometry;

impl<B: KernelOps, C: CheckpointStrategy> KernelOps for Autodiff<B, C> {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        relu: bool,
    ) -> FloatTensor<Self> {
        tracked::<B, C>(x, weight, bias, geometry, relu, Kind::Plain)
    }

    fn joined_convolution(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        relu: bool,
    ) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node(), weight.node(), bias.node()];
        let [a, b, weight] = [a, b, weight].map(|tensor| tensor.into_primitive());
        let y = B::joined_convolution(
            a.clone(),
            b.clone(),
            weight.clone(),
            bias.into_primitive(),
            geometry,
            relu,
        );
        record::<B, C, _, _>(JoinedConvolution { geometry }, nodes, y, |y| {
            ([a, b], weight, relu.then(|| y.clone()))
        })
    }

    fn transposed_convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
        relu: bool,
    ) -> FloatTensor<Self> {
        tracked::<B, C>(x, weight, bias, geometry, relu, Kind::Transposed)
    }

    fn upsample(x: FloatTensor<Self>, share: f32) -> FloatTensor<Self> {
        let node = [x.node()];
        let y = B::upsample(x.into_primitive(), share);
        record::<B, C, _, _>(Upsample { share }, node, y, |_| ())
    }

    fn space_to_depth(x: FloatTensor<Self>, block: usize) -> FloatTensor<Self> {
        let node = [x.node()];
        let y = B::space_to_depth(x.into_primitive(), block);
        record::<B, C, _, _>(Shuffle { block, deepens: true }, node, y, |_| ())
    }

    fn depth_to_space(x: FloatTensor<Self>, block: usize) -> FloatTensor<Self> {
        let node = [x.node()];
        let y = B::depth_to_space(x.into_primitive(), block);
        record::<B, C, _, _>(Shuffle { block, deepens: false }, node, y, |_| ())
    }

    fn add_relu(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node()];
        let y = B::add_relu(a.into_primitive(), b.into_primitive());
        record::<B, C, _, _>(AddRelu, nodes, y, |y| y.clone())
    }

    fn map_losses(logits: FloatTensor<Self>, labels: FloatTensor<Self>, gamma: f32) -> FloatTensor<Self> {
        let node = [logits.node()];
        let (logits, labels) = (logits.into_primitive(), labels.into_primitive());
        let y = B::map_losses(logits.clone(), labels.clone(), gamma);
        record::<B, C, _, _>(MapLosses { gamma }, node, y, |_| [logits, labels])
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
        record::<B, C, _, _>(Normalisation { relu }, nodes, y, |_| [x, moments, scale, shift])
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

    fn joined_convolution_weight_gradient(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Geometry,
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

/// A convolution of one input, with what its gradient needs.
fn tracked<B: KernelOps, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    bias: FloatTensor<Autodiff<B, C>>,
    geometry: Geometry,
    relu: bool,
    kind: Kind,
) -> FloatTensor<Autodiff<B, C>> {
    let forward = match kind {
        Kind::Plain => B::convolution,
        Kind::Transposed => B::transposed_convolution,
    };
    let nodes = [x.node(), weight.node(), bias.node()];
    let (x, weight) = (x.into_primitive(), weight.into_primitive());
    let y = forward(x.clone(), weight.clone(), bias.into_primitive(), geometry, relu);
    record::<B, C, _, _>(Convolution { geometry, kind }, nodes, y, |y| (x, weight, relu.then(|| y.clone())))
}

/// The output `y` of an operator on these `nodes`, with the state that its gradient needs where one
/// is wanted.
fn record<B: KernelOps, C: CheckpointStrategy, O: Backward<B, N>, const N: usize>(
    operator: O,
    nodes: [NodeGuard; N],
    y: FloatTensor<B>,
    state: impl FnOnce(&FloatTensor<B>) -> O::State,
) -> FloatTensor<Autodiff<B, C>> {
    match operator.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let state = state(&y);
            prep.finish(state, y)
        }
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

/// Gradients are reached from `Backward` alone, and moments from a wrapper that calls the inner
/// backend.
fn no_second_order() -> ! {
    unreachable!("gradients of gradients are not part of this crate's interface")
}
