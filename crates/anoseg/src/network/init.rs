//! Seeded weights: the same seed gives the same network on any machine and at any thread count.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Draws initial weights from one seeded stream, in the order in which layers are built.
pub struct WeightInit {
    rng: ChaCha8Rng,
    device: Device,
}

impl WeightInit {
    /// A stream for `seed`; parameters are placed on `device`.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), device: device.clone() }
    }

    /// Normally distributed values with standard deviation `std`.
    fn normal<const D: usize>(&mut self, shape: [usize; D], std: f32) -> Param<Tensor<D>> {
        let values = (0..shape.iter().product()).map(|_| self.gaussian() * std).collect();
        self.param(shape, values)
    }

    /// `kernel` x `kernel` filters `[output, input, kernel, kernel]` that keep the signal's variance.
    pub(super) fn filters(&mut self, [input, output]: [usize; 2], kernel: usize) -> Param<Tensor<4>> {
        let fan_in = (input * kernel * kernel) as f32;
        self.normal([output, input, kernel, kernel], fan_in.sqrt().recip())
    }

    /// 4 x 4 filters `[input, output, 4, 4]` of a transposed convolution with stride 2, of which four meet in each result.
    pub(super) fn doubling_filters(&mut self, [input, output]: [usize; 2]) -> Param<Tensor<4>> {
        let fan_in = (input * 4) as f32;
        self.normal([input, output, 4, 4], fan_in.sqrt().recip())
    }

    /// The same value everywhere.
    pub(super) fn constant<const D: usize>(&mut self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        self.param(shape, vec![value; shape.iter().product()])
    }

    fn param<const D: usize>(&self, shape: [usize; D], values: Vec<f32>) -> Param<Tensor<D>> {
        Param::from_data(TensorData::new(values, shape), &self.device)
    }

    /// Box-Muller: one standard normal value from two uniform ones.
    fn gaussian(&mut self) -> f32 {
        let radius: f64 = 1.0 - self.rng.random::<f64>();
        let angle: f64 = self.rng.random::<f64>();
        ((-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()) as f32
    }
}
