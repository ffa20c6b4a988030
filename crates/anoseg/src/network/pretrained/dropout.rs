//! Features left out while training, so that the head does not learn few pictures by heart.

use burn::tensor::{Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::network::Sight;

/// Zeroes each channel of each picture's features with probability `share` in 0..1 and scales the others up by as much, the
/// distance excepted: whole channels, because neighbouring places tell what a single dropped place held (Tompson et al.,
/// "Efficient object localization using convolutional networks", 2015, 3.2).
pub(crate) fn drop_channels(mut sight: Sight, share: f32, rng: &mut ChaCha8Rng) -> Sight {
    let features = sight.split_last_mut().map_or(Default::default(), |(_distance, features)| features);
    for scale in features {
        let [pictures, channels, ..] = scale.dims();
        let factors = (0..pictures * channels)
            .map(|_| if rng.random::<f32>() < share { 0.0 } else { 1.0 / (1.0 - share) })
            .collect();
        let factors = TensorData::new::<f32, _>(factors, [pictures, channels, 1, 1]);
        *scale = scale.clone() * Tensor::from_data(factors, &scale.device());
    }
    sight
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng as _;

    use super::*;
    use crate::network::values_of;

    #[test]
    fn whole_channels_are_dropped_their_mean_stays_and_the_distance_is_kept() {
        let device = Device::flex();
        let ones = |channels| Tensor::<4>::ones([4, channels, 2, 3], &device);
        let dropped = drop_channels(vec![ones(500), ones(1)], 0.2, &mut ChaCha8Rng::seed_from_u64(0));
        let values = values_of(dropped[0].clone());
        let places: Vec<&[f32]> = values.chunks_exact(6).collect();
        assert!(places.iter().all(|channel| channel.iter().all(|&value| value == channel[0])));
        let gone = places.iter().filter(|channel| channel[0] == 0.0).count();
        assert!((340..460).contains(&gone), "{gone} of 2000");
        assert!(values.iter().all(|&value| value == 0.0 || value == 1.25));
        assert_eq!(values_of(dropped[1].clone()), [1.0; 24]);
        // Each picture loses other channels.
        assert_ne!(values[..3000], values[3000..6000]);
    }
}
