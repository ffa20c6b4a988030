//! Filters as signed bytes.

use anoseg_infer::network::MemoryBank;
use anoseg_infer::parameters::ParameterData;

/// Filters in bytes, -127..=127, each output's on a scale of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ByteFilters {
    /// In the order of the floats.
    pub(crate) bytes: Vec<i8>,
    /// One for each output.
    pub(crate) scales: Vec<f32>,
    /// Of a layer: in steps of the input's scale times the output's.
    pub(crate) bias: Vec<i32>,
}

/// A bias is at most so many steps, so that it and the sums of products fit into 32 bits together.
const MOST_STEPS: f32 = (1 << 30) as f32;

impl ByteFilters {
    /// Those of a layer: `filters` of as many outputs as there are values in `bias`, on inputs of a scale.
    pub(crate) fn of_layer(filters: &[f32], bias: &[f32], input: f32) -> Self {
        let of_output = (filters.len() / bias.len().max(1)).max(1);
        let scale = |(filter, bias): (&[f32], &f32)| {
            let needed = bias.abs() / (MOST_STEPS * input);
            scale_of(filter).max(needed)
        };
        let scales: Vec<f32> = filters.chunks_exact(of_output).zip(bias).map(scale).collect();
        let steps = |(bias, scale): (&f32, &f32)| (bias / (input * scale)).round_ties_even() as i32;
        let bias = bias.iter().zip(&scales).map(steps).collect();
        Self { bytes: bytes(filters, &scales), scales, bias }
    }

    /// Those of vectors `[m, channels]`, each on its own scale.
    pub(crate) fn of_vectors(vectors: &[f32], channels: usize) -> Self {
        let scales: Vec<f32> = vectors.chunks_exact(channels).map(scale_of).collect();
        Self { bytes: bytes(vectors, &scales), scales, bias: Vec::new() }
    }

    /// The numbers that the bytes stand for.
    pub(crate) fn values(&self) -> Vec<f32> {
        let of_output = (self.bytes.len() / self.scales.len().max(1)).max(1);
        let outputs = self.bytes.chunks_exact(of_output).zip(&self.scales);
        outputs.flat_map(|(bytes, scale)| bytes.iter().map(move |&byte| f32::from(byte) * scale)).collect()
    }

    /// The bias that the steps stand for, on inputs of a scale.
    pub(crate) fn bias_values(&self, input: f32) -> Vec<f32> {
        self.bias.iter().zip(&self.scales).map(|(&steps, scale)| steps as f32 * (input * scale)).collect()
    }
}

/// The bank of the vectors that its bytes stand for.
pub(crate) fn rounded_bank(bank: &MemoryBank) -> MemoryBank {
    let ParameterData { shape, values } = bank.vectors();
    let values = ByteFilters::of_vectors(values, bank.channels()).values();
    MemoryBank::new(ParameterData { shape: shape.clone(), values }, Vec::new())
}

/// The scale on which the largest value is the last byte.
fn scale_of(values: &[f32]) -> f32 {
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    if scale.is_normal() { scale } else { 1.0 }
}

fn bytes(values: &[f32], scales: &[f32]) -> Vec<i8> {
    let of_output = (values.len() / scales.len().max(1)).max(1);
    let outputs = values.chunks_exact(of_output).zip(scales);
    outputs.flat_map(|(v, scale)| v.iter().map(move |v| (v / scale).round_ties_even() as i8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_output_has_its_own_scale() {
        let filters = ByteFilters::of_layer(&[127.0, -63.5, 0.5, 0.25], &[10.0, 0.5], 0.25);
        assert_eq!(filters.bytes, [127, -64, 127, 64]);
        assert_eq!(filters.bias[0], 40);
        for (value, expected) in filters.values().iter().zip([127.0, -63.5, 0.5, 0.25]) {
            assert!((value - expected).abs() <= 0.5 * expected.abs().max(1.0) / 63.0, "{value}");
        }
        let bias = filters.bias_values(0.25);
        assert!((bias[0] - 10.0).abs() < 1e-6 && (bias[1] - 0.5).abs() < 1e-3, "{bias:?}");
    }

    /// An output that is switched off has filters next to nothing beside its bias.
    #[test]
    fn a_bias_beyond_32_bits_widens_the_scale() {
        let filters = ByteFilters::of_layer(&[1e-12, 0.0], &[3.0], 1e-3);
        assert!((filters.bias_values(1e-3)[0] - 3.0).abs() < 1e-3, "{filters:?}");
        let nothing = ByteFilters::of_layer(&[0.0, 0.0], &[0.0], 0.1);
        assert_eq!((nothing.values(), nothing.bias), (vec![0.0, 0.0], vec![0]));
    }
}
