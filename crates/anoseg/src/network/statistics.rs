//! Running averages of what batch normalisation measures while training.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anoseg_kernels::{Convolution, FixedConvolution, conv_transpose2d};
use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;

/// How a network is run.
pub enum Mode {
    /// On batches to learn from: normalised by the batch itself, whose moments are recorded.
    Train(Statistics),
    /// On pictures to judge: each independent of the others, nothing recorded. The network must be the one that the
    /// folded layers were made from.
    Use(Folded),
}

impl Mode {
    /// What was recorded.
    pub(crate) fn into_statistics(self) -> Statistics {
        match self {
            Self::Train(statistics) => statistics,
            Self::Use(_) => Statistics::default(),
        }
    }
}

/// A layer of a network that learns no more.
#[derive(Debug)]
pub(super) enum FoldedLayer {
    /// Its filters are laid out for the inner loops.
    Convolution(FixedConvolution),
    /// A transposed convolution.
    Transposed { weight: Tensor<4>, bias: Tensor<1>, options: Convolution },
}

impl FoldedLayer {
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Convolution(layer) => layer.forward(x),
            Self::Transposed { weight, bias, options } => {
                conv_transpose2d(x, weight.clone(), bias.clone(), *options)
            }
        }
    }

    pub(super) fn forward_joined(&self, x: [Tensor<4>; 2]) -> Tensor<4> {
        match self {
            Self::Convolution(layer) => layer.forward_joined(x),
            Self::Transposed { .. } => self.forward(Tensor::cat(x.into(), 1)),
        }
    }
}

/// Layers of a network that learns no more, their normalisation folded into the filters when first used. Clones share
/// them.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    layers: Arc<Mutex<HashMap<ParamId, Arc<FoldedLayer>>>>,
}

impl Folded {
    /// The layer of the filters `id`, made by `fold` if there is none yet.
    pub(super) fn layer(&self, id: ParamId, fold: impl FnOnce() -> FoldedLayer) -> Arc<FoldedLayer> {
        let layers = || self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = layers().get(&id).cloned();
        // Folded outside the lock: a thread that waits for others to help may meanwhile run this network itself.
        known.unwrap_or_else(|| {
            let layer = Arc::new(fold());
            layers().entry(id).or_insert(layer).clone()
        })
    }
}

/// Moments that the normalisations of a network measured in one or more batches.
#[derive(Default)]
pub struct Statistics {
    /// Sums of weighted moments, and of the weights: a part of a batch may have nothing to measure.
    moments: BTreeMap<ParamId, (Tensor<1>, f32)>,
}

/// Weight of a new batch in the running averages.
const MOMENTUM: f32 = 0.1;

impl Statistics {
    /// Takes mean and variance, the rows of `moments [2, c]`, for the parameters that keep their averages.
    pub(super) fn record(&mut self, parameters: [ParamId; 2], moments: Tensor<2>) {
        let channels = moments.dims()[1];
        for (row, parameter) in parameters.into_iter().enumerate() {
            let values = moments.clone().slice([row..row + 1, 0..channels]).reshape([channels]);
            self.moments.insert(parameter, (values, 1.0));
        }
    }

    /// Adds `other * weight`.
    pub(crate) fn add(&mut self, other: Self, weight: f32) {
        for (parameter, (values, weights)) in other.moments {
            let (values, weights) = (values * weight, weights * weight);
            let sum = match self.moments.remove(&parameter) {
                Some((sum, total)) => (sum + values, total + weights),
                None => (values, weights),
            };
            self.moments.insert(parameter, sum);
        }
    }

    /// Moves the running averages of `network` a little towards these moments.
    pub(crate) fn average_into<M: Module>(mut self, network: M) -> M {
        network.map(&mut self)
    }
}

impl ModuleMapper for Statistics {
    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some((sum, weights)) = self.moments.remove(&parameter.id) else { return parameter };
        let moments = sum / weights;
        let (id, tensor, mapper) = parameter.consume();
        let (tracked, shape) = (tensor.is_autodiff(), tensor.dims());
        let average = tensor.inner() * (1.0 - MOMENTUM) + moments.reshape(shape) * MOMENTUM;
        Param::from_mapped_value(id, if tracked { average.autodiff() } else { average }, mapper)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::network::{WeightInit, values_of};

    #[test]
    fn a_shard_without_moments_does_not_pull_the_averages_to_zero() {
        let mean = WeightInit::new(0, &Device::flex()).constant([2], 0.0);
        let variance = WeightInit::new(0, &Device::flex()).constant([2], 1.0);
        let mut measured = Statistics::default();
        let moments = TensorData::new(vec![4.0f32, 2.0, 3.0, 1.0], [2, 2]);
        measured.record([mean.id, variance.id], Tensor::from_data(moments, &Device::flex()));
        let mut batch = Statistics::default();
        batch.add(measured, 0.5);
        batch.add(Statistics::default(), 0.5);
        assert_eq!(values_of(batch.map_float(mean).val()), [4.0 * MOMENTUM, 2.0 * MOMENTUM]);
        let expected = [1.0 - MOMENTUM + 3.0 * MOMENTUM, 1.0];
        assert_eq!(values_of(batch.map_float(variance).val()), expected);
    }
}
