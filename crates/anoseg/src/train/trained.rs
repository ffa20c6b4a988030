//! A network under training, with its optimiser.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Device;

use super::gradients::Gradients;
use super::optimiser::ParameterOptimiser;
use crate::network::{
    ParameterData, ParameterError, Statistics, export_parameters, import_parameters, prefixed, with_prefix,
};

/// A network and its optimiser, under their names in a checkpoint.
pub(super) struct Trained<M> {
    pub(super) network: M,
    optimiser: ParameterOptimiser,
    /// Of the network, and of the optimiser.
    names: [&'static str; 2],
}

impl<M: Module> Trained<M> {
    pub(super) fn new(network: M, weight_decay: f32, names: [&'static str; 2]) -> Self {
        Self { network, optimiser: ParameterOptimiser::new(weight_decay), names }
    }

    /// Moves the weights against the gradients of a batch, and the running averages towards its moments. `rate` is the
    /// learning rate of a parameter of this name.
    pub(super) fn step(&mut self, gradients: Gradients, statistics: Statistics, rate: impl Fn(&str) -> f64) {
        let network = self.optimiser.step(self.network.clone(), gradients, rate);
        self.network = statistics.average_into(network);
    }

    /// Every parameter and every moment.
    pub(super) fn export(&self) -> impl Iterator<Item = (String, ParameterData)> + use<M> {
        let [network, optimiser] = self.names;
        prefixed(network, export_parameters(&self.network))
            .chain(prefixed(optimiser, self.optimiser.export()))
    }

    /// Restores what [`Trained::export`] gave after `steps` steps.
    pub(super) fn import(
        mut self,
        from: &BTreeMap<String, ParameterData>,
        steps: u64,
        device: &Device,
    ) -> Result<Self, ParameterError> {
        let [network, optimiser] = self.names;
        self.network = import_parameters(self.network, &with_prefix(network, from))?;
        self.optimiser.import(&with_prefix(optimiser, from), steps, device);
        Ok(self)
    }
}
