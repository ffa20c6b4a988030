//! The layers that encoder, decoder and discriminator are made of.

use anoseg_kernels::{Convolution, EPSILON, FixedConvolution, add_relu, batch_norm, conv2d, conv2d_joined};
use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::WeightInit;
use super::statistics::{Folded, Mode, Statistics};

/// Convolution, batch normalisation and, if wanted, a ReLU.
///
/// While training every channel is normalised by the batch; in use by running averages of the batches' moments, which
/// are then part of the filters.
#[derive(Module, Debug)]
pub(super) struct ConvNorm {
    weight: Param<Tensor<4>>,
    scale: Param<Tensor<1>>,
    shift: Param<Tensor<1>>,
    mean: Param<Tensor<1>>,
    variance: Param<Tensor<1>>,
    #[module(skip)]
    relu: bool,
}

impl ConvNorm {
    /// `kernel` x `kernel` filters, zero padding that keeps the size, followed by a ReLU.
    pub(super) fn new(init: &mut WeightInit, [input, output]: [usize; 2], kernel: usize) -> Self {
        Self {
            weight: init.filters([input, output], kernel),
            scale: init.constant([output], 1.0),
            shift: init.constant([output], 0.0),
            mean: init.constant([output], 0.0).set_require_grad(false),
            variance: init.constant([output], 1.0).set_require_grad(false),
            relu: true,
        }
    }

    /// The same without the ReLU.
    fn linear(self) -> Self {
        Self { relu: false, ..self }
    }

    /// `[n, input, h, w]` -> `[n, output, h, w]`.
    pub(super) fn forward(&self, x: Tensor<4>, mode: &mut Mode) -> Tensor<4> {
        match mode {
            Mode::Train(statistics) => {
                let (weight, bias, options) = self.plain();
                self.normalise(conv2d(x, weight, bias, options), statistics)
            }
            Mode::Use(folded) => folded.layer(self.weight.id, || self.fold()).forward(x),
        }
    }

    /// [`ConvNorm::forward`] of two inputs joined along the channels; see [`conv2d_joined`].
    pub(super) fn forward_joined(&self, x: [Tensor<4>; 2], mode: &mut Mode) -> Tensor<4> {
        match mode {
            Mode::Train(statistics) => {
                let (weight, bias, options) = self.plain();
                self.normalise(conv2d_joined(x, weight, bias, options), statistics)
            }
            Mode::Use(folded) => folded.layer(self.weight.id, || self.fold()).forward_joined(x),
        }
    }

    /// Filters, bias and options of the convolution alone.
    fn plain(&self) -> (Tensor<4>, Tensor<1>, Convolution) {
        let weight = self.weight.val();
        let [outputs, _, kernel, _] = weight.dims();
        (weight, Tensor::zeros([outputs], &self.shift.device()), Convolution::same(kernel))
    }

    fn normalise(&self, y: Tensor<4>, statistics: &mut Statistics) -> Tensor<4> {
        let normalised = batch_norm(y, self.scale.val(), self.shift.val(), self.relu);
        statistics.record([self.mean.id, self.variance.id], normalised.moments);
        normalised.output
    }

    /// The layer in use: normalisation by the running averages is part of the filters.
    fn fold(&self) -> FixedConvolution {
        let weight = self.weight.val();
        let [outputs, _, kernel, _] = weight.dims();
        let factor = self.scale.val() / (self.variance.val() + EPSILON).sqrt();
        let bias = self.shift.val() - self.mean.val() * factor.clone();
        let options = Convolution { relu: self.relu, ..Convolution::same(kernel) };
        FixedConvolution::new(weight * factor.reshape([outputs, 1, 1, 1]), bias, options)
    }
}

/// Residual block: `relu(x + norm(conv(relu(norm(conv(x))))))`.
#[derive(Module, Debug)]
pub(super) struct Residual {
    first: ConvNorm,
    second: ConvNorm,
}

impl Residual {
    pub(super) fn new(init: &mut WeightInit, channels: usize) -> Self {
        Self {
            first: ConvNorm::new(init, [channels, channels], 3),
            second: ConvNorm::new(init, [channels, channels], 3).linear(),
        }
    }

    /// Keeps the shape; `x` and the result are at least 0.
    pub(super) fn forward(&self, x: Tensor<4>, mode: &mut Mode) -> Tensor<4> {
        let y = self.first.forward(x.clone(), mode);
        add_relu(x, self.second.forward(y, mode))
    }
}

/// The last layer: a plain 3 x 3 convolution, free to give outputs of any size.
#[derive(Module, Debug)]
pub(super) struct Head {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
}

impl Head {
    /// Outputs start around `level`.
    pub(super) fn new(init: &mut WeightInit, channels: [usize; 2], level: f32) -> Self {
        Self { weight: init.filters(channels, 3), bias: init.constant([channels[1]], level) }
    }

    /// `[n, input, h, w]` -> `[n, output, h, w]`.
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv2d(x, self.weight.val(), self.bias.val(), Convolution::same(3))
    }

    /// The same with weights that stay as they are.
    pub(super) fn forward_folded(&self, x: Tensor<4>, folded: &Folded) -> Tensor<4> {
        let fold = || FixedConvolution::new(self.weight.val(), self.bias.val(), Convolution::same(3));
        folded.layer(self.weight.id, fold).forward(x)
    }
}
