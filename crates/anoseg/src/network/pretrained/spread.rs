//! How features are spread on good pictures.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};

use crate::network::{ParameterData, ParameterError, lookup, values_of};

/// Mean and standard deviation of every channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spread {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Spread {
    /// Brings the channels of all tensors, counted through, to mean 0 and deviation 1.
    pub(super) fn standardise(&self, levels: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let mut first = 0;
        levels
            .into_iter()
            .map(|level| {
                let (channels, device) = (level.dims()[1], level.device());
                let of = |values: &[f32]| {
                    let values = values[first..first + channels].to_vec();
                    Tensor::<4>::from_data(TensorData::new(values, [1, channels, 1, 1]), &device)
                };
                let standardised = (level - of(&self.mean)) / of(&self.deviation);
                first += channels;
                standardised
            })
            .collect()
    }

    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        let data = |values: &[f32]| ParameterData { shape: vec![values.len()], values: values.to_vec() };
        let parts = [("mean", &self.mean), ("deviation", &self.deviation)];
        parts.into_iter().map(|(name, values)| (name.to_owned(), data(values))).collect()
    }

    /// # Errors
    /// Something is missing or not of `channels` channels.
    pub(super) fn import(
        from: &BTreeMap<String, ParameterData>,
        channels: usize,
    ) -> Result<Self, ParameterError> {
        let values = |name: &str| Ok(lookup(from, name, &[channels])?.values.clone());
        Ok(Self { mean: values("mean")?, deviation: values("deviation")? })
    }
}

/// Number, sum and sum of squares of every channel's values.
#[derive(Clone, Default)]
pub(super) struct Sums(Vec<[f64; 3]>);

impl Sums {
    /// Of tensors `[1, c, h, w]`, their channels counted through.
    pub(super) fn of(levels: Vec<Tensor<4>>) -> Self {
        let channels = levels.into_iter().flat_map(|level| {
            let [_, channels, height, width] = level.dims();
            let values = values_of(level);
            (0..channels).map(move |channel| {
                let plane = &values[channel * height * width..][..height * width];
                let sum = |f: fn(f64) -> f64| plane.iter().map(|&value| f(f64::from(value))).sum();
                [plane.len() as f64, sum(|value| value), sum(|value| value * value)]
            })
        });
        Self(channels.collect())
    }

    /// Adds those of another picture.
    pub(super) fn add(mut self, other: Self) -> Self {
        self.0.resize(other.0.len(), [0.0; 3]);
        self.0.iter_mut().flatten().zip(other.0.into_iter().flatten()).for_each(|(sum, value)| *sum += value);
        self
    }

    /// A channel that never changes is given the deviation 1, so that it stays finite on any picture.
    pub(super) fn spread(&self) -> Spread {
        let deviation = |[count, sum, squares]: [f64; 3]| {
            let variance = squares / count - (sum / count).powi(2);
            if variance > 1e-12 { variance.sqrt() as f32 } else { 1.0 }
        };
        Spread {
            mean: self.0.iter().map(|[count, sum, _]| (sum / count) as f32).collect(),
            deviation: self.0.iter().copied().map(deviation).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn level(planes: &[[f32; 2]]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(planes.concat(), [1, planes.len(), 1, 2]), &Device::flex())
    }

    #[test]
    fn channels_are_counted_through_all_levels() {
        let first = vec![level(&[[1.0, 3.0]]), level(&[[5.0, 5.0], [0.0, 8.0]])];
        let second = vec![level(&[[2.0, 2.0]]), level(&[[5.0, 5.0], [4.0, 4.0]])];
        let sums = Sums::default().add(Sums::of(first.clone())).add(Sums::of(second));
        let spread = sums.spread();
        assert_eq!(spread.mean, [2.0, 5.0, 4.0]);
        assert_eq!(spread.deviation, [0.5_f32.sqrt(), 1.0, 8.0_f32.sqrt()]);
        let standardised: Vec<f32> = spread.standardise(first).into_iter().flat_map(values_of).collect();
        let expected = [-2.0_f32.sqrt(), 2.0_f32.sqrt(), 0.0, 0.0, -2.0_f32.sqrt(), 2.0_f32.sqrt()];
        assert!(standardised.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6));
        assert_eq!(Spread::import(&spread.export(), 3).unwrap(), spread);
        assert!(Spread::import(&spread.export(), 4).is_err());
    }
}
