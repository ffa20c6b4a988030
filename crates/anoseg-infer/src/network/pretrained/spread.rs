//! Mean and standard deviation of features on good images.

use std::collections::BTreeMap;

use crate::network::Executor;
use crate::parameters::{ParameterData, ParameterError, lookup};

/// Mean and standard deviation of every channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// One number for each channel.
    pub mean: Vec<f32>,
    /// One number for each channel, above 0.
    pub deviation: Vec<f32>,
}

impl Spread {
    /// Brings the channels of `x`, counted from number `first` on, to mean 0 and deviation 1.
    pub fn standardise<X: Executor>(
        &self,
        x: &mut X,
        value: &X::Value,
        channels: std::ops::Range<usize>,
    ) -> X::Value {
        x.standardise(value, &self.mean[channels.clone()], &self.deviation[channels])
    }

    /// The numbers by name.
    pub fn export(&self) -> BTreeMap<String, ParameterData> {
        let data = |values: &[f32]| ParameterData { shape: vec![values.len()], values: values.to_vec() };
        let parts = [("mean", &self.mean), ("deviation", &self.deviation)];
        parts.into_iter().map(|(name, values)| (name.to_owned(), data(values))).collect()
    }

    /// What [`Spread::export`] gave.
    ///
    /// # Errors
    /// A part is missing, not of `channels` channels, or a deviation is not above 0.
    pub fn import(from: &BTreeMap<String, ParameterData>, channels: usize) -> Result<Self, ParameterError> {
        let values = |name: &str| Ok(lookup(from, name, &[channels])?.values.clone());
        let spread = Self { mean: values("mean")?, deviation: values("deviation")? };
        if spread.deviation.iter().any(|&deviation| deviation <= 0.0) {
            return Err(ParameterError::Range("deviation".into()));
        }
        Ok(spread)
    }
}
