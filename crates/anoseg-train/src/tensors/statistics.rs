//! Running averages of the moments that batch normalisation measures while training.

use std::collections::BTreeMap;

use anoseg_infer::network::ParameterId;
use burn::tensor::Tensor;

use super::Parameters;

/// Moments that the normalisations of a network measured in one or more batches.
#[derive(Default)]
pub(crate) struct Statistics {
    /// Sums of weighted moments, and of the weights: a part of a batch may have nothing to measure.
    moments: BTreeMap<ParameterId, (Tensor<1>, f32)>,
}

/// Weight of a new batch in the running averages.
const MOMENTUM: f32 = 0.1;

impl Statistics {
    /// Takes mean and variance, the rows of `moments [2, c]`, for the parameters that keep their
    /// averages.
    pub(super) fn record(&mut self, parameters: [ParameterId; 2], moments: Tensor<2>) {
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
    pub(crate) fn average_into(mut self, network: Parameters) -> Parameters {
        let mut number = 0;
        network.map(|_, average| {
            let parameter = ParameterId(number);
            number += 1;
            match self.moments.remove(&parameter) {
                Some((sum, weights)) => average * (1.0 - MOMENTUM) + sum / weights * MOMENTUM,
                None => average,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use anoseg_infer::network::{Blueprint, Convolution};

    use super::*;
    use crate::tensors::{WeightInit, cpu, tensor_of};

    #[test]
    fn a_shard_without_moments_does_not_pull_the_averages_to_zero() {
        let mut blueprint = Blueprint::default();
        Convolution::normalised(&mut blueprint, "layer", [1, 2], 1);
        let network = Parameters::draw(blueprint, &mut WeightInit::new(0, &cpu().autodiff()));
        let id = |name: &str| {
            ParameterId(network.specs().iter().position(|spec| spec.name.ends_with(name)).unwrap())
        };
        let mut measured = Statistics::default();
        let moments = tensor_of(vec![4.0f32, 2.0, 3.0, 1.0], [2, 2], &cpu());
        measured.record([id("mean"), id("variance")], moments);
        let mut batch = Statistics::default();
        batch.add(measured, 0.5);
        batch.add(Statistics::default(), 0.5);
        let averages = batch.average_into(network).export();
        assert_eq!(averages["layer.mean"].values, [4.0 * MOMENTUM, 2.0 * MOMENTUM]);
        let expected = [1.0 - MOMENTUM + 3.0 * MOMENTUM, 1.0];
        assert_eq!(averages["layer.variance"].values, expected);
    }
}
