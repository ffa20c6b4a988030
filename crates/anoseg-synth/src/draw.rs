//! Random numbers that depend on (seed, step, sample) only.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The purpose of a random stream. Each purpose has its own stream, so that a change in one does
/// not affect the others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// The choice of the image and its augmentation.
    Base = 0,
    /// The anomalies.
    Anomaly = 1,
    /// The noise added to the whole pair.
    Noise = 2,
    /// Another light on a training image.
    Light = 3,
}

/// A source of random numbers. All distributions are computed here from the bits of the generator,
/// so that results do not change with a new version of a random-number library.
#[derive(Clone, Debug)]
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of one sample. The arguments form the key of the generator, so no two samples
    /// share a stream.
    pub(crate) fn new(seed: u64, step: u64, sample: u64, stream: Stream) -> Self {
        let mut key = [0; 32];
        let words = [seed, step, sample, stream as u64];
        for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform between two values.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in -extent..extent.
    pub(crate) fn either_way(&mut self, extent: f32) -> f32 {
        self.between(-extent, extent)
    }

    /// Log-uniform between two positive values: every octave is equally likely.
    pub(crate) fn log_between(&mut self, low: f32, high: f32) -> f32 {
        // Rounding of the logarithms must not leave the range.
        self.between(low.ln(), high.ln()).exp().clamp(low, high.max(low))
    }

    /// A value whose magnitude is uniform between two values, of either sign.
    pub(crate) fn signed(&mut self, low: f32, high: f32) -> f32 {
        let magnitude = self.between(low, high);
        if self.chance(0.5) { magnitude } else { -magnitude }
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Uniform in 0..n; 0 where n is 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        // Multiply-shift: the bias is below 2^-32 for any count of images or pixels.
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Uniform in low..=high.
    pub(crate) fn count(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// An angle in radians, any direction.
    pub(crate) fn angle(&mut self) -> f32 {
        self.between(0.0, std::f32::consts::TAU)
    }

    /// One of the choices, as likely as its weight says. The weights are not negative and not all
    /// zero.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(T, f32)]) -> T {
        let total: f32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut rest = self.unit() * total;
        let mut last = choices[0].0;
        for &(choice, weight) in choices {
            if weight <= 0.0 {
                continue;
            }
            if rest < weight {
                return choice;
            }
            rest -= weight;
            last = choice;
        }
        last
    }

    /// 0..n in random order.
    pub(crate) fn permutation<const N: usize>(&mut self) -> [usize; N] {
        let mut order = std::array::from_fn(|i| i);
        for i in (1..N).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw() -> Draw {
        Draw::new(1, 2, 3, Stream::Base)
    }

    #[test]
    fn streams_and_samples_differ() {
        let first = draw().bits();
        assert_eq!(first, draw().bits());
        for other in [
            Draw::new(1, 2, 3, Stream::Anomaly),
            Draw::new(1, 3, 2, Stream::Base),
            Draw::new(2, 1, 3, Stream::Base),
        ] {
            assert_ne!(first, other.clone().bits());
        }
    }

    #[test]
    fn draws_stay_in_range() {
        let mut draw = draw();
        for _ in 0..2000 {
            assert!((2.0..=5.0).contains(&draw.between(2.0, 5.0)));
            assert!((0.02..=0.15).contains(&draw.log_between(0.02, 0.15)));
            assert!(draw.below(7) < 7);
            assert!((0.1..=0.2).contains(&draw.signed(0.1, 0.2).abs()));
        }
        assert_eq!(draw.below(0), 0);
        assert_eq!(draw.log_between(3.0, 3.0), 3.0);
    }

    #[test]
    fn weights_are_frequencies_and_zero_is_never() {
        let mut draw = draw();
        let mut seen = [0; 3];
        for _ in 0..4000 {
            seen[draw.weighted(&[(0, 0.0), (1, 3.0), (2, 1.0)])] += 1;
        }
        assert_eq!(seen[0], 0);
        assert!((2800..3200).contains(&seen[1]), "{seen:?}");
    }

    #[test]
    fn a_permutation_holds_every_index() {
        let mut order: [usize; 4] = draw().permutation();
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3]);
    }
}
