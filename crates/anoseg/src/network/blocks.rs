//! The layers that encoders, decoders and discriminators are made of.

use anoseg_kernels::{
    Convolution, EPSILON, FixedConvolution, add_relu, batch_norm, conv_transpose2d, conv2d, conv2d_joined,
};
use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::WeightInit;
use super::statistics::{FoldedLayer, Mode, Statistics};

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
    options: Convolution,
    #[module(skip)]
    transposed: bool,
}

impl ConvNorm {
    /// `kernel` x `kernel` filters, zero padding that keeps the size, followed by a ReLU.
    pub(super) fn new(init: &mut WeightInit, channels: [usize; 2], kernel: usize) -> Self {
        let filters = init.filters(channels, kernel);
        Self::with_filters(init, filters, channels[1], Convolution::same(kernel).with_relu(), false)
    }

    /// The same with `stride` pixels between two places of a filter, and this padding.
    pub(super) fn strided(
        init: &mut WeightInit,
        channels: [usize; 2],
        kernel: usize,
        [stride, padding]: [usize; 2],
    ) -> Self {
        let filters = init.filters(channels, kernel);
        let options = Convolution { stride, padding, relu: true };
        Self::with_filters(init, filters, channels[1], options, false)
    }

    /// Transposed convolution with 4 x 4 filters that doubles the size, followed by a ReLU.
    pub(super) fn doubling(init: &mut WeightInit, channels: [usize; 2]) -> Self {
        let filters = init.doubling_filters(channels);
        let options = Convolution { stride: 2, padding: 1, relu: true };
        Self::with_filters(init, filters, channels[1], options, true)
    }

    fn with_filters(
        init: &mut WeightInit,
        weight: Param<Tensor<4>>,
        outputs: usize,
        options: Convolution,
        transposed: bool,
    ) -> Self {
        Self {
            weight,
            scale: init.constant([outputs], 1.0),
            shift: init.constant([outputs], 0.0),
            mean: init.constant([outputs], 0.0).set_require_grad(false),
            variance: init.constant([outputs], 1.0).set_require_grad(false),
            options,
            transposed,
        }
    }

    /// The same without the ReLU.
    pub(super) fn linear(self) -> Self {
        Self { options: Convolution { relu: false, ..self.options }, ..self }
    }

    /// `[n, input, h, w]` -> `[n, output, h', w']`.
    pub(super) fn forward(&self, x: Tensor<4>, mode: &mut Mode) -> Tensor<4> {
        match mode {
            Mode::Train(statistics) => {
                let (weight, bias, options) = self.plain();
                let convolution = if self.transposed { conv_transpose2d } else { conv2d };
                self.normalise(convolution(x, weight, bias, options), statistics)
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
        let bias = Tensor::zeros(self.shift.dims(), &self.shift.device());
        (self.weight.val(), bias, Convolution { relu: false, ..self.options })
    }

    fn normalise(&self, y: Tensor<4>, statistics: &mut Statistics) -> Tensor<4> {
        let normalised = batch_norm(y, self.scale.val(), self.shift.val(), self.options.relu);
        statistics.record([self.mean.id, self.variance.id], normalised.moments);
        normalised.output
    }

    /// The layer in use: normalisation by the running averages is part of the filters.
    fn fold(&self) -> FoldedLayer {
        let weight = self.weight.val();
        let [outputs] = self.scale.dims();
        let factor = self.scale.val() / (self.variance.val() + EPSILON).sqrt();
        let bias = self.shift.val() - self.mean.val() * factor.clone();
        if self.transposed {
            let weight = weight * factor.reshape([1, outputs, 1, 1]);
            return FoldedLayer::Transposed { weight, bias, options: self.options };
        }
        let weight = weight * factor.reshape([outputs, 1, 1, 1]);
        FoldedLayer::Convolution(FixedConvolution::new(weight, bias, self.options))
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
    pub(super) fn forward(&self, x: Tensor<4>, mode: &Mode) -> Tensor<4> {
        let options = Convolution::same(3);
        match mode {
            Mode::Train(_) => conv2d(x, self.weight.val(), self.bias.val(), options),
            Mode::Use(folded) => {
                let fold = || {
                    let layer = FixedConvolution::new(self.weight.val(), self.bias.val(), options);
                    FoldedLayer::Convolution(layer)
                };
                folded.layer(self.weight.id, fold).forward(x)
            }
        }
    }
}
