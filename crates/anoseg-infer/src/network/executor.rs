//! The operators that networks consist of, independent of the executor that runs them.

use anoseg_kernels::Pool;

use super::{Convolution, MemoryBank};
use crate::parameters::ParameterStore;

/// Runs the operators of a network. A forward pass is written once, generic over this trait: the
/// runtime records a program ([`crate::runtime::Recorder`]), training computes on tensors with
/// gradients, an export writes a graph.
///
/// Values are `[n, channels, h, w]`. Where an operator takes several values, one of a single image
/// serves all images of the others.
pub trait Executor {
    /// A tensor, or a handle of one.
    type Value: Clone;

    /// Height and width.
    fn size(&self, x: &Self::Value) -> [usize; 2];

    /// A convolution with its normalisation or bias and its activation. Several inputs are joined
    /// along the channels; one of a single position is the same at all positions.
    fn convolution(&mut self, layer: &Convolution, inputs: &[&Self::Value]) -> Self::Value;

    /// Two channels that hold each pixel's row and column, scaled to -1..=1 (AnoSeg, section 3.3):
    /// `[1, 2, h, w]`.
    fn coordinates(&mut self, size: [usize; 2]) -> Self::Value;

    /// `x + summand`, element by element.
    fn add_scalar(&mut self, x: &Self::Value, summand: f32) -> Self::Value;

    /// `x * factor`, element by element.
    fn multiply_scalar(&mut self, x: &Self::Value, factor: f32) -> Self::Value;

    /// `(x - mean) / deviation`, channel by channel.
    fn standardise(&mut self, x: &Self::Value, mean: &[f32], deviation: &[f32]) -> Self::Value;

    /// `a + b`, element by element.
    fn add(&mut self, a: &Self::Value, b: &Self::Value) -> Self::Value;

    /// `a * b`, element by element.
    fn multiply(&mut self, a: &Self::Value, b: &Self::Value) -> Self::Value;

    /// `relu(a + b)`, element by element.
    fn add_relu(&mut self, a: &Self::Value, b: &Self::Value) -> Self::Value;

    /// The mean of each window; pixels outside count as zeros.
    fn average_pool(&mut self, x: &Self::Value, pool: Pool) -> Self::Value;

    /// The largest pixel of each window.
    fn max_pool(&mut self, x: &Self::Value, pool: Pool) -> Self::Value;

    /// Twice the resolution, linear between the pixels' centres.
    fn double(&mut self, x: &Self::Value) -> Self::Value;

    /// `[n, c, h, w]` -> `[n, c * block^2, h / block, w / block]`: each block of pixels becomes
    /// channels.
    fn space_to_depth(&mut self, x: &Self::Value, block: usize) -> Self::Value;

    /// The reverse of [`Executor::space_to_depth`].
    fn depth_to_space(&mut self, x: &Self::Value, block: usize) -> Self::Value;

    /// The values joined along the channels.
    fn join(&mut self, values: &[&Self::Value]) -> Self::Value;

    /// Mean and standard deviation of every channel of every image: `[n, 2 c, 1, 1]`.
    fn moments(&mut self, x: &Self::Value) -> Self::Value;

    /// Euclidean distance of every position to the nearest vector of a memory bank: `[n, 1, h, w]`.
    fn nearest_distance(&mut self, x: &Self::Value, bank: &MemoryBank) -> Self::Value;

    /// `1 / (1 + exp(-x))`, element by element.
    fn sigmoid(&mut self, x: &Self::Value) -> Self::Value;

    /// `x` where it is positive, else `slope * x`.
    fn leaky_relu(&mut self, x: &Self::Value, slope: f32) -> Self::Value;

    /// `x * 0` of the same shape.
    fn zeros_like(&mut self, x: &Self::Value) -> Self::Value;

    /// Mean over each image of the squared difference: `[n, 1, 1, 1]`.
    fn mean_squared_difference(&mut self, a: &Self::Value, b: &Self::Value) -> Self::Value;

    /// Values in 0..=1, scaled to -2..=2.
    fn centre(&mut self, x: &Self::Value) -> Self::Value {
        let centred = self.add_scalar(x, -0.5);
        self.multiply_scalar(&centred, 4.0)
    }
}

/// An executor of trained networks, which takes the parameters of layers from a store.
pub trait TrainedExecutor<'p>: Executor {
    /// The layers that follow have their parameters in this store.
    fn use_parameters(&mut self, parameters: &'p ParameterStore);
}
