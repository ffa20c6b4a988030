//! Gradients by name.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use crate::tensors::values_of;

/// Gradients by the parameters' dotted paths, flattened.
pub(super) type Gradients = BTreeMap<String, Tensor<1>>;

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

pub(super) fn scalar(tensor: &Tensor<1>) -> f32 {
    values_of(tensor.clone())[0]
}
