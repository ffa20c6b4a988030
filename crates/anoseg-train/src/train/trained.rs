//! A network's parameters in training, with their optimiser and their running average.

use std::collections::BTreeMap;

use anoseg_infer::parameters::{ParameterData, ParameterError, prefixed, with_prefix};
use burn::tensor::Device;

use super::gradients::Gradients;
use super::optimiser::ParameterOptimiser;
use crate::tensors::{Parameters, Statistics};

/// Parameters, their optimiser and their running average, under their names in a checkpoint.
pub(super) struct Trained {
    pub(super) parameters: Parameters,
    optimiser: ParameterOptimiser,
    average: Option<Average>,
    /// Of the network, and of the optimiser.
    names: [&'static str; 2],
}

impl Trained {
    pub(super) fn new(parameters: Parameters, weight_decay: f32, names: [&'static str; 2]) -> Self {
        Self { parameters, optimiser: ParameterOptimiser::new(weight_decay), average: None, names }
    }

    /// Keeps a running average over about this many steps; none if 0.
    pub(super) fn averaged(self, horizon: u64) -> Self {
        let parameters = self.parameters.clone();
        Self { average: (horizon > 0).then(|| Average { parameters, horizon, steps: 0 }), ..self }
    }

    /// The parameters for inference: the average where one is kept.
    pub(super) fn in_use(&self) -> &Parameters {
        self.average.as_ref().map_or(&self.parameters, |average| &average.parameters)
    }

    /// Updates the weights by the gradients of a batch, and the running averages by its moments.
    /// `rate` is the learning rate of a parameter of this name.
    pub(super) fn step(&mut self, gradients: Gradients, statistics: Statistics, rate: impl Fn(&str) -> f64) {
        let parameters = self.optimiser.step(self.parameters.clone(), gradients, rate);
        self.parameters = statistics.average_into(parameters);
        if let Some(average) = &mut self.average {
            average.follow(&self.parameters);
        }
    }

    /// Every parameter and every moment.
    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        let [network, optimiser] = self.names;
        let mut found = BTreeMap::new();
        found.extend(prefixed(network, self.parameters.export()));
        found.extend(prefixed(optimiser, self.optimiser.export()));
        if let Some(average) = &self.average {
            found.extend(prefixed(&average_of(network), average.parameters.export()));
        }
        found
    }

    /// Restores what [`Trained::export`] gave after `steps` steps.
    ///
    /// # Errors
    /// A parameter is missing or has another shape.
    pub(super) fn import(
        &mut self,
        from: &BTreeMap<String, ParameterData>,
        steps: u64,
        device: &Device,
    ) -> Result<(), ParameterError> {
        let [network, optimiser] = self.names;
        self.parameters = self.parameters.import(&with_prefix(network, from))?;
        self.optimiser.import(&with_prefix(optimiser, from), self.parameters.specs(), steps, device)?;
        if let Some(average) = &mut self.average {
            average.parameters = average.parameters.import(&with_prefix(&average_of(network), from))?;
            average.steps = steps;
        }
        Ok(())
    }
}

/// The average's name in a checkpoint, for the network of this name.
fn average_of(network: &str) -> String {
    format!("{network}_average")
}

/// A running average of a network's parameters, those of its normalisations included (Polyak and
/// Juditsky, "Acceleration of stochastic approximation by averaging", 1992, here exponential).
struct Average {
    parameters: Parameters,
    /// Horizon in steps.
    horizon: u64,
    /// Steps averaged so far.
    steps: u64,
}

impl Average {
    /// Moves the average towards `parameters` as they are after one more step. At first the average
    /// is over the last tenth of the steps: older weights are far from the present ones.
    fn follow(&mut self, parameters: &Parameters) {
        let share = (10.0 / (10.0 + self.steps as f32)).max(1.0 / self.horizon as f32);
        self.parameters = self.parameters.clone().blend(parameters, share);
        self.steps += 1;
    }
}

#[cfg(test)]
mod tests {
    use anoseg_infer::network::{Blueprint, ImageGenerator};

    use super::*;
    use crate::config::{Config, Preset};
    use crate::tensors::{WeightInit, cpu, tensor_of};

    /// A small network, all of whose parameters have one value.
    fn network(value: f32) -> Parameters {
        let mut architecture = Config::of(Preset::Fast).architecture;
        architecture.widths = vec![2, 2];
        let mut blueprint = Blueprint::default();
        ImageGenerator::new(&mut blueprint, &architecture).unwrap();
        let parameters = Parameters::draw(blueprint, &mut WeightInit::new(0, &cpu().autodiff()));
        parameters.map(|_, flat| flat.zeros_like() + value)
    }

    fn distinct(network: &Parameters) -> Vec<f32> {
        let mut values: Vec<f32> =
            network.export().into_values().flat_map(|parameter| parameter.values).collect();
        values.dedup();
        values
    }

    #[test]
    fn the_average_follows_the_weights_at_the_pace_of_its_horizon() {
        let mut average = Average { parameters: network(9.0), horizon: 4, steps: 0 };
        average.follow(&network(1.0));
        assert_eq!(distinct(&average.parameters), [1.0], "the value before the first step has no weight");
        let mut expected = 1.0;
        for steps in 1..60 {
            average.follow(&network(steps as f32));
            expected += (steps as f32 - expected) * f32::max(10.0 / (10.0 + steps as f32), 0.25);
        }
        assert_eq!(distinct(&average.parameters), [expected]);
        // An exponential average over four steps lags three behind.
        assert!((expected - 56.0).abs() < 1e-3, "{expected}");
    }

    #[test]
    fn the_average_is_used_and_training_does_not_depend_on_it() {
        let names = ["generator", "optimiser"];
        let mut plain = Trained::new(network(0.5), 0.0, names);
        let mut averaged = Trained::new(network(0.5), 0.0, names).averaged(100);
        for number in 0..3 {
            for trained in [&mut plain, &mut averaged] {
                let (name, parameter) = trained.parameters.export().pop_first().unwrap();
                let gradient = vec![number as f32 - 3.5; parameter.values.len()];
                let gradient = tensor_of(gradient, [parameter.values.len()], &cpu());
                trained.step([(name, gradient)].into(), Statistics::default(), |_| 0.1);
            }
        }
        let used = |trained: &Trained| trained.in_use().export();
        assert_eq!(plain.parameters.export(), averaged.parameters.export());
        assert_eq!(used(&plain), plain.parameters.export());
        assert_ne!(used(&averaged), used(&plain));
    }
}
