//! The executor of training: Burn's tensors with gradients, normalised by the batch.

use anoseg_infer::Window;
use anoseg_infer::network::{Behind, Convolution, ConvolutionKind, Executor, MemoryBank};
use anoseg_kernels::extension::{
    self as operators, Convolution as Options, batch_norm, conv_transpose2d, conv2d, conv2d_joined,
    upsample2d,
};
use anoseg_kernels::{Activation, EPSILON, NearestVectors, Pool, Upsampling};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn::tensor::{Tensor, activation, module};

use super::{Parameters, Statistics, tensor_of, values_of};

/// Runs a network on training batches: every channel is normalised by the batch itself, and its
/// moments are recorded.
pub(crate) struct Training<'p> {
    parameters: &'p Parameters,
    /// The moments of this pass.
    pub(crate) statistics: Statistics,
    /// Which window of a larger image each image is; empty where they are whole images.
    windows: Vec<Window>,
    /// Height of the images in pixels, where they are windows.
    height: usize,
}

impl<'p> Training<'p> {
    /// With these parameters, and no moments yet.
    pub(crate) fn new(parameters: &'p Parameters) -> Self {
        Self { parameters, statistics: Statistics::default(), windows: Vec::new(), height: 0 }
    }

    /// The same on images of this height that are these windows of larger ones.
    pub(crate) fn on_windows(self, windows: Vec<Window>, height: usize) -> Self {
        Self { windows, height, ..self }
    }

    /// The network's parameters.
    pub(super) fn parameters(&self) -> &'p Parameters {
        self.parameters
    }

    /// The convolution alone, with this bias.
    fn plain(&self, layer: &Convolution, inputs: &[&Tensor<4>], bias: Tensor<1>, relu: bool) -> Tensor<4> {
        let weight = self.parameters.get(layer.weight, layer.shape);
        let options = Options { stride: layer.stride, padding: layer.padding, relu };
        match (layer.kind, inputs) {
            (ConvolutionKind::Plain, [x]) => conv2d((*x).clone(), weight, bias, options),
            (ConvolutionKind::Plain, [first @ .., last]) => {
                conv2d_joined([joined(first), (*last).clone()], weight, bias, options)
            }
            (ConvolutionKind::Transposed, _) => conv_transpose2d(joined(inputs), weight, bias, options),
            (ConvolutionKind::Depthwise, _) => {
                let groups = layer.outputs();
                let options = ConvOptions::new([layer.stride; 2], [layer.padding; 2], [1, 1], groups);
                let y = module::conv2d(joined(inputs), weight, Some(bias), options);
                if relu { activation::relu(y) } else { y }
            }
            (ConvolutionKind::Plain, []) => unreachable!("a layer has an input"),
        }
    }
}

/// The values joined along the channels.
fn joined(values: &[&Tensor<4>]) -> Tensor<4> {
    match values {
        [x] => (*x).clone(),
        _ => Tensor::cat(values.iter().map(|x| (*x).clone()).collect(), 1),
    }
}

