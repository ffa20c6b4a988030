//! AdamW over named parameters, with a state that can be saved and restored exactly.

use std::collections::BTreeMap;

use anoseg_infer::parameters::ParameterData;
use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use burn::tensor::{Device, Tensor};

use crate::tensors::{Parameters, tensor_of, values_of};

/// Burn's AdamW, its moments kept under the parameters' dotted paths.
pub(super) struct ParameterOptimiser {
    adamw: AdamW,
    states: BTreeMap<String, AdamWState<1>>,
}

/// Gradients of more than this Euclidean norm (over all parameters) are scaled down to it.
const MAX_GRADIENT_NORM: f32 = 1.0;

impl ParameterOptimiser {
    pub(super) fn new(weight_decay: f32) -> Self {
        let adamw = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(weight_decay).build();
        Self { adamw, states: BTreeMap::new() }
    }

    /// One step against `gradients`, given by dotted path and flattened; `rate` is each parameter's learning rate.
    pub(super) fn step(
        &mut self,
        parameters: Parameters,
        mut gradients: BTreeMap<String, Tensor<1>>,
        rate: impl Fn(&str) -> f64,
    ) -> Parameters {
        let norm = gradients.values().map(|g| values_of(g.clone().square().sum())[0]).sum::<f32>().sqrt();
        let scale = (MAX_GRADIENT_NORM / norm.max(1e-12)).min(1.0);
        parameters.map(|spec, parameter| {
            let name = spec.name.as_str();
            let Some(gradient) = gradients.remove(name) else { return parameter };
            let state = self.states.remove(name);
            let (updated, state) = self.adamw.step(rate(name), parameter, gradient * scale, state);
            self.states.extend(state.map(|state| (name.to_owned(), state)));
            updated
        })
    }

    /// First and second moments, as `<parameter>.m` and `<parameter>.v`.
    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        let mut found = BTreeMap::new();
        for (name, state) in &self.states {
            for (suffix, moment) in [("m", &state.momentum.moment_1), ("v", &state.momentum.moment_2)] {
                let values = values_of(moment.clone());
                found.insert(format!("{name}.{suffix}"), ParameterData { shape: vec![values.len()], values });
            }
        }
        found
    }

    /// Restores what [`ParameterOptimiser::export`] gave after `steps` steps.
    pub(super) fn import(&mut self, from: &BTreeMap<String, ParameterData>, steps: u64, device: &Device) {
        let tensor = |data: &ParameterData| {
            tensor_of(data.values.clone(), [data.values.len()], device)
        };
        self.states.clear();
        for (key, first) in from {
            let Some(name) = key.strip_suffix(".m") else { continue };
            let Some(second) = from.get(&format!("{name}.v")) else { continue };
            let momentum = AdaptiveMomentumState::new(steps as usize, tensor(first), tensor(second));
            self.states.insert(name.to_owned(), AdamWState::new(momentum));
        }
    }
}
