//! AdamW over named parameters (Loshchilov and Hutter, "Decoupled weight decay regularization",
//! 2019), with a state that can be saved and restored exactly.

use std::collections::BTreeMap;

use anoseg_infer::network::ParameterSpec;
use anoseg_infer::parameters::{ParameterData, ParameterError, lookup};
use burn::tensor::{Device, Tensor};

use crate::tensors::{Parameters, tensor_of, values_of};

/// Decay of the running means of the gradients, and of their squares.
const BETAS: [f32; 2] = [0.9, 0.999];

/// Keeps the division by the root of the second moment finite.
const EPSILON: f32 = 1e-8;

/// Gradients of more than this Euclidean norm (over all parameters) are scaled down to it.
const MAX_GRADIENT_NORM: f32 = 1.0;

/// AdamW, its moments kept under the parameters' dotted paths.
pub(super) struct ParameterOptimiser {
    weight_decay: f32,
    states: BTreeMap<String, Moments>,
}

/// Running means of a parameter's gradients and of their squares.
struct Moments {
    /// Steps that are part of them.
    steps: i32,
    first: Tensor<1>,
    second: Tensor<1>,
}

impl Moments {
    /// The moments with one more gradient.
    fn next(known: Option<Self>, gradient: Tensor<1>) -> Self {
        let [keep_first, keep_second] = BETAS;
        let first = gradient.clone().mul_scalar(1.0 - keep_first);
        let second = gradient.square().mul_scalar(1.0 - keep_second);
        match known {
            None => Self { steps: 1, first, second },
            Some(known) => Self {
                steps: known.steps.saturating_add(1),
                first: known.first.mul_scalar(keep_first).add(first),
                second: known.second.mul_scalar(keep_second).add(second),
            },
        }
    }

    /// The direction of the step: the moments, corrected for their start at zero.
    fn direction(&self) -> Tensor<1> {
        let [first, second] = BETAS.map(|keep| 1.0 - keep.powi(self.steps));
        let scale = self.second.clone().div_scalar(second).sqrt().add_scalar(EPSILON);
        self.first.clone().div_scalar(first).div(scale)
    }
}

impl ParameterOptimiser {
    pub(super) fn new(weight_decay: f32) -> Self {
        Self { weight_decay, states: BTreeMap::new() }
    }

    /// One step against `gradients`, given by dotted path and flattened; `rate` is each parameter's
    /// learning rate.
    pub(super) fn step(
        &mut self,
        parameters: Parameters,
        mut gradients: BTreeMap<String, Tensor<1>>,
        rate: impl Fn(&str) -> f64,
    ) -> Parameters {
        let norm = gradients.values().map(|g| values_of(g.clone().square().sum())[0]).sum::<f32>().sqrt();
        let scale = (MAX_GRADIENT_NORM / norm.max(1e-12)).min(1.0);
        parameters.map(|spec, parameter| {
            let Some(gradient) = gradients.remove(&spec.name) else { return parameter };
            let moments = Moments::next(self.states.remove(&spec.name), gradient * scale);
            let rate = rate(&spec.name);
            let decay = rate * f64::from(self.weight_decay);
            let decayed = if decay == 0.0 { parameter } else { parameter.mul_scalar(1.0 - decay) };
            let updated = decayed - moments.direction().mul_scalar(rate);
            self.states.insert(spec.name.clone(), moments);
            updated
        })
    }

