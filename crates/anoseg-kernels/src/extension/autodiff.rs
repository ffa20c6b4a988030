//! The kernels under Burn's autodiff: each operator keeps what its gradient (see `backward`) needs.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::ops::{Backward, OpsKind};
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
        match (JoinedConvolution { geometry }).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(([a, b], weight, relu.then(|| y.clone())), y),
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
        tracked::<B, C>(x, weight, bias, geometry, relu, Kind::Transposed)
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
    match (Convolution { geometry, kind }).prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((x, weight, relu.then(|| y.clone())), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}

/// Gradients are reached from `Backward` alone, and moments from a wrapper that calls the inner
/// backend.
fn no_second_order() -> ! {
    unreachable!("gradients of gradients are not part of this crate's interface")
}
