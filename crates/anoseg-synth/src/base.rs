//! Tone augmentation, and the noise added to a whole pair.

use anoseg_image::Image;

use crate::draw::Draw;
use crate::recipe::BaseAugmentation;

/// Varies brightness, contrast and gamma of the whole image.
pub(crate) fn vary_tone(image: &mut Image, recipe: &BaseAugmentation, draw: &mut Draw) {
    let brightness = draw.either_way(recipe.brightness);
    let contrast = 1.0 + draw.either_way(recipe.contrast);
    let bend = parabola(draw.either_way(recipe.gamma));
    if brightness == 0.0 && contrast == 1.0 && bend == 0.0 {
        return;
    }
    let offset = 0.5 - 0.5 * contrast + brightness;
    for value in image.as_mut_slice() {
        let v = *value;
        *value = ((v + bend * v * (1.0 - v)) * contrast + offset).clamp(0.0, 1.0);
    }
}

/// `s` such that `v + s v (1 - v)` is close to `v` to the power of `exp(log_gamma)`: equal to first
/// order at mid-grey. A power takes fifty times as long.
fn parabola(log_gamma: f32) -> f32 {
    -2.0 * std::f32::consts::LN_2 * log_gamma
}

/// Gaussian noise, computed once. The noise of an image is read from random positions of this
/// table, one position for each run of pixels.
#[derive(Clone, Debug)]
pub(crate) struct NoiseTable(Vec<f32>);

impl NoiseTable {
    const PLACES: usize = 1 << 14;
    const RUN: usize = 128;

    /// Computes the table; it is always the same.
    pub(crate) fn new() -> Self {
        let mut state = 0;
        let values = (0..Self::PLACES + Self::RUN).map(|_| sum_of_bytes(split_mix(&mut state)));
        Self(values.collect())
    }

    /// Independent, nearly Gaussian noise on every value.
    pub(crate) fn add(&self, image: &mut Image, recipe: &BaseAugmentation, draw: &mut Draw) {
        let deviation = draw.between(0.0, recipe.noise);
        let mut state = draw.bits();
        if deviation == 0.0 {
            return;
        }
        for run in image.as_mut_slice().chunks_mut(Self::RUN) {
            let place = (split_mix(&mut state) % Self::PLACES as u64) as usize;
            for (value, noise) in run.iter_mut().zip(&self.0[place..place + Self::RUN]) {
                *value = (*value + deviation * noise).clamp(0.0, 1.0);
            }
        }
    }
}

/// The sum of eight uniform bytes, with mean 0 and deviation 1: close to Gaussian.
fn sum_of_bytes(bits: u64) -> f32 {
    let sum: u32 = bits.to_le_bytes().into_iter().map(u32::from).sum();
    // The mean of a byte is 255 / 2, its variance (256^2 - 1) / 12.
    (sum as f32 - 8.0 * 127.5) / (8.0f32 * 65_535.0 / 12.0).sqrt()
}

/// SplitMix64 (Steele, Lea and Flood 2014): noise needs many bits of modest quality.
pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Stream;

    #[test]
    fn the_noise_table_has_mean_zero_and_deviation_one() {
        let NoiseTable(values) = NoiseTable::new();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn noise_differs_between_channels_and_stays_in_range() {
        let recipe = BaseAugmentation { noise: 0.2, ..BaseAugmentation::none() };
        let mut image = Image::filled(40, 30, [0.05, 0.5, 0.5]);
        NoiseTable::new().add(&mut image, &recipe, &mut Draw::new(1, 1, 1, Stream::Noise));
        assert!(image.as_slice().iter().all(|v| (0.0..=1.0).contains(v)));
        let equal = image.plane(1).iter().zip(image.plane(2)).filter(|(a, b)| a == b).count();
        assert!(equal < 60, "{equal} of 1200 pixels have the same noise in two channels");
    }

    #[test]
    fn tone_is_close_to_gamma_then_contrast_then_brightness() {
        let recipe =
            BaseAugmentation { brightness: 0.1, contrast: 0.2, gamma: 0.1, ..BaseAugmentation::none() };
        let before = Image::from_fn(16, 16, |x, y| [(y * 16 + x) as f32 / 255.0; 3]);
        for sample in 0..20 {
            let fresh = || Draw::new(1, 1, sample, Stream::Base);
            let mut image = before.clone();
            vary_tone(&mut image, &recipe, &mut fresh());
            let mut draw = fresh();
            let (b, c, g) = (draw.either_way(0.1), 1.0 + draw.either_way(0.2), draw.either_way(0.1).exp());
            for (after, before) in image.as_slice().iter().zip(before.as_slice()) {
                let expected = ((before.powf(g) - 0.5) * c + 0.5 + b).clamp(0.0, 1.0);
                assert!((after - expected).abs() < 0.02, "{after} {expected}");
            }
        }
    }
}
