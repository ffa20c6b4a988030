//! Gradients by name, and what the networks' passes share.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::network::{Mode, Statistics, map_parameters, values_of};

/// Gradients by the parameters' dotted paths, flattened.
pub(super) type Gradients = BTreeMap<String, Tensor<1>>;

/// A copy of the network whose parameters are leaves of a graph of their own: graphs that share a leaf are one graph to
/// Burn and would wait for each other.
pub(super) fn own_leaves<M: Module>(network: &M) -> M {
    map_parameters(network.clone(), |_, _, parameter| parameter)
}

/// Adds `gradients * weight` to `sum`.
pub(super) fn accumulate(sum: &mut Gradients, gradients: Gradients, weight: f32) {
    for (name, gradient) in gradients {
        let gradient = gradient * weight;
        let total = match sum.remove(&name) {
            Some(sum) => sum + gradient,
            None => gradient,
        };
        sum.insert(name, total);
    }
}

/// The mode of a pass whose moments start anew.
pub(super) fn training() -> Mode {
    Mode::Train(Statistics::default())
}

pub(super) fn scalar(tensor: &Tensor<1>) -> f32 {
    values_of(tensor.clone())[0]
}