impl Executor for Training<'_> {
    type Value = Tensor<4>;

    fn size(&self, x: &Tensor<4>) -> [usize; 2] {
        let [_, _, h, w] = x.dims();
        [h, w]
    }

    fn convolution(&mut self, layer: &Convolution, inputs: &[&Tensor<4>]) -> Tensor<4> {
        let size = self.size(inputs[0]);
        let expanded: Vec<Tensor<4>> = inputs
            .iter()
            .map(|x| {
                let [n, channels, h, w] = x.dims();
                let x = (*x).clone();
                if [h, w] == size { x } else { x.expand([n, channels, size[0], size[1]]) }
            })
            .collect();
        let inputs: Vec<&Tensor<4>> = expanded.iter().collect();
        let relu = layer.activation != Activation::None;
        let outputs = layer.outputs();
        let y = match layer.behind {
            Behind::Bias(bias) => {
                let bias = self.parameters.get(bias, [outputs]);
                self.plain(layer, &inputs, bias, relu)
            }
            Behind::Normalisation { scale, shift, mean, variance } => {
                let [scale, shift] = [scale, shift].map(|id| self.parameters.get(id, [outputs]));
                let y = self.plain(layer, &inputs, Tensor::zeros([outputs], &shift.device()), false);
                let normalised = batch_norm(y, scale, shift, relu);
                self.statistics.record([mean, variance], normalised.moments);
                normalised.output
            }
        };
        if layer.activation == Activation::Relu6 { y.clamp_max(6.0) } else { y }
    }

    fn coordinates(&mut self, [h, w]: [usize; 2]) -> Tensor<4> {
        if !self.windows.is_empty() {
            let stride = self.height / h.max(1);
            let values = self.windows.iter().flat_map(|window| window.coordinates([h, w], stride)).collect();
            return tensor_of(values, [self.windows.len(), 2, h, w], &self.parameters.device());
        }
        let scaled =
            |i: usize, len: usize| if len > 1 { 2.0 * i as f32 / (len - 1) as f32 - 1.0 } else { 0.0 };
        let rows = (0..h).flat_map(|i| std::iter::repeat_n(scaled(i, h), w));
        let columns = (0..h).flat_map(|_| (0..w).map(|i| scaled(i, w)));
        tensor_of(rows.chain(columns).collect(), [1, 2, h, w], &self.parameters.device())
    }

    fn add_scalar(&mut self, x: &Tensor<4>, summand: f32) -> Tensor<4> {
        x.clone() + summand
    }

    fn multiply_scalar(&mut self, x: &Tensor<4>, factor: f32) -> Tensor<4> {
        x.clone() * factor
    }

    fn standardise(&mut self, x: &Tensor<4>, mean: &[f32], deviation: &[f32]) -> Tensor<4> {
        let device = x.device();
        let of = |values: &[f32]| tensor_of(values.to_vec(), [1, values.len(), 1, 1], &device);
        (x.clone() - of(mean)) / of(deviation)
    }

    fn add(&mut self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        a.clone() + b.clone()
    }

    fn multiply(&mut self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        a.clone() * b.clone()
    }

    fn add_relu(&mut self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        operators::add_relu(a.clone(), b.clone())
    }

    fn average_pool(&mut self, x: &Tensor<4>, pool: Pool) -> Tensor<4> {
        let options = AvgPoolOptions::new([pool.kernel; 2]).with_stride([pool.stride; 2]);
        module::avg_pool2d(x.clone(), options.with_padding([pool.padding; 2]))
    }

    fn max_pool(&mut self, x: &Tensor<4>, pool: Pool) -> Tensor<4> {
        let options = MaxPoolOptions::new([pool.kernel; 2]).with_stride([pool.stride; 2]);
        module::max_pool2d(x.clone(), options.with_padding([pool.padding; 2]))
    }

    fn double(&mut self, x: &Tensor<4>) -> Tensor<4> {
        upsample2d(x.clone(), Upsampling::Bilinear)
    }

    fn space_to_depth(&mut self, x: &Tensor<4>, block: usize) -> Tensor<4> {
        operators::space_to_depth(x.clone(), block)
    }

    fn depth_to_space(&mut self, x: &Tensor<4>, block: usize) -> Tensor<4> {
        operators::depth_to_space(x.clone(), block)
    }

    fn join(&mut self, values: &[&Tensor<4>]) -> Tensor<4> {
        joined(values)
    }

    fn moments(&mut self, x: &Tensor<4>) -> Tensor<4> {
        let mean = x.clone().mean_dim(2).mean_dim(3);
        let variance = (x.clone() - mean.clone()).square().mean_dim(2).mean_dim(3);
        Tensor::cat(vec![mean, (variance + EPSILON).sqrt()], 1)
    }

    /// Without gradient: no trained layer precedes a memory bank.
    fn nearest_distance(&mut self, x: &Tensor<4>, bank: &MemoryBank) -> Tensor<4> {
        let [n, channels, h, w] = x.dims();
        let nearest = NearestVectors::new(&bank.vectors().values, bank.channels());
        let features = values_of(x.clone());
        let mut distances = vec![0.0; n * h * w];
        let images = distances.chunks_exact_mut(h * w).zip(features.chunks_exact(channels * h * w));
        images.for_each(|(distances, features)| nearest.distances(features, 0..0, distances));
        tensor_of(distances, [n, 1, h, w], &x.device())
    }

    fn sigmoid(&mut self, x: &Tensor<4>) -> Tensor<4> {
        activation::sigmoid(x.clone())
    }

    fn leaky_relu(&mut self, x: &Tensor<4>, slope: f32) -> Tensor<4> {
        // Converted through its decimal text, so that 0.2 stays 0.2 in double precision.
        let slope = slope.to_string().parse().unwrap_or_else(|_| f64::from(slope));
        activation::leaky_relu(x.clone(), slope)
    }

    fn zeros_like(&mut self, x: &Tensor<4>) -> Tensor<4> {
        x.zeros_like()
    }

    fn mean_squared_difference(&mut self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        let [n, channels, h, w] = a.dims();
        let squares = (a.clone() - b.clone()).square().reshape([n, channels * h * w]);
        squares.mean_dim(1).reshape([n, 1, 1, 1])
    }
}
