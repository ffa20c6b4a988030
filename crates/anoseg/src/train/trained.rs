//! A network under training, with its optimiser and its running average.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Device;

use super::gradients::Gradients;
use super::optimiser::ParameterOptimiser;
use crate::network::{
    ParameterData, ParameterError, Statistics, blend, export_parameters, import_parameters, prefixed,
    with_prefix,
};

/// A network, its optimiser and its running average, under their names in a checkpoint.
pub(super) struct Trained<M> {
    pub(super) network: M,
    optimiser: ParameterOptimiser,
    average: Option<Average<M>>,
    /// Of the network, and of the optimiser.
    names: [&'static str; 2],
}

impl<M: Module> Trained<M> {
    pub(super) fn new(network: M, weight_decay: f32, names: [&'static str; 2]) -> Self {
        Self { network, optimiser: ParameterOptimiser::new(weight_decay), average: None, names }
    }

    /// Keeps a running average over about so many steps; none if 0.
    pub(super) fn averaged(self, horizon: u64) -> Self {
        let network = self.network.clone();
        Self { average: (horizon > 0).then(|| Average { network, horizon, steps: 0 }), ..self }
    }

    /// The network as it is to be used: the average where one is kept, without autodiff.
    pub(super) fn in_use(&self) -> M {
        self.average.as_ref().map_or(&self.network, |average| &average.network).valid()
    }

    /// Moves the weights against the gradients of a batch, and the running averages towards its moments. `rate` is the
    /// learning rate of a parameter of this name.
    pub(super) fn step(&mut self, gradients: Gradients, statistics: Statistics, rate: impl Fn(&str) -> f64) {
        let network = self.optimiser.step(self.network.clone(), gradients, rate);
        self.network = statistics.average_into(network);
        if let Some(average) = &mut self.average {
            average.follow(&self.network);
        }
    }

    /// Every parameter and every moment.
    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        let [network, optimiser] = self.names;
        let mut found = BTreeMap::new();
        found.extend(prefixed(network, export_parameters(&self.network)));
        found.extend(prefixed(optimiser, self.optimiser.export()));
        if let Some(average) = &self.average {
            found.extend(prefixed(&average_of(network), export_parameters(&average.network)));
        }
        found
    }

    /// Restores what [`Trained::export`] gave after `steps` steps.
    pub(super) fn import(
        &mut self,
        from: &BTreeMap<String, ParameterData>,
        steps: u64,
        device: &Device,
    ) -> Result<(), ParameterError> {
        let [network, optimiser] = self.names;
        self.network = import_parameters(self.network.clone(), &with_prefix(network, from))?;
        self.optimiser.import(&with_prefix(optimiser, from), steps, device);
        if let Some(average) = &mut self.average {
            let found = with_prefix(&average_of(network), from);
            average.network = import_parameters(average.network.clone(), &found)?;
            average.steps = steps;
        }
        Ok(())
    }
}

/// The average's name in a checkpoint, of the network with this one.
fn average_of(network: &str) -> String {
    format!("{network}_average")
}

/// A running average of a network's parameters, those of its normalisations included (Polyak and Juditsky, "Acceleration of
/// stochastic approximation by averaging", 1992, here exponential).
struct Average<M> {
    network: M,
    /// Over about so many steps.
    horizon: u64,
    /// Steps averaged so far.
    steps: u64,
}

impl<M: Module> Average<M> {
    /// Moves the average towards `network` as it is after one more step. At first the average is over the last tenth of the
    /// steps: what is older is far from anything learned.
    fn follow(&mut self, network: &M) {
        let share = (10.0 / (10.0 + self.steps as f32)).max(1.0 / self.horizon as f32);
        self.network = blend(self.network.clone(), network, share);
        self.steps += 1;
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use super::*;
    use crate::config::{Config, Preset};
    use crate::network::{Generator, WeightInit, map_parameters};

    /// A small network, all of whose parameters have one value.
    fn network(value: f32) -> Generator {
        let mut architecture = Config::of(Preset::Fast).architecture;
        architecture.widths = vec![2, 2];
        let generator = Generator::new(&architecture, &mut WeightInit::new(0, &Device::flex().autodiff()));
        map_parameters(generator, |_, _, flat| flat.zeros_like() + value)
    }

    fn distinct(network: &Generator) -> Vec<f32> {
        let mut values: Vec<f32> =
            export_parameters(network).into_values().flat_map(|parameter| parameter.values).collect();
        values.dedup();
        values
    }

    #[test]
    fn the_average_follows_the_weights_at_the_pace_of_its_horizon() {
        let mut average = Average { network: network(9.0), horizon: 4, steps: 0 };
        average.follow(&network(1.0));
        assert_eq!(
            distinct(&average.network),
            [1.0],
            "what was there before the first step counts for nothing"
        );
        let mut expected = 1.0;
        for steps in 1..60 {
            average.follow(&network(steps as f32));
            expected += (steps as f32 - expected) * f32::max(10.0 / (10.0 + steps as f32), 0.25);
        }
        assert_eq!(distinct(&average.network), [expected]);
        // An exponential average over four steps lags three behind.
        assert!((expected - 56.0).abs() < 1e-3, "{expected}");
    }

    #[test]
    fn the_average_is_what_is_used_and_what_learns_is_not_touched_by_it() {
        let names = ["generator", "optimiser"];
        let mut plain = Trained::new(network(0.5), 0.0, names);
        let mut averaged = Trained::new(network(0.5), 0.0, names).averaged(100);
        for number in 0..3 {
            for trained in [&mut plain, &mut averaged] {
                let (name, parameter) = export_parameters(&trained.network).pop_first().unwrap();
                let gradient = vec![number as f32 - 3.5; parameter.values.len()];
                let gradient = Tensor::from_data(gradient.as_slice(), &Device::flex());
                trained.step([(name, gradient)].into(), Statistics::default(), |_| 0.1);
            }
        }
        let used = |trained: &Trained<Generator>| export_parameters(&trained.in_use());
        assert_eq!(export_parameters(&plain.network), export_parameters(&averaged.network));
        assert_eq!(used(&plain), export_parameters(&plain.network));
        assert_ne!(used(&averaged), used(&plain));
    }
}