    /// First and second moments, as `<parameter>.m` and `<parameter>.v`.
    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        let mut found = BTreeMap::new();
        for (name, moments) in &self.states {
            for (suffix, moment) in [("m", &moments.first), ("v", &moments.second)] {
                let values = values_of(moment.clone());
                found.insert(format!("{name}.{suffix}"), ParameterData { shape: vec![values.len()], values });
            }
        }
        found
    }

    /// Restores what [`ParameterOptimiser::export`] gave after `steps` steps for parameters of these
    /// `specs`.
    ///
    /// # Errors
    /// A moment is missing, of another length than its parameter or of none of them, or a second
    /// moment is negative.
    pub(super) fn import(
        &mut self,
        from: &BTreeMap<String, ParameterData>,
        specs: &[ParameterSpec],
        steps: u64,
        device: &Device,
    ) -> Result<(), ParameterError> {
        let tensor = |data: &ParameterData| tensor_of(data.values.clone(), [data.values.len()], device);
        let count = i32::try_from(steps).unwrap_or(i32::MAX);
        let mut states = BTreeMap::new();
        for ParameterSpec { name, shape, .. } in specs {
            let names = ["m", "v"].map(|moment| format!("{name}.{moment}"));
            // A parameter that had no gradient yet has no moments.
            if names.iter().all(|name| !from.contains_key(name)) {
                continue;
            }
            let length = [shape.iter().product()];
            let [first, second] = names.each_ref().map(|name| lookup(from, name, &length));
            let (first, second) = (first?, second?);
            if second.values.iter().any(|&value| value < 0.0) {
                return Err(ParameterError::Range(names[1].clone()));
            }
            states
                .insert(name.clone(), Moments { steps: count, first: tensor(first), second: tensor(second) });
        }
        if let Some(surplus) = from.keys().find(|key| {
            !key.rsplit_once('.')
                .is_some_and(|(name, part)| ["m", "v"].contains(&part) && states.contains_key(name))
        }) {
            return Err(ParameterError::Surplus(surplus.clone()));
        }
        self.states = states;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anoseg_infer::network::{Blueprint, Init};

    use super::*;
    use crate::tensors::{WeightInit, cpu};

    /// They were once taken as they came, and the next step failed on them.
    #[test]
    fn moments_that_do_not_fit_their_parameter_are_refused() {
        let mut blueprint = Blueprint::default();
        blueprint.trained("p", [2, 3], Init::Constant(0.5));
        let specs = blueprint.into_parameters();
        let data = |values: Vec<f32>| ParameterData { shape: vec![values.len()], values };
        let import = |pairs: &[(&str, Vec<f32>)]| {
            let from =
                pairs.iter().map(|(name, values)| ((*name).to_owned(), data(values.clone()))).collect();
            ParameterOptimiser::new(0.0).import(&from, &specs, 3, &cpu())
        };
        let fits = vec![0.5; 6];
        import(&[]).unwrap();
        import(&[("p.m", fits.clone()), ("p.v", fits.clone())]).unwrap();
        assert!(import(&[("p.m", fits.clone())]).is_err());
        assert!(import(&[("p.m", vec![0.5; 5]), ("p.v", fits.clone())]).is_err());
        assert!(import(&[("p.m", fits.clone()), ("p.v", vec![-1.0; 6])]).is_err());
        assert!(import(&[("q.m", fits.clone()), ("q.v", fits)]).is_err());
    }

    /// The update rule by its definition, in double precision.
    #[test]
    fn steps_are_those_of_the_definition() {
        let mut blueprint = Blueprint::default();
        blueprint.trained("p", [2], Init::Constant(0.5));
        let mut parameters = Parameters::draw(blueprint, &mut WeightInit::new(0, &cpu().autodiff()));
        let mut optimiser = ParameterOptimiser::new(0.1);
        let (mut expected, mut first, mut second) = ([0.5f64; 2], [0.0f64; 2], [0.0f64; 2]);
        for step in 1..=20 {
            // Of a norm below 1, which is not scaled down.
            let gradient = [0.3 / f64::from(step), -0.2];
            let values = gradient.map(|value| value as f32).to_vec();
            let gradients = [("p".to_owned(), tensor_of(values, [2], &cpu()))].into();
            parameters = optimiser.step(parameters, gradients, |_| 0.01);
            for i in 0..2 {
                first[i] = 0.9 * first[i] + 0.1 * gradient[i];
                second[i] = 0.999 * second[i] + 0.001 * gradient[i] * gradient[i];
                let [m, v] = [first[i] / (1.0 - 0.9f64.powi(step)), second[i] / (1.0 - 0.999f64.powi(step))];
                expected[i] = expected[i] * (1.0 - 0.01 * 0.1) - 0.01 * m / (v.sqrt() + 1e-8);
            }
        }
        for (found, expected) in parameters.export()["p"].values.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }
}
