//! Seeded weights: the same seed gives the same network on any machine and at any thread count.

use anoseg_infer::network::Init;
use burn::tensor::Device;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Draws initial weights from one seeded stream, in the order in which layers are described.
pub(crate) struct WeightInit {
    rng: ChaCha8Rng,
    device: Device,
}

impl WeightInit {
    /// A stream for `seed`; parameters are placed on `device`.
    pub(crate) fn new(seed: u64, device: &Device) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), device: device.clone() }
    }

    /// Where parameters are placed.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// The next `count` values.
    pub(crate) fn values(&mut self, init: Init, count: usize) -> Vec<f32> {
        match init {
            Init::Normal(deviation) => (0..count).map(|_| self.gaussian() * deviation).collect(),
            Init::Constant(value) => vec![value; count],
        }
    }

    /// Box-Muller: one standard normal value from two uniform ones.
    fn gaussian(&mut self) -> f32 {
        let radius: f64 = 1.0 - self.rng.random::<f64>();
        let angle: f64 = self.rng.random::<f64>();
        ((-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()) as f32
    }
}
