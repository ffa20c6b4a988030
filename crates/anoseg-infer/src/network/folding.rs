//! Normalisation as part of the filters.

use anoseg_kernels::EPSILON;

use super::{Behind, Convolution, ConvolutionKind};
use crate::parameters::ParameterStore;

impl Convolution {
    /// Filters and bias of a trained layer; normalisation by the running averages is part of them. The
    /// filters have the layer's shape, and there is a bias for each output.
    ///
    /// # Panics
    /// If the parameters are those of another network.
    pub fn folded(&self, parameters: &ParameterStore) -> (Vec<f32>, Vec<f32>) {
        let get = |id| &parameters.get(id).values;
        let weight = get(self.weight);
        let (scale, shift, mean, variance) = match self.behind {
            Behind::Bias(bias) => return (weight.clone(), get(bias).clone()),
            Behind::Normalisation { scale, shift, mean, variance } => {
                (get(scale), get(shift), get(mean), get(variance))
            }
        };
        let factors: Vec<f32> =
            scale.iter().zip(variance).map(|(scale, variance)| scale / (variance + EPSILON).sqrt()).collect();
        let moved = mean.iter().zip(&factors).map(|(mean, factor)| mean * factor);
        let bias = shift.iter().zip(moved).map(|(shift, moved)| shift - moved).collect();
        let [first, second, kernel, _] = self.shape;
        let taps = kernel * kernel;
        let output = |filter: usize| match self.kind {
            ConvolutionKind::Transposed => filter % second,
            _ => filter / second,
        };
        debug_assert_eq!(weight.len(), first * second * taps);
        let folded = weight.chunks_exact(taps).enumerate().flat_map(|(filter, taps)| {
            let factor = factors[output(filter)];
            taps.iter().map(move |tap| tap * factor)
        });
        (folded.collect(), bias)
    }
}
