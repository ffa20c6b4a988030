//! Feature dropout while training, so that the head does not overfit few images.

use anoseg_infer::network::Features;
use burn::tensor::{Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// Zeroes each channel of each image's features with probability `share` in 0..1 and scales the
/// others up to compensate; the distance is kept. Whole channels are dropped, because neighbouring
/// positions are correlated and would reveal a single dropped position (Tompson et al., "Efficient
/// object localization using convolutional networks", 2015, 3.2).
pub(crate) fn drop_channels(features: &mut Features<Tensor<4>>, share: f32, rng: &mut ChaCha8Rng) {
    let Features { stride2, stride4, stride8, stride16, distance: _ } = features;
    for scale in [stride2, stride4, stride8, stride16] {
        let [images, channels, ..] = scale.dims();
        let factors = (0..images * channels)
            .map(|_| if rng.random::<f32>() < share { 0.0 } else { 1.0 / (1.0 - share) })
            .collect();
        let factors = TensorData::new::<f32, _>(factors, [images, channels, 1, 1]);
        *scale = scale.clone() * Tensor::from_data(factors, &scale.device());
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;
    use crate::tensors::{cpu, values_of};

    #[test]
    fn whole_channels_are_dropped_their_mean_stays_and_the_distance_is_kept() {
        let ones = |channels| Tensor::<4>::ones([4, channels, 2, 3], &cpu());
        let mut features = Features {
            stride2: ones(500),
            stride4: ones(1),
            stride8: ones(1),
            stride16: ones(1),
            distance: ones(1),
        };
        drop_channels(&mut features, 0.2, &mut ChaCha8Rng::seed_from_u64(0));
        let values = values_of(features.stride2);
        let positions: Vec<&[f32]> = values.chunks_exact(6).collect();
        assert!(positions.iter().all(|channel| channel.iter().all(|&value| value == channel[0])));
        let gone = positions.iter().filter(|channel| channel[0] == 0.0).count();
        assert!((340..460).contains(&gone), "{gone} of 2000");
        assert!(values.iter().all(|&value| value == 0.0 || value == 1.25));
        assert_eq!(values_of(features.distance), [1.0; 24]);
        // Different channels are dropped for each image.
        assert_ne!(values[..3000], values[3000..6000]);
    }
}
