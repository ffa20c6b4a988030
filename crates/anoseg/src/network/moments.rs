//! A picture as a whole.

use anoseg_kernels::EPSILON;
use burn::tensor::Tensor;

/// Mean and standard deviation of every channel, `[n, 2 c, h, w]`: the same at all places.
pub(super) fn moments(x: &Tensor<4>) -> Tensor<4> {
    let [pictures, channels, height, width] = x.dims();
    let mean = x.clone().mean_dim(2).mean_dim(3);
    let variance = (x.clone() - mean.clone()).square().mean_dim(2).mean_dim(3);
    Tensor::cat(vec![mean, (variance + EPSILON).sqrt()], 1).expand([pictures, 2 * channels, height, width])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::network::values_of;

    #[test]
    fn moments_are_of_each_picture_and_channel_alone() {
        let values: Vec<f32> = vec![1.0, 3.0, 5.0, 5.0, -2.0, 2.0, 0.0, 0.0];
        let x = Tensor::<4>::from_data(TensorData::new(values, [2, 2, 1, 2]), &Device::flex());
        let found = values_of(moments(&x));
        let expected = [2.0, 2.0, 5.0, 5.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 0.01, "{found} where {expected} is expected");
        }
    }
}
